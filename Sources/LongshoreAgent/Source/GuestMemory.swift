internal import Glibc
internal import SystemPackage

/// What of a guest's memory holds anything, as its QEMU's process shows it. That needs the right to trace the process
/// (`CAP_SYS_PTRACE` where QEMU runs as another user).
enum GuestMemory {
  /// Where a process has a guest's memory, and what of it is resident.
  struct Mapping: Sendable, Equatable {
    /// The first address.
    var start: UInt64
    /// In KiB. Memory in huge pages counts whole.
    var residentKiB: UInt64
  }

  /// How many pages are looked at: then the part of 30 % is told within 2 % (two standard deviations of a binomial sample).
  private static let samples: UInt64 = 4096
  private static let page: UInt64 = 4096

  /// What of a guest's memory is sent as more than a word for each page: what is resident and not zero, by samples; where pages cannot be
  /// read, what is resident. In bytes; nil where nothing can be told.
  ///
  /// - Parameter runDirectory: where libvirt's QEMU driver keeps its process ids.
  static func used(guest name: String, memoryKiB: UInt64, runDirectory: String = "/run/libvirt/qemu") -> UInt64? {
    guard let text = try? ProcessFile.contents(of: "\(runDirectory)/\(name).pid"),
      let pid = Int32(String(decoding: text, as: UTF8.self).prefix { !$0.isWhitespace }),
      let maps = try? ProcessFile.contents(of: "/proc/\(pid)/smaps"),
      let mapping = mapping(in: String(decoding: maps, as: UTF8.self), memoryKiB: memoryKiB)
    else { return nil }
    let pages = memoryKiB << 10 / page
    let step = max(1, pages / samples)
    guard let part = try? filledPart(of: pid, pages: Array(stride(from: 0, to: pages, by: Int(step))), from: mapping.start) else {
      return mapping.residentKiB << 10
    }
    return UInt64(Double(memoryKiB << 10) * part)
  }

  /// Finds the mapping of a guest's memory by its size. The kernel may have joined a neighbour to it.
  static func mapping(in smaps: String, memoryKiB: UInt64) -> Mapping? {
    let neighbour: UInt64 = 4096
    var found: [Mapping] = []
    var isMemory = false
    var start: UInt64 = 0
    for line in smaps.split(separator: "\n") {
      let words = line.split(separator: " ", maxSplits: 2, omittingEmptySubsequences: true)
      guard let first = words.first else { continue }
      if !first.hasSuffix(":"), let address = first.split(separator: "-").first.flatMap({ UInt64($0, radix: 16) }) {
        start = address
        isMemory = false
      }
      guard words.count > 1, let value = UInt64(words[1]) else { continue }
      switch first {
      case "Size:":
        isMemory = memoryKiB <= value && value - memoryKiB <= neighbour
        if isMemory { found.append(Mapping(start: start, residentKiB: 0)) }
      // Huge pages of hugetlbfs are not in Rss.
      case "Rss:", "Shared_Hugetlb:", "Private_Hugetlb:":
        guard isMemory, let last = found.popLast() else { continue }
        found.append(Mapping(start: start, residentKiB: min(last.residentKiB + value, memoryKiB)))
      default: continue
      }
    }
    return found.max { $0.residentKiB < $1.residentKiB }
  }

  /// Which part of some pages is in memory, or swapped out, and not zero.
  private static func filledPart(of pid: Int32, pages: [UInt64], from start: UInt64) throws -> Double {
    // An entry for each page: bit 63 says that it is in memory, bit 62 that it is swapped out (Documentation/admin-guide/mm/pagemap.rst).
    // What is neither is not read: that would make it.
    let map = try FileDescriptor.open("/proc/\(pid)/pagemap", .readOnly, options: [.closeOnExec])
    defer { try? map.close() }
    let memory = try FileDescriptor.open("/proc/\(pid)/mem", .readOnly, options: [.closeOnExec])
    defer { try? memory.close() }
    var content = [UInt8](repeating: 0, count: Int(page))
    var filled = 0
    for number in pages {
      let address = start + number * page
      var entry: UInt64 = 0
      let count = try withUnsafeMutableBytes(of: &entry) { try map.read(fromAbsoluteOffset: Int64(address / page * 8), into: $0) }
      guard count == 8 else { throw Errno.ioError }
      if entry >> 62 == 0 { continue }
      if entry >> 63 == 0 {
        filled += 1
        continue
      }
      guard
        try content.withUnsafeMutableBytes({ try memory.read(fromAbsoluteOffset: Int64(bitPattern: address), into: $0) }) == content.count
      else { throw Errno.ioError }
      if content.contains(where: { $0 != 0 }) { filled += 1 }
    }
    return pages.isEmpty ? 0 : Double(filled) / Double(pages.count)
  }
}
