import Synchronization
import Testing

@testable import LongshoreAgent

@Suite("Whether file systems answer")
struct FileSystemPulseTests {
  @Test("A folder answers, and so does the place of one that is not there")
  func answers() async throws {
    let pulse = FileSystemPulse()
    try await withTemporaryFolder { folder in
      #expect(await pulse.answers(folder.path))
      #expect(await pulse.answers(folder.file("none")))
    }
  }

  @Test("Of several those are told that do not answer")
  func several() async {
    let (server, back) = AsyncStream<Void>.makeStream()
    let pulse = FileSystemPulse(limit: .milliseconds(20)) { folder in if folder.hasPrefix("/silent") { for await _ in server {} } }
    #expect(await pulse.silent(among: ["/silent/b", "/a", "/silent/a", "/c"]) == ["/silent/a", "/silent/b"])
    back.finish()
  }

  @Test("Of one that does not answer there is one question, and nobody waits for it longer than the limit; afterwards it answers again")
  func silence() async {
    let (server, back) = AsyncStream<Void>.makeStream()
    let asked = Mutex(0)
    let pulse = FileSystemPulse(limit: .milliseconds(20)) { _ in
      asked.withLock { $0 += 1 }
      for await _ in server {}
    }
    await withTaskGroup(of: Bool.self) { group in
      for _ in 0..<8 { group.addTask { await pulse.answers("/silent") } }
      for await answered in group { #expect(!answered) }
    }
    #expect(await !pulse.answers("/silent"), "a question that is older than the limit is not waited for")
    #expect(asked.withLock(\.self) == 1)
    back.finish()
    // The old question ends, and a new one is asked.
    while asked.withLock(\.self) == 1 {
      _ = await pulse.answers("/silent")
      await Task.yield()
    }
  }
}
