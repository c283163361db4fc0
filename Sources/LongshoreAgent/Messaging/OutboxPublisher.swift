internal import AMQP
internal import Logging
internal import MigrationJournal
internal import ServiceLifecycle

/// Publishes the journal's outbox in its order. A message leaves the outbox when the broker has confirmed it, so each is
/// published at least once.
struct OutboxPublisher: Service, CustomStringConvertible {
  let description = "the outbox's publisher"

  private static let batch = 64

  let journal: Journal
  let publishing: ConfirmedPublishing
  /// Yields when something was put into the outbox.
  let changes: AsyncStream<Void>
  let clock: any HostClock
  let logger: Logger

  func run() async throws {
    await cancelWhenGracefulShutdown {
      await drain()
      for await _ in changes { await drain() }
    }
  }

  /// Publishes until the outbox is empty or the task is cancelled.
  private func drain() async {
    var waits = BackOffSteps()
    var failures = 0
    while !Task.isCancelled {
      do {
        let messages = try journal.outbox(limit: Self.batch)
        if messages.isEmpty { return }
        for message in messages {
          try await publish(message, afterFailures: failures)
          failures = 0
        }
        waits = BackOffSteps()
      } catch is CancellationError {
        return
      } catch let error as JournalError {
        logger.error("The outbox cannot be read or written", metadata: [LogKeys.error: "\(error)"])
        try? await clock.wait(milliseconds: waits.step())
      } catch {
        failures += 1
        logger.debug("The broker did not confirm a message", metadata: [LogKeys.error: "\(error)"])
        try? await publishing.connection.waitUntilConnected()
        // A connection that was lost has its own back-off; what this one refuses would be refused again at once.
        let isLost = (error as? AMQPError).map { [.notConnected, .connectionLost, .connectionClosedByBroker].contains($0.code) } ?? false
        if !isLost { try? await clock.wait(milliseconds: waits.step()) }
      }
    }
  }

  private func publish(_ message: OutboxMessage, afterFailures failures: Int) async throws {
    CrashPoint.messageUnpublished.reached()
    do {
      try await publishing.publish(message, afterFailures: failures)
    } catch let error as AMQPError where error.code == .unroutable {
      // Answers to another agent are given again when it asks again; its queue exists from its first start on.
      logger.warning(
        "A message has no receiver and is dropped",
        metadata: [LogKeys.exchange: "\(message.exchange)", LogKeys.messageType: "\(message.type ?? "-")", LogKeys.error: "\(error)"])
    }
    CrashPoint.messageConfirmed.reached()
    try journal.removeFromOutbox([message.row])
    CrashPoint.messageRemoved.reached()
  }
}
