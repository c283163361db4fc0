internal import Dispatch
internal import Synchronization

/// How much of a file that is copied is there without a gap from its beginning, for one reader that follows the copy.
final class CopiedPrefix: Sendable {
  /// How often a reader that waits looks whether it was cancelled.
  private static let lookInterval = DispatchTimeInterval.milliseconds(100)

  private struct State {
    var finished = Set<Int>()
    var next = 0
    var length: UInt64 = 0
  }

  private let state = Mutex(State())
  private let grown = DispatchSemaphore(value: 0)

  /// Notes that a chunk of the file is there; it may have been noted before.
  ///
  /// - Parameter range: gives the bytes that a chunk is; chunks are numbered from 0, without gaps.
  func note(_ chunk: Int, range: (Int) -> Range<UInt64>) {
    state.withLock { state in
      guard chunk >= state.next else { return }
      state.finished.insert(chunk)
      while state.finished.remove(state.next) != nil {
        state.length = range(state.next).upperBound
        state.next += 1
      }
    }
    grown.signal()
  }

  /// Blocks until so many bytes are there; false where the reader was cancelled before.
  func wait(for length: UInt64, isCancelled: () -> Bool) -> Bool {
    while state.withLock({ $0.length }) < length {
      if isCancelled() { return false }
      _ = grown.wait(timeout: .now() + Self.lookInterval)
    }
    return true
  }
}
