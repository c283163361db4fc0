/// A table of named values: message headers, arguments of queues, exchanges, bindings and consumers.
public typealias Table = [String: FieldValue]

/// A typed value of a ``Table``, in the types that RabbitMQ understands.
public indirect enum FieldValue: Hashable, Sendable {
  /// A truth value.
  case bool(Bool)
  /// A signed 8-bit integer.
  case int8(Int8)
  /// An unsigned 8-bit integer.
  case uint8(UInt8)
  /// A signed 16-bit integer.
  case int16(Int16)
  /// An unsigned 16-bit integer.
  case uint16(UInt16)
  /// A signed 32-bit integer.
  case int32(Int32)
  /// An unsigned 32-bit integer.
  case uint32(UInt32)
  /// A signed 64-bit integer.
  case int64(Int64)
  /// A 32-bit floating-point number.
  case float(Float)
  /// A 64-bit floating-point number.
  case double(Double)
  /// `value` divided by ten to the power of `scale`.
  case decimal(scale: UInt8, value: UInt32)
  /// A UTF-8 string.
  case string(String)
  /// Bytes that need not be UTF-8.
  case bytes([UInt8])
  /// Seconds since 1970-01-01 00:00:00 UTC.
  case timestamp(UInt64)
  /// A list of values.
  case array([FieldValue])
  /// A nested table.
  case table(Table)
  /// No value.
  case void
}

extension FieldValue {
  /// The text of a string value.
  public var stringValue: String? {
    if case .string(let text) = self { return text }
    return nil
  }

  /// The number of any integer or timestamp value that fits.
  public var integerValue: Int64? {
    switch self {
    case .int8(let value): Int64(value)
    case .uint8(let value): Int64(value)
    case .int16(let value): Int64(value)
    case .uint16(let value): Int64(value)
    case .int32(let value): Int64(value)
    case .uint32(let value): Int64(value)
    case .int64(let value): value
    case .timestamp(let value): Int64(exactly: value)
    default: nil
    }
  }
}

extension FieldValue: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral,
  ExpressibleByFloatLiteral, ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
  /// A string value.
  public init(stringLiteral value: String) { self = .string(value) }
  /// A signed 64-bit value.
  public init(integerLiteral value: Int64) { self = .int64(value) }
  /// A truth value.
  public init(booleanLiteral value: Bool) { self = .bool(value) }
  /// A 64-bit floating-point value.
  public init(floatLiteral value: Double) { self = .double(value) }
  /// A list.
  public init(arrayLiteral elements: FieldValue...) { self = .array(elements) }
  /// A table; of two equal keys the last one counts.
  public init(dictionaryLiteral elements: (String, FieldValue)...) {
    self = .table(Table(elements, uniquingKeysWith: { $1 }))
  }
}

extension FieldValue {
  /// The bytes that the value takes on the wire, its type octet included.
  var encodedSize: Int {
    switch self {
    case .bool, .int8, .uint8: 2
    case .int16, .uint16: 3
    case .int32, .uint32, .float: 5
    case .int64, .double, .timestamp: 9
    case .decimal: 6
    case .string(let text): 5 + text.utf8.count
    case .bytes(let bytes): 5 + bytes.count
    case .array(let values): values.reduce(5) { $0 + $1.encodedSize }
    case .table(let table): 1 + table.encodedSize
    case .void: 1
    }
  }
}

extension [String: FieldValue] {
  /// The bytes that the table takes on the wire, its length field included.
  var encodedSize: Int {
    reduce(4) { $0 + 1 + $1.key.utf8.count + $1.value.encodedSize }
  }
}
