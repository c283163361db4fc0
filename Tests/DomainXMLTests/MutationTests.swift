import DomainXML
import Testing

/// Damaged documents, by a generator whose seed is fixed, so that a failure happens again.
@Suite("Damaged documents")
struct MutationTests {
  /// SplitMix64.
  private struct Generator: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
      state &+= 0x9E37_79B9_7F4A_7C15
      var value = state
      value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
      value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
      return value ^ (value >> 31)
    }
  }

  private static let pieces = [
    "<", ">", "</", "/>", "'", "\"", "&", "&lt;", "&#x1F9AD;", "&#0;", "<!--", "-->", "<![CDATA[", "]]>", "<?x ?>",
    "<!DOCTYPE a [", "xmlns='urn:a'", "xmlns:q='urn:q'", "q:", "<a>", "</a>", "<disk/>", "<backingStore/>",
    "<devices>", "</devices>", "\u{FEFF}", "\u{0}", "é", " ",
  ].map { Array($0.utf8) }

  /// Damages a text a few times, each time at random: cut, double, insert, flip, or swap two tags.
  private func damaged(_ xml: [UInt8], with generator: inout Generator) -> [UInt8] {
    var bytes = xml
    for _ in 0..<Int.random(in: 1...4, using: &generator) where bytes.count > 1 {
      let start = Int.random(in: 0..<bytes.count, using: &generator)
      let end = min(bytes.count, start + Int.random(in: 1...200, using: &generator))
      switch Int.random(in: 0..<6, using: &generator) {
      case 0: bytes.removeSubrange(start..<end)
      case 1: bytes.insert(contentsOf: bytes[start..<end], at: start)
      case 2: bytes.insert(contentsOf: Self.pieces.randomElement(using: &generator) ?? [], at: start)
      case 3: bytes[start] = UInt8.random(in: 0...255, using: &generator)
      case 4: bytes = swappingTags(in: bytes, with: &generator)
      default: bytes = droppingElement(in: bytes, from: start)
      }
    }
    return bytes
  }

  /// Exchanges two lines, which keeps some documents well-formed and moves elements where they do not belong.
  private func swappingTags(in bytes: [UInt8], with generator: inout Generator) -> [UInt8] {
    var lines = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
    let first = Int.random(in: lines.indices, using: &generator)
    let second = Int.random(in: lines.indices, using: &generator)
    lines.swapAt(first, second)
    return Array(lines.joined(separator: [UInt8(ascii: "\n")]))
  }

  /// Drops the next empty element after a position: the document stays well-formed.
  private func droppingElement(in bytes: [UInt8], from start: Int) -> [UInt8] {
    guard let open = bytes[start...].firstIndex(of: UInt8(ascii: "<")),
      let close = bytes[open...].firstIndex(of: UInt8(ascii: ">")), bytes[close - 1] == UInt8(ascii: "/")
    else { return bytes }
    return Array(bytes[..<open] + bytes[(close + 1)...])
  }

  @Test("A damaged document is refused, or read, edited and written back", arguments: [1, 2, 3, 4] as [UInt64])
  func mutations(seed: UInt64) throws {
    var generator = Generator(state: seed)
    var accepted = 0
    let originals = [Array(Fixture.live.utf8), Array(Fixture.passthrough.utf8)]
    for round in 0..<750 {
      let bytes = damaged(originals[round % 2], with: &generator)
      guard var document = try? DomainDocument(parsing: bytes) else { continue }
      accepted += 1
      readEverything(in: document)
      let once = document.serialized()
      #expect(try DomainDocument(parsing: once).serialized() == once, "seed \(seed), round \(round)")
      editEverything(in: &document)
      let edited = document.serialized()
      #expect(try DomainDocument(parsing: edited).serialized() == edited, "seed \(seed), round \(round)")
    }
    #expect(accepted > 50, "the mutations must leave enough documents to read")
  }

  private func readEverything(in document: DomainDocument) {
    _ = (document.disks, document.interfaces, document.graphics, document.characterDevices, document.hostDevices)
    _ = (document.operatingSystem, document.memoryBacking, document.numa, document.memoryKiB, document.memoryHardLimitKiB)
    _ = (document.fileSystems, document.sharedMemories, document.tpms, document.memoryModulePaths)
    _ = (document.virtualCPUs, document.cpuXML, document.fixedVsockContext, document.launchSecurity, document.entropySources)
  }

  /// Edits may be refused; an edit of a disk that succeeds must be seen when reading.
  private func editEverything(in document: inout DomainDocument) {
    for disk in document.disks {
      do {
        try document.setSource(ofDisk: disk.target, toFile: "/b/\(disk.target) & co")
        #expect(document.disk(disk.target)?.source == .file("/b/\(disk.target) & co"))
        try document.setBackingChain(ofDisk: disk.target, to: .unlisted)
        #expect(document.disk(disk.target)?.backingChain == .unlisted)
        try document.removeMirror(ofDisk: disk.target)
      } catch {
        #expect([.notApplicable, .ambiguous].contains(error.code))
      }
    }
    for index in document.graphics.indices {
      try? document.setListenAddress(ofGraphics: index, to: "::1")
    }
    for address in document.interfaces.compactMap(\.macAddress) {
      try? document.setAttachment(ofInterface: address, to: .bridge("br0"))
    }
    try? document.setNVRAM(toFile: "/b/vars")
  }
}
