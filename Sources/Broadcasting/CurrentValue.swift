internal import Synchronization

/// A value that many can watch: every watcher gets the present one first.
package final class CurrentValue<Value: Sendable>: Sendable {
  /// A watcher that does not read keeps this many of the newest values.
  private static var bufferedValues: Int { 64 }

  private let current: Mutex<Value>
  private let watchers = Broadcast<Value>()

  package init(_ value: Value) {
    current = Mutex(value)
  }

  package var value: Value { current.withLock { $0 } }

  package func set(_ value: Value) {
    let mustHandOver = current.withLock { current in
      current = value
      return watchers.lineUp(value)
    }
    if mustHandOver { watchers.handOver() }
  }

  /// Sets a last value and ends all watching.
  package func finish(_ value: Value) {
    set(value)
    watchers.finish()
  }

  /// The present value and all that follow.
  package func stream() -> AsyncStream<Value> {
    current.withLock {
      watchers.subscribe(beginningWith: $0, bufferingPolicy: .bufferingNewest(Self.bufferedValues))
    }
  }
}
