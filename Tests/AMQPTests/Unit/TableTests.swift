import Testing

@testable import AMQP

struct TableTests {
  private static let table: Table = [
    "bool": true, "int8": .int8(-8), "uint8": .uint8(200), "int16": .int16(-300), "uint16": .uint16(60_000),
    "int32": .int32(-70_000), "uint32": .uint32(4_000_000_000), "int64": .int64(.min), "float": .float(1.5),
    "double": 2.25, "decimal": .decimal(scale: 2, value: 314), "string": "Längs", "empty": "",
    "bytes": .bytes([0, 159, 146, 150]), "timestamp": .timestamp(1_700_000_000),
    "array": [1, "two", [3, .void], [:]], "table": ["inner": ["deepest": 1.0]], "void": .void,
  ]

  @Test func everyTypeComesBackAsItWas() throws {
    let encoded = try #require(Self.table.encoded())
    #expect(Table(encoded: encoded) == Self.table)
  }

  @Test func theSizeIsKnownBeforeEncoding() throws {
    #expect(try #require(Self.table.encoded()).count == Self.table.encodedSize)
    #expect(Table().encoded()?.count == Table().encodedSize)
  }

  @Test func theSameTableHasTheSameBytes() {
    let other = Table(uniqueKeysWithValues: Self.table.sorted { $0.key > $1.key })
    #expect(other.encoded() == Self.table.encoded())
  }

  @Test func knownBytesAreRead() {
    // One entry, key "a", a long string "hi".
    let bytes: [UInt8] = [0, 0, 0, 9, 1, 97, 83, 0, 0, 0, 2, 104, 105]
    #expect(Table(encoded: bytes) == ["a": "hi"])
  }

  @Test func textThatIsNotUTF8BecomesBytes() {
    let bytes: [UInt8] = [0, 0, 0, 8, 1, 97, 83, 0, 0, 0, 1, 255]
    #expect(Table(encoded: bytes) == ["a": .bytes([255])])
  }

  @Test func aTableThatEndsEarlyIsRefused() throws {
    let encoded = try #require(Self.table.encoded())
    #expect(Table(encoded: Array(encoded.dropLast(3))) == nil)
  }

  @Test func aLongKeyIsRefusedAtAnyDepth() {
    let key = String(repeating: "k", count: 256)
    for table: Table in [[key: 1], ["outer": [.table([key: 1])]]] {
      let error = #expect(throws: AMQPError.self) { try table.validate(operation: "test") }
      #expect(error?.code == .invalidArgument)
    }
  }

  @Test func numbersAreReadWhateverTheirWidth() {
    let values: [FieldValue] = [.int8(7), .uint8(7), .int16(7), .uint16(7), .int32(7), .uint32(7), 7, .timestamp(7)]
    #expect(values.allSatisfy { $0.integerValue == 7 })
    #expect(FieldValue.string("7").integerValue == nil)
  }
}
