import LongshoreTestKit
import MigrationCore
import Synchronization

@testable import LongshoreAgent

/// A clock that stands still until a test moves it.
final class ManualClock: HostClock {
  private struct Waiter {
    var milliseconds: Int64
    var due: Int64
    var continuation: CheckedContinuation<Void, any Error>
  }

  private struct State {
    var milliseconds: Int64
    var waiters: [Int: Waiter] = [:]
    var lastNumber = 0
    var passes = 0
  }

  /// Waits up to this length are a sender's back-off; longer ones are timers. See ``letOneBackOffPass()``.
  static let longestBackOff: Int64 = 30_000

  private let state: Mutex<State>
  /// The length of each wait that was begun.
  private let begun = Recorder<Int64>()

  /// A clock that stands so many milliseconds after the samples' beginning.
  init(milliseconds: Int64 = 0) { state = Mutex(State(milliseconds: milliseconds)) }

  func now() -> Now { MigrationSamples.now(state.withLock(\.milliseconds)) }

  func wait(milliseconds: Int64) async throws {
    let number = state.withLock { state in
      state.lastNumber += 1
      return state.lastNumber
    }
    try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation { continuation in
        let end: Result<Void, any Error>? = state.withLock { state in
          if Task.isCancelled { return .failure(CancellationError()) }
          if milliseconds == 0 { return .success(()) }
          if milliseconds <= Self.longestBackOff, state.passes > 0 {
            state.passes -= 1
            return .success(())
          }
          state.waiters[number] = Waiter(
            milliseconds: milliseconds, due: state.milliseconds + milliseconds, continuation: continuation)
          return nil
        }
        begun.record(milliseconds)
        if let end { continuation.resume(with: end) }
      }
    } onCancel: {
      state.withLock { $0.waiters.removeValue(forKey: number) }?.continuation.resume(throwing: CancellationError())
    }
  }

  /// Returns when so many waits of this length are under way.
  func waitUntilPending(_ milliseconds: Int64, count: Int = 1) async {
    await begun.wait { _ in self.state.withLock { $0.waiters.values.count { $0.milliseconds == milliseconds } >= count } }
  }

  /// Returns when so many waits of this length have been begun, whether they are over or not.
  func waitUntilBegun(_ milliseconds: Int64, count: Int) async {
    await begun.wait(for: milliseconds, count: count)
  }

  /// Moves the clock on, and ends the waits that are over then.
  func advance(milliseconds: Int64) {
    let over = state.withLock { state in
      state.milliseconds += milliseconds
      let over = state.waiters.filter { $0.value.due <= state.milliseconds }
      for number in over.keys { state.waiters[number] = nil }
      return over.values.sorted { $0.due < $1.due }
    }
    for waiter in over { waiter.continuation.resume() }
  }

  /// Lets one back-off end at once, without moving the clock: the one that is under way, or else the next one.
  func letOneBackOffPass() {
    let waiter = state.withLock { state in
      let shortest = state.waiters.filter { $0.value.due - state.milliseconds <= Self.longestBackOff }.min { $0.key < $1.key }
      if let shortest { return state.waiters.removeValue(forKey: shortest.key) }
      state.passes += 1
      return nil
    }
    waiter?.continuation.resume()
  }
}
