import LongshoreMessages

/// Shows what happens to a migration while it runs, as text for the standard error stream.
protocol ProgressPresenter: Sendable {
  /// The text that shows a report.
  mutating func present(_ report: FollowReport, at now: Timestamp) -> String
  /// The text that shows the same anew, after the terminal's size or the time has changed.
  mutating func redraw(at now: Timestamp) -> String
  /// The text that ends the showing, before the result is written.
  mutating func end() -> String
}

extension ProgressPresenter {
  mutating func redraw(at now: Timestamp) -> String { "" }
  mutating func end() -> String { "" }
}
