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
  /// The broker's user whose connection it is.
  let user: String
  let clock: any HostClock
  let logger: Logger
  /// Gets how long each message took to be confirmed, or to fail.
  var published: @Sendable (_ time: Duration, _ isConfirmed: Bool) -> Void = { _, _ in }

  /// Publishes a message and waits for its confirm.
  ///
  /// - Throws: As `AMQPConnection.publish` does; `connectionLost` also where no confirm has come in time.
  func publish(_ message: OutboxMessage) async throws {
    for case let failure? in await publish([message]) { throw failure }
  }

  /// Publishes messages in their order, and waits for the confirms of all: for none before the next is sent.
  ///
  /// - Parameters:
  ///   - messages: The messages.
  ///   - failures: How often in a row the first has failed. A confirm is waited for 5, 10, 20 … seconds, up to 60, so that a broker that is
  ///     slow for everybody is not burdened more.
  /// - Returns: What each has failed with, as `AMQPConnection.publish` does, or `connectionLost` where no confirm has come in time; nil for
  ///   those that are confirmed.
  func publish(_ messages: [OutboxMessage], afterFailures failures: Int = 0) async -> [(any Error)?] {
    let patience: Int64 = min(5_000 << Int64(min(failures, 4)), 60_000)
    return await withTaskGroup(of: Happening.self) { group in
      for (number, message) in messages.enumerated() {
        // Each is with the connection when the next begins: they are sent in this order.
        group.addImmediateTask {
          let steady = ContinuousClock()
          let start = steady.now
          do {
            try await withPublishingSpan(of: message, by: user) { published in
              try await connection.publish(
                published, to: message.exchange, routingKey: message.routingKey, mandatory: message.mandatory)
            }
            published(start.duration(to: steady.now), true)
            return .settled(number, nil)
          } catch {
            published(start.duration(to: steady.now), false)
            return .settled(number, error)
          }
        }
      }
      func beginWaiting() {
        group.addTask {
          try? await clock.wait(milliseconds: patience)
          return .waited
        }
      }
      beginWaiting()
      var results = [(any Error)?](repeating: nil, count: messages.count)
      var unsettled = Set(messages.indices)
      var hasMoved = false
      while !unsettled.isEmpty, let happening = await group.next() {
        switch happening {
        case .settled(let number, let failure):
          results[number] = failure
          unsettled.remove(number)
          hasMoved = true
          if (failure as? AMQPError)?.code == .nacked {
            leave("The broker refuses a message: another connection is tried", messages[number])
          }
        case .waited:
          // Under an alarm the broker takes nothing, on whatever connection.
          let isBlocked = if case .blocked = connection.state { true } else { false }
          // All that is under way fails with the connection.
          if !hasMoved, !isBlocked, let number = unsettled.min() {
            leave("The broker does not confirm a message: another connection is tried", messages[number])
          }
          hasMoved = false
          if !Task.isCancelled { beginWaiting() }
        }
      }
      group.cancelAll()
      return results
    }
  }

  private enum Happening {
    case settled(Int, (any Error)?)
    case waited
  }

  private func leave(_ text: Logger.Message, _ message: OutboxMessage) {
    logger.warning(
      text, metadata: [LogKeys.exchange: "\(message.exchange)", LogKeys.messageType: "\(message.type ?? "-")"])
    connection.reconnect()
  }
}
