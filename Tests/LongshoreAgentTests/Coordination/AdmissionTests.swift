import LongshoreMessages
import LongshoreTestKit
import MigrationCore
import Synchronization
import Testing

@testable import LongshoreAgent
@testable import MigrationJournal

@Suite("Admission", .timeLimit(.minutes(10)))
struct AdmissionTests {
  private let cancelled = Reason(.cancelled, "test")

  @Test("Migrations out of a host wait for their turn and get it in the order of their coming")
  func outgoing() async throws {
    let begun = Recorder<MigrationID>()
    let station = try Station(
      outgoing: 2,
      source: { effect, migration in
        if effect == .inspect { begun.record(migration.id) }
        return nil
      })
    for number in 1...4 {
      try await station.accept(try Many.id(number), guest: Many.guest(number))
      station.clock.advance(milliseconds: 1)
    }
    await begun.wait { $0.count == 2 }
    #expect(Set(begun.elements) == [try Many.id(1), try Many.id(2)])
    #expect(try await phases(station, 1...4) == [.inspecting, .inspecting, .queued, .queued])
    let waits = try (1...4).map { number in try station.journal.events(of: try Many.id(number)).filter { $0.data.kind == .queued } }
    #expect(waits.map(\.count) == [0, 0, 1, 1])
    #expect(
      waits[3].first?.data.reasons == [
        Reason(.limitReached, "2 migrations at once may leave alpha (`limits.outgoing`), and one waits before this one")
      ])

    try await station.coordinator.cancel(try Many.id(2), reason: cancelled)
    #expect(try await phases(station, 3...4) == [.inspecting, .queued])
    // One that only waits takes no place and leaves none.
    try await station.coordinator.cancel(try Many.id(4), reason: cancelled)
    try await station.accept(try Many.id(5), guest: Many.guest(5))
    #expect(try await phases(station, 5...5) == [.queued])
    try await station.coordinator.cancel(try Many.id(1), reason: cancelled)
    #expect(try await phases(station, 5...5) == [.inspecting])
    await station.coordinator.stop()
  }

  @Test("Where more may work at once, those that wait get their turn then; where fewer may, those that work go on")
  func otherLimits() async throws {
    let station = try Station(outgoing: 1)
    for number in 1...4 {
      try await station.accept(try Many.id(number), guest: Many.guest(number))
      station.clock.advance(milliseconds: 1)
    }
    #expect(try await phases(station, 1...4) == [.inspecting, .queued, .queued, .queued])
    var limits = await station.coordinator.limits
    limits.outgoing = 3
    await station.coordinator.use(limits: limits)
    #expect(try await phases(station, 1...4) == [.inspecting, .inspecting, .inspecting, .queued])
    limits.outgoing = 1
    await station.coordinator.use(limits: limits)
    #expect(try await phases(station, 1...4) == [.inspecting, .inspecting, .inspecting, .queued])
    for number in 1...2 { try await station.coordinator.cancel(try Many.id(number), reason: cancelled) }
    #expect(try await phases(station, 3...4) == [.inspecting, .queued])
    try await station.coordinator.cancel(try Many.id(3), reason: cancelled)
    #expect(try await phases(station, 4...4) == [.inspecting])
    await station.coordinator.stop()
  }

  @Test("Migrations into a host wait for their turn")
  func incoming() async throws {
    let station = try Station(
      here: MigrationSamples.destination, incoming: 1,
      destination: { effect, _ in effect == .removeFiles(evenDefined: true) ? .filesRemoved : nil })
    for number in 1...2 {
      try await station.receive(.prepare(Many.plan(number)), of: try Many.id(number))
      station.clock.advance(milliseconds: 1)
    }
    await station.destination.notes.wait(for: .began(.check))
    #expect(try station.journal.destination(try Many.id(2))?.phase == .queued)

    try await station.receive(.rollback(cancelled), of: try Many.id(1))
    await station.destination.notes.wait(for: .began(.check), count: 2)
    #expect(try station.journal.destination(try Many.id(1))?.phase == .rolledBack)
    #expect(try station.journal.destination(try Many.id(2))?.phase == .checking)
    await station.coordinator.stop()
  }

  @Test("After a restart the running migrations keep their places")
  func restart() async throws {
    let first = try Station(outgoing: 1)
    for number in 1...2 {
      try await first.accept(try Many.id(number), guest: Many.guest(number))
      first.clock.advance(milliseconds: 1)
    }
    await first.source.notes.wait(for: .began(.inspect))
    await first.coordinator.stop()

    let second = try Station(journal: first.journal, outgoing: 1)
    try await second.coordinator.resume()
    await second.source.notes.wait(for: .began(.inspect))
    #expect(try await phases(second, 1...2) == [.inspecting, .queued])
    try await second.coordinator.cancel(try Many.id(1), reason: cancelled)
    #expect(try await phases(second, 2...2) == [.inspecting])
    await second.coordinator.stop()
  }

  @Test("An admission that could not be journalled is made up for")
  func withoutJournal() async throws {
    let isArmed = Mutex(false)
    let station = try Station(
      outgoing: 1,
      onOutboxChange: { journal in
        // The end of the first is journalled, and then nothing more.
        if isArmed.withLock({ $0 }) { try? journal.refuseSteps() }
      })
    try await station.accept(try Many.id(1), guest: Many.guest(1))
    try await station.accept(try Many.id(2), guest: Many.guest(2))
    await station.source.notes.wait(for: .began(.inspect))
    isArmed.withLock { $0 = true }
    try await station.coordinator.cancel(try Many.id(1), reason: Reason(.cancelled, "test"))
    isArmed.withLock { $0 = false }
    await station.clock.waitUntilPending(1000)
    try station.journal.acceptSteps()
    station.clock.advance(milliseconds: 1000)
    await station.source.notes.wait { notes in notes.count { $0 == .began(.inspect) } == 2 }
    #expect(try station.journal.source(try Many.id(2))?.phase == .inspecting)
    await station.coordinator.stop()
  }

  private func phases(_ station: Station, _ numbers: ClosedRange<Int>) async throws -> [MigrationPhase?] {
    var phases: [MigrationPhase?] = []
    for number in numbers { phases.append(try await station.coordinator.source(try Many.id(number))?.publicPhase) }
    return phases
  }
}
