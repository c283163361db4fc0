import Testing

@testable import LongshoreAgent

@Suite("A layer that is read while it is copied")
struct CopiedPrefixTests {
  @Test("Chunks count from the beginning on without a gap, in whatever order and however often they come")
  func order() {
    let prefix = CopiedPrefix()
    func has(_ length: UInt64) -> Bool { prefix.wait(for: length) { true } }
    func note(_ chunk: Int) { prefix.note(chunk) { UInt64($0) * 10..<UInt64($0) * 10 + 10 } }
    #expect(has(0) && !has(1))
    note(1)
    #expect(!has(1))
    note(0)
    #expect(has(20) && !has(21))
    note(1)
    note(3)
    #expect(has(20) && !has(21))
    note(2)
    #expect(has(40) && !has(41))
  }

  @Test("A copy has the identity of its source", arguments: ["raw", "qcow2"])
  func identity(format: String) async throws {
    try await withTemporaryFolder { folder in
      let bytes = format == "raw" ? noise(20_000_001) : qcow2Image(backing: "/a", contents: noise(20_000_001))
      let chunk = 1 << 20
      let chunks = (0...bytes.count / chunk).map { $0 * chunk..<min(bytes.count, ($0 + 1) * chunk) }
      let source = try folder.write(bytes, to: "source")
      // As long as the source, and its last bytes come first.
      let copy = try folder.write([UInt8](repeating: 0, count: bytes.count), to: "copy")
      let prefix = CopiedPrefix()
      async let identity = LayerReader().identity(ofCopy: copy, format: format, byteCount: UInt64(bytes.count), following: prefix)
      for index in chunks.indices.reversed() {
        try folder.overwrite(copy, at: chunks[index].lowerBound, with: Array(bytes[chunks[index]]))
        prefix.note(index) { UInt64(chunks[$0].lowerBound)..<UInt64(chunks[$0].upperBound) }
      }
      #expect(try await identity == LayerReader().identity(of: source, format: format))
    }
  }

  @Test("A reader that waits for more can be cancelled")
  func cancelled() async throws {
    try await withTemporaryFolder { folder in
      let path = try folder.write([1, 2, 3], to: "copy")
      let reading = Task { try await LayerReader().identity(ofCopy: path, format: "raw", byteCount: 3, following: CopiedPrefix()) }
      reading.cancel()
      await #expect { try await reading.value } throws: { ($0 as? ImageError)?.code == .cancelled }
    }
  }
}
