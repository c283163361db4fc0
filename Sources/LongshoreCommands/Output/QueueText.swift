import LongshoreMessages

/// The migrations that wait, as text for people.
enum QueueText {
  /// The lines of hosts, one migration a row, each with what it waits for below.
  static func queue(_ entries: [QueueEntry], at now: Timestamp, zone: TimeZoneOffset, style: Style) -> [String] {
    var table = TextTable("AT", "NO", "ID", "GUEST", "FROM", "TO", "PRIORITY")
    for entry in entries {
      table.add(
        entry.waiting.host.text, String(entry.waiting.position), entry.id.text, entry.guest.name, entry.sourceHost.text,
        entry.destinationHost.text, entry.priority.rawValue)
    }
    return table.lines(style: style, details: entries.map { details($0, at: now, zone: zone) })
  }

  /// `waits for limits.outgoing of alpha since 18:42:10, 4m 10s`, and `start unknown` or when.
  private static func details(_ entry: QueueEntry, at now: Timestamp, zone: TimeZoneOffset) -> [String] {
    let pool = entry.waiting.pool.map { " (\($0))" } ?? ""
    let limit = "\(entry.waiting.limit)\(pool) of \(entry.waiting.host)"
    let start = entry.expectedStart.map { "start expected \(when($0, after: now, zone))" } ?? "start unknown"
    return ["waits for \(limit) since \(zone.time(of: entry.since)), \(span(entry.since, now)); \(start)"]
  }

  private static func when(_ time: Timestamp, after now: Timestamp, _ zone: TimeZoneOffset) -> String {
    time.milliseconds <= now.milliseconds ? "now" : "at \(zone.time(of: time)), in \(span(now, time))"
  }

  private static func span(_ from: Timestamp, _ to: Timestamp) -> String {
    let (milliseconds, overflow) = to.milliseconds.subtractingReportingOverflow(from.milliseconds)
    return Quantity.seconds(overflow ? 0 : Double(max(0, milliseconds)) / 1000)
  }
}
