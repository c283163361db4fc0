import LongshoreClient
import LongshoreMessages

/// All migrations that run, one a line, as a terminal shows and redraws them.
struct WatchBoard: Hashable {
  /// More than this are not shown: the board has to fit a terminal of 24 lines.
  static let mostLines = 20
  /// One that is not heard of for this long, and that no host lists, is not shown any more, in milliseconds: its end may have been told
  /// while nobody listened.
  static let memory: Int64 = 600_000

  private var states: [MigrationID: FollowedState] = [:]
  private var waiting: [MigrationID: Waiting] = [:]
  /// Those that wait for the operator.
  private var attention: Set<MigrationID> = []
  /// When the last event of each happened.
  private var told: [MigrationID: Timestamp] = [:]
  /// When a host has listed each last.
  private var listed: [MigrationID: Timestamp] = [:]
  /// Those whose end was told: what was asked before may be answered afterwards.
  private var ended: Set<MigrationID> = []
  private var linkLost: String?

  init() {}

  /// Takes in what a host knows of a migration.
  mutating func apply(_ status: MigrationStatus, at now: Timestamp) {
    guard !status.phase.isTerminal, !ended.contains(status.id) else { return }
    listed[status.id] = now
    // What was asked before an event may be answered after it.
    if let last = told[status.id], status.updatedAt < last { return }
    note(status.id, needsAttention: status.phase == .needsAttention)
    guard states[status.id] != nil else { return apply(.status(status), of: status.id, guest: status.guest.name, at: now) }
    // An event may have been told while nobody listened.
    states[status.id]?.phase = status.phase.words
    if status.phase != .queued { waiting[status.id] = nil }
  }

  /// Takes in what the link tells.
  mutating func apply(_ notice: LinkNotice, at now: Timestamp) {
    switch notice {
    case .event(let event):
      guard !event.data.kind.isTerminal else {
        states[event.subject] = nil
        waiting[event.subject] = nil
        listed[event.subject] = nil
        told[event.subject] = nil
        attention.remove(event.subject)
        ended.insert(event.subject)
        return
      }
      waiting[event.subject] = event.data.waiting
      told[event.subject] = max(event.time, told[event.subject] ?? event.time)
      note(event.subject, needsAttention: event.data.kind == .needsAttention)
      apply(.event(event), of: event.subject, guest: event.data.guest.name, at: now)
    case .progress(let event):
      apply(.progress(event), of: event.subject, guest: event.data.guest.name, at: now)
      if event.data.phase != .queued { waiting[event.subject] = nil }
    case .lost(let reason): linkLost = reason
    case .restored: linkLost = nil
    case .drain: break
    }
  }

  /// Remembers whether a migration waits for the operator. Progress does not say so.
  private mutating func note(_ id: MigrationID, needsAttention: Bool) {
    if needsAttention { attention.insert(id) } else { attention.remove(id) }
  }

  private mutating func apply(_ report: FollowReport, of id: MigrationID, guest: String, at now: Timestamp) {
    states[id, default: FollowedState(guest: guest, phase: "", heardAt: now)].apply(report, at: now)
  }

  /// The board's lines, none wider than `width` columns: those that wait for the operator, those that move, and those that wait for their
  /// turn, each group in the order in which they began.
  func lines(at now: Timestamp, width: Int, style: Style) -> [String] {
    let shown = states.filter { isRemembered($0.key, $0.value, at: now) }.sorted { left, right in
      let (first, second) = (place(left.key), place(right.key))
      if first != second { return first < second }
      return (left.value.acceptedAt ?? now, left.key.text) < (right.value.acceptedAt ?? now, right.key.text)
    }
    let rows = shown.prefix(Self.mostLines)
    let guests = min(20, max(8, width / 4), rows.map { $0.value.guest.printable.columns }.max() ?? 0)
    let ways = min(27, max(10, width / 4), rows.map { way($0.value, style).columns }.max() ?? 0)
    var lines = rows.map { id, state in
      let head =
        state.guest.printable.truncated(to: guests).padded(to: guests) + "  " + way(state, style).truncated(to: ways).padded(to: ways)
      let left = width - guests - ways - 4
      if attention.contains(id) {
        return head + "  " + style.yellow("needs attention, see `longshore status \(id)`".printable.truncated(to: left))
      }
      return head + "  " + rest(state, waiting[id], at: now, width: left, style: style)
    }
    if shown.count > rows.count { lines.append(style.dim("and \(shown.count - rows.count) more")) }
    if let linkLost { lines.append(style.yellow("The broker is away (\(linkLost.printable)); trying again.".truncated(to: width))) }
    return lines + [style.dim(summary(shown.map(\.key)).truncated(to: width))]
  }

  /// The group in which a migration stands, the first one first.
  private func place(_ id: MigrationID) -> Int { attention.contains(id) ? 0 : waiting[id] == nil ? 1 : 2 }

  private func isRemembered(_ id: MigrationID, _ state: FollowedState, at now: Timestamp) -> Bool {
    now.milliseconds - max(state.heardAt, listed[id] ?? state.heardAt).milliseconds < Self.memory
  }

  private func way(_ state: FollowedState, _ style: Style) -> String {
    "\(state.source ?? "?") \(style.arrow) \(state.destination ?? "?")".printable
  }

  /// What follows the guest and its way: what it waits for, or its bar, how much is done and what is left. What does not fit goes, the last
  /// first.
  private func rest(_ state: FollowedState, _ waiting: Waiting?, at now: Timestamp, width: Int, style: Style) -> String {
    if let waiting { return "waits at \(waiting.host), no. \(waiting.position) (\(waiting.limit.printable))".truncated(to: width) }
    guard state.progress != nil, let stage = Stage(state.parts) else { return state.phase.printable.truncated(to: width) }
    var tail = [Quantity.percent(stage.furthest).leftPadded(to: 5)]
    if now.milliseconds - state.heardAt.milliseconds > ProgressBlock.silence {
      tail.append("silent")
    } else if stage.isCatchingUp {
      tail.append("catching up")
    }
    if let rate = state.progress?.rateBps, rate > 0 { tail.append(Quantity.rate(rate)) }
    if let left = state.progress?.remainingSeconds, left.isFinite, left >= 0, left < 1e9 { tail.append(Quantity.seconds(left) + " left") }
    let barWidth = min(20, width - 32)
    let bar = barWidth >= 6 ? ProgressBar.draw(stage.furthest, width: barWidth, style: style) + " " : ""
    var text = stage.name.padded(to: 9) + bar
    var used = 9 + (bar.isEmpty ? 0 : barWidth + 1)
    for (number, part) in tail.enumerated() {
      let more = number == 0 ? part : "  " + part
      guard used + more.columns <= width else { break }
      text += more
      used += more.columns
    }
    return text
  }

  private func summary(_ shown: [MigrationID]) -> String {
    if shown.isEmpty { return "No migrations run. Ctrl-C ends the watching." }
    let waits = shown.count { place($0) == 2 }
    let needy = shown.count { place($0) == 0 }
    let first = needy == 0 ? "" : "\(needy) \(needy == 1 ? "needs" : "need") attention, "
    return first + "\(shown.count - waits - needy) moving, \(waits) waiting. Ctrl-C ends the watching, not the migrations."
  }

  /// What is copied now: templates, then disks, then memory while the disks follow the guest. Each begins with a bar of its own, so that
  /// none runs backwards.
  private struct Stage {
    var name: String
    var furthest: Double
    var isCatchingUp: Bool

    init?(_ parts: ProgressParts) {
      let memory = parts.all.filter { $0.name == ProgressParts.memoryName }
      let template = parts.all.filter { $0.name == ProgressParts.templateName }
      let disks = parts.all.filter { $0.name != ProgressParts.memoryName && $0.name != ProgressParts.templateName }
      let (name, now) = !memory.isEmpty ? ("memory", memory) : !disks.isEmpty ? ("disks", disks) : ("template", template)
      guard !now.isEmpty else { return nil }
      let total = now.reduce(0.0) { $0 + Double($1.amount.total) }
      self.name = name
      // Each part keeps the furthest it has come, and so does their mean.
      furthest = total > 0 ? now.reduce(0.0) { $0 + $1.furthest * Double($1.amount.total) } / total : 1
      isCatchingUp = now.contains(where: \.isCatchingUp)
    }
  }
}
