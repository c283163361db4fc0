import AMQP
import Foundation
import Logging
import LongshoreClient
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
      ] + inboxes.map { .publish("", key: $0) } + inboxes.map { .consume($0) } + inboxes.map { .deleteQueue($0) }
      + (shared + [Wire.history]).map { .deleteExchange($0) }

    @Test(
      "The broker refuses what is no user's business",
      arguments: [
        "agent-alpha": [
          .publish(Wire.requests, key: "lab.beta"), .publish(Wire.events, key: "lab.beta.x"), .publish(Wire.progress, key: "lab.beta.x"),
          .publish(Wire.peers, key: "other.beta"), .publish("amq.topic", key: "x"), .publish("", key: "longshore.host.lab.alpha"),
          .publish("", key: "longshore.host.lab.beta"), .publish("", key: Wire.history), .publish("", key: Wire.deadLetters),
          .bind(Wire.events, key: "#"),
          .claim("agent-beta", in: Wire.progress, key: "lab.alpha.x"), .consume("longshore.host.lab.beta"), .consume(Wire.history),
          .deleteQueue("longshore.host.lab.beta"), .declareQueue("longshore.host.lab.nowhere"),
          .declareQueue("anything"), .declareExchange("anything"),
        ],
        "operator": ofAgents + [.claim("agent-alpha", in: Wire.requests, key: "lab.nowhere")],
        "orchestrator": ofAgents + [.consume(Wire.deadLetters), .claim("operator", in: Wire.requests, key: "lab.nowhere")],
        "gateway": ofAgents + [.consume(Wire.deadLetters), .claim("operator", in: Wire.requests, key: "lab.nowhere")],
        "monitor": ofAgents + [
          .consume(Wire.deadLetters), .declareExchange("cloudstack-events"), .publish(Wire.requests, key: "lab.nowhere"),
        ],
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
        "gateway": [
          .publish(Wire.requests, key: "lab.nowhere"), .bind(Wire.events, key: "#"), .consume(Wire.history),
          .declareExchange("cloudstack-events"), .publish("cloudstack-events", key: "x"), .deleteExchange("cloudstack-events"),
        ],
        "monitor": [.bind(Wire.events, key: "#"), .bind(Wire.progress, key: "#"), .consume(Wire.history)],
      ] as [String: [Act]])
    func permitted(user: String, acts: [Act]) async throws {
      let lab = try await Lab.find()
      for act in acts {
        let refusal = try await outcome(of: act, as: user, in: lab)
        #expect(refusal == nil, "\(user): \(act)")
      }
    }

    // MARK: - What an agent says in another's name

    private struct Hosts {
      let cluster: NodeName
      let alpha, beta, stranger: HostAddress

      init() throws {
        let cluster = try #require(NodeName(Lab.cluster))
        func host(_ name: String) throws -> HostAddress { HostAddress(cluster: cluster, host: try #require(NodeName(name))) }
        (self.cluster, alpha, beta, stranger) = (cluster, try host("alpha"), try host("beta"), try host("stranger"))
      }
    }

    @Test("An agent's event of another host is not believed, neither live nor in the history", arguments: [nil, Duration.seconds(60)])
    func forgedEvent(history: Duration?) async throws {
      let lab = try await Lab.find()
      let hosts = try Hosts()
      let (forged, honest) = (try Orchestrator.newID(), try Orchestrator.newID())
      let settings = LinkSettings(broker: try lab.brokerURL, cluster: hosts.cluster)
      let heard = try await AMQPOrchestratorLink.open(
        settings: settings, subscription: Subscription(.cluster(hosts.cluster), history: history)
      ) { link in
        try await connection(as: "agent-alpha", in: lab) { connection in
          for (id, host) in [(forged, hosts.beta), (honest, hosts.alpha)] {
            let event = MigrationEvent(
              migration: id, host: host, sequence: 1, time: .now,
              data: MigrationEventData(
                .cancelled, guest: GuestReference(uuid: UUID().uuidString.lowercased(), name: "nobody"), sourceHost: host.host,
                destinationHost: hosts.stranger.host))
            // The broker lets an agent use its own host's keys alone.
            try await connection.publish(
              Message(body: MessageCoding.encode(event), properties: Message.Properties(userID: "agent-alpha")), to: Wire.events,
              routingKey: event.routingKey(host: hosts.alpha), mandatory: false)
          }
        }
        var heard: [MigrationID] = []
        for await case .event(let event) in link.notices where [forged, honest].contains(event.subject) {
          heard.append(event.subject)
          if event.subject == honest { break }
        }
        return heard
      }
      #expect(heard == [honest])
    }

    @Test("An agent's answer in the name of another host is not believed, and the host's own is waited for")
    func forgedAnswer() async throws {
      let lab = try await Lab.find()
      let hosts = try Hosts()
      var settings = LinkSettings(broker: try lab.brokerURL, cluster: hosts.cluster)
      settings.peerUser = PeerUser("agent-{host}")
      let inbox = "longshore-test.stranger-\(UUID().uuidString.lowercased())"
      let topology = Topology(
        queues: [Queue(inbox, durable: false, exclusive: true)],
        bindings: [Binding(.queue(inbox), to: Wire.requests, routingKey: hosts.stranger.routingKey)])
      // A user who may send in anybody's name plays the host of which nobody else is the agent.
      try await connection(as: "anybody", in: lab, topology) { anybody in
        try await connection(as: "agent-alpha", in: lab) { alpha in
          let requests = anybody.consume(inbox, prefetch: 1)
          defer { requests.stop() }
          async let answering: Void = answer(requests, as: hosts.stranger, forging: alpha, honestly: anybody)
          let (reply, failure) = try await AMQPOrchestratorLink.open(settings: settings, subscription: .nothing) { link in
            let question = Request(id: try Orchestrator.newID(), command: .describe)
            let reply = try await link.ask(question, of: hosts.stranger, within: .seconds(30))
            do throws(LinkError) {
              _ = try await link.ask(question, of: hosts.stranger, within: .seconds(15))
              return (reply, nil as LinkError?)
            } catch {
              return (reply, error)
            }
          }
          #expect(reply.body == .accepted)
          #expect(failure?.code == .untrustedReply, "\(String(describing: failure))")
          try await answering
        }
      }
    }

    /// Answers two requests: the first in the host's name as somebody else and then as the host, the second as somebody else alone.
    private func answer(
      _ requests: Consumer, as host: HostAddress, forging forger: AMQPConnection, honestly: AMQPConnection
    ) async throws {
      var deliveries = requests.makeAsyncIterator()
      for isAnswered in [true, false] {
        let delivery = try #require(await deliveries.next())
        try await delivery.ack()
        let request = try MessageCoding.read(Request.self, from: delivery.body)
        let key = try #require(delivery.properties.replyTo)
        func send(_ body: Reply.Body, as user: String, over connection: AMQPConnection) async throws {
          let reply = Reply(to: request.id, from: host, body: body)
          let properties = Message.Properties(correlationID: delivery.properties.correlationID, userID: user)
          try await connection.publish(
            Message(body: MessageCoding.encode(reply), properties: properties), to: Wire.replies, routingKey: key, mandatory: true)
        }
        try await send(.rejected([Reason(.unknownGuest, "a lie")]), as: "agent-alpha", over: forger)
        if isAnswered { try await send(.accepted, as: "agent-\(host.host)", over: honestly) }
      }
    }

    /// Lets a user's connection be used.
    private func connection<Value: Sendable>(
      as user: String, in lab: Lab, _ topology: Topology = Topology(), _ use: (AMQPConnection) async throws -> Value
    ) async throws -> Value {
      var configuration = try AMQPConfiguration(url: lab.administratorURL)
      (configuration.user, configuration.password) = (user, user)
      configuration.shutdownTimeout = .zero
      let connection = try AMQPConnection(
        configuration: configuration, topology: topology, logger: Logger(label: "rights") { _ in SwiftLogNoOpLogHandler() })
      async let running: Void = connection.run()
      let outcome: Result<Value, any Error>
      do {
        try await connection.waitUntilConnected()
        outcome = .success(try await use(connection))
      } catch {
        outcome = .failure(error)
      }
      connection.beginShutdown()
      try? await running
      return try outcome.get()
    }

    // MARK: - Acts

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
