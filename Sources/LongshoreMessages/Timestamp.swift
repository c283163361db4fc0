/// A point of wall-clock time with a resolution of a millisecond; on the wire an RFC 3339 text in UTC.
public struct Timestamp: Sendable, Hashable, Codable, Comparable, CustomStringConvertible {
  /// The times that RFC 3339 can write, in milliseconds since 1970-01-01T00:00:00Z: the years 0000 to 9999.
  public static let range: ClosedRange<Int64> = -62_167_219_200_000...253_402_300_799_999

  /// Milliseconds since 1970-01-01T00:00:00Z, within ``range``.
  public let milliseconds: Int64

  /// A time in milliseconds since 1970-01-01T00:00:00Z; one outside ``range`` becomes the nearest in it.
  public init(milliseconds: Int64) {
    self.milliseconds = min(max(milliseconds, Self.range.lowerBound), Self.range.upperBound)
  }

  /// Reads an RFC 3339 text, with or without a fraction of a second, of any offset; nil where it is none. Digits below the
  /// millisecond are dropped.
  public init?(_ text: String) {
    guard let milliseconds = RFC3339.milliseconds(text), Self.range.contains(milliseconds) else { return nil }
    self.milliseconds = milliseconds
  }

  public init(from decoder: any Decoder) throws {
    let text = try decoder.singleValueContainer().decode(String.self)
    guard let time = Timestamp(text) else {
      throw invalidValue(decoder, "\(quoted(text)) is not a time of RFC 3339, such as 2026-01-31T18:30:00Z")
    }
    self = time
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(description)
  }

  /// The RFC 3339 text in UTC with three digits of fraction, such as `2026-01-31T18:30:00.000Z`.
  public var description: String { RFC3339.text(milliseconds: milliseconds) }

  public static func < (left: Self, right: Self) -> Bool { left.milliseconds < right.milliseconds }

  /// This time and a number of milliseconds.
  public func adding(milliseconds more: Int64) -> Timestamp {
    let (sum, overflow) = milliseconds.addingReportingOverflow(more)
    return Timestamp(milliseconds: overflow ? (more < 0 ? .min : .max) : sum)
  }
}
