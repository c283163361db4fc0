/// How long to wait before each new attempt to connect.
///
/// The pause doubles from attempt to attempt up to a limit, and each is shortened by a random part, so that many
/// clients of a daemon that restarts don't all come at once.
public struct Backoff: Sendable, Hashable {
  /// The pause after the first failure.
  public var first: Duration
  /// The longest pause.
  public var longest: Duration
  /// The part of a pause that is random, from 0 to 1.
  public var jitter: Double

  /// Makes a setting.
  public init(first: Duration = .milliseconds(500), longest: Duration = .seconds(30), jitter: Double = 0.5) {
    self.first = first
    self.longest = longest
    self.jitter = jitter
  }

  /// The pause after a failure.
  ///
  /// - Parameters:
  ///   - failures: how many attempts have failed one after the other, at least one.
  ///   - random: a number from 0 to 1.
  func pause(afterFailures failures: Int, random: Double) -> Duration {
    var pause = first
    var remaining = failures - 1
    while remaining > 0, pause < longest {
      pause *= 2
      remaining -= 1
    }
    return min(pause, longest) * (1 - jitter * random)
  }
}
