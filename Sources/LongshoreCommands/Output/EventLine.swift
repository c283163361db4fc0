import LongshoreMessages

/// An event in a line.
enum EventLine {
  /// The line of an event among those of other migrations:
  /// `18:42:10  web-1  alpha → beta  transferring  6f1c…`.
  static func watched(_ event: MigrationEvent, zone: TimeZoneOffset, style: Style) -> String {
    let data = event.data
    var parts = [
      zone.dateAndTime(of: event.time), event.subject.text, data.guest.name.printable,
      "\(data.sourceHost) \(style.arrow) \(data.destinationHost)", coloured(data.kind, style),
    ]
    let detail = detail(of: event)
    if !detail.isEmpty { parts.append(detail) }
    return parts.joined(separator: "  ")
  }

  /// The same where the lines are read as they come, beside what shows the migration: `18:42:10 web-1 alpha → beta  transferring`.
  static func brief(_ event: MigrationEvent, zone: TimeZoneOffset, style: Style) -> String {
    let data = event.data
    let way = "\(data.sourceHost) \(style.arrow) \(data.destinationHost)"
    let detail = detail(of: event)
    return "\(zone.time(of: event.time)) \(data.guest.name.printable) \(way)  \(coloured(data.kind, style))"
      + (detail.isEmpty ? "" : ": \(detail)")
  }

  /// What an event says beyond its kind; empty where that is nothing.
  static func detail(of event: MigrationEvent) -> String {
    let data = event.data
    switch data.kind {
    case .preparing:
      guard let disks = data.disks, !disks.isEmpty else { return "" }
      return Quantity.count(disks.count, "disk")
    case .prepared:
      let warnings = (data.checks ?? []).filter { $0.outcome == .warning }
      return warnings.map { "warning: \($0.message.printable)" }.joined(separator: "; ")
    case .completed:
      var parts: [String] = []
      if let downtime = data.downtimeMs { parts.append("downtime \(downtime) ms") }
      if let bytes = data.bytes { parts.append("moved \(Quantity.bytes(bytes.total))") }
      switch data.verification?.outcome {
      case .equal: parts.append("verified")
      case .differs: parts.append("CONTENT DIFFERS")
      case .unknown: parts.append("not verified")
      case nil: break
      }
      return parts.joined(separator: ", ")
    case .failed, .cancelled, .needsAttention, .queued, .transferring:
      return (data.reasons ?? []).map(\.words).joined(separator: "; ")
    case .accepted, .switching, .confirming: return ""
    }
  }

  /// The kind's words in its colour.
  static func coloured(_ kind: MigrationEventData.Kind, _ style: Style) -> String {
    switch kind {
    case .completed: style.green(kind.words)
    case .failed: style.red(kind.words)
    case .cancelled, .needsAttention: style.yellow(kind.words)
    default: kind.words
    }
  }
}
