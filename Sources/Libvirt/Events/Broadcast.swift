internal import Synchronization

/// Sends elements to any number of sequences, each of which keeps them until they are read.
final class Broadcast<Element: Sendable>: Sendable {
  private struct State {
    var isFinished = false
    var last: UInt = 0
    var receivers: [UInt: AsyncStream<Element>.Continuation] = [:]
  }

  private let state = Mutex(State())

  /// A new sequence, for one consumer, with an element of its own to begin with.
  func subscribe(beginningWith first: Element? = nil) -> AsyncStream<Element> {
    let (stream, continuation) = AsyncStream.makeStream(of: Element.self, bufferingPolicy: .unbounded)
    // The first element goes in before any other can.
    if let first { continuation.yield(first) }
    let number: UInt? = state.withLock {
      guard !$0.isFinished else { return nil }
      $0.last += 1
      $0.receivers[$0.last] = continuation
      return $0.last
    }
    guard let number else {
      continuation.finish()
      return stream
    }
    continuation.onTermination = { [weak self] _ in
      _ = self?.state.withLock { $0.receivers.removeValue(forKey: number) }
    }
    return stream
  }

  /// Sends an element to all present sequences.
  func send(_ element: Element) {
    // Under the lock, so that all sequences get all elements in the same order; yielding never waits.
    state.withLock { for receiver in $0.receivers.values { receiver.yield(element) } }
  }

  /// Ends all sequences, those of later subscribers too.
  func finish() {
    let receivers = state.withLock { state in
      state.isFinished = true
      defer { state.receivers = [:] }
      return Array(state.receivers.values)
    }
    // Outside the lock: the end of a sequence calls back in here.
    for receiver in receivers { receiver.finish() }
  }

  deinit {
    finish()
  }
}
