package import FoundationEssentials

/// A JSON value of any shape, with its numbers to all their digits.
package enum JSONValue: Sendable, Hashable, Codable, CustomStringConvertible {
  case null
  case flag(Bool)
  case number(Decimal)
  case text(String)
  case list([JSONValue])
  case object([String: JSONValue])

  package init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    if container.decodeNil() {
      self = .null
    } else if let flag = try? container.decode(Bool.self) {
      self = .flag(flag)
    } else if let number = try? container.decode(Decimal.self) {
      self = .number(number)
    } else if let text = try? container.decode(String.self) {
      self = .text(text)
    } else if let list = try? container.decode([JSONValue].self) {
      self = .list(list)
    } else {
      self = .object(try container.decode([String: JSONValue].self))
    }
  }

  package func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    switch self {
    case .null: try container.encodeNil()
    case .flag(let flag): try container.encode(flag)
    case .number(let number): try container.encode(number)
    case .text(let text): try container.encode(text)
    case .list(let list): try container.encode(list)
    case .object(let object): try container.encode(object)
    }
  }

  /// The value of an object's field; nil where there is none.
  package subscript(_ key: String) -> JSONValue? {
    if case .object(let fields) = self { fields[key] } else { nil }
  }

  /// The JSON text.
  package var description: String {
    guard let text = try? JSONEncoder().encode(self) else { return "null" }
    return String(decoding: text, as: UTF8.self)
  }

  /// JSON with a line for each field, the fields by their names; nil for bytes that are no JSON.
  package static func laidOut(_ bytes: [UInt8]) -> String? {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    let value = try? JSONDecoder().decode(JSONValue.self, from: Data(bytes))
    guard let value, let text = try? encoder.encode(value) else { return nil }
    return String(decoding: text, as: UTF8.self)
  }
}
