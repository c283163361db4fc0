internal import Synchronization

/// A value that comes once and is waited for by any number of tasks.
final class OneShot<Value: Sendable>: Sendable {
  private struct State {
    var value: Value?
    var last: UInt = 0
    var waiting: [UInt: CheckedContinuation<Value?, Never>] = [:]
  }

  private let state = Mutex(State())

  /// The value, once there is one.
  var value: Value? { state.withLock { $0.value } }

  /// Sets the value and wakes all who wait for it; does nothing when there is one.
  func resolve(_ value: Value) {
    let waiting = state.withLock { state -> [CheckedContinuation<Value?, Never>] in
      guard state.value == nil else { return [] }
      state.value = value
      defer { state.waiting = [:] }
      return Array(state.waiting.values)
    }
    for continuation in waiting { continuation.resume(returning: value) }
  }

  /// Waits for the value.
  func wait() async throws(CancellationError) -> Value {
    let number = state.withLock { state in
      state.last += 1
      return state.last
    }
    let value = await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let known: Value?? = state.withLock { state in
          if let value = state.value { return .some(value) }
          if Task.isCancelled { return .some(nil) }
          state.waiting[number] = continuation
          return nil
        }
        if let known { continuation.resume(returning: known) }
      }
    } onCancel: {
      state.withLock { $0.waiting.removeValue(forKey: number) }?.resume(returning: nil)
    }
    guard let value else { throw CancellationError() }
    return value
  }
}
