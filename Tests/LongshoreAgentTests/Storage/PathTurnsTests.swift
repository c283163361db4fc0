import Testing

@testable import LongshoreAgent

@Suite("Turns at a path", .timeLimit(.minutes(10)))
struct PathTurnsTests {
  private struct Failed: Error {}

  private let turns = PathTurns()
  private let begun = Recorder<Int>()

  /// Takes a turn that lasts until its gate is open.
  private func turn(_ number: Int, at path: String = "/a", until gate: Gate) -> Task<Int, any Error> {
    Task { [turns, begun] in
      try await turns.withTurn(at: path) {
        begun.record(number)
        await gate.pass()
        return number
      }
    }
  }

  @Test("One works at a path at a time, and the others follow in the order of their coming")
  func order() async throws {
    let gates = [Gate(), Gate(), Gate()]
    var tasks: [Task<Int, any Error>] = []
    for (number, gate) in gates.enumerated() {
      tasks.append(turn(number, until: gate))
      if number == 0 { await begun.wait(for: 0) }
      await turns.waitUntilWaiting(number, at: "/a")
    }
    for (number, gate) in gates.enumerated() {
      await begun.wait(for: number)
      #expect(begun.elements == Array(0...number))
      gate.open()
      #expect(try await tasks[number].value == number)
    }
  }

  @Test("Work at other paths does not wait")
  func otherPaths() async throws {
    let gate = Gate()
    let first = turn(1, at: "/a", until: gate)
    await begun.wait(for: 1)
    try await turns.withTurn(at: "/b") { begun.record(2) }
    #expect(begun.elements == [1, 2])
    gate.open()
    #expect(try await first.value == 1)
  }

  @Test("Work that fails gives its turn on")
  func failure() async throws {
    let gate = Gate()
    let failing = Task { [turns, begun] in
      try await turns.withTurn(at: "/a") {
        begun.record(1)
        await gate.pass()
        throw Failed()
      }
    }
    await begun.wait(for: 1)
    let next = turn(2, until: gate)
    await turns.waitUntilWaiting(1, at: "/a")
    gate.open()
    await #expect(throws: Failed.self) { try await failing.value }
    #expect(try await next.value == 2)
    try await turns.withTurn(at: "/a") { begun.record(3) }
    #expect(begun.elements == [1, 2, 3])
  }

  @Test("A task that is cancelled while it waits leaves the queue at once, and the others keep their order")
  func cancellation() async throws {
    let gate = Gate()
    let first = turn(1, until: gate)
    await begun.wait(for: 1)
    let second = turn(2, until: gate)
    await turns.waitUntilWaiting(1, at: "/a")
    let third = turn(3, until: gate)
    await turns.waitUntilWaiting(2, at: "/a")

    second.cancel()
    await #expect(throws: CancellationError.self) { try await second.value }
    gate.open()
    #expect(try await first.value == 1)
    #expect(try await third.value == 3)
    #expect(begun.elements == [1, 3])
  }

  @Test("A task that was cancelled before does not wait")
  func cancelledBefore() async throws {
    let gate = Gate()
    let first = turn(1, until: gate)
    await begun.wait(for: 1)
    let late = Gate()
    let second = Task { [turns] in
      await late.pass()
      try await turns.withTurn(at: "/a") {}
    }
    second.cancel()
    late.open()
    await #expect(throws: CancellationError.self) { try await second.value }
    gate.open()
    #expect(try await first.value == 1)
  }
}

extension PathTurns {
  /// Returns when so many tasks wait at a path.
  fileprivate func waitUntilWaiting(_ count: Int, at path: String) async {
    while (waiting[path]?.count ?? 0) < count { await Task.yield() }
  }
}
