import Testing

@testable import LongshoreAgent

@Suite("Running an image program")
struct ImageToolTests {
  @Test("What the program prints comes back")
  func output() async throws {
    let output = try await ImageTool(program: "printf").run(["%s", "a b"], operation: "print", limit: .seconds(30))
    #expect(String(decoding: output, as: UTF8.self) == "a b")
  }

  @Test("A failure carries what the program said, with the operation")
  func failure() async {
    let error = await #expect(throws: ImageError.self) {
      try await ImageTool(program: "ls").run(["/nothing/here"], operation: "list a folder", limit: .seconds(30))
    }
    #expect(error?.code == .toolFailed)
    #expect(error?.description.hasPrefix("cannot list a folder: ") == true)
    #expect(error?.description.hasSuffix("ls: cannot access '/nothing/here': No such file or directory") == true)
  }

  @Test("A missing program is told apart")
  func missing() async {
    let error = await #expect(throws: ImageError.self) {
      try await ImageTool(program: "no-such-program").run([], operation: "run", limit: .seconds(30))
    }
    #expect(error?.code == .toolMissing)
  }

  @Test("A program that takes too long is ended")
  func timeLimit() async {
    let clock = ContinuousClock()
    let start = clock.now
    let error = await #expect(throws: ImageError.self) {
      try await ImageTool(program: "sleep").run(["600"], operation: "wait", limit: .milliseconds(50))
    }
    #expect(error?.code == .timedOut)
    #expect(clock.now - start < .seconds(300))
  }

  @Test("A program that prints without end is ended")
  func outputLimit() async {
    let error = await #expect(throws: ImageError.self) {
      try await ImageTool(program: "yes").run([], operation: "print", limit: .seconds(300))
    }
    #expect(error?.code == .toolFailed)
    #expect(error?.message.contains("limit") == true)
  }

  @Test("A cancelled task ends its program")
  func cancellation() async {
    let task = Task {
      try await ImageTool(program: "sleep").run(["600"], operation: "wait", limit: .seconds(300))
    }
    task.cancel()
    let result = await task.result
    let error = #expect(throws: ImageError.self) { try result.get() }
    #expect(error?.code == .cancelled)
  }
}
