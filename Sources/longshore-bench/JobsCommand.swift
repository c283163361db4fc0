internal import AMQP
internal import ArgumentParser
internal import FoundationEssentials
internal import Logging
internal import LongshoreMessages
internal import LongshoreTestKit

/// Tells of migrations that there are not, as agents tell of theirs: what a gateway or a dashboard reads when it starts.
struct JobsCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "jobs", abstract: "Publishes the events of made-up migrations, every other one ended, and prints their ids.")

  @Option(help: "The broker, as amqp:// URL.") var broker: String
  @Option(help: "The cluster.", transform: Self.node) var cluster: NodeName
  @Option(help: "How many migrations.") var jobs = 1000

  private static func node(_ text: String) throws -> NodeName {
    guard let name = NodeName(text) else { throw ValidationError("'\(text)' is no name of a cluster") }
    return name
  }

  func run() async throws {
    let connection = try AMQPConnection(
      configuration: AMQPConfiguration(url: broker), topology: Topology([.exchange(Exchange(Wire.events, kind: .topic))]),
      logger: Logger(label: "longshore-bench") { _ in SwiftLogNoOpLogHandler() })
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { try await connection.run() }
      try await connection.waitUntilConnected()
      for number in 0..<jobs { try await tell(number, over: connection) }
      group.cancelAll()
    }
  }

  private func tell(_ number: Int, over connection: AMQPConnection) async throws {
    let id = MessageSamples.migrationID(UUID().uuidString.lowercased())
    let host = HostAddress(cluster: cluster, host: MessageSamples.node("made-up-\(number % 16)"))
    let guest = GuestReference(uuid: UUID().uuidString.lowercased(), name: "guest-\(number)")
    let now = Timestamp(milliseconds: Int64(Date().timeIntervalSince1970 * 1000))
    var kinds: [MigrationEventData.Kind] = [.accepted, .preparing, .prepared, .transferring]
    if number % 2 == 1 { kinds += [.switching, .confirming, .completed] }
    for (index, kind) in kinds.enumerated() {
      // The fullest of each kind, so that memory is not measured too well.
      guard var data = MessageSamples.events(of: kind).last?.data else { continue }
      data.guest = guest
      data.sourceHost = host.host
      let event = MigrationEvent(migration: id, host: host, sequence: index + 1, time: now, data: data)
      try await connection.publish(
        Message(
          body: MessageCoding.encode(event),
          properties: Message.Properties(contentType: Wire.eventContentType, messageID: event.id, type: event.type)),
        to: Wire.events, routingKey: event.routingKey(host: host), mandatory: false)
    }
    print(id)
  }
}
