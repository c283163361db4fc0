internal import AMQP
internal import ArgumentParser
internal import Logging

/// The AMQP library alone.
struct BusCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "bus", abstract: "Publishes messages to a queue and reads them again, and prints how long each took.")

  @Option(help: "The broker, as amqp:// URL.") var broker: String
  @Option(help: "The quorum queue, which is made and deleted.") var queue: String
  @Option(help: "How many messages.") var messages = 20_000
  @Option(help: "The length of each, in bytes.") var size = 1024
  @Option(help: "How many may be unconfirmed, or unacknowledged, at once.") var window = 256

  func run() async throws {
    let connection = try AMQPConnection(
      configuration: AMQPConfiguration(url: broker), topology: Topology(queues: [Queue(queue, kind: .quorum)]),
      logger: Logger(label: "longshore-bench") { _ in SwiftLogNoOpLogHandler() })
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { try await connection.run() }
      try await connection.waitUntilConnected()
      let published = try await seconds { try await publish(to: connection) }
      let delivered = try await seconds { try await consume(from: connection) }
      try await connection.deleteQueue(queue)
      print("published \(published) delivered \(delivered)")
      group.cancelAll()
    }
  }

  /// As many tasks as messages may be unconfirmed, each of which waits for the confirm of its message before it publishes the next.
  private func publish(to connection: AMQPConnection) async throws {
    let message = Message(
      body: [UInt8](repeating: UInt8(ascii: "x"), count: size), properties: Message.Properties(deliveryMode: .persistent))
    let (messages, window, queue) = (messages, window, queue)
    try await withThrowingTaskGroup(of: Void.self) { group in
      for task in 0..<window {
        group.addTask {
          for _ in stride(from: task, to: messages, by: window) {
            try await connection.publish(message, to: "", routingKey: queue)
          }
        }
      }
      try await group.waitForAll()
    }
  }

  /// One reader that acknowledges each delivery, and does not wait for one acknowledgement before the next.
  private func consume(from connection: AMQPConnection) async throws {
    let consumer = connection.consume(queue, prefetch: UInt16(window))
    var left = messages
    for await delivery in consumer {
      try await delivery.ack()
      left -= 1
      if left == 0 { return }
    }
  }
}
