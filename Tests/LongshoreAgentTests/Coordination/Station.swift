import GRDB
import Logging
import LongshoreMessages
import LongshoreTestKit
import MigrationCore
import Synchronization
import Testing

@testable import LongshoreAgent
@testable import MigrationJournal

/// A host's coordinator over a real journal, with all that is around it in the hands of a test.
struct Station: Sendable {
  let here: HostAddress
  let journal: Journal
  let clock: ManualClock
  let source: ScriptedSource
  let destination: ScriptedDestination
  let peers: ScriptedPeers
  /// One element for each time that something was put into the outbox.
  let outboxChanges: Recorder<Void>
  /// The codes for which the operator was called.
  let calls: Recorder<Reason.Code>
  let coordinator: MigrationCoordinator

  /// A station whose effects all hang and whose messages all go nowhere, where a test does not say otherwise.
  init(
    here: HostAddress = MigrationSamples.source, journal: Journal? = nil, outgoing: Int = 4, incoming: Int = 4,
    clock: ManualClock = ManualClock(), source: @escaping ScriptedSource.Script = { _, _ in nil },
    destination: @escaping ScriptedDestination.Script = { _, _ in nil },
    send: @escaping @Sendable (ScriptedPeers.Sent) async throws -> Void = { _ in },
    onReport: @escaping @Sendable () -> Void = {}, onOutboxChange: @escaping @Sendable (Journal) -> Void = { _ in }
  ) throws {
    self.here = here
    let journal = try journal ?? Journal(path: Journal.inMemory)
    self.journal = journal
    self.clock = clock
    self.source = ScriptedSource(script: source, onReport: onReport)
    self.destination = ScriptedDestination(script: destination)
    peers = ScriptedPeers(script: send)
    let changes = Recorder<Void>()
    outboxChanges = changes
    let calls = Recorder<Reason.Code>()
    self.calls = calls
    coordinator = MigrationCoordinator(
      here: here, journal: journal, limits: HostMigrations.Limits(outgoing: outgoing, incoming: incoming), clock: clock,
      sourceRunner: self.source, destinationRunner: self.destination, peers: peers,
      outboxChanged: {
        onOutboxChange(journal)
        changes.record(())
      }, calledOperator: { calls.record($0) }, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
  }

  // MARK: - Requests

  /// Orders a migration of a guest from here to the samples' destination.
  @discardableResult
  func accept(
    _ id: MigrationID, guest: GuestReference = MigrationSamples.guest, digest: String = "digest",
    patience: Patience = Patience(), reply: OutboxMessage? = nil
  ) async throws -> HostMigrations.Acceptance {
    try await coordinator.take([order(id, guest: guest, digest: digest, patience: patience, reply: reply)])[0]
  }

  /// An order to migrate a guest from here to the samples' destination.
  func order(
    _ id: MigrationID, guest: GuestReference = MigrationSamples.guest, digest: String = "digest",
    patience: Patience = Patience(), reply: OutboxMessage? = nil
  ) -> JudgedOrder {
    JudgedOrder(
      key: RequestKey(id: id, digest: digest),
      content: .success(
        JudgedOrder.Content(
          command: MigrationSamples.order(), guest: guest, destination: MigrationSamples.destination,
          deadlineSeconds: MigrationSamples.deadlineSeconds, patience: patience)),
      answer: { _ in reply })
  }

  // MARK: - Peer messages

  /// Gets a message of the samples' other host.
  func receive(_ body: PeerMessage.Body, of id: MigrationID = MigrationSamples.id, from sender: HostAddress? = nil) async throws {
    let other = here == MigrationSamples.source ? MigrationSamples.destination : MigrationSamples.source
    try await coordinator.receive(
      PeerMessage(
        migration: id, from: sender ?? other, to: here, journal: MigrationSamples.destinationJournal, body: body),
      endpoint: MigrationSamples.endpoint)
  }

  /// The messages to other agents that are in the outbox.
  var told: [PeerMessage.Body] { get throws { try toldMessages.map(\.body) } }

  /// The same with their addresses.
  var toldMessages: [PeerMessage] {
    get throws {
      try journal.outbox(limit: 1000).filter { $0.exchange == Wire.peers }.map { try MessageCoding.read(PeerMessage.self, from: $0.body) }
    }
  }

  /// Returns when the outbox has had a message of this type to another agent so many times.
  func waitUntilTold(_ type: String, count: Int = 1) async {
    await outboxChanges.wait { _ in ((try? told) ?? []).count { $0.typeName == type } >= count }
  }

  // MARK: - Events

  /// The kinds of a migration's numbered events.
  func kinds(of id: MigrationID = MigrationSamples.id) throws -> [MigrationEventData.Kind] {
    try journal.events(of: id).map(\.data.kind)
  }

  /// Returns when a migration has had an event of this kind.
  func wait(for kind: MigrationEventData.Kind, of id: MigrationID = MigrationSamples.id) async {
    await outboxChanges.wait { _ in ((try? kinds(of: id)) ?? []).contains(kind) }
  }
}

extension Journal {
  /// Makes SQLite refuse every step that changes a migration.
  func refuseSteps() throws {
    try write("refuse steps") { db in
      try db.execute(
        sql: "CREATE TEMP TRIGGER refusal BEFORE INSERT ON history BEGIN SELECT RAISE(ABORT, 'refused by the test'); END")
    }
  }

  func acceptSteps() throws { try write("accept steps") { db in try db.execute(sql: "DROP TRIGGER temp.refusal") } }
}

/// Several migrations of several guests.
enum Many {
  static func id(_ number: Int) throws -> MigrationID { try #require(MigrationID("migration-\(number)")) }

  static func guest(_ number: Int) -> GuestReference {
    GuestReference(uuid: "0b5f0c1e-8a9d-4d8e-b7a7-3a1c0c7d9e0\(number)", name: "guest-\(number)")
  }

  static func plan(_ number: Int) -> MigrationPlan {
    var plan = MigrationSamples.plan
    plan.guest.uuid = guest(number).uuid
    return plan
  }
}

/// A line to a station that is plugged in after the line was laid.
final class Line: Sendable {
  private let plugged = Mutex<Station?>(nil)

  var station: Station? { plugged.withLock { $0 } }

  func plug(_ station: Station) { plugged.withLock { $0 = station } }
}
