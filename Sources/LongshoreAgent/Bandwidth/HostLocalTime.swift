internal import Glibc
internal import LongshoreMessages
internal import MigrationCore

extension LocalTime {
  /// How far it is looked ahead, in days: longer than a migration may last.
  private static let days: Int64 = 40
  private static let day: Int64 = 86_400_000

  /// The host's local time, as its time zone (`TZ`, `/etc/localtime`) has it from a moment on.
  static func ofHost(from now: Timestamp) -> LocalTime {
    tzset()
    var zone = LocalTime(offset: offset(at: now))
    var before = (at: now, offset: zone.offset)
    for day in 1...days {
      let at = now.adding(milliseconds: day * Self.day)
      let offset = offset(at: at)
      if offset != before.offset { zone.changes.append(Change(at: change(between: before, and: at), offset: offset)) }
      before = (at, offset)
    }
    return zone
  }

  /// The moment, to the second, from which the offset is another one.
  private static func change(between before: (at: Timestamp, offset: Int64), and after: Timestamp) -> Timestamp {
    var low = before.at.milliseconds / 1000
    var high = after.milliseconds / 1000
    while high - low > 1 {
      let middle = (low + high) / 2
      if offset(at: Timestamp(milliseconds: middle * 1000)) == before.offset { low = middle } else { high = middle }
    }
    return Timestamp(milliseconds: high * 1000)
  }

  private static func offset(at time: Timestamp) -> Int64 {
    var seconds = time_t(time.milliseconds / 1000)
    var parts = tm()
    guard localtime_r(&seconds, &parts) != nil else { return 0 }
    return Int64(parts.tm_gmtoff)
  }
}
