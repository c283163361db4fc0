import LongshoreMessages
import LongshoreTestKit
import MigrationCore
import Testing

@testable import LongshoreAgent
@testable import MigrationJournal

@Suite("A journal that cannot be written", .timeLimit(.minutes(10)))
struct JournalFailureTests {
  private let id = MigrationSamples.id

  @Test("The result of work at the source is kept until it can be journalled, and counts once")
  func sourceReport() async throws {
    let inspected = Gate()
    let station = try Station(source: { effect, migration in
      if effect == .inspect { await inspected.pass() }
      return await Success.source(effect, migration)
    })
    try await station.accept(id)
    await station.source.notes.wait(for: .began(.inspect))
    try station.journal.refuseSteps()
    inspected.open()
    await station.clock.waitUntilPending(1000)
    station.clock.advance(milliseconds: 1000)
    await station.clock.waitUntilPending(2000)
    #expect(try await station.coordinator.source(id)?.publicPhase == .inspecting)
    #expect(try station.kinds() == [.accepted])

    try station.journal.acceptSteps()
    station.clock.advance(milliseconds: 2000)
    await station.peers.wait(for: "prepare")
    #expect(try station.kinds() == [.accepted, .preparing])
    #expect(station.source.notes.elements.count { $0 == .began(.inspect) } == 1)
    await station.coordinator.stop()
  }

  @Test("The result of work at the destination is kept until it can be journalled, and counts once")
  func destinationReport() async throws {
    let checked = Gate()
    let station = try Station(
      here: MigrationSamples.destination,
      destination: { effect, migration in
        if effect == .check { await checked.pass() }
        return await Success.destination(effect, migration)
      })
    try await station.receive(.prepare(MigrationSamples.plan))
    await station.destination.notes.wait(for: .began(.check))
    try station.journal.refuseSteps()
    checked.open()
    await station.clock.waitUntilPending(1000)
    #expect(try station.journal.destination(id)?.phase == .checking)

    try station.journal.acceptSteps()
    station.clock.advance(milliseconds: 1000)
    await station.waitUntilTold("prepared")
    #expect(station.destination.notes.elements.count { $0 == .began(.check) } == 1)
    await station.coordinator.stop()
  }

  @Test("A message that cannot be journalled has no effect, and has it when it comes again")
  func message() async throws {
    let station = try Station(source: Success.source)
    try await station.accept(id)
    await station.peers.wait(for: "prepare")
    try station.journal.refuseSteps()
    let prepared = PeerMessage.Body.prepared(MigrationSamples.preparation, checks: [])
    await #expect(throws: JournalError.self) { try await station.receive(prepared) }
    #expect(try await station.coordinator.source(id)?.publicPhase == .preparing)
    #expect(!station.source.notes.elements.contains(.began(.startTransfer)))

    try station.journal.acceptSteps()
    try await station.receive(prepared)
    await station.source.notes.wait(for: .began(.startTransfer))
    #expect(try station.kinds().contains(.transferring))
    await station.coordinator.stop()
  }

  @Test("A cancellation that cannot be journalled cancels nothing")
  func cancellation() async throws {
    let station = try Station()
    try await station.accept(id)
    await station.source.notes.wait(for: .began(.inspect))
    try station.journal.refuseSteps()
    await #expect(throws: JournalError.self) { try await station.coordinator.cancel(id, reason: Reason(.cancelled, "test")) }
    #expect(try await station.coordinator.source(id)?.publicPhase == .inspecting)
    #expect(!station.source.notes.elements.contains(.ended(.inspect)))
    await station.coordinator.stop()
  }
}
