/// Watches whether somebody who is asked again and again still answers.
public struct Silence: Sendable {
  private let patience: Int64
  /// When the first question was asked that may be unanswered.
  public private(set) var since: Now?

  /// Nothing was asked yet.
  ///
  /// - Parameter patience: For how long a question may be unanswered, in milliseconds.
  public init(patience: Int64) { self.patience = patience }

  /// A question was asked, and has reached the broker.
  public mutating func asked(at now: Now) { since = since ?? now }

  /// A question has not reached the broker: that nobody answers means nothing.
  public mutating func end() { since = nil }

  /// Whether a question is unanswered for too long.
  ///
  /// - Parameter heard: When somebody was heard last; nil for not yet.
  public mutating func isTooLong(heardAt heard: Now?, at now: Now) -> Bool {
    guard let since else { return false }
    if let heard, since.milliseconds(until: heard) >= 0 {
      self.since = nil
      return false
    }
    return since.milliseconds(until: now) >= patience
  }
}
