import Testing

@testable import LongshoreAgent

@Suite("The cache of a compressed transfer")
struct CompressionCacheTests {
  @Test(
    "is a power of two, a quarter of the guest's memory at most, within QEMU's default and 1 GiB",
    arguments: [
      (KiB: UInt64(0), MiB: UInt64(64)), (1 << 17, 64), (1 << 18, 64), (1 << 20, 256), (3 << 20, 512), (4 << 20, 1024),
      (1 << 40, 1024), (.max, 1024),
    ])
  func size(_ memory: (KiB: UInt64, MiB: UInt64)) {
    #expect(Transfer.compressionCache(ofMemory: memory.KiB) == memory.MiB << 20)
  }
}
