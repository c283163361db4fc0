internal import AMQP
internal import Logging
internal import MigrationCore
internal import MigrationJournal
internal import Synchronization

/// Publishes messages that must not be lost, and returns when the broker has confirmed them.
///
/// A cluster that has lost a node can go on badly with a channel though it is open (seen with RabbitMQ 3.10): what was on its way to
/// the leader of a stream is never confirmed, and what goes to a quorum queue for the first time is refused until the leader's node is
/// back. On another channel both work. So a message that is refused, or not confirmed in time, makes the connection be left for
/// another one. What is refused there as well its queue refuses, being full: for that the connection is left no more than once a minute.
final class ConfirmedPublishing: Sendable {
  /// For how long a queue's refusals are its own after the connection was left for one, in milliseconds.
  private static let trialInterval: Int64 = 60_000

  /// Where messages go.
  private struct Place: Hashable {
    let exchange: String
    let routingKey: String
  }

  let connection: AMQPConnection
  /// The broker's user whose connection it is.
  let user: String
  let clock: any HostClock
  let logger: Logger
  /// When the connection was last left for a refusal, by the host's boot clock.
  private let left = Mutex<[Place: Int64]>([:])
  private let published: @Sendable (_ time: Duration, _ isConfirmed: Bool) -> Void

  /// - Parameter published: Gets how long each message took to be confirmed, or to fail.
  init(
    connection: AMQPConnection, user: String, clock: any HostClock, logger: Logger,
    published: @escaping @Sendable (_ time: Duration, _ isConfirmed: Bool) -> Void = { _, _ in }
  ) {
    self.connection = connection
    self.user = user
    self.clock = clock
    self.logger = logger
    self.published = published
  }

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
          try? await self.clock.wait(milliseconds: patience)
          return .waited
        }
      }
      beginWaiting()
      var results = [(any Error)?](repeating: nil, count: messages.count)
      var unsettled = Set(messages.indices)
      var hasMoved = false
      var refused: Int?
      while !unsettled.isEmpty, let happening = await group.next() {
        switch happening {
        case .settled(let number, let failure):
          results[number] = failure
          unsettled.remove(number)
          hasMoved = true
          if mustLeave(for: failure, of: messages[number]) { refused = refused ?? number }
        case .waited:
          // Under an alarm the broker takes nothing, on whatever connection.
          let isBlocked = if case .blocked = connection.state { true } else { false }
          // All that is under way fails with the connection.
          if !hasMoved, !isBlocked, !Task.isCancelled, let number = unsettled.min() {
            leave("The broker does not confirm a message: another connection is tried", messages[number])
          }
          hasMoved = false
          if !Task.isCancelled { beginWaiting() }
        }
      }
      group.cancelAll()
      // Not before: what else is under way would fail with the connection.
      if let refused { leave("The broker refuses a message: another connection is tried", messages[refused]) }
      return results
    }
  }

  private enum Happening {
    case settled(Int, (any Error)?)
    case waited
  }

  /// Whether another connection is to be tried for a message. Noted, where it is.
  private func mustLeave(for failure: (any Error)?, of message: OutboxMessage) -> Bool {
    let place = Place(exchange: message.exchange, routingKey: message.routingKey)
    let now = clock.now().bootMilliseconds
    return left.withLock { left in
      guard (failure as? AMQPError)?.code == .nacked else {
        if failure == nil { left[place] = nil }
        return false
      }
      guard left[place].map({ now - $0 >= Self.trialInterval }) ?? true else { return false }
      left[place] = now
      return true
    }
  }

  private func leave(_ text: Logger.Message, _ message: OutboxMessage) {
    logger.warning(
      text, metadata: [LogKeys.exchange: "\(message.exchange)", LogKeys.messageType: "\(message.type ?? "-")"])
    connection.reconnect()
  }
}
