import AMQP
import LongshoreTestKit
import Testing

extension BrokerTests {
  @Suite struct RequestReplyTests {
    /// Answers every request so many times until cancelled.
    private func withResponder<Result: Sendable>(
      _ connection: AMQPConnection, _ queue: String, through exchange: String = "", times: Int = 1,
      _ body: () async throws -> Result
    ) async throws -> Result {
      let responder = Task {
        for await request in connection.consume(queue, prefetch: 10) {
          for number in 0..<times {
            let reply = Message(
              String(decoding: request.body, as: UTF8.self) + "-\(number)",
              properties: Message.Properties(correlationID: request.properties.correlationID))
            try await connection.publish(
              reply, to: exchange, routingKey: request.properties.replyTo ?? "", mandatory: true)
          }
          try await request.ack()
        }
      }
      defer { responder.cancel() }
      return try await body()
    }

    @Test func requestsGetTheirOwnReplies() async throws {
      try await withQueue { connection, queue in
        let client = RequestReply(connection: connection)
        try await withResponder(connection, queue) {
          try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<20 {
              group.addTask {
                let reply = try await client.request(
                  Message("\(number)"), to: "", routingKey: queue, timeout: .seconds(20))
                #expect(reply.body == Array("\(number)-0".utf8))
              }
            }
            try await group.waitForAll()
          }
        }
      }
    }

    @Test func repliesComeThroughAnExchange() async throws {
      let exchange = TestBroker.name("replies")
      try await withQueue(elements: [.exchange(Exchange(exchange, kind: .topic))]) { connection, queue in
        let client = RequestReply(connection: connection, exchange: exchange)
        try await withResponder(connection, queue, through: exchange) {
          let reply = try await client.request(Message("x"), to: "", routingKey: queue, timeout: .seconds(20))
          #expect(reply.exchange == exchange)
          #expect(reply.body == Array("x-0".utf8))
        }
        try await connection.deleteExchange(exchange)
      }
    }

    @Test func severalRepliesAreCollected() async throws {
      try await withQueue { connection, queue in
        let client = RequestReply(connection: connection)
        try await withResponder(connection, queue, times: 3) {
          var bodies: [String] = []
          let replies = client.requests(Message("r"), to: "", routingKey: queue, collectingFor: .seconds(20))
          for try await reply in replies {
            bodies.append(String(decoding: reply.body, as: UTF8.self))
            if bodies.count == 3 { break }
          }
          #expect(bodies == ["r-0", "r-1", "r-2"])
        }
      }
    }

    @Test func collectingEndsWhenTheTimeIsOver() async throws {
      try await withQueue { connection, queue in
        let client = RequestReply(connection: connection)
        var count = 0
        let replies = client.requests(Message("r"), to: "", routingKey: queue, collectingFor: .milliseconds(300))
        for try await _ in replies { count += 1 }
        #expect(count == 0)
      }
    }

    @Test func noReplyIsATimeoutAndNobodyThereIsUnroutable() async throws {
      try await withQueue { connection, queue in
        let client = RequestReply(connection: connection)
        let silent = await amqpError {
          _ = try await client.request(Message("?"), to: "", routingKey: queue, timeout: .milliseconds(300))
        }
        #expect(silent?.code == .timedOut)
        let nobody = await amqpError {
          _ = try await client.request(
            Message("?"), to: "", routingKey: TestBroker.name("nobody"), timeout: .seconds(20))
        }
        #expect(nobody?.code == .unroutable)
      }
    }

    @Test func aLostConnectionFailsWhatWaitsAndTheNextRequestWorks() async throws {
      try await withRelay { relay, configuration in
        try await withQueue { connection, queue in
          try await withConnection(configuration) { remote in
            let client = RequestReply(connection: remote)
            let requests = connection.consume(queue, prefetch: 1)
            var received = requests.makeAsyncIterator()
            async let failed = amqpError {
              _ = try await client.request(Message("1"), to: "", routingKey: queue, timeout: .seconds(20))
            }
            try await #require(await received.next()).ack()
            relay.cut()
            #expect(await failed?.code == .connectionLost)
            async let reply = client.request(Message("2"), to: "", routingKey: queue, timeout: .seconds(20))
            let request = try #require(await received.next())
            let answer = Message(
              "yes", properties: Message.Properties(correlationID: request.properties.correlationID))
            try await connection.publish(
              answer, to: "", routingKey: request.properties.replyTo ?? "", mandatory: true)
            try await request.ack()
            #expect(try await reply.body == Array("yes".utf8))
          }
        }
      }
    }
  }
}
