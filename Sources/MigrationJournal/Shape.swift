internal import LongshoreMessages

/// The version of the shapes in which snapshots and events are stored as JSON.
enum Shape {
  /// The version that this code writes. It grows when ``SourceMigration``, ``DestinationMigration`` or their events change so
  /// that what was stored before means something else or cannot be read.
  static let current = 1

  /// Reads a stored value.
  ///
  /// - Parameters:
  ///   - text: The value's JSON.
  ///   - shape: The version in which it was stored.
  ///   - known: The last version known.
  ///   - what: What it is, for the error's text.
  static func decode<Value: Decodable>(
    _ text: String, shape: Int, known: Int, what: String
  ) throws(JournalError) -> Value {
    guard (1...known).contains(shape) else {
      throw JournalError(
        .unknownShape, operation: "read \(what)",
        message: "it was stored in the shape \(shape), and this version knows shapes up to \(known): install the version that stored it")
    }
    do {
      return try MessageCoding.decode(from: Array(text.utf8))
    } catch {
      let reason = (error as? DecodingError).map(MessageCoding.describe) ?? "\(error)"
      throw JournalError(.unreadableRecord, operation: "read \(what)", message: "its JSON does not fit: \(reason)")
    }
  }

  /// Writes a value to be stored.
  static func encode(_ value: some Encodable) -> String { String(decoding: MessageCoding.encode(value), as: UTF8.self) }
}
