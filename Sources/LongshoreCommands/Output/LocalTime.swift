import Glibc
import LongshoreMessages

/// A place on earth, as far as clocks go: the offset of its time from UTC at a moment.
struct TimeZoneOffset: Sendable {
  private let secondsFromUTC: @Sendable (Int64) -> Int

  /// The time zone of the process (`TZ`, `/etc/localtime`).
  static let local = TimeZoneOffset { seconds in
    var moment = time_t(seconds)
    var parts = tm()
    return localtime_r(&moment, &parts) == nil ? 0 : parts.tm_gmtoff
  }

  /// A zone that is always this many seconds ahead of UTC.
  static func fixed(_ offset: Int) -> TimeZoneOffset { TimeZoneOffset { _ in offset } }

  /// The time of day in this zone: `18:42:10`.
  func time(of timestamp: Timestamp) -> String {
    let parts = civil(timestamp)
    return [parts.tm_hour, parts.tm_min, parts.tm_sec].map(Self.twoDigits).joined(separator: ":")
  }

  /// The date and the time of day in this zone: `2026-01-31 18:42:10`.
  func dateAndTime(of timestamp: Timestamp) -> String {
    let parts = civil(timestamp)
    let date = "\(Int(parts.tm_year) + 1900)-\(Self.twoDigits(parts.tm_mon + 1))-\(Self.twoDigits(parts.tm_mday))"
    return "\(date) \(time(of: timestamp))"
  }

  private func civil(_ timestamp: Timestamp) -> tm {
    let seconds = timestamp.milliseconds / 1000
    var shifted = time_t(seconds) + secondsFromUTC(seconds)
    var parts = tm()
    _ = gmtime_r(&shifted, &parts)
    return parts
  }

  private static func twoDigits(_ number: Int32) -> String { number < 10 ? "0\(number)" : "\(number)" }
}
