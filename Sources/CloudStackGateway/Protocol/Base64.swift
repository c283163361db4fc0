import FoundationEssentials

/// Base64 of RFC 4648 with its standard alphabet and padding.
enum Base64 {
  /// The bytes of a text; nil where it is no Base64.
  static func bytes(_ text: String) -> [UInt8]? {
    guard text.utf8.count <= 128 else { return nil }
    return Data(base64Encoded: text).map { [UInt8]($0) }
  }

  /// The text of bytes.
  static func text(_ bytes: [UInt8]) -> String { Data(bytes).base64EncodedString() }
}
