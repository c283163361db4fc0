import Glibc
import Synchronization
import SystemPackage
import Testing

@testable import LongshoreAgent

@Suite("The identity of layers")
struct LayerIdentityTests {
  @Test("A raw layer is known by all its bytes")
  func raw() async throws {
    try await withTemporaryFolder { folder in
      let path = try folder.write(Array("abc".utf8), to: "a.img")
      let identity = try await LayerReader().identity(of: path, format: "raw")
      #expect(
        identity
          == LayerIdentity(
            format: "raw", fileSize: 3, virtualSize: 3, header: nil,
            digest: "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"))
      #expect(identity.headerText == "raw")
    }
  }

  @Test("Layers with other backing names are the same; other contents are not")
  func qcow2() async throws {
    try await withTemporaryFolder { folder in
      let first = try folder.write(qcow2Image(backing: "/pool-a/base.qcow2", contents: noise(70_000)), to: "a")
      let second = try folder.write(qcow2Image(backing: "/b/base", contents: noise(70_000)), to: "b")
      let third = try folder.write(qcow2Image(backing: "/b/base", contents: noise(70_000, seed: 2)), to: "c")
      let (a, b, c) = (try await identity(first), try await identity(second), try await identity(third))
      #expect(a == b)
      #expect(a.headerText == b.headerText)
      #expect(a.firstDifference(from: b) == nil)
      #expect(a.virtualSize == 1 << 30)
      #expect(a.firstDifference(from: c)?.hasPrefix("the contents differ (SHA-256 ") == true)
    }
  }

  private func identity(_ path: String) async throws -> LayerIdentity {
    try await LayerReader().identity(of: path, format: "qcow2")
  }

  @Test("The first difference is told in words")
  func differences() throws {
    let header = try QCOW2Header(qcow2Image(), operation: "read")
    let otherHeader = try QCOW2Header(qcow2Image(version: 2), operation: "read")
    let layer = LayerIdentity(format: "qcow2", fileSize: 9, virtualSize: 5, header: header, digest: "aa")
    let cases: [(LayerIdentity, String?)] = [
      (layer, nil),
      (.init(format: "raw", fileSize: 9, virtualSize: 5, header: nil, digest: "aa"), "the format is qcow2, not raw"),
      (
        .init(format: "qcow2", fileSize: 8, virtualSize: 4, header: header, digest: "bb"),
        "the virtual size is 5 bytes, not 4"
      ),
      (
        .init(format: "qcow2", fileSize: 8, virtualSize: 5, header: header, digest: "bb"),
        "the file has 9 bytes, not 8"
      ),
      (
        .init(format: "qcow2", fileSize: 9, virtualSize: 5, header: otherHeader, digest: "bb"),
        "the qcow2 headers differ in more than the backing file"
      ),
      (
        .init(format: "qcow2", fileSize: 9, virtualSize: 5, header: header, digest: "bb"),
        "the contents differ (SHA-256 aa, not bb)"
      ),
    ]
    for (other, difference) in cases { #expect(layer.firstDifference(from: other) == difference) }
  }

  @Test(
    "Images that their own bytes do not identify are refused",
    arguments: [
      (0, 1, "it was not closed properly"), (0, 2, "it is marked as damaged"),
      (0, 4, "its data is in another file"), (0, 32, "it has unknown features"),
    ] as [(Int, UInt8, String)])
  func features(_: Int, bits: UInt8, reason: String) {
    let error = #expect(throws: ImageError.self) { try QCOW2Header(qcow2Image(incompatible: bits), operation: "read") }
    #expect(error?.code == .unsupported)
    #expect(error?.message == reason)
  }

  @Test("Headers that are none are refused")
  func malformed() {
    var wrongVersion = qcow2Image()
    wrongVersion[7] = 9
    var wrongClusters = qcow2Image()
    wrongClusters[23] = 63
    for bytes in [[], noise(512), Array(qcow2Image().prefix(71)), Array(qcow2Image().prefix(90)), wrongVersion, wrongClusters] {
      let error = #expect(throws: ImageError.self) { try QCOW2Header(bytes, operation: "read") }
      #expect(error?.code == .malformed)
    }
  }

  @Test("Every byte of the header is read without a crash")
  func headerFuzz() {
    let original = Array(qcow2Image().prefix(QCOW2Header.length))
    for index in original.indices {
      for value: UInt8 in [0, 1, 0x7F, 0xFF] {
        var bytes = original
        bytes[index] = value
        _ = try? QCOW2Header(bytes, operation: "read")
      }
    }
    #expect(throws: Never.self) { try QCOW2Header(original, operation: "read") }
  }

  @Test("Other formats and things that are no files are refused")
  func unsupported() async throws {
    try await withTemporaryFolder { folder in
      let path = try folder.write([1], to: "a")
      let format = await #expect(throws: ImageError.self) { try await LayerReader().identity(of: path, format: "vmdk") }
      #expect(format?.code == .unsupported)
      let directory = await #expect(throws: ImageError.self) {
        try await LayerReader().identity(of: folder.path, format: "raw")
      }
      #expect(directory?.code == .unsupported)
      let nothing = await #expect(throws: ImageError.self) {
        try await LayerReader().identity(of: folder.file("none"), format: "raw")
      }
      #expect(nothing?.code == .notFound)
    }
  }

  @Test("Progress goes to the end")
  func progress() async throws {
    try await withTemporaryFolder { folder in
      let size = LayerReader.readSize + 1000
      let path = try folder.write([UInt8](repeating: 7, count: size), to: "a")
      let seen = Mutex<[[UInt64]]>([])
      _ = try await LayerReader().identity(of: path, format: "raw") { done, total in
        seen.withLock { $0.append([done, total]) }
      }
      let total = UInt64(size)
      #expect(seen.withLock { $0 } == [[UInt64(LayerReader.readSize), total], [total, total]])
    }
  }

  @Test("A file that is written to meanwhile is not identified")
  func changedMeanwhile() async throws {
    try await withTemporaryFolder { folder in
      let path = try folder.write(noise(1000), to: "a")
      let error = await #expect(throws: ImageError.self) {
        try await LayerReader().identity(of: path, format: "raw") { _, _ in truncate(path, 999) }
      }
      #expect(error?.code == .changed)
    }
  }

  @Test("A file whose other name is taken away meanwhile, as where a host has just published it, is read again")
  func publishedMeanwhile() async throws {
    try await withTemporaryFolder { folder in
      let path = try folder.write(noise(1000), to: "a")
      let wanted = try await LayerReader().identity(of: path, format: "raw")
      #expect(link(path, folder.file("draft")) == 0)
      #expect(try await LayerReader().identity(of: path, format: "raw") { _, _ in unlink(folder.file("draft")) } == wanted)
    }
  }

  @Test("A file whose names never rest is not identified")
  func restless() async throws {
    try await withTemporaryFolder { folder in
      let path = try folder.write(noise(1000), to: "a")
      let links = Mutex(0)
      let error = await #expect(throws: ImageError.self) {
        try await LayerReader().identity(of: path, format: "raw") { _, _ in
          links.withLock {
            $0 += 1
            link(path, folder.file("draft-\($0)"))
          }
        }
      }
      #expect(error?.code == .changed && links.withLock(\.self) == 3)
    }
  }

  @Test("A cancelled task stops reading")
  func cancellation() async throws {
    try await withTemporaryFolder { folder in
      let path = folder.file("large")
      let file = try await ExclusiveFile.create(at: path)
      #expect(truncate(file.path, 1 << 40) == 0)
      let (started, start) = AsyncStream.makeStream(of: Void.self)
      let task = Task {
        try await LayerReader().identity(of: path, format: "raw") { _, _ in start.yield() }
      }
      for await _ in started.prefix(1) {}
      task.cancel()
      let result = await task.result
      let error = #expect(throws: ImageError.self) { try result.get() }
      #expect(error?.code == .cancelled)
    }
  }

  @Test("A digest is remembered for the state that the file was in")
  func cache() async throws {
    try await withTemporaryFolder { folder in
      let cache = MemoryDigestCache()
      let reader = LayerReader(cache: cache, settlingTime: -1)
      let path = try folder.write(Array("abc".utf8), to: "a")
      let first = try await reader.identity(of: path, format: "raw")
      let key = DigestKey(path: path, status: try FileStatus(ofPath: path, operation: "look"), offset: 0)
      #expect(await cache.digests == [key: first.digest])

      await cache.store("remembered", for: key)
      #expect(try await reader.identity(of: path, format: "raw").digest == "remembered")
      #expect(truncate(path, 2) == 0)
      #expect(try await reader.identity(of: path, format: "raw").digest != "remembered")
    }
  }

  @Test("A file that was just written is not remembered")
  func unsettled() async throws {
    try await withTemporaryFolder { folder in
      let cache = MemoryDigestCache()
      let path = try folder.write(Array("abc".utf8), to: "a")
      _ = try await LayerReader(cache: cache, settlingTime: .max).identity(of: path, format: "raw")
      #expect(await cache.digests.isEmpty)
    }
  }

  @Test("A rebase does not change what a layer is", .enabled(if: ImagePrograms.areInstalled, ImagePrograms.missing))
  func rebase() async throws {
    try await withTemporaryFolder { folder in
      let images = QemuImg()
      let base = try folder.write(noise(1 << 20), to: "base.img")
      try await folder.run(
        "qemu-img", "create", "-q", "-f", "qcow2", "-b", "base.img", "-F", "raw", "layer.qcow2", "1M")
      try await folder.run("qemu-io", "-f", "qcow2", "-c", "write -P 7 64k 128k", "layer.qcow2")
      let before = try await identity(folder.file("layer.qcow2"))
      try await images.rebaseUnsafe(folder.file("layer.qcow2"), onto: .init(path: base, format: "raw"))
      #expect(try await identity(folder.file("layer.qcow2")) == before)
      try await folder.run("qemu-io", "-f", "qcow2", "-c", "write -P 8 64k 1k", "layer.qcow2")
      #expect(try await identity(folder.file("layer.qcow2")).digest != before.digest)
    }
  }
}

private actor MemoryDigestCache: DigestCache {
  private(set) var digests: [DigestKey: String] = [:]

  func digest(for key: DigestKey) -> String? { digests[key] }
  func store(_ digest: String, for key: DigestKey) { digests[key] = digest }
}
