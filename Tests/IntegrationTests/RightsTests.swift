import AMQP
import Foundation
import Logging
import LongshoreMessages
import Testing

extension MigrationTests {
  /// What the broker lets whom do: the users of `contrib/rabbitmq`, which the lab's agents and commands work as.
  @Suite struct Rights {
    /// Something that a user does at the broker.
    enum Act: Sendable, CustomStringConvertible {
      /// Publishes a message, which reaches nobody.
      case publish(String, key: String)
      /// Names another user as a message's sender.
      case claim(String, in: String, key: String)
      /// Binds a queue of his own.
      case bind(String, key: String)
      case consume(String)
      case declareQueue(String)
      case declareExchange(String)
      case deleteQueue(String)
      case deleteExchange(String)

      var description: String {
        switch self {
        case .publish(let exchange, let key): "publish to \(exchange) with \(key)"
        case .claim(let user, let exchange, let key): "publish to \(exchange) with \(key) as \(user)"
        case .bind(let exchange, let key): "bind to \(exchange) with \(key)"
        case .consume(let queue): "consume \(queue)"
        case .declareQueue(let queue): "declare the queue \(queue)"
        case .declareExchange(let exchange): "declare the exchange \(exchange)"
        case .deleteQueue(let queue): "delete \(queue)"
        case .deleteExchange(let exchange): "delete the exchange \(exchange)"
        }
      }
    }

    /// Exchanges and queues of the agents that a client must not touch.
    private static let shared = [Wire.requests, Wire.peers, Wire.replies, Wire.events, Wire.progress, Wire.deadLetters]
    private static let inboxes = ["longshore.host.lab.alpha", "longshore.host.lab.beta"]

    /// What every client is refused.
    private static let ofAgents: [Act] =
      [
        .publish(Wire.peers, key: "lab.nowhere"), .publish(Wire.events, key: "lab.nowhere.x"),
        .publish(Wire.progress, key: "lab.nowhere.x"),
        .publish(Wire.replies, key: "nobody"), .publish(Wire.deadLetters, key: ""), .publish("amq.topic", key: "x"),
        .bind(Wire.peers, key: "#"), .bind(Wire.requests, key: "#"), .bind(Wire.replies, key: "longshore.host.x"),
        .bind(Wire.replies, key: "#"), .declareQueue("longshore.host.lab.nowhere"), .declareQueue("anything"),
        .declareExchange("longshore.client"), .declareExchange("anything"),
      ] + inboxes.map { .consume($0) } + inboxes.map { .deleteQueue($0) } + (shared + [Wire.history]).map { .deleteExchange($0) }

    @Test(
      "The broker refuses what is no user's business",
      arguments: [
        "agent-alpha": [
          .publish(Wire.requests, key: "lab.beta"), .publish(Wire.events, key: "lab.beta.x"), .publish(Wire.progress, key: "lab.beta.x"),
          .publish(Wire.peers, key: "other.beta"), .publish("amq.topic", key: "x"), .bind(Wire.events, key: "#"),
          .claim("agent-beta", in: Wire.progress, key: "lab.alpha.x"), .consume("longshore.host.lab.beta"), .consume(Wire.history),
          .deleteQueue("longshore.host.lab.beta"), .declareQueue("longshore.host.lab.nowhere"),
          .declareQueue("anything"), .declareExchange("anything"),
        ],
        "operator": ofAgents + [.claim("agent-alpha", in: Wire.requests, key: "lab.nowhere")],
        "orchestrator": ofAgents + [.consume(Wire.deadLetters), .claim("operator", in: Wire.requests, key: "lab.nowhere")],
        "monitor": ofAgents + [.consume(Wire.deadLetters), .publish(Wire.requests, key: "lab.nowhere")],
      ] as [String: [Act]])
    func forbidden(user: String, acts: [Act]) async throws {
      let lab = try await Lab.find()
      for act in acts {
        let refusal = try await outcome(of: act, as: user, in: lab)
        // 403 ACCESS_REFUSED; of a sender that is another's, 406 PRECONDITION_FAILED.
        let code: UInt16 = if case .claim = act { 406 } else { 403 }
        #expect(refusal?.replyCode == code, "\(user): \(act): \(refusal.map { "\($0)" } ?? "done")")
      }
    }

    @Test(
      "The broker lets them do what they are there for",
      arguments: [
        "agent-alpha": [
          .publish(Wire.progress, key: "lab.alpha.x"), .publish(Wire.peers, key: "lab.nowhere"),
          .claim("agent-alpha", in: Wire.progress, key: "lab.alpha.x"),
        ],
        "operator": [
          .publish(Wire.requests, key: "lab.nowhere"), .bind(Wire.events, key: "#"), .bind(Wire.progress, key: "#"), .consume(Wire.history),
          .bind(Wire.replies, key: "longshore.client.x"), .consume(Wire.deadLetters),
        ],
        "orchestrator": [.publish(Wire.requests, key: "lab.nowhere"), .bind(Wire.events, key: "#"), .consume(Wire.history)],
        "monitor": [.bind(Wire.events, key: "#"), .bind(Wire.progress, key: "#"), .consume(Wire.history)],
      ] as [String: [Act]])
    func permitted(user: String, acts: [Act]) async throws {
      let lab = try await Lab.find()
      for act in acts {
        let refusal = try await outcome(of: act, as: user, in: lab)
        #expect(refusal == nil, "\(user): \(act)")
      }
    }

    /// Does something on a connection of its own; returns why the broker refused it.
    private func outcome(of act: Act, as user: String, in lab: Lab) async throws -> AMQPError? {
      var configuration = try AMQPConfiguration(url: lab.administratorURL)
      (configuration.user, configuration.password) = (user, user)
      configuration.shutdownTimeout = .zero
      let own = "longshore.client.rights-\(UUID().uuidString.lowercased())"
      var topology = Topology()
      switch act {
      case .bind(let exchange, let key):
        topology = Topology(
          queues: [Queue(own, durable: false, exclusive: true)], bindings: [Binding(.queue(own), to: exchange, routingKey: key)])
      case .declareQueue(let name): topology = Topology(queues: [Queue(name, durable: false, exclusive: true)])
      case .declareExchange(let name): topology = Topology(exchanges: [Exchange(name, kind: .topic)])
      default: break
      }
      let connection = try AMQPConnection(
        configuration: configuration, topology: topology, logger: Logger(label: "rights") { _ in SwiftLogNoOpLogHandler() })
      async let running: Void = connection.run()
      let result: AMQPError?
      do {
        result = try await refusal(of: act, on: connection)
      } catch let error as AMQPError {
        result = error
      }
      connection.beginShutdown()
      try? await running
      return result
    }

    private func refusal(of act: Act, on connection: AMQPConnection) async throws -> AMQPError? {
      for await state in connection.states {
        if case .disconnected(let error, _) = state { return error }
        if state.isConnected { break }
      }
      switch act {
      case .publish(let exchange, let key):
        try await connection.publish(Message("{}"), to: exchange, routingKey: key, mandatory: false)
      case .claim(let user, let exchange, let key):
        try await connection.publish(
          Message(body: Array("{}".utf8), properties: Message.Properties(userID: user)), to: exchange, routingKey: key, mandatory: false)
      case .consume(let queue):
        let consumer = connection.consume(queue, prefetch: 1)
        for await state in consumer.states {
          if case .active = state { break }
          if case .inactive(let error?) = state { return error }
        }
      case .deleteQueue(let name): try await connection.deleteQueue(name)
      case .deleteExchange(let name): try await connection.deleteExchange(name)
      case .bind, .declareQueue, .declareExchange: break
      }
      return nil
    }
  }
}
