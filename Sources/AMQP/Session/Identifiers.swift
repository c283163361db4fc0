/// Identifies one publish call.
struct PublishID: Hashable, Sendable { var rawValue: UInt64 }

/// Identifies one call for a declaration, deletion or inspection.
struct RequestID: Hashable, Sendable { var rawValue: UInt64 }

/// Identifies one consumer for as long as the connection object lives.
struct ConsumerID: Hashable, Sendable, Comparable {
  var rawValue: UInt64

  /// The consumer's tag on the channel.
  var tag: String { "consumer-\(rawValue)" }

  init(rawValue: UInt64) { self.rawValue = rawValue }

  init?(tag: String) {
    guard tag.hasPrefix("consumer-"), let number = UInt64(tag.dropFirst("consumer-".count)) else { return nil }
    self.init(rawValue: number)
  }

  static func < (left: ConsumerID, right: ConsumerID) -> Bool { left.rawValue < right.rawValue }
}
