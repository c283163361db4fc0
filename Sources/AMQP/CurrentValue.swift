import Synchronization

/// A value that many can watch: every watcher gets the present one first.
final class CurrentValue<Value: Sendable>: Sendable {
  private struct State {
    var value: Value
    var watchers: [UInt64: AsyncStream<Value>.Continuation] = [:]
    var nextID: UInt64 = 0
    var isFinished = false
  }

  /// A watcher that does not read keeps this many of the newest values.
  private static var bufferedValues: Int { 64 }

  private let state: Mutex<State>

  init(_ value: Value) {
    state = Mutex(State(value: value))
  }

  var value: Value { state.withLock { $0.value } }

  func set(_ value: Value) {
    state.withLock { state in
      state.value = value
      for watcher in state.watchers.values { watcher.yield(value) }
    }
  }

  /// Sets a last value and ends all watching.
  func finish(_ value: Value) {
    let watchers = state.withLock { state in
      state.value = value
      state.isFinished = true
      defer { state.watchers = [:] }
      return Array(state.watchers.values)
    }
    for watcher in watchers {
      watcher.yield(value)
      watcher.finish()
    }
  }

  func stream() -> AsyncStream<Value> {
    let (stream, continuation) = AsyncStream.makeStream(
      of: Value.self, bufferingPolicy: .bufferingNewest(Self.bufferedValues))
    let id: UInt64? = state.withLock { state in
      continuation.yield(state.value)
      guard !state.isFinished else { return nil }
      state.nextID += 1
      state.watchers[state.nextID] = continuation
      return state.nextID
    }
    guard let id else {
      continuation.finish()
      return stream
    }
    continuation.onTermination = { [weak self] _ in
      self?.state.withLock { _ = $0.watchers.removeValue(forKey: id) }
    }
    return stream
  }
}
