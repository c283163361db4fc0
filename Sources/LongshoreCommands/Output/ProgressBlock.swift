import LongshoreClient
import LongshoreMessages

/// What is known of a migration while it runs.
struct FollowedState: Hashable {
  /// The guest's name; as ordered until the host has told it.
  var guest: String
  /// The source host, where known.
  var source: String?
  /// The destination host, where known.
  var destination: String?
  /// What happens now, in a word or two.
  var phase: String
  /// The last progress.
  var progress: Progress?
  /// The parts of the progress.
  var parts = ProgressParts()
  /// How far the first copy of all of it has come.
  var bar = CopyBar()
  /// When the migration was accepted.
  var acceptedAt: Timestamp?
  /// When the host was last heard.
  var heardAt: Timestamp
  /// Why the broker is away; nil while it is there.
  var linkLost: String?

  /// The guest and its way: `web-1 alpha → beta`.
  func title(_ style: Style) -> String {
    guard let source, let destination else { return guest.printable }
    return "\(guest.printable)  \(source) \(style.arrow) \(destination)"
  }
}

/// The block of lines that a terminal shows and redraws while a migration runs.
enum ProgressBlock {
  /// After this long without a word from the host the block says so, in milliseconds. Agents tell progress every second.
  static let silence: Int64 = 15_000

  /// The block's lines, none wider than `width` columns.
  static func lines(_ state: FollowedState, at now: Timestamp, width: Int, zone: TimeZoneOffset, style: Style) -> [String] {
    let separator = " \(style.dot) "
    let elapsed = state.acceptedAt.map { Quantity.seconds(Double(max(0, now.milliseconds - $0.milliseconds) / 1000)) }
    let head = [state.title(style), state.phase.printable, elapsed].compactMap(\.self).joined(separator: separator)
    var lines = [style.bold(head.truncated(to: width))]
    lines += state.parts.all.map { partLine($0, names: nameWidth(state.parts), width: width, style: style) }
    let foot = joined(footer(state, zone), separator, width: width - 2)
    if !foot.isEmpty { lines.append("  " + foot) }
    if let progress = state.progress {
      lines += (progress.reasons ?? []).flatMap { wrapped($0.words, width: width) }.map { style.yellow($0) }
    }
    if let notice = notice(state, now) { lines.append(style.yellow(notice.truncated(to: width))) }
    return lines
  }

  /// As many of the parts, the first ones first, as fit.
  private static func joined(_ parts: [String], _ separator: String, width: Int) -> String {
    var text = ""
    for part in parts {
      let longer = text.isEmpty ? part : text + separator + part
      guard longer.columns <= width else { break }
      text = longer
    }
    return text
  }

  /// A sentence over as many lines as it takes, each broken between words.
  private static func wrapped(_ text: String, width: Int) -> [String] {
    var lines: [String] = []
    for word in text.split(separator: " ").map(String.init) {
      if let last = lines.last, (last + " " + word).columns <= width {
        lines[lines.count - 1] = last + " " + word
      } else {
        lines.append(word.truncated(to: width))
      }
    }
    return lines
  }

  private static func footer(_ state: FollowedState, _ zone: TimeZoneOffset) -> [String] {
    guard let progress = state.progress else { return [] }
    var parts: [String] = []
    if let rate = progress.rateBps { parts.append(Quantity.rate(rate, of: progress.budgetBps)) }
    if let remaining = progress.remainingSeconds, remaining.isFinite, remaining >= 0, remaining < 1e9 {
      let finish = state.heardAt.adding(milliseconds: Int64(remaining * 1000))
      parts.append("\(Quantity.seconds(remaining)) left, until \(zone.time(of: finish))")
    }
    if let dirty = progress.dirtyRateBps, dirty > 0 { parts.append("guest writes \(Quantity.rate(dirty)) of memory") }
    if let pass = progress.iteration, pass > 1 { parts.append("pass \(pass)") }
    return parts
  }

  private static func notice(_ state: FollowedState, _ now: Timestamp) -> String? {
    if let reason = state.linkLost {
      return "The broker is away (\(reason.printable)); trying again. The migration goes on without it."
    }
    let quiet = now.milliseconds - state.heardAt.milliseconds
    return quiet > silence ? "Nothing heard for \(Quantity.seconds(Double(quiet) / 1000))." : nil
  }

  private static func nameWidth(_ parts: ProgressParts) -> Int { min(12, parts.all.map(\.name.columns).max() ?? 0) }

  /// `  vda  ██████▌    43 %  3.2 of 7.4 GiB`. Where there is no room, the bar goes first, then the bytes.
  private static func partLine(_ part: ProgressParts.Part, names: Int, width: Int, style: Style) -> String {
    let name = part.name.printable.truncated(to: names).padded(to: names)
    let percent = Quantity.percent(part.furthest).leftPadded(to: 5)
    let barWidth = min(40, width - (2 + names + 2 + 1 + 5 + 2 + bytesWidth))
    if barWidth >= 8 {
      let bar = ProgressBar.draw(part.furthest, width: barWidth, style: style)
      return "  \(name)  \(bar) \(percent)  \(part.bytes.truncated(to: bytesWidth))"
    }
    return "  \(name)  \(percent)  \(part.bytes)".truncated(to: width)
  }

  /// `catching up, 1023 MiB left` has 26 columns.
  private static let bytesWidth = 26
}
