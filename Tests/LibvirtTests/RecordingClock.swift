import Synchronization

/// A clock whose pauses are over at once and are kept for the test to see.
final class RecordingClock: Clock {
  struct Instant: InstantProtocol {
    var offset: Duration

    func advanced(by duration: Duration) -> Instant { Instant(offset: offset + duration) }
    func duration(to other: Instant) -> Duration { other.offset - offset }
    static func < (left: Instant, right: Instant) -> Bool { left.offset < right.offset }
  }

  private struct State {
    var now = Instant(offset: .zero)
    var pauses: [Duration] = []
  }

  private let state = Mutex(State())

  var pauses: [Duration] { state.withLock { $0.pauses } }
  var now: Instant { state.withLock { $0.now } }
  var minimumResolution: Duration { .zero }

  func sleep(until deadline: Instant, tolerance: Duration?) async throws {
    try Task.checkCancellation()
    state.withLock {
      $0.pauses.append($0.now.duration(to: deadline))
      $0.now = deadline
    }
  }
}
