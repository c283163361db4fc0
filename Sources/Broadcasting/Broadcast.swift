internal import Synchronization

/// Sends elements to any number of sequences, each of which keeps them until they are read.
///
/// All sequences get all elements in the same order. Nothing is handed over under a lock: waking a task waits while that task is
/// being cancelled, and cancelling it runs the end of its sequence, which needs the lock
/// (`withTaskCancellationHandler(operation:onCancel:isolation:)`, "avoid deadlock"). What is sent lines up instead, and one of the
/// senders at a time hands it over.
package final class Broadcast<Element: Sendable>: Sendable {
  private typealias Receiver = AsyncStream<Element>.Continuation

  /// What is to be handed over, with those who were subscribed when it was sent.
  private enum Parcel {
    case element(Element, to: [Receiver])
    case end(of: [Receiver])
  }

  private struct State {
    var isFinished = false
    var last: UInt = 0
    var receivers: [UInt: Receiver] = [:]
    var line: [Parcel] = []
    /// Whether somebody hands over what is in the line.
    var isHandedOver = false

    /// Returns whether the caller is to hand over.
    mutating func lineUp(_ parcel: Parcel) -> Bool {
      line.append(parcel)
      defer { isHandedOver = true }
      return !isHandedOver
    }

    /// What is in the line, in order; empty when the caller's turn is over.
    mutating func takeLine() -> [Parcel] {
      isHandedOver = !line.isEmpty
      defer { line = [] }
      return line
    }
  }

  private let state = Mutex(State())

  package init() {}

  /// A new sequence, for one consumer, with an element of its own to begin with.
  ///
  /// - Parameter bufferingPolicy: What the sequence keeps of what is not read.
  package func subscribe(
    beginningWith first: Element? = nil,
    bufferingPolicy: AsyncStream<Element>.Continuation.BufferingPolicy = .unbounded
  ) -> AsyncStream<Element> {
    let (stream, continuation) = AsyncStream.makeStream(of: Element.self, bufferingPolicy: bufferingPolicy)
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

  /// How many sequences there are.
  var receiverCount: Int { state.withLock { $0.receivers.count } }

  /// Sends an element to all present sequences. Where another thread is sending, that one hands it over, soon.
  package func send(_ element: Element) {
    if lineUp(element) { handOver() }
  }

  /// Ends all sequences after what was sent to them, those of later subscribers at once.
  package func finish() {
    if lineUpEnd() { handOver() }
  }

  // In two steps, for who sends in the order of a lock of its own.

  /// Takes an element for all present sequences. Returns whether ``handOver()`` is to be called, under no lock.
  func lineUp(_ element: Element) -> Bool {
    state.withLock { state in
      guard !state.receivers.isEmpty else { return false }
      return state.lineUp(.element(element, to: Array(state.receivers.values)))
    }
  }

  /// Takes the end of all sequences. Returns whether ``handOver()`` is to be called, under no lock.
  func lineUpEnd() -> Bool {
    state.withLock { state in
      state.isFinished = true
      defer { state.receivers = [:] }
      return state.lineUp(.end(of: Array(state.receivers.values)))
    }
  }

  /// Hands over what has lined up, until nothing has.
  func handOver() {
    while true {
      let parcels = state.withLock { $0.takeLine() }
      if parcels.isEmpty { return }
      for parcel in parcels {
        switch parcel {
        case .element(let element, let receivers):
          for receiver in receivers { receiver.yield(element) }
        case .end(let receivers):
          for receiver in receivers { receiver.finish() }
        }
      }
    }
  }

  deinit {
    finish()
  }
}
