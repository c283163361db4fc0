public import LongshoreMessages

/// How far a place's local time is ahead of UTC, now and for some time to come. A value, so that what depends on the time of day can be
/// told of any moment.
public struct LocalTime: Sendable, Hashable {
  /// The offset from a moment on.
  public struct Change: Sendable, Hashable {
    /// The moment.
    public var at: Timestamp
    /// Seconds ahead of UTC from then on.
    public var offset: Int64

    /// A change of the offset.
    public init(at: Timestamp, offset: Int64) {
      self.at = at
      self.offset = offset
    }
  }

  /// UTC.
  public static let utc = LocalTime(offset: 0)

  /// Seconds ahead of UTC before the first change.
  public var offset: Int64
  /// The changes to come, earliest first: the begin and the end of summer time.
  public var changes: [Change]

  /// A local time.
  public init(offset: Int64, changes: [Change] = []) {
    self.offset = offset
    self.changes = changes
  }

  /// Seconds ahead of UTC at a moment.
  func offset(at time: Timestamp) -> Int64 { changes.last { $0.at <= time }?.offset ?? offset }

  /// The second of the local day, 0 to 86,399.
  func secondOfDay(at time: Timestamp) -> Int64 {
    let day: Int64 = 86_400
    let seconds = Self.floored(time.milliseconds, 1000).saturating(plus: offset(at: time))
    return ((seconds % day) + day) % day
  }

  private static func floored(_ value: Int64, _ divisor: Int64) -> Int64 { (value >= 0 ? value : value - (divisor - 1)) / divisor }
}

/// What may be sent a second, by the time of day.
public struct BandwidthSchedule: Sendable, Hashable {
  /// A part of each day with a rate of its own.
  public struct Window: Sendable, Hashable {
    /// The minute of the local day at which it begins, 0 to 1439.
    public var begin: Int64
    /// The minute at which it ends, which is not in it any more; before `begin` where it goes over midnight.
    public var end: Int64
    /// Bytes a second; nil for no limit.
    public var rate: UInt64?

    /// A window.
    public init(begin: Int64, end: Int64, rate: UInt64?) {
      self.begin = begin
      self.end = end
      self.rate = rate
    }

    func contains(minute: Int64) -> Bool {
      begin < end ? (begin..<end).contains(minute) : minute >= begin || minute < end
    }
  }

  /// An entry that is none.
  public struct Malformed: Error, Sendable, Hashable {
    /// What is wrong and what is allowed.
    public var message: String
  }

  /// The windows; of those that overlap the first counts.
  public var windows: [Window]
  /// Bytes a second outside the windows; nil for no limit.
  public var otherwise: UInt64?

  /// A schedule.
  public init(windows: [Window] = [], otherwise: UInt64? = nil) {
    self.windows = windows
    self.otherwise = otherwise
  }

  /// Reads entries such as `200 MiB/s 06:00-22:00`, `50`, `unlimited`: a rate in MiB/s and, but for one at most, when it holds.
  public init(parsing entries: [String]) throws(Malformed) {
    self.init()
    var general = 0
    for entry in entries {
      var words = entry.split(whereSeparator: \.isWhitespace)
      guard !words.isEmpty else { throw Malformed(message: "an entry is empty: use such as `200 MiB/s 06:00-22:00`") }
      let rate = try Self.rate(words.removeFirst(), in: entry)
      if words.first == "MiB/s" { words.removeFirst() }
      guard let times = words.first else {
        general += 1
        otherwise = rate
        continue
      }
      let ends = times.split(separator: "-", omittingEmptySubsequences: false).map(Self.minute)
      guard words.count == 1, ends.count == 2, let begin = ends[0], let end = ends[1], begin != end else {
        throw Malformed(message: "`\(entry)` is not a rate and a time of day such as `200 MiB/s 06:00-22:00`")
      }
      windows.append(Window(begin: begin, end: end % 1440, rate: rate))
    }
    if general > 1 { throw Malformed(message: "\(general) entries hold at any time: give all but one a time of day such as 06:00-22:00") }
  }

  private static func rate(_ text: Substring, in entry: String) throws(Malformed) -> UInt64? {
    if text == "unlimited" { return nil }
    let digits = text.hasSuffix("MiB/s") ? text.dropLast("MiB/s".count) : text
    guard let number = UInt64(digits), MigrationOptions.bandwidthRange.contains(number) else {
      throw Malformed(
        message:
          "`\(entry)` does not begin with `unlimited` or a rate of 1 to \(MigrationOptions.bandwidthRange.upperBound) MiB/s")
    }
    return number << 20
  }

  private static func minute(_ text: Substring) -> Int64? {
    let parts = text.split(separator: ":", omittingEmptySubsequences: false)
    guard parts.count == 2, parts.allSatisfy({ $0.count == 2 && $0.allSatisfy(\.isASCII) }), let hour = Int64(parts[0]),
      let minute = Int64(parts[1]), (0..<60).contains(minute), (0..<24).contains(hour) || (hour == 24 && minute == 0)
    else { return nil }
    return hour * 60 + minute
  }

  /// Whether there never is a limit.
  public var isUnlimited: Bool { otherwise == nil && windows.allSatisfy { $0.rate == nil } }

  /// What may be sent at a moment, in bytes a second; nil for no limit.
  public func rate(at time: Timestamp, in zone: LocalTime) -> UInt64? {
    let minute = zone.secondOfDay(at: time) / 60
    guard let window = windows.first(where: { $0.contains(minute: minute) }) else { return otherwise }
    return window.rate
  }

  /// The first moment after another one at which the rate may be another.
  func nextChange(after time: Timestamp, in zone: LocalTime) -> Timestamp {
    let second = zone.secondOfDay(at: time)
    let fraction = ((time.milliseconds % 1000) + 1000) % 1000
    // Midnight is looked at in any case, so that there always is a next moment.
    let ends = windows.map { $0.begin * 60 } + windows.map { $0.end * 60 } + [0]
    let wait = ends.map { $0 > second ? $0 - second : $0 - second + 86_400 }.min() ?? 86_400
    let next = Timestamp(milliseconds: time.milliseconds.saturating(plus: wait * 1000 - fraction))
    return min(next, zone.changes.first { $0.at > time }?.at ?? next)
  }
}

/// What budgets leave to a migration, now and in the time to come, where nothing else moves.
public struct BandwidthOutlook: Sendable, Hashable {
  /// The moment from which it looks.
  public var now: Timestamp
  /// The source's local time.
  public var zone: LocalTime
  /// The budgets of the source that hold for the migration: the host's, the link's.
  public var schedules: [BandwidthSchedule]
  /// The order's own budget, and what the destination lets come now, the smaller one, in bytes a second; nil for no limit.
  public var fixed: UInt64?

  /// How far it looks: what lasts longer is taken to go on as it does then.
  private static let changes = 64

  /// An outlook.
  public init(now: Timestamp, zone: LocalTime = .utc, schedules: [BandwidthSchedule] = [], fixed: UInt64? = nil) {
    self.now = now
    self.zone = zone
    self.schedules = schedules
    self.fixed = fixed
  }

  /// The budget at a moment, in bytes a second; nil for none.
  public func rate(at time: Timestamp) -> UInt64? {
    (schedules.compactMap { $0.rate(at: time, in: zone) } + [fixed].compactMap(\.self)).min()
  }

  /// Whether the budget stays the same for as long as so many bytes take.
  func isSteady(for bytes: Double, link: Double) -> Bool {
    let first = min(link, rate(at: now).map { Double($0) } ?? .infinity)
    return abs(meanRate(of: bytes, link: link) - first) < 1
  }

  /// The mean rate at which so many bytes go over a link, in bytes a second.
  public func meanRate(of bytes: Double, link: Double) -> Double {
    func rate(at time: Timestamp) -> Double { min(link, self.rate(at: time).map { Double($0) } ?? .infinity) }
    guard bytes > 0, link > 0 else { return rate(at: now) }
    var time = now
    var left = bytes
    for _ in 0..<Self.changes {
      guard let next = schedules.map({ $0.nextChange(after: time, in: zone) }).min(), next > time else { break }
      let seconds = Double(next.milliseconds - time.milliseconds) / 1000
      guard rate(at: time) * seconds < left else { break }
      left -= rate(at: time) * seconds
      time = next
    }
    // A mean of one rate alone would differ from it by what is rounded.
    guard time > now else { return rate(at: now) }
    let seconds = Double(time.milliseconds - now.milliseconds) / 1000 + left / rate(at: time)
    return bytes / seconds
  }
}
