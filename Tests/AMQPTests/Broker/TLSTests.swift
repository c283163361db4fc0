import AMQP
import Testing

extension BrokerTests {
  @Suite(.enabled(if: TestBroker.tlsURL != nil, TestBroker.missingTLS))
  struct TLSTests {
    private func configuration() throws -> AMQPConfiguration {
      try AMQPConfiguration(url: #require(TestBroker.tlsURL))
    }

    private func firstFailure(_ configuration: AMQPConfiguration) async throws -> AMQPError? {
      try await withConnection(configuration) { connection in
        for await state in connection.states {
          if case .disconnected(let error, _) = state { return error }
          if state.isConnected { return nil }
        }
        return nil
      }
    }

    @Test func messagesGoThroughTLS() async throws {
      let name = TestBroker.name("tls")
      try await withConnection(configuration(), topology: Topology(queues: [Queue(name)])) { connection in
        try await connection.waitUntilConnected()
        let body = [UInt8](repeating: 9, count: 1_000_000)
        try await connection.publish(Message(body: body), to: "", routingKey: name, mandatory: true)
        let delivery = try await connection.consume(name, prefetch: 1).first()
        #expect(delivery.body == body)
        try await delivery.ack()
        try await connection.deleteQueue(name)
      }
    }

    @Test func anotherServerNameIsRefused() async throws {
      var configuration = try configuration()
      configuration.tls?.serverName = "another.example.org"
      #expect(try await firstFailure(configuration)?.code == .tlsFailed)
    }

    @Test func anUnknownAuthorityIsRefused() async throws {
      var configuration = try configuration()
      configuration.tls?.caFile = nil
      #expect(try await firstFailure(configuration)?.code == .tlsFailed)
    }

    @Test func aMissingCAFileIsNamed() async throws {
      var configuration = try configuration()
      configuration.tls?.caFile = "/nonexistent/ca.pem"
      let error = try await firstFailure(configuration)
      #expect(error?.code == .tlsFailed)
      #expect(error?.message.contains("/nonexistent/ca.pem") == true)
    }
  }
}
