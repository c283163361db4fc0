internal import DomainXML
internal import LongshoreMessages
internal import MigrationCore

/// A guest's memory that is sent compressed (QEMU's XBZRLE): of a page that changes again only what has changed in it.
enum MemoryCompression {
  /// The most memory that QEMU may keep pages in, to send only what has changed in them: a quarter of the guest's, 64 MiB (QEMU's default)
  /// at least and 1 GiB at most. It takes powers of two.
  ///
  /// - Returns: Bytes.
  static func cache(ofMemory kibibytes: UInt64) -> UInt64 {
    let quarter = min(max(kibibytes, 4), 4 << 20) * 256
    return max(64 << 20, 1 << (UInt64.bitWidth - 1 - quarter.leadingZeroBitCount))
  }

  /// Looks whether a guest's memory and the cache can both be within what its QEMU may have, or Linux ends it under way. What else QEMU
  /// has is not known beforehand.
  ///
  /// - Returns: nil where the order asks for no compression.
  static func check(_ guest: DomainDocument, for options: MigrationOptions?, on host: NodeName) -> Check? {
    guard options?.compressMemory == true else { return nil }
    let rule = CheckRule.roomToCompress
    guard let limit = guest.memoryHardLimitKiB else { return rule.passed(on: host, "nothing limits what the guest's QEMU may have") }
    let cache = cache(ofMemory: guest.memoryKiB)
    let found =
      "the guest's QEMU may have \(ByteCount(limit << 10)), the guest has \(ByteCount(guest.memoryKiB << 10)), and the cache takes "
      + "\(ByteCount(cache))"
    return limit > guest.memoryKiB + cache >> 10 ? rule.passed(on: host, found) : rule.failed(on: host, found)
  }
}
