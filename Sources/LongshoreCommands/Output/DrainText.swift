import LongshoreMessages

/// Drains in words.
enum DrainText {
  // MARK: - Lists

  /// Drains, one a row, each with why it is paused or has ended below.
  static func drains(_ drains: [DrainStatus], zone: TimeZoneOffset, style: Style) -> [String] {
    var table = TextTable("HOST", "ID", "PHASE", "GUESTS", "ACCEPTED", "LEFT")
    for drain in drains {
      table.add(
        drain.host.text, drain.id.text, drain.phase.rawValue, "\(drain.done) of \(drain.guests.count)",
        zone.dateAndTime(of: drain.acceptedAt), drain.expectedSeconds.map { Quantity.seconds($0) } ?? "-")
    }
    return table.lines(style: style, details: drains.map { ($0.reasons ?? []).map(\.words) })
  }

  // MARK: - One drain

  /// A drain with its guests: those that stay first, with the reasons by host.
  static func status(_ drain: DrainStatus, zone: TimeZoneOffset, style: Style) -> [String] {
    var lines = [style.bold("Drain of \(drain.host)  \(drain.phase.rawValue)")]
    lines.append("id \(drain.id), accepted \(zone.dateAndTime(of: drain.acceptedAt))")
    lines += (drain.reasons ?? []).map { "  - \($0.words)" }
    lines += stays(drain, style: style)
    lines += guestTable(drain, style: style)
    let summary = summary(drain)
    return summary.isEmpty ? lines : lines + ["", summary]
  }

  /// The plan of a dry run: what blocks it, then the moves in their order.
  static func plan(_ drain: DrainStatus, style: Style) -> [String] {
    var lines: [String] = []
    let blocked = drain.guests.filter { $0.state == .blocked }
    let rest = drain.guests.count - blocked.count
    if !blocked.isEmpty { lines += stays(drain, style: style).dropFirst() + [""] }
    if rest > 0 {
      lines += guestTable(drain, style: style).dropFirst()
      lines.append("")
    }
    lines += candidates(drain, style: style)
    lines.append("")
    if rest > 0 { lines.append(expectation(drain)) }
    guard !drain.guests.isEmpty else { return lines + [style.green("No guest runs on \(drain.host): nothing would move.")] }
    lines.append(
      blocked.isEmpty
        ? style.green("All \(Quantity.count(rest, "guest")) would move.")
        : style.red("\(Quantity.count(blocked.count, "guest")) of \(drain.guests.count) would stay on \(drain.host)."))
    return lines
  }

  /// `Expected: about 1m 20s with 2 at once; the links allow no less than 1m 15s.`
  private static func expectation(_ drain: DrainStatus) -> String {
    let many = drain.parallel.map { " with \($0) at once" } ?? ""
    guard let seconds = drain.expectedSeconds else { return "The links were not measured, so that no time can be told." }
    let bound = drain.boundSeconds.map { "; the links allow no less than \(Quantity.seconds($0))" } ?? ""
    return "Expected: about \(Quantity.seconds(seconds))\(many)\(bound)."
  }

  /// The guests that stay, each with its reasons.
  private static func stays(_ drain: DrainStatus, style: Style) -> [String] {
    let left = drain.guests.filter(\.isLeft)
    guard !left.isEmpty else { return [] }
    var lines = ["", style.red("\(drain.phase == .planned ? "Would stay" : "Stay") on \(drain.host):")]
    for guest in left {
      let head = "  \(guest.guest.name.printable): \(guest.state.rawValue)"
      let reasons = guest.reasons ?? []
      lines.append(reasons.count == 1 ? "\(head): \(reasons[0].words)" : head)
      if reasons.count > 1 { lines += reasons.map { "    - \($0.words)" } }
      lines += refusals(of: guest).map { "    - \($0)" }
    }
    return lines
  }

  /// Why hosts cannot take a guest, by reason; what differs in the host's name alone is said once.
  private static func refusals(of guest: DrainGuest) -> [String] {
    var reasons: [(text: String, hosts: [NodeName], first: Reason)] = []
    for refusal in guest.refusals ?? [] {
      for reason in refusal.reasons {
        let text = "\(reason.code) \(reason.message.replacing(refusal.host.text, with: "\0"))"
        if let index = reasons.firstIndex(where: { $0.text == text }) {
          reasons[index].hosts.append(refusal.host)
        } else {
          reasons.append((text, [refusal.host], reason))
        }
      }
    }
    return reasons.map { reason in
      guard reason.hosts.count > 1, let host = reason.hosts.first else {
        return "\(reason.hosts.map(\.text).joined()): \(reason.first.words)"
      }
      let words = Reason(reason.first.code, reason.first.message.replacing(host.text, with: "each")).words
      return "\(reason.hosts.map(\.text).joined(separator: ", ")): \(words)"
    }
  }

  private static func guestTable(_ drain: DrainStatus, style: Style) -> [String] {
    let guests = drain.guests.filter { !$0.isLeft }
    guard !guests.isEmpty else { return [] }
    var table = TextTable("GUEST", "TO", "SIZE", "STATE", "STARTS", "ENDS")
    for guest in guests {
      table.add(
        guest.guest.name, guest.destination?.text ?? "", guest.bytes.map { Quantity.bytes($0) } ?? "", guest.state.rawValue,
        guest.expectedStart.map { "in \(Quantity.seconds($0))" } ?? "", guest.expectedEnd.map { "in \(Quantity.seconds($0))" } ?? "")
    }
    return [""] + table.lines(style: style)
  }

  private static func candidates(_ drain: DrainStatus, style: Style) -> [String] {
    guard !drain.candidates.isEmpty else { return ["No host offered to take guests."] }
    var table = TextTable("HOST", "MEMORY", "LINK", "GUESTS")
    for host in drain.candidates {
      let count = drain.guests.count { $0.destination == host.host && !$0.isLeft }
      table.add(
        host.host.text, host.memory.map { Quantity.bytes($0) } ?? "", host.linkBps.map { Quantity.rate($0) } ?? "",
        host.refusal == nil ? "\(count)" : "none")
    }
    return table.lines(style: style, details: drain.candidates.map { $0.refusal.map { [$0.words] } ?? [] })
  }

  /// `2 of 5 guests moved, 2 moving, 1 waiting; about 1m 20s left`.
  static func summary(_ drain: DrainStatus) -> String {
    guard !drain.guests.isEmpty else { return "" }
    func count(_ states: DrainGuest.State...) -> Int { drain.guests.count { states.contains($0.state) } }
    var parts = ["\(count(.moved)) of \(Quantity.count(drain.guests.count, "guest")) moved"]
    for (number, word) in [(count(.moving), "moving"), (count(.waiting), "waiting"), (count(.gone), "gone"), (drain.left, "left")]
    where number > 0 {
      parts.append("\(number) \(word)")
    }
    let end = drain.expectedSeconds.map { "; about \(Quantity.seconds($0)) left" } ?? ""
    return parts.joined(separator: ", ") + (drain.phase.isTerminal ? "" : end)
  }

  // MARK: - Progress

  /// What has changed between two statuses, in lines for a log.
  static func changes(from before: DrainStatus?, to drain: DrainStatus, style: Style) -> [String] {
    var lines: [String] = []
    if before?.phase != drain.phase, !drain.phase.isTerminal {
      let why = drain.reasons?.first.map { ": \($0.words)" } ?? ""
      lines.append("\(drain.host): \(phase(drain.phase))\(why)")
    }
    if before?.parallel == nil, drain.parallel != nil { lines.append("\(drain.host): \(planned(drain))") }
    let old = Dictionary((before?.guests ?? []).map { ($0.guest.uuid, $0) }, uniquingKeysWith: { first, _ in first })
    // What stays is told before anything moves.
    for guest in drain.guests.filter({ $0.state == .blocked }) + drain.guests.filter({ $0.state != .blocked }) {
      let known = old[guest.guest.uuid]
      guard known?.state != guest.state || known?.migration != guest.migration || known?.destination != guest.destination,
        guest.state != .waiting || (known != nil && known?.destination != guest.destination)
      else { continue }
      lines += line(guest, on: drain.host, style: style)
    }
    return lines
  }

  private static func planned(_ drain: DrainStatus) -> String {
    let hosts = Set(drain.guests.compactMap { $0.isLeft ? nil : $0.destination }).count
    let going = drain.guests.count { !$0.isLeft }
    let many = drain.parallel.map { ", \($0) at once" } ?? ""
    let time = drain.expectedSeconds.map { ", expected to take \(Quantity.seconds($0))" } ?? ""
    return "\(Quantity.count(going, "guest")) to \(Quantity.count(hosts, "host"))\(going > 0 ? many : "")\(time)"
  }

  private static func phase(_ phase: DrainStatus.Phase) -> String {
    switch phase {
    case .planning: "planning: hosts are asked, and all checks are made"
    case .looking: "looking whether guests were started meanwhile"
    case .ending: "ending, nothing new begins"
    default: phase.rawValue
    }
  }

  private static func line(_ guest: DrainGuest, on host: NodeName, style: Style) -> [String] {
    let way = guest.destination.map { "  \(host) \(style.arrow) \($0)" } ?? ""
    var attempt = ""
    if let number = guest.attempts, number > 1, guest.state == .moving {
      attempt = ", attempt \(number)"
      if let last = guest.refusals?.last, let reason = last.reasons.first { attempt += ": \(last.host): \(reason.words)" }
    }
    let word = guest.state == .waiting ? "goes to another host" : guest.state.rawValue
    let coloured =
      switch guest.state {
      case .moved: style.green(word)
      case .blocked, .failed, .unsettled: style.red(word)
      case .skipped, .cancelled, .gone: style.yellow(word)
      case .waiting, .moving: word
      }
    let reasons = guest.state == .moving || guest.state == .moved ? [] : guest.reasons ?? []
    let why = reasons.count == 1 ? ": \(reasons[0].words)" : ""
    return ["\(guest.guest.name.printable)\(guest.isLeft ? "" : way): \(coloured)\(attempt)\(why)"]
      + (reasons.count > 1 ? reasons.map { "  - \($0.words)" } : [])
      + (guest.state == .blocked ? refusals(of: guest) : []).map { "  - \($0)" }
  }

  /// A drain that goes on, for a terminal; no line is wider than `width` columns.
  static func progress(_ drain: DrainStatus, width: Int, rows: Int = 12, style: Style) -> [String] {
    let summary = summary(drain)
    var lines = [style.bold("drain of \(drain.host) \(style.dot) \(phase(drain.phase))".truncated(to: width))]
    if !summary.isEmpty { lines.append("  \(summary)".truncated(to: width)) }
    let total = drain.guests.reduce(0.0) { $0 + Double($1.bytes ?? 0) }
    if total > 0 {
      let done = drain.guests.filter { $0.state == .moved }.reduce(0.0) { $0 + Double($1.bytes ?? 0) }
      let tail = " \(Quantity.percent(done / total)) of \(Quantity.bytes(UInt64(min(total, 0x1p63))))"
      lines.append(
        "  " + ProgressBar.draw(done / total, width: max(0, min(40, width - 2 - tail.columns)), style: style)
          + tail.truncated(to: max(0, width - 2)))
    }
    let shown = drain.guests.filter { $0.state == .moving } + drain.guests.filter { $0.state == .waiting }
    let names = min(24, shown.map(\.guest.name.columns).max() ?? 0)
    for guest in shown.prefix(rows) {
      let name = guest.guest.name.printable.truncated(to: names).padded(to: names)
      let end = guest.expectedEnd.map { ", done in \(Quantity.seconds($0))" } ?? ""
      let text = "  \(name)  \(style.arrow) \(guest.destination?.text ?? "-")  \(guest.state.rawValue)\(end)"
      lines.append(text.truncated(to: width))
    }
    if shown.count > rows { lines.append("  and \(shown.count - rows) more".truncated(to: width)) }
    return lines
  }

  // MARK: - The end

  /// How a drain has ended: the result for standard output, and what stays for the standard error stream.
  static func outcome(_ drain: DrainStatus, style: Style) -> OutcomeText.Lines {
    let duration = drain.seconds.map { " in \(Quantity.seconds($0))" } ?? ""
    let summary = summary(drain)
    let counted = summary.isEmpty ? "no guest ran there" : summary
    let kept = "\(drain.host) stays in maintenance; `longshore maintenance off \(drain.host)` lets guests come again."
    switch drain.phase {
    case .completed:
      return OutcomeText.Lines(
        result: [style.green("Drained\(duration):") + " \(drain.host): \(counted)."]
          + drain.guests.map { guest in
            let place = guest.destination.map { "runs at \($0)" } ?? guest.state.rawValue
            return "  \(guest.guest.name.printable)  \(guest.state == .moved ? place : "does not run any more")"
          } + [kept])
    case .cancelled:
      return OutcomeText.Lines(
        problem: [style.yellow("Cancelled\(duration):") + " \(drain.host): \(counted)."] + list(drain)
          + stays(drain, style: style).dropFirst()
          + [kept])
    default:
      return OutcomeText.Lines(
        problem: [style.red("Not drained\(duration):") + " \(drain.host): \(counted)."] + list(drain)
          + stays(drain, style: style).dropFirst()
          + [kept])
    }
  }

  private static func list(_ drain: DrainStatus) -> [String] { (drain.reasons ?? []).map { "  - \($0.words)" } }

  /// A host's maintenance in a sentence.
  static func maintenance(_ maintenance: Maintenance, of host: NodeName, zone: TimeZoneOffset) -> String {
    guard maintenance.isOn else { return "\(host) takes guests." }
    let since = maintenance.since.map { " since \(zone.dateAndTime(of: $0))" } ?? ""
    let drain = maintenance.drain.map { ", by the drain \($0)" } ?? ""
    return "\(host) is in maintenance\(since)\(drain), and takes no new guests."
  }
}

extension DrainGuest {
  /// Whether it has ended without leaving the host.
  var isLeft: Bool {
    switch state {
    case .blocked, .failed, .skipped, .cancelled, .unsettled: true
    case .waiting, .moving, .moved, .gone: false
    }
  }
}

extension DrainStatus {
  /// How many guests have left the host.
  fileprivate var done: Int { guests.count { $0.state == .moved || $0.state == .gone } }
  /// How many stay.
  fileprivate var left: Int { guests.count(where: \.isLeft) }
}
