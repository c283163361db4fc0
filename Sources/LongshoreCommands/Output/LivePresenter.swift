import LongshoreMessages

/// Shows progress as one block at the end of a terminal, drawn over at every change.
struct LivePresenter: ProgressPresenter {
  private var state: FollowedState
  private var block = LiveBlock()
  private let zone: TimeZoneOffset
  private let style: Style
  private let columns: @Sendable () -> Int

  /// Shows on a terminal whose present width `columns` tells.
  init(state: FollowedState, zone: TimeZoneOffset, style: Style, columns: @escaping @Sendable () -> Int) {
    self.state = state
    self.zone = zone
    self.style = style
    self.columns = columns
  }

  mutating func present(_ report: FollowReport, at now: Timestamp) -> String {
    state.apply(report, at: now)
    guard case .event(let event) = report, isLasting(event.data) else { return redraw(at: now) }
    let width = columns()
    let reasons = (event.data.reasons ?? []).map { "  - \($0.words)\n" }.joined()
    let lasting = "\(zone.time(of: event.time)) \(EventLine.coloured(event.data.kind, style))\n" + reasons
    return block.erase(width: width) + lasting + redraw(at: now)
  }

  /// Whether an event stays above the block: what calls the operator, and what was done to let the transfer complete.
  private func isLasting(_ data: MigrationEventData) -> Bool {
    data.kind == .needsAttention || (data.kind == .transferring && data.reasons?.isEmpty == false)
  }

  mutating func redraw(at now: Timestamp) -> String {
    let width = columns()
    // The last column stays free: writing into it moves some terminals to the next line.
    let lines = ProgressBlock.lines(state, at: now, width: max(1, width - 1), zone: zone, style: style)
    return block.draw(lines, width: width)
  }

  mutating func end() -> String { block.erase(width: columns()) }
}
