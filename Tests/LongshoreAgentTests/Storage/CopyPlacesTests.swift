import Testing

@testable import LongshoreAgent

@Suite("Places for copies", .timeLimit(.minutes(10)))
struct CopyPlacesTests {
  private let places = CopyPlaces(limit: 2)
  private let begun = Recorder<Int>()
  private let waits = Recorder<Int>()

  private func copy(_ number: Int, until gate: Gate) -> Task<Int, any Error> {
    Task { [places, begun, waits] in
      try await places.withPlace {
        waits.record($0)
      } _: {
        begun.record(number)
        await gate.pass()
        return number
      }
    }
  }

  private func waitUntilWaiting(_ count: Int) async {
    while await places.waitingCount != count { await Task.yield() }
  }

  @Test("So many copy at once; the others are told that they wait, and follow in the order of their coming")
  func order() async throws {
    let gates = (0..<5).map { _ in Gate() }
    var tasks: [Task<Int, any Error>] = []
    for (number, gate) in gates.enumerated() {
      tasks.append(copy(number, until: gate))
      if number < 2 { await begun.wait(for: number) } else { await waitUntilWaiting(number - 1) }
    }
    #expect(waits.elements == [0, 1, 2])
    for (number, gate) in gates.enumerated() {
      gate.open()
      #expect(try await tasks[number].value == number)
      if number + 2 < gates.count { await begun.wait(for: number + 2) }
      #expect(begun.elements == Array(0...min(number + 2, 4)))
    }
  }

  @Test("More places are taken at once; fewer, when those that copy have ended")
  func otherLimits() async throws {
    let gates = (0..<5).map { _ in Gate() }
    var tasks: [Task<Int, any Error>] = []
    for (number, gate) in gates.enumerated() {
      tasks.append(copy(number, until: gate))
      if number < 2 { await begun.wait(for: number) } else { await waitUntilWaiting(number - 1) }
    }
    await places.use(limit: 3)
    await begun.wait(for: 2)
    #expect(begun.elements == [0, 1, 2])
    await places.use(limit: 1)
    for number in 0..<2 {
      gates[number].open()
      #expect(try await tasks[number].value == number)
    }
    #expect(begun.elements == [0, 1, 2])
    #expect(await places.takenCount == 1)
    gates[2].open()
    await begun.wait(for: 3)
    #expect(begun.elements == [0, 1, 2, 3])
    for gate in gates { gate.open() }
    for task in tasks { _ = try await task.value }
    #expect(await places.takenCount == 0)
  }

  @Test("A task that is cancelled while it waits leaves the line, and one that fails leaves its place")
  func leaving() async throws {
    let gates = (0..<4).map { _ in Gate() }
    let tasks = [copy(0, until: gates[0]), copy(1, until: gates[1])]
    for number in 0..<2 { await begun.wait(for: number) }
    let cancelled = copy(2, until: gates[2])
    await waitUntilWaiting(1)
    cancelled.cancel()
    await #expect(throws: CancellationError.self) { try await cancelled.value }
    await waitUntilWaiting(0)
    let last = copy(3, until: gates[3])
    await waitUntilWaiting(1)
    gates[0].open()
    await begun.wait(for: 3)
    for gate in gates { gate.open() }
    for task in tasks + [last] { _ = try await task.value }
    struct Failed: Error {}
    for _ in 0..<3 {
      await #expect(throws: Failed.self) {
        try await places.withPlace { _ in
        } _: {
          throw Failed()
        }
      }
    }
  }
}
