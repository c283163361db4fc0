import AMQP
import Foundation
import LongshoreTestKit
import Testing

extension BrokerTests {
  @Suite(.enabled(if: TestBroker.rabbitmqctl != nil, TestBroker.missingControl))
  struct AlarmTests {
    private func control(_ arguments: String...) throws {
      let process = Process()
      process.executableURL = URL(fileURLWithPath: "/bin/sh")
      process.arguments = ["-c", "\(try #require(TestBroker.rabbitmqctl)) \(arguments.joined(separator: " "))"]
      process.standardOutput = FileHandle.nullDevice
      try process.run()
      process.waitUntilExit()
      try #require(process.terminationStatus == 0)
    }

    @Test func publishesWaitDuringAnAlarmAndCanBeCancelled() async throws {
      try await withRelay { relay, configuration in
        var configuration = configuration
        configuration.heartbeat = TestBroker.heartbeat
        configuration.operationTimeout = .seconds(5)
        try await withQueue(configuration: configuration) { connection, queue in
          try control("set_vm_memory_high_watermark", "0.00001")
          defer { try? control("set_vm_memory_high_watermark", "0.4") }
          // The broker says that it blocks when the first message reaches it.
          async let first: Void = connection.publish(
            Message(body: [UInt8](repeating: 1, count: 20_000_000)), to: "", routingKey: queue, mandatory: true)
          let state = try await connection.states.first { if case .blocked = $0 { true } else { false } }
          guard case .blocked(let reason) = state else { return }
          #expect(reason.contains("memory"))

          let cancelled = Task {
            try await connection.publish(Message("no"), to: "", routingKey: queue, mandatory: true)
          }
          cancelled.cancel()
          await #expect(throws: CancellationError.self) { try await cancelled.value }
          async let second: Void = connection.publish(Message("2"), to: "", routingKey: queue, mandatory: true)
          // RabbitMQ sends two in each interval. After three intervals, longer than the broker may take to answer: an alarm is no failure.
          for await _ in relay.heartbeats().prefix(6) {}
          guard case .blocked = connection.state else {
            Issue.record("the connection did not last: \(connection.state)")
            return
          }
          try control("set_vm_memory_high_watermark", "0.4")
          try await first
          try await second
          #expect(try await connection.inspectQueue(queue).messages == 2)
        }
      }
    }
  }
}
