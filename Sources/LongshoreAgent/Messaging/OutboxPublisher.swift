internal import AMQP
internal import Logging
internal import LongshoreMessages
internal import MigrationCore
internal import MigrationJournal
internal import ServiceLifecycle

/// Publishes the journal's outbox in its order, many at once, and of each migration's events one at a time, since what follows one that
/// the broker loses would overtake it. Messages leave the outbox when the broker has confirmed them, so each is published at least once.
///
/// What a queue refuses, as one does that is full, rests for a while, and holds up nothing but what must not overtake it. So does what
/// nobody says again while its receiver has no queue, as where the broker was made anew: the queue is there from the agent's start on.
struct OutboxPublisher: Service, CustomStringConvertible {
  let description = "the outbox's publisher"

  private static let batch = 256
  /// For how long a message waits for its receiver's queue: after a week without it the host is taken for gone. In milliseconds.
  private static let patience: Int64 = 7 * 24 * 3_600_000

  let journal: Journal
  let publishing: ConfirmedPublishing
  /// Yields when something was put into the outbox.
  let changes: AsyncStream<Void>
  let clock: any HostClock
  let logger: Logger

  func run() async throws {
    await cancelWhenGracefulShutdown {
      let (calls, call) = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))
      let forwarding = Task {
        for await _ in changes { call.yield() }
        call.finish()
      }
      var rests = OutboxRests()
      var alarm: Task<Void, Never>?
      call.yield()
      for await _ in calls {
        await drain(&rests)
        alarm?.cancel()
        alarm = rests.nextDue.map { due in
          let left = max(0, due - clock.now().bootMilliseconds)
          return Task { if (try? await clock.wait(milliseconds: left)) != nil { call.yield() } }
        }
      }
      alarm?.cancel()
      forwarding.cancel()
    }
  }

  /// Publishes until nothing but what rests is in the outbox, or the task is cancelled.
  private func drain(_ rests: inout OutboxRests) async {
    var waits = BackOffSteps()
    var failures = 0
    while !Task.isCancelled {
      do {
        let waiting = try journal.outbox(limit: Self.batch + rests.count)
        let messages = rests.awake(Self.independent(waiting), at: clock.now().bootMilliseconds)
        if messages.isEmpty { return }
        for _ in messages { CrashPoint.messageUnpublished.reached() }
        let results = await publishing.publish(messages, afterFailures: failures)
        var done: [OutboxMessage] = []
        var resting: [Int64] = []
        for (message, failure) in zip(messages, results) {
          switch fate(of: message, failure, hasRested: rests.hasRested(message.row)) {
          case .over: done.append(message)
          case .rests: resting.append(message.row)
          case .unsettled: break
          }
        }
        for _ in done { CrashPoint.messageConfirmed.reached() }
        try journal.removeFromOutbox(done.map(\.row))
        for _ in done { CrashPoint.messageRemoved.reached() }
        if !done.isEmpty { failures = 0 }
        rests.end(done.map(\.row))
        rests.begin(resting, at: clock.now().bootMilliseconds)
        let settled = Set(done.map(\.row) + resting)
        if let failure = zip(messages, results).first(where: { !settled.contains($0.0.row) })?.1 { throw failure }
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

  /// Those messages of which none follows another of the same migration's events.
  static func independent(_ messages: [OutboxMessage]) -> [OutboxMessage] {
    var migrations: Set<String> = []
    return messages.filter { message in
      guard message.exchange == Wire.events, let migration = message.correlationID else { return true }
      return migrations.insert(migration).inserted
    }
  }

  private enum Fate { case over, rests, unsettled }

  /// What becomes of a message.
  private func fate(of message: OutboxMessage, _ failure: (any Error)?, hasRested: Bool) -> Fate {
    switch (failure as? AMQPError)?.code {
    case nil: return failure == nil ? .over : .unsettled
    case .nacked?: return .rests
    case .unroutable?: break
    default: return .unsettled
    }
    let waits = Self.waitsForReceiver(message, at: clock.now())
    if !waits || !hasRested {
      logger.warning(
        waits ? "A message waits until its receiver has a queue" : "A message has no receiver and is dropped",
        metadata: [
          LogKeys.exchange: "\(message.exchange)", LogKeys.routingKey: "\(message.routingKey)",
          LogKeys.messageType: "\(message.type ?? "-")", LogKeys.migration: "\(message.correlationID ?? "-")",
        ])
    }
    return waits ? .rests : .over
  }

  /// Whether a message is kept though nobody has bound a queue for it: what answers another agent is not, which asks again.
  static func waitsForReceiver(_ message: OutboxMessage, at now: Now) -> Bool {
    guard message.exchange == Wire.peers, message.type.map(PeerMessage.Body.typesSaidOnce.contains) == true else { return false }
    return message.stored.map { now.wall.milliseconds - $0.milliseconds < patience } ?? false
  }
}
