import AMQP
import Testing

extension BrokerTests {
  @Suite struct ConsumingTests {
    /// Takes messages from a queue, which must hold these, in any order. (A queue's message count lags behind a requeue.)
    private func expectMessages(_ texts: [String], on queue: String, of connection: AMQPConnection) async throws {
      let consumer = connection.consume(queue, prefetch: UInt16(texts.count))
      var found: [String] = []
      for await delivery in consumer {
        found.append(String(decoding: delivery.body, as: UTF8.self))
        try await delivery.ack()
        if found.count == texts.count { break }
      }
      #expect(found.sorted() == texts)
    }

    @Test func messagesHandedOverOneAfterTheOtherArriveInOrderAndAreReadManyAtOnce() async throws {
      try await withQueue { connection, queue in
        let texts = (0..<100).map(String.init)
        try await withThrowingTaskGroup(of: Void.self) { group in
          for text in texts {
            group.addImmediateTask { try await connection.publish(Message(text), to: "", routingKey: queue, mandatory: true) }
          }
          try await group.waitForAll()
        }
        var deliveries = connection.consume(queue, prefetch: 100).makeAsyncIterator()
        var found: [String] = []
        while found.count < texts.count {
          let batch = await deliveries.next(upTo: 7)
          #expect((1...7).contains(batch.count))
          for delivery in batch {
            found.append(String(decoding: delivery.body, as: UTF8.self))
            try await delivery.ack()
          }
        }
        #expect(found == texts)
      }
    }

    @Test func aRejectedDeliveryComesBack() async throws {
      try await withQueue { connection, queue in
        try await connection.publish(Message("again"), to: "", routingKey: queue, mandatory: true)
        var deliveries = connection.consume(queue, prefetch: 1).makeAsyncIterator()
        let first = try #require(await deliveries.next())
        try await first.nack(requeue: true)
        let second = try #require(await deliveries.next())
        #expect(second.redelivered)
        #expect(second.body == first.body)
        try await second.ack()
      }
    }

    @Test func aRejectedDeliveryGoesToTheDeadLetters() async throws {
      let exchange = TestBroker.name("dead-letters")
      let deadLetters = TestBroker.name("dead-letters")
      let queue = Queue(TestBroker.name("queue"), kind: .quorum, deadLetterExchange: exchange)
      let elements: [Topology.Element] = [
        .exchange(Exchange(exchange, kind: .fanout)), .queue(Queue(deadLetters)),
        .binding(Binding(.queue(deadLetters), to: exchange)),
      ]
      try await withQueue(queue, elements: elements) { connection, queue in
        try await connection.publish(Message("poison"), to: "", routingKey: queue, mandatory: true)
        try await connection.consume(queue, prefetch: 1).first().nack(requeue: false)
        let dead = try await connection.consume(deadLetters, prefetch: 1).first()
        #expect(dead.body == Array("poison".utf8))
        #expect(dead.properties.headers["x-first-death-reason"] == "rejected")
        try await dead.ack()
        try await connection.deleteQueue(deadLetters)
        try await connection.deleteExchange(exchange)
      }
    }

    @Test func cancellingTheReaderCancelsTheConsumerAndGivesBackWhatWasNotRead() async throws {
      try await withQueue { connection, queue in
        for number in 0..<5 {
          try await connection.publish(Message("\(number)"), to: "", routingKey: queue, mandatory: true)
        }
        let consumer = connection.consume(queue, prefetch: 10)
        let (taken, continuation) = AsyncStream<Delivery>.makeStream()
        let reader = Task {
          for await delivery in consumer {
            continuation.yield(delivery)
            // Holds the first delivery until it is cancelled; the others stay unread.
            await withTaskCancellationHandler {
              for await _ in AsyncStream<Never>.makeStream().stream {}
            } onCancel: {
            }
          }
        }
        let first = try await taken.first()
        reader.cancel()
        await reader.value
        _ = try await consumer.states.first { $0 == .ended }
        try await first.ack()
        #expect(try await connection.inspectQueue(queue).consumers == 0)
        try await expectMessages(["1", "2", "3", "4"], on: queue, of: connection)
      }
    }

    @Test func aPausedConsumerKeepsWhatWasReadAndGivesBackTheRest() async throws {
      try await withQueue { connection, queue in
        for number in 0..<3 {
          try await connection.publish(Message("\(number)"), to: "", routingKey: queue, mandatory: true)
        }
        let consumer = connection.consume(queue, prefetch: 10)
        var deliveries = consumer.makeAsyncIterator()
        let first = try #require(await deliveries.next())
        consumer.pause()
        _ = try await consumer.states.first { $0 == .paused }
        #expect(try await connection.inspectQueue(queue).consumers == 0)
        try await expectMessages(["1", "2"], on: queue, of: connection)
        try await first.ack()
        consumer.resume()
        try await connection.publish(Message("3"), to: "", routingKey: queue, mandatory: true)
        let next = try #require(await deliveries.next())
        #expect(next.body == Array("3".utf8))
        try await next.ack()
      }
    }

    @Test func prefetchLimitsWhatIsUnacknowledged() async throws {
      try await withQueue { connection, queue in
        for number in 0..<5 {
          try await connection.publish(Message("\(number)"), to: "", routingKey: queue, mandatory: true)
        }
        let consumer = connection.consume(queue, prefetch: 2)
        var deliveries = consumer.makeAsyncIterator()
        let first = try #require(await deliveries.next())
        let second = try #require(await deliveries.next())
        #expect(try await connection.inspectQueue(queue).messages == 3)
        try await first.ack()
        try await second.ack()
        for _ in 0..<3 { try await #require(await deliveries.next()).ack() }
      }
    }

    @Test func aDeletedQueueIsDeclaredAndConsumedAgain() async throws {
      try await withQueue { connection, queue in
        let consumer = connection.consume(queue, prefetch: 1)
        var states = consumer.states.makeAsyncIterator()
        while let state = await states.next(), state != .active(queue: queue) {}
        try await connection.deleteQueue(queue)
        guard case .inactive(let error?) = await states.next() else {
          Issue.record("the broker's cancellation was not reported")
          return
        }
        #expect(error.code == .consumerCancelled)
        #expect(await states.next() == .active(queue: queue))
        try await connection.publish(Message("back"), to: "", routingKey: queue, mandatory: true)
        try await consumer.first().ack()
      }
    }

    @Test func aMissingQueueIsReportedAndConsumedOnceItIsThere() async throws {
      let missing = TestBroker.name("missing")
      try await withConnection { connection in
        try await connection.waitUntilConnected()
        let consumer = connection.consume(missing, prefetch: 1)
        let refused = try await consumer.states.first { if case .inactive(_?) = $0 { true } else { false } }
        guard case .inactive(let error?) = refused else { return }
        #expect(error.code == .declarationRefused)
        #expect(error.replyCode == 404)
        #expect(error.description.contains(missing))
        try await withConnection(topology: Topology(queues: [Queue(missing)])) { other in
          _ = try await consumer.states.first { $0 == .active(queue: missing) }
          // The queue is there before who declares it says so.
          try await other.waitUntilConnected()
          try await other.deleteQueue(missing)
        }
      }
    }

    @Test func aSecondSingleActiveConsumerTakesOver() async throws {
      let queue = Queue(TestBroker.name("single"), kind: .quorum, singleActiveConsumer: true)
      try await withQueue(queue) { first, queue in
        let active = first.consume(queue, prefetch: 1)
        _ = try await active.states.first { $0 == .active(queue: queue) }
        try await withConnection { second in
          try await second.waitUntilConnected()
          let standby = second.consume(queue, prefetch: 1)
          _ = try await standby.states.first { $0 == .active(queue: queue) }
          try await first.publish(Message("1"), to: "", routingKey: queue, mandatory: true)
          try await active.first().ack()
          _ = try await active.states.first { $0 == .ended }
          try await first.publish(Message("2"), to: "", routingKey: queue, mandatory: true)
          let delivery = try await standby.first()
          #expect(delivery.body == Array("2".utf8))
          try await delivery.ack()
        }
      }
    }

    @Test func aStreamIsReadFromAnOffset() async throws {
      try await withQueue(Queue(TestBroker.name("stream"), kind: .stream)) { connection, queue in
        for number in 0..<4 {
          try await connection.publish(Message("\(number)"), to: "", routingKey: queue, mandatory: true)
        }
        var deliveries = connection.consume(queue, prefetch: 10, arguments: ["x-stream-offset": 2]).makeAsyncIterator()
        for number in 2..<4 {
          let delivery = try #require(await deliveries.next())
          #expect(delivery.body == Array("\(number)".utf8))
          #expect(delivery.properties.headers["x-stream-offset"]?.integerValue == Int64(number))
          try await delivery.ack()
        }
      }
    }

    @Test func aGracefulShutdownEndsTheSequenceAndWaitsForTheAck() async throws {
      let queue = Queue(TestBroker.name("queue"))
      try await withQueue(queue) { connection, queue in
        try await connection.publish(Message("last"), to: "", routingKey: queue, mandatory: true)
        try await withConnection { other in
          var deliveries = other.consume(queue, prefetch: 5).makeAsyncIterator()
          let delivery = try #require(await deliveries.next())
          other.beginShutdown()
          let end = await deliveries.next()
          #expect(end == nil)
          try await delivery.ack()
          for await state in other.states where state == .closed { break }
        }
        try await connection.publish(Message("next"), to: "", routingKey: queue, mandatory: true)
        try await expectMessages(["next"], on: queue, of: connection)
      }
    }
  }
}
