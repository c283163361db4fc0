import LongshoreMessages

/// Shows events and progress as the CloudEvents that they are, one JSON object a line.
struct JSONPresenter: ProgressPresenter {
  mutating func present(_ report: FollowReport, at now: Timestamp) -> String {
    switch report {
    case .event(let event): ValueOutput.json(event)
    case .progress(let progress): ValueOutput.json(progress)
    case .accepted, .status, .linkLost, .linkRestored: ""
    }
  }
}
