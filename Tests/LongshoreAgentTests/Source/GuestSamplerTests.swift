import Glibc
import Libvirt
import LongshoreTestKit
import MigrationCore
import Testing

@testable import LongshoreAgent

@Suite("What is sampled of a guest")
struct GuestSamplerTests {
  private static func activity(_ disks: [(String, UInt64, UInt64)]) -> DomainActivity {
    var activity = DomainActivity()
    activity.disks = disks.map { DomainActivity.Disk(target: $0, writtenBytes: $1, writeRequests: $2) }
    return activity
  }

  @Test("Writes are what came between two readings, in a second")
  func writes() {
    let first = Self.activity([("vda", 1000, 10), ("vdb", 500, 5), ("vdc", 900, 9)])
    let last = Self.activity([("vda", 5000, 30), ("vdb", 500, 5), ("vdc", 0, 0), ("vdd", 1, 1)])
    // A disk whose counters began anew, and one that is new, say nothing.
    #expect(
      GuestSampler.writes(from: first, to: last, milliseconds: 2000) == [
        MigrationSamples.name("vda"): .init(bytesPerSecond: 2000, requestsPerSecond: 10),
        MigrationSamples.name("vdb"): .init(bytesPerSecond: 0, requestsPerSecond: 0),
      ])
    #expect(GuestSampler.writes(from: first, to: last, milliseconds: 0).isEmpty)
  }

  @Test("Memory in use is the resident part of the mapping of its size")
  func memory() {
    let smaps = """
      55d0c0000000-55d0c0800000 r-xp 00000000 fe:00 1 /usr/bin/qemu-system-x86_64
      Size:               8192 kB
      Rss:                4096 kB
      7f0000000000-7f0010000000 rw-p 00000000 00:00 0
      Size:             262144 kB
      KernelPageSize:        4 kB
      Rss:               90112 kB
      Pss:               90112 kB
      Private_Hugetlb:       0 kB
      7f0020000000-7f0060000000 rw-p 00000000 00:00 0
      Size:            1048576 kB
      Rss:                  64 kB
      VmFlags: rd wr mr mw me ac
      """
    #expect(GuestMemory.mapping(in: smaps, memoryKiB: 262_144) == .init(start: 0x7f00_0000_0000, residentKiB: 90_112))
    #expect(GuestMemory.mapping(in: smaps, memoryKiB: 261_000)?.residentKiB == 90_112)
    #expect(GuestMemory.mapping(in: smaps, memoryKiB: 524_288) == nil)
    #expect(GuestMemory.mapping(in: "", memoryKiB: 262_144) == nil)
    let huge =
      "7f0000000000-7f0010000000 rw-p 00000000 00:00 0\nSize:             262144 kB\nRss:                   0 kB\nPrivate_Hugetlb:  131072 kB\n"
    #expect(GuestMemory.mapping(in: huge, memoryKiB: 262_144)?.residentKiB == 131_072)
  }

  @Test("Memory that holds nothing, or zeros, is not in use")
  func pages() async throws {
    try await withTemporaryFolder { folder in
      // This process is the guest's QEMU for once: a heap of it may grow to any size that it uses, but not to gigabytes.
      // What stands around it cannot be used, as with QEMU's own (`qemu_ram_mmap`): the kernel would join its neighbours to it.
      let size = 3 << 30
      let guardSize = 1 << 20
      let flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE
      let whole = try #require(mmap(nil, size + 2 * guardSize, PROT_NONE, flags, -1, 0))
      try #require(whole != MAP_FAILED)
      defer { munmap(whole, size + 2 * guardSize) }
      let memory = whole + guardSize
      try #require(mprotect(memory, size, PROT_READ | PROT_WRITE) == 0)
      // One part of it holds ones, another zeros that were written, and most was never touched.
      let part = size / 64
      memset(memory, 1, part)
      memset(memory + part, 0, part)
      _ = try folder.write(Array("\(getpid())\n".utf8), to: "web.pid")
      let used = try #require(GuestMemory.used(guest: "web", memoryKiB: UInt64(size >> 10), runDirectory: folder.path))
      // 4,096 pages are looked at: one more or less may fall into the part.
      #expect(abs(Double(used) - Double(part)) <= Double(size / 4096))
      #expect(GuestMemory.used(guest: "other", memoryKiB: UInt64(size >> 10), runDirectory: folder.path) == nil)
    }
  }
}
