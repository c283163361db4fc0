import AMQP
import FoundationEssentials
import Logging
import LongshoreMessages
import LongshoreTestKit
import Testing

/// A host of its own that tells of migrations which nobody carries out.
struct Teller: Sendable {
  /// One of these migrations.
  struct Told: Sendable {
    let id: MigrationID
    let guest: GuestReference

    /// A migration of a guest.
    init(_ guest: String) throws {
      id = try #require(MigrationID(UUID().uuidString.lowercased()))
      self.guest = GuestReference(uuid: UUID().uuidString.lowercased(), name: guest)
    }
  }

  /// The host, and that to which its guests go.
  let source: HostAddress
  let destination: NodeName
  private let connection: AMQPConnection

  /// Lets it tell while the body runs.
  static func with(_ lab: Lab, _ body: @Sendable (Teller) async throws -> Void) async throws {
    let connection = try AMQPConnection(
      configuration: try AMQPConfiguration(url: lab.administratorURL), topology: Topology(),
      logger: Logger(label: "longshore.tests") { _ in SwiftLogNoOpLogHandler() })
    async let running: Void = connection.run()
    try await connection.waitUntilConnected()
    let teller = Teller(
      source: HostAddress(cluster: try #require(NodeName(Lab.cluster)), host: try #require(NodeName("gone"))),
      destination: try #require(NodeName("beta")), connection: connection)
    try await finally {
      try await body(teller)
    } do: {
      connection.beginShutdown()
    }
    try await running
  }

  /// Now.
  static var now: Timestamp { Timestamp(milliseconds: Int64(Date().timeIntervalSince1970 * 1000)) }

  /// Tells of an event.
  func tell(_ event: MigrationEvent) async throws {
    try await publish(MessageCoding.encode(event), to: Wire.events, event.routingKey(host: source))
  }

  /// Tells of an event that is about nothing but its kind.
  func tell(_ kind: MigrationEventData.Kind, _ sequence: Int, of told: Told, runsAt: NodeName? = nil) async throws {
    try await tell(
      MigrationEvent(
        migration: told.id, host: source, sequence: sequence, time: Self.now,
        data: MigrationEventData(
          kind, guest: told.guest, sourceHost: source.host, destinationHost: destination, runsAt: runsAt, seconds: runsAt.map { _ in 60 })))
  }

  /// Tells how far a migration is, in parts of a hundred.
  func tell(_ told: Told, step: Int, disk: UInt64, memory: UInt64, rate: UInt64) async throws {
    func amount(_ part: UInt64) -> Progress.Amount {
      Progress.Amount(done: part << 24, remaining: (100 - part) << 24, total: 100 << 24)
    }
    let event = ProgressEvent(
      id: "\(told.id)/p\(step)", migration: told.id, host: source, time: Self.now,
      data: Progress(
        phase: .transferring, guest: told.guest,
        disks: [
          Progress.Disk(target: try #require(ResourceName("vda")), bytes: amount(disk)),
          Progress.Disk(target: try #require(ResourceName("vdb")), bytes: amount(disk / 2)),
        ], memory: amount(memory), rateBps: rate, elapsedSeconds: Double(step), remainingSeconds: 90))
    try await publish(MessageCoding.encode(event), to: Wire.progress, event.routingKey(host: source))
  }

  private func publish(_ body: [UInt8], to exchange: String, _ key: String) async throws {
    try await connection.publish(
      Message(body: body, properties: Message.Properties(contentType: Wire.eventContentType)), to: exchange, routingKey: key,
      mandatory: false)
  }

  /// Tells of guests that are being copied while the body runs, and then that their migrations were cancelled.
  func withTransfers(of guests: [String], _ body: @Sendable ([Told]) async throws -> Void) async throws {
    let all = try guests.map { try Told($0) }
    for told in all {
      for (index, kind) in [MigrationEventData.Kind.accepted, .preparing, .prepared, .transferring].enumerated() {
        try await tell(kind, index + 1, of: told)
      }
    }
    try await finally {
      try await body(all)
    } do: {
      for told in all { try await tell(.cancelled, 5, of: told, runsAt: source.host) }
    }
  }
}
