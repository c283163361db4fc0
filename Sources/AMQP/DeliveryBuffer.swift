internal import Broadcasting
import Synchronization

/// Holds a consumer's deliveries between the connection's thread and the task that takes them.
final class DeliveryBuffer: DeliverySink {
  private struct Entry {
    var delivery: Delivery
    var needsAck: Bool
  }

  private struct State {
    var entries = FIFO<Entry>()
    var waiters: [UInt64: CheckedContinuation<Delivery?, Never>] = [:]
    var lastWaiter: UInt64 = 0
    var isFinished = false
  }

  let subscription = CurrentValue<SubscriptionState>(.inactive(nil))
  private let state = Mutex(State())

  func deliver(_ delivery: Delivery, needsAck: Bool) {
    let waiter: CheckedContinuation<Delivery?, Never>? = state.withLock { state in
      if let first = state.waiters.keys.min() { return state.waiters.removeValue(forKey: first) }
      state.entries.append(Entry(delivery: delivery, needsAck: needsAck))
      return nil
    }
    waiter?.resume(returning: delivery)
  }

  func takeUntaken() -> [UInt64] {
    state.withLock { state in
      let (untaken, kept) = (state.entries.elements.filter(\.needsAck), state.entries.elements.filter { !$0.needsAck })
      state.entries.removeAll()
      for entry in kept { state.entries.append(entry) }
      return untaken.map(\.delivery.deliveryTag)
    }
  }

  func subscriptionChanged(_ state: SubscriptionState) {
    if state == .ended { subscription.finish(state) } else { subscription.set(state) }
  }

  func finish() {
    let waiters = state.withLock { state in
      state.isFinished = true
      defer { state.waiters = [:] }
      return Array(state.waiters.values)
    }
    for waiter in waiters { waiter.resume(returning: nil) }
  }

  /// The next delivery; nil when nothing comes any more or the task is cancelled.
  func next() async -> Delivery? {
    let id = state.withLock { state in
      state.lastWaiter += 1
      return state.lastWaiter
    }
    return await withTaskCancellationHandler {
      await withCheckedContinuation { (continuation: CheckedContinuation<Delivery?, Never>) in
        let result: Delivery?? = state.withLock { state in
          if Task.isCancelled { return .some(nil) }
          if let entry = state.entries.popFirst() { return .some(entry.delivery) }
          if state.isFinished { return .some(nil) }
          state.waiters[id] = continuation
          return nil
        }
        if let result { continuation.resume(returning: result) }
      }
    } onCancel: {
      state.withLock { $0.waiters.removeValue(forKey: id) }?.resume(returning: nil)
    }
  }

  /// The next delivery, and at most `limit - 1` that are there with it; empty when nothing comes any more or the task is cancelled.
  func next(upTo limit: Int) async -> [Delivery] {
    guard let first = await next() else { return [] }
    return state.withLock { state in
      var deliveries = [first]
      while deliveries.count < limit, let entry = state.entries.popFirst() { deliveries.append(entry.delivery) }
      return deliveries
    }
  }
}
