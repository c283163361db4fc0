import LongshoreMessages
import LongshoreTestKit
import Testing

@testable import LongshoreAgent

@Suite("How images are made", .enabled(if: ImagePrograms.areInstalled, ImagePrograms.missing))
struct ImagePropertiesTests {
  private let images = QemuImg()

  @Test(
    "A stub is made as the disk was",
    arguments: [
      [], ["cluster_size=4k"], ["extended_l2=on", "cluster_size=128k", "compression_type=zstd"], ["lazy_refcounts=on", "refcount_bits=1"],
      ["compat=0.10"], ["preallocation=metadata"], ["preallocation=falloc"], ["preallocation=full"],
    ])
  func qcow2(options: [String]) async throws {
    try await withTemporaryFolder { folder in
      try await folder.run("qemu-img", ["create", "-q", "-f", "qcow2"] + options.flatMap { ["-o", $0] } + ["disk.qcow2", "8390144"])
      try await expectSame(folder, "disk.qcow2", .qcow2, preallocation(options))
    }
  }

  @Test("A raw stub has its space where the disk had it", arguments: [[], ["preallocation=falloc"], ["preallocation=full"]])
  func raw(options: [String]) async throws {
    try await withTemporaryFolder { folder in
      try await folder.run("qemu-img", ["create", "-q", "-f", "raw"] + options.flatMap { ["-o", $0] } + ["disk.raw", "8390144"])
      try await expectSame(folder, "disk.raw", .raw, preallocation(options))
    }
  }

  @Test("What a guest has written to a part of is not preallocated")
  func written() async throws {
    try await withTemporaryFolder { folder in
      try await folder.run("qemu-img", ["create", "-q", "-f", "raw", "disk.raw", "8M"])
      try await folder.run("qemu-io", ["-f", "raw", "-c", "write -q 1M 6M", "disk.raw"])
      #expect(try await properties(of: folder.file("disk.raw"), "raw").preallocation == nil)
      try await folder.run("qemu-img", ["create", "-q", "-f", "qcow2", "disk.qcow2", "8M"])
      try await folder.run("qemu-io", ["-f", "qcow2", "-c", "write -q 1M 6M", "disk.qcow2"])
      #expect(try await properties(of: folder.file("disk.qcow2"), "qcow2").preallocation == nil)
    }
  }

  @Test("A file gets the space that it lacks, and keeps its bytes")
  func space() async throws {
    try await withTemporaryFolder { folder in
      try await folder.run("qemu-img", ["create", "-q", "-f", "raw", "disk.raw", "8M"])
      try await folder.run("qemu-io", ["-f", "raw", "-c", "write -q -P 7 1M 64k", "disk.raw"])
      let path = folder.file("disk.raw")
      #expect(try FileStatus(ofPath: path, operation: "look").allocated < 1 << 20)
      try #require(try await FileSpace.take(for: path))
      let status = try FileStatus(ofPath: path, operation: "look")
      #expect(status.allocated >= 8 << 20 && status.size == 8 << 20)
      try await folder.run("qemu-io", ["-f", "raw", "-c", "read -q -P 7 1M 64k", "-c", "read -q -P 0 2M 6M", "disk.raw"])
      let nothing = await #expect(throws: ImageError.self) { try await FileSpace.take(for: folder.file("none")) }
      #expect(nothing?.code == .notFound)
    }
  }

  @Test("An encrypted stub is opened by its passphrase, whatever characters that has, and by no other")
  func encrypted() async throws {
    try await withTemporaryFolder { folder in
      let passphrase = Array("p\nü,".utf8)
      let info = try await info(ofEncrypted: folder.file("disk.qcow2"), passphrase)
      #expect(info.isEncrypted)
      let image = "driver=qcow2,encrypt.format=luks,encrypt.key-secret=s,file.filename=disk.qcow2"
      _ = try folder.write(passphrase, to: "right")
      _ = try folder.write([0x70], to: "wrong")
      try await folder.run("qemu-io", "--object", "secret,id=s,file=right", "--image-opts", image, "-c", "read -q 0 64k")
      await #expect(throws: TemporaryFolder.ProgramFailed.self) {
        try await folder.run("qemu-io", "--object", "secret,id=s,file=wrong", "--image-opts", image, "-c", "read -q 0 64k")
      }
      let raw = try await ExclusiveFile.create(at: folder.file("disk.raw"))
      let error = await #expect(throws: ImageError.self) {
        try await images.initialize(raw, as: .init(format: "raw", virtualSize: 1 << 20), passphrase: passphrase)
      }
      #expect(error?.code == .unsupported)
    }
  }

  /// Makes an encrypted image, as often as QEMU needs to measure the time that its passphrase takes.
  private func info(ofEncrypted path: String, _ passphrase: [UInt8]) async throws -> ImageInfo {
    while true {
      let file = try await ExclusiveFile.create(at: path)
      do throws(ImageError) {
        return try await images.initialize(file, as: .init(format: "qcow2", virtualSize: 1 << 20), passphrase: passphrase)
      } catch {
        guard error.code == .unmeasured else { throw error }
        if FileProbe.exists(path) { _ = try await file.remove() }
      }
    }
  }

  private func preallocation(_ options: [String]) -> ImageProperties.Preallocation? {
    if options.contains("preallocation=metadata") { return .metadata }
    return options.contains { $0.hasPrefix("preallocation=") } ? .full : nil
  }

  private func properties(of path: String, _ format: String) async throws -> ImageProperties {
    try await images.info(of: path, format: format).properties(try FileStatus(ofPath: path, operation: "look at \(path)"))
  }

  /// Makes a stub of an image as migrations do, and expects it to be made as the image is.
  private func expectSame(
    _ folder: TemporaryFolder, _ name: String, _ format: ImageFormat, _ preallocation: ImageProperties.Preallocation?
  ) async throws {
    let info = try await images.info(of: folder.file(name), format: format.rawValue)
    var disk = MigrationSamples.plan.disks[0]
    disk.format = format
    disk.virtualSize = info.virtualSize
    let properties = try await properties(of: folder.file(name), format.rawValue)
    #expect(properties.preallocation == preallocation)
    disk.image = properties
    let stub = try await images.create(at: folder.file("stub"), as: QemuImg.Specification(disk, over: nil))
    if disk.image?.preallocation == .full { try #require(try await FileSpace.take(for: stub.path)) }
    #expect(try await self.properties(of: stub.path, format.rawValue) == properties)
    #expect(try await images.info(of: stub.path, format: format.rawValue).virtualSize == info.virtualSize)
  }
}
