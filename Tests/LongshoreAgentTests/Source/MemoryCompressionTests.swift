import DomainXML
import LongshoreMessages
import Testing

@testable import LongshoreAgent

@Suite("The cache of a compressed transfer")
struct MemoryCompressionTests {
  @Test(
    "is a power of two, a quarter of the guest's memory at most, within QEMU's default and 1 GiB",
    arguments: [
      (KiB: UInt64(0), MiB: UInt64(64)), (1 << 17, 64), (1 << 18, 64), (1 << 20, 256), (3 << 20, 512), (4 << 20, 1024),
      (1 << 40, 1024), (.max, 1024),
    ])
  func size(_ memory: (KiB: UInt64, MiB: UInt64)) {
    #expect(MemoryCompression.cache(ofMemory: memory.KiB) == memory.MiB << 20)
  }

  @Test(
    "fits beside the guest's memory in what its QEMU may have, or the order is refused",
    arguments: [
      ("", .passed), ("<memtune><hard_limit unit='KiB'>9007199254740991</hard_limit></memtune>", .passed),
      ("<memtune><hard_limit unit='MiB'>1600</hard_limit></memtune>", .passed),
      ("<memtune><hard_limit unit='MiB'>1280</hard_limit></memtune>", .refused),
      ("<memtune><hard_limit unit='KiB'>1310721</hard_limit></memtune>", .passed),
    ] as [(String, Check.Outcome)])
  func limit(_ limit: String, _ outcome: Check.Outcome) throws {
    let guest = try DomainDocument(parsing: "<domain type='kvm'><name>g</name><memory unit='GiB'>1</memory>\(limit)</domain>")
    let host = try #require(NodeName("alpha"))
    let check = try #require(MemoryCompression.check(guest, for: MigrationOptions(compressMemory: true), on: host))
    #expect(check.outcome == outcome && check.code == .unsupportedOption, "\(check)")
    #expect(MemoryCompression.check(guest, for: MigrationOptions(), on: host) == nil)
    #expect(MemoryCompression.check(guest, for: nil, on: host) == nil)
  }

  @Test("is beside the most memory that a number can say too much for any limit")
  func most() throws {
    let guest = try DomainDocument(
      parsing:
        "<domain type='kvm'><name>g</name><memory unit='b'>18446744073709551615</memory><memtune><hard_limit>1</hard_limit></memtune></domain>"
    )
    let check = MemoryCompression.check(guest, for: MigrationOptions(compressMemory: true), on: try #require(NodeName("alpha")))
    #expect(check?.outcome == .refused)
  }
}
