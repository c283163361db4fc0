import AMQP
import Logging
import LongshoreTestKit
import Synchronization
import Testing

extension BrokerTests {
  @Suite struct FaultTests {
    @Test func aCutConnectionComesBackAndDeliversAgain() async throws {
      try await withRelay { relay, configuration in
        try await withQueue(configuration: configuration) { connection, queue in
          var deliveries = connection.consume(queue, prefetch: 5).makeAsyncIterator()
          try await connection.publish(Message("1"), to: "", routingKey: queue, mandatory: true)
          let first = try #require(await deliveries.next())
          relay.cut()
          let second = try #require(await deliveries.next())
          #expect(second.redelivered)
          #expect(second.body == first.body)
          let error = await amqpError { try await first.ack() }
          #expect(error?.code == .staleDelivery)
          try await second.ack()
        }
      }
    }

    @Test func aCutAmidAPublishLeavesTheOutcomeUnknown() async throws {
      try await withRelay { relay, configuration in
        try await withQueue(configuration: configuration) { connection, queue in
          relay.cut(afterUpstreamBytes: 400_000)
          let body = [UInt8](repeating: 1, count: 3_000_000)
          let error = await amqpError {
            try await connection.publish(Message(body: body), to: "", routingKey: queue, mandatory: true)
          }
          #expect(error?.code == .connectionLost)
          #expect(error?.isRetriable == true)
          try await connection.waitUntilConnected()
          try await connection.publish(Message(body: body), to: "", routingKey: queue, mandatory: true)
          #expect(try await connection.inspectQueue(queue).messages == 1)
        }
      }
    }

    @Test func aSilentBrokerIsFoundByHeartbeats() async throws {
      try await withRelay { relay, configuration in
        var configuration = configuration
        configuration.heartbeat = TestBroker.heartbeat
        try await withQueue(configuration: configuration) { connection, queue in
          relay.silence()
          let error = await amqpError {
            try await connection.publish(Message("into the void"), to: "", routingKey: queue, mandatory: true)
          }
          #expect(error?.code == .connectionLost)
          try await connection.waitUntilConnected()
          try await connection.publish(Message("heard"), to: "", routingKey: queue, mandatory: true)
        }
      }
    }

    @Test func anIdleConnectionSurvivesManyHeartbeats() async throws {
      try await withRelay { relay, configuration in
        var configuration = configuration
        configuration.heartbeat = TestBroker.heartbeat
        try await withQueue(configuration: configuration) { connection, queue in
          let consumer = connection.consume(queue, prefetch: 1)
          // RabbitMQ sends two in each interval. After three intervals at the latest it takes one for dead that sends it none, and this
          // library after two.
          let expired = await amqpError {
            try await withThrowingTaskGroup(of: Void.self) { group in
              group.addTask { _ = try await consumer.first() }
              group.addTask { for await _ in relay.heartbeats().prefix(8) {} }
              try await group.next()
              group.cancelAll()
            }
          }
          #expect(expired == nil)
          #expect(connection.state.isConnected)
          try await connection.publish(Message("alive"), to: "", routingKey: queue, mandatory: true)
        }
      }
    }

    @Test func theNextAddressIsTriedWhenOneIsDead() async throws {
      var configuration = try TestBroker.configuration()
      let dead = try Relay(to: configuration.addresses[0].host, port: configuration.addresses[0].port)
      dead.stop()
      configuration.addresses.insert(dead.address, at: 0)
      try await withConnection(configuration) { connection in
        try await connection.waitUntilConnected()
        #expect(connection.state == .connected(configuration.addresses[1]))
      }
    }

    @Test func afterASilentAddressTheNextOneComesFirst() async throws {
      try await withRelay { first, configuration in
        try await withRelay { second, other in
          var configuration = configuration
          configuration.addresses += other.addresses
          configuration.heartbeat = TestBroker.heartbeat
          try await withConnection(configuration) { connection in
            try await connection.waitUntilConnected()
            #expect(connection.state == .connected(first.address))
            var states = connection.states.makeAsyncIterator()
            _ = await states.next()
            first.silence()
            while let state = await states.next(), state != .connected(second.address) {
              #expect(!state.isConnected)
            }
          }
        }
      }
    }

    @Test func aConnectionCanBeLeftForAnotherOne() async throws {
      try await withRelay { first, configuration in
        try await withRelay { second, other in
          var configuration = configuration
          configuration.addresses += other.addresses
          try await withQueue(configuration: configuration) { connection, queue in
            var deliveries = connection.consume(queue, prefetch: 1).makeAsyncIterator()
            var states = connection.states.makeAsyncIterator()
            #expect(await states.next() == .connected(first.address))
            connection.reconnect()
            while let state = await states.next(), state != .connected(second.address) {
              #expect(!state.isConnected)
            }
            try await connection.publish(Message("on the other one"), to: "", routingKey: queue, mandatory: true)
            try await deliveries.next()?.ack()
          }
        }
      }
    }

    @Test func aRefusedLoginIsReportedWithoutThePassword() async throws {
      var configuration = try TestBroker.configuration()
      configuration.password = "not-the-password"
      let messages = RecordedLog()
      try await withConnection(configuration, logger: messages.logger) { connection in
        var refusals: [AMQPError] = []
        for await case .disconnected(let error, _) in connection.states {
          refusals.append(error)
          if refusals.count == 3 { break }
        }
        #expect(refusals.allSatisfy { $0.code == .accessRefused && $0.replyCode == 403 })
        #expect(!refusals.contains { "\($0)".contains("not-the-password") })
      }
      // Three failed attempts are one warning.
      #expect(messages.count(at: .warning) == 1)
      #expect(!messages.text.contains("not-the-password"))
    }

    @Test func aRefusedDeclarationNamesTheQueueAndIsTriedAgain() async throws {
      try await withQueue { first, queue in
        let other = Topology(queues: [Queue(queue, kind: .quorum)])
        try await withConnection(topology: other) { second in
          let state = try await second.states.first { if case .disconnected = $0 { true } else { false } }
          guard case .disconnected(let error, _) = state else { return }
          #expect(error.code == .declarationRefused)
          #expect(error.replyCode == 406)
          #expect(error.operation == "declare queue '\(queue)'")
          try await first.deleteQueue(queue)
          try await second.waitUntilConnected()
          try await second.deleteQueue(queue)
        }
      }
    }

    @Test func anOutageIsLoggedOnceAndSoIsItsEnd() async throws {
      let log = RecordedLog()
      try await withRelay { relay, configuration in
        try await withConnection(configuration, logger: log.logger) { connection in
          try await connection.waitUntilConnected()
          var states = connection.states.makeAsyncIterator()
          _ = await states.next()
          relay.cut()
          while let state = await states.next(), !state.isConnected {}
        }
      }
      #expect(log.count(at: .warning) == 1)
      #expect(log.count(at: .info) == 2)
    }

    @Test func cancellingTheRunEndsEverything() async throws {
      let connection = try AMQPConnection(configuration: TestBroker.configuration(), logger: TestBroker.logger)
      let running = Task { try await connection.run() }
      try await connection.waitUntilConnected()
      let consumer = connection.consume(TestBroker.name("missing"), prefetch: 1)
      running.cancel()
      await #expect(throws: CancellationError.self) { try await running.value }
      #expect(connection.state == .closed)
      let after = await amqpError {
        try await connection.publish(Message("x"), to: "", routingKey: "q", mandatory: true)
      }
      #expect(after?.code == .closed)
      await #expect(throws: EndedEarly.self) { try await consumer.first() }
      let again = await amqpError { try await connection.run() }
      #expect(again?.code == .alreadyRunning)
    }
  }
}

/// Keeps what is logged.
final class RecordedLog: Sendable {
  private let entries = Mutex<[(level: Logger.Level, text: String)]>([])

  var logger: Logger {
    var logger = Logger(label: "longshore.tests", factory: { _ in Handler(log: self) })
    logger.logLevel = .trace
    return logger
  }

  var text: String { entries.withLock { $0.map(\.text).joined(separator: "\n") } }

  func count(at level: Logger.Level) -> Int { entries.withLock { $0.count { $0.level == level } } }

  private struct Handler: LogHandler {
    let log: RecordedLog
    var metadata: Logger.Metadata = [:]
    var logLevel = Logger.Level.trace

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
      get { metadata[key] }
      set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
      log.entries.withLock { $0.append((event.level, "\(event.message) \(event.metadata ?? [:])")) }
    }
  }
}
