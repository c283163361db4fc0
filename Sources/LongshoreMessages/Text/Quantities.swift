/// Numbers as people read them.
package enum Quantity {
  /// Bytes in binary units with one decimal below ten, such as `512 B`, `1.5 GiB`, `64 MiB`.
  package static func bytes(_ count: UInt64) -> String {
    guard count >= 1024 else { return "\(count) B" }
    var unit = 0
    var divisor: UInt64 = 1024
    // The next unit as soon as this one would show 1024.
    while unit < units.count - 1, (count / divisor) >= 1024 || rounded(count, divisor) >= 1024 {
      unit += 1
      divisor *= 1024
    }
    let tenths = roundedTenths(count, divisor)
    let number = tenths < 100 ? "\(tenths / 10).\(tenths % 10)" : "\(rounded(count, divisor))"
    return "\(number) \(units[unit])"
  }

  /// Bytes a second.
  package static func rate(_ bytesPerSecond: UInt64) -> String { bytes(bytesPerSecond) + "/s" }

  /// Bytes a second, and how many a budget allows.
  package static func rate(_ bytesPerSecond: UInt64, of budget: UInt64?) -> String {
    budget.map { "\(rate(bytesPerSecond)) of \(rate($0))" } ?? rate(bytesPerSecond)
  }

  /// Two amounts in the larger one's unit: `3.2 of 7.4 GiB`.
  package static func bytes(_ part: UInt64, of whole: UInt64) -> String {
    let shownWhole = bytes(whole)
    let shownPart = bytes(part)
    guard let unit = shownWhole.split(separator: " ").last, shownPart.hasSuffix(" \(unit)") else {
      return "\(shownPart) of \(shownWhole)"
    }
    return "\(shownPart.dropLast(unit.count + 1)) of \(shownWhole)"
  }

  /// Seconds in at most two units, such as `0.8s`, `12s`, `2m 14s`, `1h 05m`, `3d 4h`.
  package static func seconds(_ seconds: Double) -> String {
    guard seconds.isFinite, seconds > 0 else { return "0s" }
    guard seconds < 1e12 else { return "forever" }
    if seconds < 9.95 {
      let tenths = Int64((seconds * 10).rounded())
      return tenths % 10 == 0 ? "\(tenths / 10)s" : "\(tenths / 10).\(tenths % 10)s"
    }
    let whole = Int64(seconds.rounded())
    switch whole {
    case ..<60: return "\(whole)s"
    case ..<3_600: return "\(whole / 60)m \(twoDigits(whole % 60))s"
    case ..<86_400: return "\(whole / 3_600)h \(twoDigits(whole % 3_600 / 60))m"
    default: return "\(whole / 86_400)d \(whole % 86_400 / 3_600)h"
    }
  }

  /// A count with its noun: `1 disk`, `2 disks`.
  package static func count(_ number: Int, _ noun: String) -> String { number == 1 ? "1 \(noun)" : "\(number) \(noun)s" }

  /// A part of one as a percentage. 100 % is shown for all of it only.
  package static func percent(_ fraction: Double) -> String { "\(Int((min(max(fraction, 0), 1) * 100).rounded(.down))) %" }

  private static let units = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"]

  private static func rounded(_ count: UInt64, _ divisor: UInt64) -> UInt64 {
    count / divisor + (count % divisor >= divisor / 2 ? 1 : 0)
  }

  private static func roundedTenths(_ count: UInt64, _ divisor: UInt64) -> UInt64 {
    let whole = count / divisor
    // Beyond 99 the tenths are not shown.
    guard whole < 100 else { return whole * 10 }
    return whole * 10 + UInt64((Double(count % divisor) * 10 / Double(divisor)).rounded())
  }

  private static func twoDigits(_ number: Int64) -> String { number < 10 ? "0\(number)" : "\(number)" }
}
