internal import Digests

/// Names what a host lists, so that a client can point at it without sending a path: the same thing has the same id in every answer.
enum ItemID {
  /// The id of something of a kind and a name: 16 hexadecimal digits.
  static func id(of kind: String, _ name: String) -> String {
    String(SHA256.digest(of: Array("\(kind)\0\(name)".utf8)).prefix(16))
  }
}
