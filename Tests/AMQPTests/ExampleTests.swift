import AMQP
import Logging
import ServiceLifecycle
import UnixSignals

// What the documentation of AMQP shows: it is compiled here, so that it is what the library takes (contrib/docs/check holds it against this
// file). It uses what is public alone.

private struct OrderHandler: Service {
  init(_ connection: AMQPConnection) {}

  func run() async throws {}
}

private func connect() async throws {
  let logger = Logger(label: "orders")
  let connection = try AMQPConnection(
    configuration: AMQPConfiguration(url: "amqps://orders:secret@one,two/prod?cacertfile=/etc/ssl/broker.pem"),
    topology: Topology(
      exchanges: [Exchange("orders", kind: .topic)],
      queues: [Queue("orders.new", kind: .quorum)],
      bindings: [Binding(.queue("orders.new"), to: "orders", routingKey: "new.#")]),
    logger: logger)
  let group = ServiceGroup(
    services: [connection, OrderHandler(connection)], gracefulShutdownSignals: [.sigterm], logger: logger)
  try await group.run()
}

private func publish(over connection: AMQPConnection) async throws {
  try await connection.waitUntilConnected()
  try await connection.publish(
    Message(#"{"id": 7}"#, properties: Message.Properties(contentType: "application/json", messageID: "order-7")),
    to: "orders", routingKey: "new.book", mandatory: true)
}

private func store(_ body: [UInt8]) async throws -> Bool { !body.isEmpty }

private func consume(over connection: AMQPConnection) async throws {
  for await delivery in connection.consume("orders.new", prefetch: 20) {
    if try await store(delivery.body) {
      try await delivery.ack()
    } else {
      try await delivery.nack(requeue: false)
    }
  }
}

private func ask(over connection: AMQPConnection) async throws {
  let client = RequestReply(connection: connection)
  let reply = try await client.request(Message("price?"), to: "orders", routingKey: "price", timeout: .seconds(5))

  for try await reply in client.requests(
    Message("who is there?"), to: "everyone", routingKey: "", collectingFor: .seconds(2))
  {
    print(reply.properties.appID ?? "somebody")
  }
  print(reply.body.count)
}
