import LongshoreMessages
import LongshoreTestKit
import MigrationCore
import Testing

@testable import LongshoreAgent
@testable import MigrationJournal

@Suite("Messages of other agents", .timeLimit(.minutes(10)))
struct PeerMessageTests {
  private let id = MigrationSamples.id
  private let plan = MigrationSamples.plan
  private let reason = Reason(.cancelled, "test")

  private func destination(_ script: @escaping ScriptedDestination.Script = Success.destination) throws -> Station {
    try Station(here: MigrationSamples.destination, destination: script)
  }

  // MARK: - Migrations that are not known

  @Test("A release of a migration that is not known is answered, for nothing is locked by it")
  func releaseUnknown() async throws {
    let station = try destination()
    try await station.receive(.release)
    #expect(try station.told == [.released])
    #expect(try station.toldMessages.first?.to == MigrationSamples.source)
    #expect(try station.journal.destination(id) == nil)
  }

  @Test("A confirmation of a migration that is not known is refused")
  func confirmUnknown() async throws {
    let station = try destination()
    try await station.receive(.confirm)
    #expect(try station.told.map(\.typeName) == ["confirm-failed"])
    #expect(try station.journal.destination(id) == nil)
  }

  @Test("A rollback that comes first leaves a tombstone, which refuses the late prepare, also after a restart")
  func rollbackFirst() async throws {
    let station = try destination()
    try await station.receive(.rollback(reason))
    #expect(try station.told == [.rolledBack])
    #expect(await station.coordinator.running == 0)

    let restarted = try Station(here: MigrationSamples.destination, journal: station.journal, destination: Success.destination)
    try await restarted.coordinator.resume()
    try await restarted.receive(.prepare(plan))
    try await restarted.receive(.rollback(reason))
    #expect(try restarted.told.map(\.typeName) == ["rolled-back", "prepare-failed", "rolled-back"])
    #expect(restarted.destination.notes.elements.isEmpty)
    #expect(await restarted.coordinator.running == 0)
  }

  @Test("Words of a destination about a migration that does not run here are passed over")
  func answersUnknown() async throws {
    let station = try Station()
    for body in [PeerMessage.Body.released, .rolledBack, .prepared(MigrationSamples.preparation, checks: []), .prepareFailed(reason)] {
      try await station.receive(body)
    }
    #expect(try station.journal.outbox(limit: 10).isEmpty)
    #expect(try station.journal.source(id) == nil)
  }

  @Test("A message of a migration that this version cannot read is passed over, and does not stop what comes behind it")
  func unreadable() async throws {
    try await withTemporaryFolder { folder in
      let newer = try Journal(path: folder.file("journal"), schema: .current, shape: Shape.current + 1)
      let first = try Station(here: MigrationSamples.destination, journal: newer)
      try await first.receive(.prepare(plan))
      await first.coordinator.stop()
      try newer.close()

      let second = try Station(here: MigrationSamples.destination, journal: try Journal(path: folder.file("journal")))
      try await second.coordinator.resume()
      let before = try second.told
      try await second.receive(.confirm)
      #expect(try second.told == before)
      #expect(await second.coordinator.running == 0)
    }
  }

  // MARK: - Preparing

  @Test("A guest that another migration has is not prepared for")
  func prepareLocked() async throws {
    let station = try destination { _, _ in nil }
    try await station.receive(.prepare(plan))
    try await station.receive(.prepare(plan), of: try Many.id(2))
    #expect(try station.told.map(\.typeName) == ["preparing", "prepare-failed"])
    guard case .prepareFailed(let reason) = try station.told.last else { return }
    #expect(reason.code == .guestBusy)
    #expect(try station.journal.destination(try Many.id(2)) == nil)
    await station.coordinator.stop()
  }

  @Test("A guest that leaves this host is not prepared for")
  func prepareLeaving() async throws {
    let station = try Station()
    try await station.accept(id)
    try await station.receive(.prepare(plan), of: try Many.id(2))
    #expect(try station.told.map(\.typeName) == ["prepare-failed"])
    await station.coordinator.stop()
  }

  @Test("A prepare that comes again is answered with what was prepared, and nothing is done twice")
  func prepareAgain() async throws {
    let station = try destination()
    try await station.receive(.prepare(plan))
    await station.waitUntilTold("prepared")
    try await station.receive(.prepare(plan))
    let answers = try station.told.filter { $0.typeName == "prepared" }
    #expect(answers.count == 2)
    #expect(Set(answers).count == 1)
    #expect(station.destination.notes.elements.count { $0 == .began(.makeStubs) } == 1)
    await station.coordinator.stop()
  }

  @Test("A refused check ends the migration there, and the table is given again")
  func refused() async throws {
    let station = try destination { effect, _ in effect == .check ? .checked([MigrationSamples.refusedCheck]) : nil }
    try await station.receive(.prepare(plan))
    await station.waitUntilTold("refused")
    try await station.receive(.prepare(plan))
    #expect(try station.told.filter { $0 == .refused([MigrationSamples.refusedCheck]) }.count == 2)
    #expect(await station.coordinator.running == 0)
    #expect(await station.coordinator.lock(onGuest: plan.guest.uuid) == nil)
  }

  // MARK: - Who may speak

  @Test("Only the source of a migration is listened to, and a stranger takes no place")
  func stranger() async throws {
    let station = try Station(here: MigrationSamples.destination, incoming: 1, destination: Success.destination)
    try await station.receive(.rollback(reason))
    let stranger = HostAddress(cluster: MigrationSamples.source.cluster, host: try #require(NodeName("gamma")))
    try await station.receive(.prepare(plan), from: stranger)
    #expect(try station.told == [.rolledBack])
    #expect(await station.coordinator.running == 0)

    try await station.receive(.prepare(Many.plan(2)), of: try Many.id(2))
    await station.waitUntilTold("prepared")
    await station.coordinator.stop()
  }

  @Test("Only the destination of a migration is listened to")
  func strangerAtSource() async throws {
    let station = try Station(source: Success.source)
    try await station.accept(id)
    await station.peers.wait(for: "prepare")
    let stranger = HostAddress(cluster: MigrationSamples.source.cluster, host: try #require(NodeName("gamma")))
    try await station.receive(.prepared(MigrationSamples.preparation, checks: []), from: stranger)
    #expect(try station.kinds() == [.accepted, .preparing])
    await station.coordinator.stop()
  }

  // MARK: - Effects

  @Test("Nothing is removed before the work that makes it has come to rest")
  func rollbackWaitsForWork() async throws {
    let rest = Gate()
    let station = try destination { effect, migration in
      guard case .provideLayer = effect else { return await Success.destination(effect, migration) }
      await waitForCancellation()
      await rest.pass()
      return .layerProvided(0, path: "/mnt/slow/debian.qcow2", copied: 0)
    }
    try await station.receive(.prepare(plan))
    await station.destination.notes.wait(for: .began(.provideLayer(0)))
    try await station.receive(.rollback(reason))
    #expect(!station.destination.notes.elements.contains(.began(.removeFiles(evenDefined: true))))
    rest.open()
    await station.waitUntilTold("rolled-back")

    let notes = station.destination.notes.elements
    let rested = try #require(notes.firstIndex(of: .ended(.provideLayer(0))))
    let removing = try #require(notes.firstIndex(of: .began(.removeFiles(evenDefined: true))))
    #expect(rested < removing)
    #expect(!notes.contains(.began(.makeStubs)))
  }

  @Test("Stopping waits until everything has come to rest and leaves the journal as it is")
  func stop() async throws {
    let rest = Gate()
    let station = try destination { _, _ in
      await waitForCancellation()
      await rest.pass()
      return .checked([MigrationSamples.passedCheck])
    }
    try await station.receive(.prepare(plan))
    await station.destination.notes.wait(for: .began(.check))
    async let stopped: Void = station.coordinator.stop()
    rest.open()
    await stopped
    #expect(station.destination.notes.elements == [.began(.check), .ended(.check)])
    #expect(try station.journal.destination(id)?.phase == .checking)
  }
}
