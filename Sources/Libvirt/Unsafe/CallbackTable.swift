internal import Synchronization

/// What C callbacks hand over to, by number.
///
/// libvirt carries one `void *` to each callback. It carries a number here instead of a pointer to an object: a
/// callback that comes late, when its receiver is gone, finds nothing, and no free callback is needed (some drivers
/// never call the one of the close callback).
final class CallbackTable<Receiver: Sendable>: Sendable {
  private struct State {
    var last: UInt = 0
    var receivers: [UInt: Receiver] = [:]
  }

  private let state = Mutex(State())

  /// Keeps a receiver until ``remove(_:)`` and gives its number, which is never zero and never used again.
  func insert(_ receiver: Receiver) -> UInt {
    state.withLock {
      $0.last += 1
      $0.receivers[$0.last] = receiver
      return $0.last
    }
  }

  func remove(_ number: UInt) {
    // The receiver is released outside the lock: its end may call back in here.
    _ = state.withLock { $0.receivers.removeValue(forKey: number) }
  }

  subscript(number: UInt) -> Receiver? {
    state.withLock { $0.receivers[number] }
  }

  /// The receiver that a callback's context stands for.
  subscript(context: UnsafeMutableRawPointer?) -> Receiver? {
    self[UInt(bitPattern: context)]
  }
}

/// A number as the context of a callback; libvirt never looks at it.
func callbackContext(_ number: UInt) -> UnsafeMutableRawPointer? {
  unsafe UnsafeMutableRawPointer(bitPattern: number)
}
