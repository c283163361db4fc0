/// A value of an answer, with the fields of an object in the order in which they are written.
indirect enum ResponseValue: Sendable, Hashable {
  case text(String)
  case flag(Bool)
  case integer(Int64)
  case real(Double)
  case list([ResponseValue])
  case object(ResponseObject)

  /// Writes the value as JSON.
  func writeJSON(to text: inout [UInt8]) {
    switch self {
    case .text(let value): Self.quote(value, to: &text)
    case .flag(let value): text += (value ? "true" : "false").utf8
    case .integer(let value): text += String(value).utf8
    case .real(let value): text += (value.isFinite ? String(value) : "0.0").utf8
    case .list(let values):
      text.append(UInt8(ascii: "["))
      for (index, value) in values.enumerated() {
        if index > 0 { text.append(UInt8(ascii: ",")) }
        value.writeJSON(to: &text)
      }
      text.append(UInt8(ascii: "]"))
    case .object(let object):
      text.append(UInt8(ascii: "{"))
      for (index, field) in object.fields.enumerated() {
        if index > 0 { text.append(UInt8(ascii: ",")) }
        Self.quote(field.name, to: &text)
        text.append(UInt8(ascii: ":"))
        field.value.writeJSON(to: &text)
      }
      text.append(UInt8(ascii: "}"))
    }
  }

  /// Writes the value as the content of an XML element. A list is the element again and again.
  func writeXML(as name: String, to text: inout [UInt8], attributes: String = "") {
    if case .list(let values) = self {
      for value in values { value.writeXML(as: name, to: &text) }
      return
    }
    text += "<\(name)\(attributes)>".utf8
    switch self {
    case .text(let value): Self.escape(value, to: &text)
    case .flag(let value): text += (value ? "true" : "false").utf8
    case .integer(let value): text += String(value).utf8
    case .real(let value): text += (value.isFinite ? String(value) : "0.0").utf8
    case .list: break
    case .object(let object): for field in object.fields { field.value.writeXML(as: field.name, to: &text) }
    }
    text += "</\(name)>".utf8
  }

  private static let digits = Array("0123456789abcdef".utf8)

  private static func quote(_ value: String, to text: inout [UInt8]) {
    text.append(UInt8(ascii: "\""))
    for byte in value.utf8 {
      switch byte {
      case UInt8(ascii: "\""), UInt8(ascii: "\\"): text += [UInt8(ascii: "\\"), byte]
      case UInt8(ascii: "\n"): text += "\\n".utf8
      case 0..<0x20, 0x7f: text += "\\u00".utf8 + [digits[Int(byte >> 4)], digits[Int(byte & 15)]]
      default: text.append(byte)
      }
    }
    text.append(UInt8(ascii: "\""))
  }

  private static func escape(_ value: String, to text: inout [UInt8]) {
    for scalar in value.unicodeScalars {
      switch scalar {
      case "&": text += "&amp;".utf8
      case "<": text += "&lt;".utf8
      case ">": text += "&gt;".utf8
      case "\"": text += "&quot;".utf8
      // XML 1.0 has no other control characters, not even escaped.
      case "\n", "\t": text += String(scalar).utf8
      case _ where scalar.value < 0x20 || scalar.value == 0xfffe || scalar.value == 0xffff: text += "?".utf8
      default: text += String(scalar).utf8
      }
    }
  }
}

/// An object of an answer. What is nil is not written.
struct ResponseObject: Sendable, Hashable {
  /// A field.
  struct Field: Sendable, Hashable {
    /// Its name.
    var name: String
    /// Its value.
    var value: ResponseValue
  }

  /// The fields, in their order.
  private(set) var fields: [Field] = []

  /// An object without fields.
  init() {}

  /// The value of a field; nil where there is none.
  subscript(_ name: String) -> ResponseValue? { fields.first { $0.name == name }?.value }

  /// Adds a text.
  mutating func add(_ name: String, _ value: String?) { if let value { append(name, .text(value)) } }
  /// Adds true or false.
  mutating func add(_ name: String, _ value: Bool?) { if let value { append(name, .flag(value)) } }
  /// Adds a whole number.
  mutating func add(_ name: String, _ value: Int?) { if let value { append(name, .integer(Int64(value))) } }
  /// Adds a whole number; one that is too large for the clients' 64 bits with a sign is the largest of them.
  mutating func add(_ name: String, _ value: UInt64?) { if let value { append(name, .integer(Int64(clamping: value))) } }
  /// Adds a number.
  mutating func add(_ name: String, _ value: Double?) { if let value { append(name, .real(value)) } }
  /// Adds a list.
  mutating func add(_ name: String, _ values: [ResponseValue]) { append(name, .list(values)) }
  /// Adds objects.
  mutating func add(_ name: String, _ objects: [ResponseObject]) { append(name, .list(objects.map { .object($0) })) }
  /// Adds an object.
  mutating func add(_ name: String, _ object: ResponseObject?) { if let object { append(name, .object(object)) } }

  private mutating func append(_ name: String, _ value: ResponseValue) { fields.append(Field(name: name, value: value)) }
}
