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

  @Test func aKeyThatIsNotUTF8IsLeftOut() {
    let bytes: [UInt8] = [0, 0, 0, 7, 1, 255, 86, 1, 97, 116, 1]
    #expect(Table(encoded: bytes) == ["a": true])
  }

  @Test func whatLiesTooDeepIsLeftOut() throws {
    func nested(_ depth: Int, in innermost: FieldValue = true) -> Table {
      ["a": (0..<depth).reduce(innermost) { value, _ in .array([value]) }]
    }
    let deepest = try #require(nested(FieldValue.deepest).encoded())
    #expect(Table(encoded: deepest) == nested(FieldValue.deepest))
    let deeper = try #require(nested(FieldValue.deepest + 1).encoded())
    #expect(Table(encoded: deeper) == nested(FieldValue.deepest, in: .void))
  }

  @Test func aFrameFullOfTablesInTablesIsReadOnTheStackOfAConnection() async throws {
    // Each table is an entry with an empty key in the one around it, six bytes more.
    let depth = 21_000
    var headers: [UInt8] = []
    for level in 0...depth {
      withUnsafeBytes(of: UInt32((depth - level) * 6).bigEndian) { headers += $0 }
      if level < depth { headers += [0, UInt8(ascii: "F")] }
    }
    let deliver: [UInt8] = [0, 60, 0, 60, 10] + Array("consumer-1".utf8) + [0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0]
    let header: [UInt8] = [0, 60, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x20, 0] + headers
    func frame(_ type: UInt8, _ payload: [UInt8]) -> [UInt8] {
      [type, 0, 1] + withUnsafeBytes(of: UInt32(payload.count).bigEndian) { Array($0) } + payload + [0xce]
    }
    let outcome = try await BrokerInput.outcome(of: frame(1, deliver) + frame(2, header))
    #expect(outcome == BrokerInput.Outcome(frames: 2, isGivenUp: false))
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
