import LongshoreClient
import LongshoreMessages

/// Shows progress as lines for a log: one a phase, and in between at most one each ten seconds.
struct PlainPresenter: ProgressPresenter {
  /// Milliseconds between two lines of the same phase.
  static let interval: Int64 = 10_000

  private var state: FollowedState
  private var shownPhase: String?
  private var shownAt: Timestamp?
  private let zone: TimeZoneOffset
  private let style: Style

  init(state: FollowedState, zone: TimeZoneOffset, style: Style) {
    self.state = state
    self.zone = zone
    self.style = style
  }

  mutating func present(_ report: FollowReport, at now: Timestamp) -> String {
    state.apply(report, at: now)
    switch report {
    case .linkLost(let reason): return line("the broker is away (\(reason.printable)); trying again", now)
    case .linkRestored: return line("the broker is back", now)
    case .accepted, .event, .status:
      if case .event(let event) = report, event.data.kind == .transferring, state.phase == shownPhase {
        let detail = EventLine.detail(of: event)
        return detail.isEmpty ? "" : phaseLine(now, detail, at: event.time)
      }
      guard state.phase != shownPhase else { return "" }
      // What happened before the following began is shown with its own time.
      guard case .event(let event) = report else { return phaseLine(now, "", at: now) }
      return phaseLine(now, EventLine.detail(of: event), at: event.time)
    case .progress:
      guard state.phase == shownPhase, let last = shownAt, now.milliseconds - last.milliseconds < Self.interval else {
        return phaseLine(now, progressDetail, at: now)
      }
      return ""
    }
  }

  private mutating func phaseLine(_ now: Timestamp, _ detail: String, at time: Timestamp) -> String {
    shownPhase = state.phase
    shownAt = now
    return line(detail.isEmpty ? state.phase : "\(state.phase): \(detail)", time)
  }

  private func line(_ text: String, _ time: Timestamp) -> String {
    "\(zone.time(of: time)) \(state.title(style)): \(text)\n"
  }

  private var progressDetail: String {
    guard let progress = state.progress, !state.parts.all.isEmpty else { return "" }
    let whole = state.parts.whole
    // Of all, templates and memory included, which are not told of at the same time.
    var parts = [Quantity.percent(state.bar.copied), whole.bytes]
    if let rate = progress.rateBps { parts.append(Quantity.rate(rate, of: progress.budgetBps)) }
    if let remaining = progress.remainingSeconds { parts.append("\(Quantity.seconds(remaining)) left") }
    return ([parts.joined(separator: ", ")] + (progress.reasons ?? []).map(\.words)).joined(separator: "; ")
  }
}
