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

  /// `since 18:42:10 for limits.outgoing of alpha; starts at 18:47:31, in 1m 11s`, or `start unknown`.
  private static func details(_ entry: QueueEntry, at now: Timestamp, zone: TimeZoneOffset) -> [String] {
    let pool = entry.waiting.pool.map { " (\($0))" } ?? ""
    let limit = "\(entry.waiting.limit)\(pool) of \(entry.waiting.host)"
    let start = entry.expectedStart.map { "starts \(when($0, after: now, zone))" } ?? "start unknown"
    return ["since \(zone.time(of: entry.since)) for \(limit); \(start)"]
  }

  private static func when(_ time: Timestamp, after now: Timestamp, _ zone: TimeZoneOffset) -> String {
    time.milliseconds <= now.milliseconds ? "now" : "at \(zone.time(of: time)), in \(span(now, time))"
  }

  private static func span(_ from: Timestamp, _ to: Timestamp) -> String {
    let (milliseconds, overflow) = to.milliseconds.subtractingReportingOverflow(from.milliseconds)
    return Quantity.seconds(overflow ? 0 : Double(max(0, milliseconds)) / 1000)
  }
}
