import LongshoreMessages
import Synchronization
import Testing

@testable import LongshoreAgent

@Suite("What disks hold", .enabled(if: ImagePrograms.areInstalled, ImagePrograms.missing))
struct ContentReaderTests {
  private static let size = 5 << 20

  /// Data of several kinds: whole blocks, parts of blocks, over the edges of blocks and ranges, written zeros, the disk's last byte.
  private static let writes = [
    "write -P 0x11 0 64k", "write -P 0x22 200000 777", "write -P 0x33 1000k 100k", "write -P 0x00 2M 256k", "write -P 0x44 3146000 2000",
    "write -z 4M 128k", "write -P 0x55 5242879 1",
  ]

  private func make(_ name: String, format: String, options: [String] = [], size: Int = size, in folder: TemporaryFolder) async throws
    -> String
  {
    let path = folder.file(name)
    try await folder.run("qemu-img", ["create", "-q", "-f", format] + options + [path, String(size)])
    return path
  }

  private func write(_ commands: [String], to path: String, format: String, in folder: TemporaryFolder) async throws {
    try await folder.run("qemu-io", ["-f", format] + commands.flatMap { ["-c", $0] } + [path])
  }

  private func content(_ path: String, _ format: String, in folder: TemporaryFolder) async throws -> DiskContent {
    let target = try #require(ResourceName("vda"))
    let export = try await ExportFixture.exporter(in: folder).exportHere(path: path, format: format, name: folder.name)
    let last = Mutex<UInt64>(0)
    let content = try await ContentReader.read(.init(target: target, socket: export.socket, export: LocalExport.name), of: 1) {
      done, total throws(ImageError) in
      last.withLock { $0 = done }
      #expect(total == UInt64(Self.size))
    }
    #expect(last.withLock(\.self) == UInt64(Self.size))
    try await export.stop()
    #expect(!folder.exists(export.socket) && !folder.exists(export.pidFile))
    return content
  }

  @Test("the same is read from whatever it is kept in: raw, qcow2 of small and large clusters, an overlay, holes or zeros")
  func same() async throws {
    try await withTemporaryFolder { folder in
      var all: [DiskContent] = []
      for (name, format, options) in [
        ("raw", "raw", []), ("full", "raw", ["-o", "preallocation=full"]), ("qcow2", "qcow2", []),
        ("small", "qcow2", ["-o", "cluster_size=512"]), ("large", "qcow2", ["-o", "cluster_size=2M"]),
      ] as [(String, String, [String])] {
        let path = try await make(name, format: format, options: options, in: folder)
        try await write(Self.writes, to: path, format: format, in: folder)
        all.append(try await content(path, format, in: folder))
      }
      // Some from the template, which holds something else where the overlay has zeros.
      let template = try await make("template", format: "raw", in: folder)
      try await write(Array(Self.writes.prefix(3)) + ["write -P 0x77 2M 256k"], to: template, format: "raw", in: folder)
      let overlay = try await make("overlay", format: "qcow2", options: ["-b", template, "-F", "raw"], in: folder)
      try await write(Array(Self.writes.dropFirst(3)), to: overlay, format: "qcow2", in: folder)
      all.append(try await content(overlay, "qcow2", in: folder))

      #expect(all[0].size == UInt64(Self.size) && all[0].rangeSize == 1 << 20)
      #expect(all[0].digests.map(\.isEmpty) == [false, false, true, false, false])
      for content in all { #expect(content == all[0]) }
    }
  }

  @Test("one byte makes its range another, and no other range", arguments: [0, 65_535, 65_536, 1 << 20, 2_621_439, 5_242_878])
  func oneByte(offset: Int) async throws {
    try await withTemporaryFolder { folder in
      let path = try await make("disk", format: "qcow2", in: folder)
      try await write(Self.writes, to: path, format: "qcow2", in: folder)
      let before = try await content(path, "qcow2", in: folder)
      try await write(["write -P 0x66 \(offset) 1"], to: path, format: "qcow2", in: folder)
      let after = try await content(path, "qcow2", in: folder)
      #expect(zip(before.digests, after.digests).map { $0 != $1 } == (0..<5).map { $0 == offset >> 20 })
    }
  }

  @Test("the same bytes at another place are not the same")
  func moved() async throws {
    try await withTemporaryFolder { folder in
      var all: [DiskContent] = []
      for offset in ["0", "64k"] {
        let path = try await make("at-\(offset)", format: "raw", in: folder)
        try await write(["write -P 0x11 \(offset) 64k"], to: path, format: "raw", in: folder)
        all.append(try await content(path, "raw", in: folder))
      }
      #expect(all[0].digests[0] != all[1].digests[0])
    }
  }

  @Test("a reading ends with who told to, and with its server")
  func ended() async throws {
    try await withTemporaryFolder { folder in
      let path = try await make("disk", format: "raw", in: folder)
      let target = try #require(ResourceName("vda"))
      let export = try await ExportFixture.exporter(in: folder).exportHere(path: path, format: "raw", name: folder.name)
      let served = ContentReader.Served(target: target, socket: export.socket, export: LocalExport.name)
      let full = ImageError(.noSpace, operation: "read", message: "the pool is full")
      let error = await #expect(throws: ImageError.self) {
        try await ContentReader.read(served, of: 1) { _, _ throws(ImageError) in throw full }
      }
      #expect(error?.message == "the pool is full")
      try await export.stop()
      await #expect(throws: ImageError.self) { try await ContentReader.read(served, of: 1) { _, _ in } }
    }
  }
}
