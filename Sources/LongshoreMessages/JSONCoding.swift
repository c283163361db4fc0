import FoundationEssentials

/// A message that travels as JSON with a schema version and a type.
public protocol WireMessage: Codable, Sendable {}

extension Request: WireMessage {}
extension PeerMessage: WireMessage {}
extension Reply: WireMessage {}

/// A message that could not be read, with as much of it as could.
public struct UnreadableMessage: Error, Sendable, Hashable {
  /// Why.
  public var reasons: [Reason]
  /// The message's id, where it has a readable one.
  public var id: MigrationID?

  /// An unreadable message.
  public init(_ reasons: [Reason], id: MigrationID? = nil) {
    self.reasons = reasons
    self.id = id
  }
}

/// Reads and writes messages as JSON.
public enum MessageCoding {
  /// Writes a value with its keys in order, so that equal values have equal bytes.
  public static func encode(_ value: some Encodable) -> [UInt8] {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    do {
      return [UInt8](try encoder.encode(value))
    } catch {
      // Every type of this module encodes texts, numbers without NaN, lists and objects, which cannot fail.
      preconditionFailure("\(type(of: value)) cannot be written as JSON: \(error)")
    }
  }

  /// Reads a value without asking for a schema version: events, and what the journal holds.
  public static func decode<Value: Decodable>(_ type: Value.Type = Value.self, from bytes: [UInt8]) throws -> Value {
    try JSONDecoder().decode(type, from: Data(bytes))
  }

  /// Reads a request, a peer message or a reply. Unknown fields are ignored; unknown schema versions and types are refused
  /// by name.
  public static func read<Message: WireMessage>(
    _ type: Message.Type = Message.self, from bytes: [UInt8]
  ) throws(UnreadableMessage) -> Message {
    guard bytes.count <= Wire.maximumMessageSize else {
      throw UnreadableMessage([tooLarge(UInt64(bytes.count))])
    }
    let data = Data(bytes)
    func unreadable(_ code: Reason.Code, _ message: String) -> UnreadableMessage {
      UnreadableMessage([Reason(code, message)], id: (try? JSONDecoder().decode(IdentityProbe.self, from: data))?.id)
    }
    do {
      return try JSONDecoder().decode(OfThisSchema<Message>.self, from: data).message
    } catch let error as UnknownSchema {
      throw unreadable(.unknownSchema, "schema \(error.schema) is unknown here: send \(Wire.schema)")
    } catch let error as UnknownMessageType {
      throw unreadable(.unknownType, "the type \(quoted(error.type)) is unknown here")
    } catch let error as DecodingError {
      throw unreadable(.malformed, describe(error))
    } catch {
      throw unreadable(.malformed, quoted("\(error)"))
    }
  }

  /// Why a message of so many bytes is not read.
  public static func tooLarge(_ byteCount: UInt64) -> Reason {
    Reason(.tooLarge, "the message has \(byteCount) bytes: at most \(Wire.maximumMessageSize) are read")
  }

  /// A decoding error in words: which field, and what is wrong with it.
  public static func describe(_ error: DecodingError) -> String {
    switch error {
    case .keyNotFound(let key, let context):
      return "\(place(context.codingPath + [key])) is missing"
    case .typeMismatch(let type, let context):
      return "\(place(context.codingPath)) has the wrong type: expected \(jsonName(of: type))"
    case .valueNotFound(_, let context):
      return "\(place(context.codingPath)) is null"
    case .dataCorrupted(let context):
      // JSONDecoder names no field for broken JSON, nor for a number that the field's type cannot hold.
      return context.codingPath.isEmpty
        ? "the body is not valid JSON, or has a number out of its range"
        : "\(place(context.codingPath)) is wrong: \(context.debugDescription)"
    @unknown default:
      return "the body cannot be read"
    }
  }

  private static func place(_ path: [any CodingKey]) -> String {
    guard !path.isEmpty else { return "the body" }
    return "the field " + path.map { $0.intValue.map(String.init) ?? quotedKey($0.stringValue) }.joined(separator: ".")
  }

  private static func quotedKey(_ key: String) -> String {
    String(quoted(key).dropFirst().dropLast())
  }

  private static func jsonName(of type: any Any.Type) -> String {
    switch type {
    case is String.Type: "a string"
    case is Bool.Type: "true or false"
    case is any BinaryInteger.Type, is Double.Type: "a number"
    case is [Any].Type: "a list"
    default: "an object"
    }
  }

  /// A message after its schema version, which is read first: of another one nothing else is understood.
  private struct OfThisSchema<Message: WireMessage>: Decodable {
    let message: Message

    init(from decoder: any Decoder) throws {
      let schema = try SchemaProbe(from: decoder).schema
      guard schema == Wire.schema else { throw UnknownSchema(schema: schema) }
      message = try Message(from: decoder)
    }
  }

  private struct UnknownSchema: Error { let schema: Int }
  private struct SchemaProbe: Decodable { let schema: Int }
  private struct IdentityProbe: Decodable { let id: MigrationID }
}
