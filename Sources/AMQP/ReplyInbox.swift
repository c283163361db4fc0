internal import Broadcasting
import Synchronization

/// Gives each reply to the request that it belongs to.
final class ReplyInbox: DeliverySink {
  typealias Continuation = AsyncThrowingStream<Delivery, any Error>.Continuation

  private struct Pending {
    var continuation: Continuation
    /// Whether the request is confirmed. Until then it is the publish that fails when the connection does.
    var isPublished = false
  }

  private struct State {
    var queue: String?
    var pending: [String: Pending] = [:]
    var lastID: UInt64 = 0
  }

  private let subscription = CurrentValue<SubscriptionState>(.inactive(nil))
  private let state = Mutex(State())
  /// Tells this client's correlation ids from those of another client.
  private let prefix = String(UInt64.random(in: .min ... .max), radix: 36)

  /// A correlation id that no other request has.
  func newCorrelationID() -> String {
    state.withLock { state in
      state.lastID += 1
      return "\(prefix)-\(state.lastID)"
    }
  }

  /// Waits for the reply queue and registers for the replies to a request. Returns the queue's name.
  func register(_ correlationID: String, _ continuation: Continuation) async throws -> String {
    for await case .active(let queue) in subscription.stream() {
      let isRegistered = state.withLock { state in
        // The queue may have gone since it was announced.
        guard state.queue == queue else { return false }
        state.pending[correlationID] = Pending(continuation: continuation)
        return true
      }
      if isRegistered { return queue }
    }
    try Task.checkCancellation()
    throw AMQPError(.closed, operation: "wait for the reply queue", message: "the connection has ended")
  }

  /// The request is confirmed. Returns false if the reply queue has gone since.
  func published(_ correlationID: String) -> Bool {
    state.withLock { state in
      state.pending[correlationID]?.isPublished = true
      return state.pending[correlationID] != nil
    }
  }

  /// Takes no more replies to a request.
  func forget(_ correlationID: String) {
    state.withLock { _ = $0.pending.removeValue(forKey: correlationID) }
  }

  func deliver(_ delivery: Delivery, needsAck _: Bool) {
    guard let id = delivery.properties.correlationID else { return }
    state.withLock { $0.pending[id] }?.continuation.yield(delivery)
  }

  func takeUntaken() -> [UInt64] { [] }

  func subscriptionChanged(_ newState: SubscriptionState) {
    let orphans = state.withLock { state in
      if case .active(let queue) = newState {
        state.queue = queue
        return [Continuation]()
      }
      state.queue = nil
      defer { state.pending = [:] }
      return state.pending.values.filter(\.isPublished).map(\.continuation)
    }
    let error = Self.lostQueue(newState)
    for orphan in orphans { orphan.finish(throwing: error) }
    if newState == .ended { subscription.finish(newState) } else { subscription.set(newState) }
  }

  func finish() {}

  /// The error of a request that waits for a reply on a queue that is gone.
  static func lostQueue(_ state: SubscriptionState = .inactive(nil)) -> AMQPError {
    let cause =
      switch state {
      case .inactive(let error?): error.message
      case .ended: "the connection has ended"
      default: "the connection was lost"
      }
    return AMQPError(
      .connectionLost, operation: "wait for a reply", message: "the reply queue is gone: \(cause)", isRetriable: true)
  }
}
