/// Tells the rate at which a stream arrives, from how much had arrived when.
struct RateMeter: Sendable {
  /// What a stream may bring at once that the link does not carry so fast in the long run, in bytes: buffers, and what a shaper lets
  /// through before it begins to count.
  static let head = 2 << 20

  private var points: [(seconds: Double, bytes: Int)] = []

  /// Notes that so much has arrived in all, at a time in seconds of any steady clock.
  mutating func note(bytes: Int, at seconds: Double) { points.append((seconds, bytes)) }

  /// All that has arrived, in bytes.
  var total: Int { points.last?.bytes ?? 0 }

  /// Bytes a second, without the beginning; nil where nothing came or no time went by.
  var bytesPerSecond: UInt64? {
    guard let last = points.last else { return nil }
    let skipped = total > 2 * Self.head ? max(Self.head, total / 4) : 0
    guard let first = points.first(where: { $0.bytes >= skipped }), last.seconds > first.seconds else { return nil }
    return UInt64(Double(last.bytes - first.bytes) / (last.seconds - first.seconds))
  }
}
