import Digests

/// UUIDs of what has none of its own, made of its name, so that two gateways and a later one give the same (RFC 9562, version 8).
enum StableID {
  /// The UUID of a thing of a kind, by its name.
  static func make(_ kind: String, _ name: String) -> String { uuid(ofDigest: SHA256.digest(of: Array("\(kind)\0\(name)".utf8))) }

  /// The UUID that the first 128 bits of a digest in hexadecimal digits are.
  private static func uuid(ofDigest digest: String) -> String {
    var digits = Array(digest.utf8.prefix(32))
    digits[12] = UInt8(ascii: "8")
    digits[16] = Array("89ab".utf8)[Int(digits[16] & 3)]
    let text = String(decoding: digits, as: UTF8.self)
    let parts = [text.prefix(8), text.dropFirst(8).prefix(4), text.dropFirst(12).prefix(4), text.dropFirst(16).prefix(4), text.suffix(12)]
    return parts.joined(separator: "-")
  }

  /// Whether a text is a UUID of 32 hexadecimal digits with its dashes.
  static func isUUID(_ text: String) -> Bool {
    let bytes = Array(text.utf8)
    guard bytes.count == 36 else { return false }
    return bytes.indices.allSatisfy { index in
      [8, 13, 18, 23].contains(index) ? bytes[index] == UInt8(ascii: "-") : bytes[index].isHexDigit
    }
  }
}

extension UInt8 {
  fileprivate var isHexDigit: Bool {
    switch self {
    case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "f"), UInt8(ascii: "A")...UInt8(ascii: "F"): true
    default: false
    }
  }
}
