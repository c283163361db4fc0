/// How long to wait between attempts: a random time below a limit that doubles with each failure.
public struct BackOff: Hashable, Sendable {
  /// The shortest wait.
  public var minimum: Duration
  /// The longest wait.
  public var maximum: Duration

  /// Creates a back-off; 250 ms to 15 s by default.
  public init(minimum: Duration = .milliseconds(250), maximum: Duration = .seconds(15)) {
    self.minimum = minimum
    self.maximum = max(minimum, maximum)
  }

  /// The wait after a number of failures in a row.
  ///
  /// - Parameters:
  ///   - failures: how many attempts have failed, at least 1.
  ///   - jitter: a random number in 0...1; half of the limit is certain, the other half is multiplied with it.
  public func delay(afterFailures failures: Int, jitter: Double) -> Duration {
    var limit = minimum
    var doublings = max(failures, 1) - 1
    while doublings > 0, limit > .zero, limit < maximum {
      limit *= 2
      doublings -= 1
    }
    limit = min(limit, maximum)
    return max(minimum, limit / 2 + (limit / 2) * min(max(jitter, 0), 1))
  }
}
