import Synchronization

/// What happened, in order, for tests to look at and to wait for.
final class Recorder<Element: Sendable>: Sendable {
  private struct Watcher {
    var isMet: @Sendable ([Element]) -> Bool
    var continuation: CheckedContinuation<Void, Never>
  }

  private struct State {
    var elements: [Element] = []
    var watchers: [Watcher] = []
  }

  private let state = Mutex(State())

  var elements: [Element] { state.withLock(\.elements) }

  func record(_ element: Element) {
    let met = state.withLock { state in
      state.elements.append(element)
      // Each condition is asked once: what it looks at besides may change meanwhile.
      let elements = state.elements
      let first = state.watchers.partition { $0.isMet(elements) }
      defer { state.watchers.removeSubrange(first...) }
      return Array(state.watchers[first...])
    }
    for watcher in met { watcher.continuation.resume() }
  }

  /// Returns when what happened meets a condition, which is asked anew whenever something happens.
  func wait(until isMet: @escaping @Sendable ([Element]) -> Bool) async {
    await withCheckedContinuation { continuation in
      let isMetAlready = state.withLock { state in
        if isMet(state.elements) { return true }
        state.watchers.append(Watcher(isMet: isMet, continuation: continuation))
        return false
      }
      if isMetAlready { continuation.resume() }
    }
  }
}

extension Recorder where Element: Equatable {
  /// Returns when something has happened so many times.
  func wait(for element: Element, count: Int = 1) async {
    await wait { elements in elements.count { $0 == element } >= count }
  }
}

/// A door that tests open.
struct Gate: Sendable {
  private let opened = Recorder<Void>()

  func open() { opened.record(()) }

  /// Returns when the gate is open, whether the task is cancelled or not.
  func pass() async { await opened.wait { !$0.isEmpty } }
}

/// Returns when the task is cancelled.
func waitForCancellation() async {
  let (never, continuation) = AsyncStream<Never>.makeStream()
  for await _ in never {}
  continuation.finish()
}
