import AMQP
import Testing

extension BrokerTests {
  @Suite struct PublishingTests {
    @Test func aMessageKeepsItsPropertiesAndHeaders() async throws {
      let user = try TestBroker.configuration().user
      let properties = Message.Properties(
        contentType: "application/json", contentEncoding: "identity",
        headers: [
          "text": "hull", "number": 42, "flag": true, "list": [1, "two"], "table": ["deep": ["deeper": 3]],
          "bytes": .bytes([0, 255]), "time": .timestamp(1_700_000_000), "nothing": .void,
        ],
        priority: 3, correlationID: "c-1", replyTo: "answers", expiration: .seconds(60), messageID: "m-1",
        timestamp: 1_700_000_000, type: "test", userID: user, appID: "longshore")
      try await withQueue { connection, queue in
        let message = Message(body: [1, 2, 3], properties: properties)
        try await connection.publish(message, to: "", routingKey: queue, mandatory: true)
        let delivery = try await connection.consume(queue, prefetch: 1).first()
        #expect(delivery.message == message)
        #expect(delivery.exchange.isEmpty)
        #expect(delivery.routingKey == queue)
        #expect(!delivery.redelivered)
        try await delivery.ack()
        let error = await amqpError { try await delivery.ack() }
        #expect(error?.code == .alreadySettled)
      }
    }

    @Test(arguments: [0, 1, 131_072, 5_000_000])
    func bodiesOfAnySizeArriveWhole(size: Int) async throws {
      try await withQueue { connection, queue in
        let body = (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) }
        try await connection.publish(Message(body: body), to: "", routingKey: queue, mandatory: true)
        let delivery = try await connection.consume(queue, prefetch: 1).first()
        #expect(delivery.body == body)
        try await delivery.ack()
      }
    }

    @Test func manyPublishesAreConfirmedWhileUnderWayTogether() async throws {
      let count = 2_000
      try await withQueue { connection, queue in
        try await withThrowingTaskGroup(of: Void.self) { group in
          for number in 0..<count {
            group.addTask {
              try await connection.publish(Message("\(number)"), to: "", routingKey: queue, mandatory: true)
            }
          }
          try await group.waitForAll()
        }
        #expect(try await connection.inspectQueue(queue).messages == UInt32(count))
      }
    }

    @Test func anUnroutableMessageFailsAloneAmongOthers() async throws {
      try await withQueue { connection, queue in
        let lost = TestBroker.name("nowhere")
        let failed = try await withThrowingTaskGroup(of: (Int, AMQPError?).self) { group in
          for number in 0..<40 {
            group.addTask {
              let key = number % 10 == 7 ? lost : queue
              let message = Message("\(number)")
              return (
                number,
                await amqpError { try await connection.publish(message, to: "", routingKey: key, mandatory: true) }
              )
            }
          }
          var failed: [Int: AMQPError] = [:]
          for try await (number, error) in group { failed[number] = error }
          return failed
        }
        #expect(failed.keys.sorted() == [7, 17, 27, 37])
        #expect(failed.values.allSatisfy { $0.code == .unroutable && $0.replyCode == 312 && !$0.isRetriable })
        try await connection.publish(Message("dropped"), to: "", routingKey: lost, mandatory: false)
      }
    }

    @Test func aMissingExchangeFailsThePublishAndTheChannelComesBack() async throws {
      try await withQueue { connection, queue in
        let consumer = connection.consume(queue, prefetch: 5)
        let exchange = TestBroker.name("missing")
        let error = await amqpError {
          try await connection.publish(Message("lost"), to: exchange, routingKey: "", mandatory: true)
        }
        #expect(error?.code == .channelClosed)
        #expect(error?.replyCode == 404)
        #expect(error?.isRetriable == false)
        #expect(error?.message.contains(exchange) == true)
        #expect(connection.state.isConnected)

        try await connection.publish(Message("found"), to: "", routingKey: queue, mandatory: true)
        let delivery = try await consumer.first()
        #expect(delivery.body == Array("found".utf8))
        try await delivery.ack()
      }
    }

    @Test func aForeignUserIDIsRefused() async throws {
      try await withQueue { connection, queue in
        let message = Message("forged", properties: Message.Properties(userID: "somebody-else"))
        let error = await amqpError {
          try await connection.publish(message, to: "", routingKey: queue, mandatory: true)
        }
        #expect(error?.code == .channelClosed)
        #expect(error?.replyCode == 406)
        #expect(error?.isRetriable == false)
      }
    }

    @Test func aFullQueueThatRejectsNacksThePublish() async throws {
      let queue = Queue(
        TestBroker.name("full"), arguments: ["x-max-length": 1, "x-overflow": "reject-publish"])
      try await withQueue(queue) { connection, queue in
        var errors: [AMQPError] = []
        for number in 0..<4 {
          let error = await amqpError {
            try await connection.publish(Message("\(number)"), to: "", routingKey: queue, mandatory: true)
          }
          if let error { errors.append(error) }
        }
        #expect(!errors.isEmpty)
        #expect(errors.allSatisfy { $0.code == .nacked && $0.isRetriable })
      }
    }

    @Test func withoutAConnectionAPublishFailsAtOnce() async throws {
      let connection = try AMQPConnection(configuration: AMQPConfiguration(), logger: TestBroker.logger)
      let error = await amqpError {
        try await connection.publish(Message("x"), to: "", routingKey: "q", mandatory: true)
      }
      #expect(error?.code == .notConnected)
      #expect(error?.isRetriable == true)
    }

    @Test func namesAndHeadersThatDoNotFitAreRefusedBeforeSending() async throws {
      try await withQueue { connection, queue in
        let longKey = String(repeating: "k", count: 256)
        let tooLong = await amqpError {
          try await connection.publish(Message("x"), to: "", routingKey: longKey, mandatory: true)
        }
        #expect(tooLong?.code == .invalidArgument)
        let properties = Message.Properties(headers: ["big": .bytes(Array(repeating: 7, count: 300_000))])
        let tooLarge = await amqpError {
          try await connection.publish(
            Message("x", properties: properties), to: "", routingKey: queue, mandatory: true)
        }
        #expect(tooLarge?.code == .invalidArgument)
        try await connection.publish(Message("fits"), to: "", routingKey: queue, mandatory: true)
      }
    }
  }
}
