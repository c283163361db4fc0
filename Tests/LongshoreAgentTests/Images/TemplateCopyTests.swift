import Glibc
import Synchronization
import Testing

@testable import LongshoreAgent

@Suite("Copying templates", .enabled(if: ImagePrograms.areInstalled, ImagePrograms.missing))
struct TemplateCopyTests {
  private static let mebibyte = 1 << 20

  /// Serves bytes, and gives the export and a new file to fill.
  private func withExport(
    of bytes: [UInt8],
    _ body: (TemporaryFolder, NBDExport, ExclusiveFile) async throws -> Void
  ) async throws {
    try await withTemporaryFolder { folder in
      let path = try folder.write(bytes, to: "template,1.qcow2")
      let export = try await ExportFixture.exporter(in: folder).export(path: path, name: folder.name)
      let file = try await ExclusiveFile.create(at: folder.file("copy,1"))
      do {
        try await body(folder, export, file)
      } catch {
        try await export.stop()
        throw error
      }
      try await export.stop()
    }
  }

  @Test(
    "Every byte arrives, whatever the length",
    arguments: [1, 511, 512, 196_616, mebibyte, 3 * mebibyte + 8, 4 * mebibyte])
  func lengths(count: Int) async throws {
    let bytes = noise(count)
    try await withExport(of: bytes) { folder, export, file in
      let copy = TemplateCopy(
        from: export.endpoint, to: file, byteCount: UInt64(count), chunkSize: UInt64(Self.mebibyte))
      let seen = Mutex<[UInt64]>([])
      var finished: [Int] = []
      try await copy.run(progress: { copied in seen.withLock { $0.append(copied) } }) { finished.append($0) }
      #expect(try folder.read(file.path) == bytes)
      #expect(finished.sorted() == Array(0..<copy.chunkCount))
      let progress = seen.withLock(\.self)
      #expect(progress == progress.sorted())
      #expect(progress.last == UInt64(count))
    }
  }

  @Test("Ranges cover the file without gaps")
  func ranges() throws {
    let copy = TemplateCopy(
      from: try NBDEndpoint(uri: "nbd://h:1/x"),
      to: ExclusiveFile(path: "/a", identity: .init(device: 1, inode: 1)), byteCount: 2500, chunkSize: 1024)
    #expect(copy.chunkCount == 3)
    #expect((0..<3).map(copy.range) == [0..<1024, 1024..<2048, 2048..<2500])
  }

  @Test("A cut copy goes on with what is missing")
  func resumed() async throws {
    let bytes = noise(4 * Self.mebibyte)
    try await withExport(of: bytes) { folder, export, file in
      let copy = TemplateCopy(
        from: export.endpoint, to: file, byteCount: UInt64(bytes.count), chunkSize: UInt64(Self.mebibyte))
      var finished: Set<Int> = []
      let cut = await #expect(throws: Cut.self) {
        try await copy.run { chunk in
          finished.insert(chunk)
          if finished.count == 2 { throw Cut() }
        }
      }
      #expect(cut != nil)
      for chunk in finished {
        let range = copy.range(ofChunk: chunk)
        let part = Int(range.lowerBound)..<Int(range.upperBound)
        #expect(try Array(folder.read(file.path)[part]) == Array(bytes[part]))
      }
      let before = finished
      var later: [Int] = []
      let first = Mutex<UInt64?>(nil)
      try await copy.run(
        finished: finished, progress: { copied in first.withLock { $0 = $0 ?? copied } }
      ) { later.append($0) }
      #expect(Set(later) == Set(0..<4).subtracting(before))
      #expect((first.withLock(\.self) ?? 0) >= UInt64(2 * Self.mebibyte))
      #expect(try folder.read(file.path) == bytes)
    }
  }

  private struct Cut: Error {}

  @Test("Finished chunks are not copied again")
  func finishedChunks() async throws {
    let bytes = noise(2 * Self.mebibyte)
    try await withExport(of: bytes) { folder, export, file in
      let copy = TemplateCopy(
        from: export.endpoint, to: file, byteCount: UInt64(bytes.count), chunkSize: UInt64(Self.mebibyte))
      try await copy.run(finished: [0]) { #expect($0 == 1) }
      let written = try folder.read(file.path)
      #expect(written.prefix(Self.mebibyte).allSatisfy { $0 == 0 })
      #expect(written.suffix(Self.mebibyte) == bytes.suffix(Self.mebibyte))
    }
  }

  @Test("Holes stay holes")
  func sparse() async throws {
    let bytes = noise(65_536) + [UInt8](repeating: 0, count: 16 * Self.mebibyte) + noise(65_536, seed: 2)
    try await withExport(of: bytes) { folder, export, file in
      let copy = TemplateCopy(
        from: export.endpoint, to: file, byteCount: UInt64(bytes.count), chunkSize: UInt64(4 * Self.mebibyte))
      try await copy.run { _ in }
      #expect(try folder.read(file.path) == bytes)
      #expect(folder.allocated(file.path) < Self.mebibyte)
    }
  }

  @Test("Zeros that the source has as data become holes, and what lies between them is kept")
  func zeros() async throws {
    let zeros = [UInt8](repeating: 0, count: 3 * Self.mebibyte + 4096)
    let bytes = zeros + [1] + zeros + noise(200_000) + zeros
    try await withExport(of: bytes) { folder, export, file in
      // Written byte by byte, so that the source has no holes.
      #expect(folder.allocated(folder.file("template,1.qcow2")) >= bytes.count)
      try await TemplateCopy(from: export.endpoint, to: file, byteCount: UInt64(bytes.count)).run { _ in }
      #expect(try folder.read(file.path) == bytes)
      #expect(folder.allocated(file.path) < Self.mebibyte)
    }
  }

  @Test("A server that ends in the middle is an error, and what was reported is there")
  func serverEnds() async throws {
    let bytes = noise(64 * Self.mebibyte)
    try await withExport(of: bytes) { folder, export, file in
      let copy = TemplateCopy(from: export.endpoint, to: file, byteCount: UInt64(bytes.count), chunkSize: UInt64(Self.mebibyte))
      var finished: [Int] = []
      let error = await #expect(throws: ImageError.self) {
        try await copy.run { chunk in
          if finished.isEmpty { try await export.process.end(grace: .zero) }
          finished.append(chunk)
        }
      }
      #expect(error?.code == .toolFailed)
      // As many as may be read ahead, and those that were on their way.
      #expect(finished.count < copy.chunkCount)
      let there = try folder.read(file.path)
      for chunk in finished {
        let part = chunk * Self.mebibyte..<(chunk + 1) * Self.mebibyte
        #expect(there[part] == bytes[part])
      }
    }
  }

  @Test("An export that is shorter than the file should be is an error")
  func shorter() async throws {
    try await withExport(of: noise(512)) { _, export, file in
      let error = await #expect(throws: ImageError.self) {
        try await TemplateCopy(from: export.endpoint, to: file, byteCount: 1024).run { _ in }
      }
      #expect(error?.message.contains("512 bytes only") == true)
    }
  }

  @Test("A new copy starts from an empty file")
  func leftContents() async throws {
    let bytes = [UInt8](repeating: 0, count: Self.mebibyte)
    try await withExport(of: bytes) { folder, export, file in
      let descriptor = Glibc.open(file.path, O_WRONLY)
      #expect(noise(4096).withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) } == 4096)
      close(descriptor)
      try await TemplateCopy(from: export.endpoint, to: file, byteCount: UInt64(bytes.count)).run { _ in }
      #expect(try folder.read(file.path) == bytes)
    }
  }

  @Test("A file that is not the registered one is not written to")
  func otherFile() async throws {
    try await withExport(of: noise(512)) { folder, export, file in
      let other = try folder.write([7], to: "other")
      let stranger = ExclusiveFile(path: other, identity: file.identity)
      let error = await #expect(throws: ImageError.self) {
        try await TemplateCopy(from: export.endpoint, to: stranger, byteCount: 512).run { _ in }
      }
      #expect(error?.code == .changed)
      #expect(try folder.read(other) == [7])
    }
  }

  @Test("A server that is gone is an error with its address")
  func noServer() async throws {
    try await withExport(of: noise(512)) { _, export, file in
      try await export.stop()
      let error = await #expect(throws: ImageError.self) {
        try await TemplateCopy(from: export.endpoint, to: file, byteCount: 512).run { _ in }
      }
      #expect(error?.code == .toolFailed)
      #expect(error?.operation.contains(export.uri) == true)
    }
  }

  @Test("A server that says nothing more is given up")
  func stalled() async throws {
    try await withExport(of: noise(Self.mebibyte)) { _, export, file in
      #expect(kill(export.process.pid, SIGSTOP) == 0)
      let copy = TemplateCopy(
        from: export.endpoint, to: file, byteCount: UInt64(Self.mebibyte), stallLimit: .milliseconds(100))
      let error = await #expect(throws: ImageError.self) { try await copy.run { _ in } }
      #expect(error?.code == .timedOut)
      try await export.process.end(grace: .zero)
    }
  }
}
