internal import AMQP
internal import ArgumentParser
internal import FoundationEssentials
internal import Logging
internal import LongshoreMessages

/// Orders migrations of an agent, and times its answers.
struct OrdersCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "orders", abstract: "Orders migrations of an agent and prints in how many seconds all were answered.")

  @Option(help: "The broker, as amqp:// URL.") var broker: String
  @Option(help: "The agent that is asked, as <cluster>.<host>.") var agent: String
  @Option(help: "The host that guests are ordered to.") var destination: String
  @Option(help: "How many orders; with 0 the agent is asked how many migrations it transfers.") var count = 0
  @Option(help: "The guests are named so, with a number from 0 after it.") var guest = "guest-"
  @Option(help: "How many orders may be unanswered at once.") var window = 256
  @Flag(help: "Expect that all are rejected; else that all are accepted.") var rejected = false

  func run() async throws {
    let parts = agent.split(separator: ".").map(String.init)
    guard parts.count == 2, let cluster = NodeName(parts[0]), let host = NodeName(parts[1]), let destination = NodeName(destination) else {
      throw ValidationError("the agent is <cluster>.<host>, of letters, digits and dashes")
    }
    let connection = try AMQPConnection(
      configuration: AMQPConfiguration(url: broker),
      topology: Topology([Wire.requests, Wire.replies].map { .exchange(Exchange($0, kind: .topic)) }),
      logger: Logger(label: "longshore-bench") { _ in SwiftLogNoOpLogHandler() })
    let asker = Asker(
      replies: RequestReply(connection: connection, exchange: Wire.replies), host: HostAddress(cluster: cluster, host: host))
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { try await connection.run() }
      try await connection.waitUntilConnected()
      var transferring = ""
      let time = try await seconds {
        guard count == 0 else { return try await order(by: asker, to: destination) }
        guard case .migrations(let all) = try await asker.ask(.list(includeEnded: false)) else { return }
        transferring = " transferring \(all.count { $0.phase == .transferring })"
      }
      print("seconds \(time)\(transferring)")
      group.cancelAll()
    }
  }

  /// As many tasks as orders may be unanswered, each of which waits for its answer before it sends the next.
  private func order(by asker: Asker, to destination: NodeName) async throws {
    let (count, window, guest, rejected) = (count, window, guest, rejected)
    try await withThrowingTaskGroup(of: Void.self) { group in
      for task in 0..<min(window, count) {
        group.addTask {
          for number in stride(from: task, to: count, by: window) {
            guard let name = ResourceName("\(guest)\(number)") else { throw ValidationError("\(guest) is no guest's name") }
            let body = try await asker.ask(
              .migrate(MigrateCommand(guest: name, destination: MigrateCommand.Destination(host: destination))))
            switch body {
            case .accepted where !rejected: break
            case .rejected where rejected: break
            default: throw ValidationError("the order of \(name) was answered with \(body)")
            }
          }
        }
      }
      try await group.waitForAll()
    }
  }
}

/// Asks one agent.
private struct Asker: Sendable {
  let replies: RequestReply
  let host: HostAddress

  private static func newID() throws -> MigrationID {
    guard let id = MigrationID(UUID().uuidString.lowercased()) else { throw ValidationError("a UUID is no id") }
    return id
  }

  func ask(_ command: Request.Command) async throws -> Reply.Body {
    let request = Request(id: try Self.newID(), command: command)
    let message = Message(
      body: MessageCoding.encode(request),
      properties: Message.Properties(
        contentType: Wire.jsonContentType, deliveryMode: .persistent, messageID: request.id.text, type: request.typeName))
    while true {
      do {
        let delivery = try await replies.request(message, to: Wire.requests, routingKey: host.routingKey, timeout: .seconds(120))
        return try MessageCoding.read(Reply.self, from: delivery.body).body
      } catch let error as AMQPError where error.code == .unroutable {
        // The agent has just been started for the first time, and has no queue yet.
        try await Task.sleep(for: .milliseconds(20))
      }
    }
  }
}
