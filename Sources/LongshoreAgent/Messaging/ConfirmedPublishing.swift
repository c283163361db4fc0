internal import AMQP
internal import Logging
internal import MigrationJournal

/// Publishes messages that must not be lost, and returns when the broker has confirmed them.
///
/// A cluster that has lost a node can go on badly with a channel though it is open (seen with RabbitMQ 3.10): what was on its way to
/// the leader of a stream is never confirmed, and what goes to a quorum queue for the first time is refused until the leader's node is
/// back. On another channel both work. So a message that is refused, or not confirmed in time, makes the connection be left for
/// another one.
struct ConfirmedPublishing: Sendable {
  let connection: AMQPConnection
  let clock: any HostClock
  let logger: Logger

  /// Publishes a message and waits for its confirm.
  ///
  /// - Parameters:
  ///   - message: The message.
  ///   - failures: How often in a row it has failed. A confirm is waited for 5, 10, 20 … seconds, up to 60, so that a broker that is slow
  ///     for everybody is not burdened more.
  /// - Throws: As `AMQPConnection.publish` does; `connectionLost` also where no confirm has come in time.
  func publish(_ message: OutboxMessage, afterFailures failures: Int = 0) async throws {
    let patience: Int64 = min(5_000 << Int64(min(failures, 4)), 60_000)
    do {
      try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask {
          try await connection.publish(
            message.published, to: message.exchange, routingKey: message.routingKey, mandatory: message.mandatory)
        }
        group.addTask {
          // The publish fails with the connection, which ends this.
          while true {
            try await clock.wait(milliseconds: patience)
            // Under an alarm the broker takes nothing, on whatever connection.
            if case .blocked = connection.state { continue }
            leave("The broker does not confirm a message: another connection is tried", message)
          }
        }
        defer { group.cancelAll() }
        try await group.next()
      }
    } catch let error as AMQPError where error.code == .nacked {
      leave("The broker refuses a message: another connection is tried", message)
      throw error
    }
  }

  private func leave(_ text: Logger.Message, _ message: OutboxMessage) {
    logger.warning(
      text, metadata: [LogKeys.exchange: "\(message.exchange)", LogKeys.messageType: "\(message.type ?? "-")"])
    connection.reconnect()
  }
}
