import AMQP
import FoundationEssentials
import Logging
import LongshoreMessages
import LongshoreTestKit
import Testing

/// A consumer of CloudStack's event bus: a queue of its own, bound to the exchange with `#`, which a broker that restarts keeps.
struct CloudStackBus: Sendable {
  /// A message as it came.
  struct Received: Sendable {
    /// The routing key.
    let key: String
    /// The body.
    let body: JSONValue
    /// The properties.
    let properties: Message.Properties
  }

  /// CloudStack's documented exchange.
  private static let exchange = "cloudstack-events"

  private let messages = Arrivals<Received>()

  /// Runs the body with a consumer. The exchange goes with its queue.
  static func with(_ lab: Lab, _ body: (CloudStackBus) async throws -> Void) async throws {
    let queue = "longshore-test.\(UUID().uuidString.lowercased()).cloudstack"
    let topology = Topology(
      exchanges: [Exchange(exchange, kind: .topic)],
      // Of a test that was killed, the queue goes after ten minutes.
      queues: [Queue(queue, kind: try lab.brokerNodes > 1 ? .quorum : .classic, arguments: ["x-expires": 600_000])],
      bindings: [Binding(.queue(queue), to: exchange, routingKey: "#")])
    var configuration = try AMQPConfiguration(url: lab.administratorURL)
    configuration.connectionName = "longshore-tests"
    configuration.backOff = BackOff(minimum: .milliseconds(50), maximum: .milliseconds(500))
    let connection = try AMQPConnection(
      configuration: configuration, topology: topology, logger: Logger(label: "longshore.tests") { _ in SwiftLogNoOpLogHandler() })
    let bus = CloudStackBus()
    async let running: Void = connection.run()
    let reading = Task {
      for await delivery in connection.consume(queue, prefetch: 100) {
        do {
          let body = try JSONDecoder().decode(JSONValue.self, from: Data(delivery.body))
          await bus.messages.add(Received(key: delivery.routingKey, body: body, properties: delivery.properties))
        } catch {
          Issue.record(error, "a message of CloudStack's bus is no JSON: \(String(decoding: delivery.body, as: UTF8.self))")
        }
        // It fails where the connection was lost meanwhile; the delivery comes again then.
        try? await delivery.ack()
      }
    }
    let outcome: Result<Void, any Error>
    do {
      try await connection.waitUntilConnected()
      outcome = .success(try await body(bus))
    } catch {
      outcome = .failure(error)
    }
    // A reader that lost its queue would have it declared again.
    reading.cancel()
    await reading.value
    try? await connection.deleteQueue(queue)
    try? await connection.deleteExchange(exchange)
    connection.beginShutdown()
    try await running
    try outcome.get()
  }

  /// What came of a guest, when the end of its job has come.
  func story(of guest: Guest) async throws -> [Received] {
    try await messages.wait(for: "the end of the job of \(guest.name) on CloudStack's bus") { all in
      let story = all.filter { $0.key.hasSuffix(".\(guest.uuid)") }
      return story.contains { $0.key.contains(".AsyncJobEvent.complete.") } ? story : nil
    }
  }
}
