import LongshoreMessages

/// Results as JSON, in the field names of the wire.
enum JSONOutput {
  /// A value as one line.
  static func line(_ value: some Encodable) -> String {
    String(decoding: MessageCoding.encode(value), as: UTF8.self) + "\n"
  }
}
