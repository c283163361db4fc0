import LongshoreMessages

/// Shows nothing.
struct SilentPresenter: ProgressPresenter {
  mutating func present(_ report: FollowReport, at now: Timestamp) -> String { "" }
}
