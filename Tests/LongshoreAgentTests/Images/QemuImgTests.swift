import Testing

@testable import LongshoreAgent

@Suite("qemu-img", .enabled(if: ImagePrograms.areInstalled, ImagePrograms.missing))
struct QemuImgTests {
  private let images = QemuImg()
  private let size: UInt64 = 64 << 20

  @Test("A chain is read from the image down, while QEMU's locks are taken")
  func chain() async throws {
    try await withTemporaryFolder { folder in
      _ = try await images.create(at: folder.file("base.img"), as: .init(format: "raw", virtualSize: size))
      _ = try await images.create(
        at: folder.file("mid.qcow2"),
        as: .init(
          format: "qcow2", virtualSize: size, backing: .init(path: folder.file("base.img"), format: "raw"),
          clusterSize: 131_072, compat: "0.10"))
      let top = try await images.create(
        at: folder.file("top.qcow2"),
        as: .init(
          format: "qcow2", virtualSize: size, backing: .init(path: folder.file("mid.qcow2"), format: "qcow2")))

      let chain = try await images.chain(of: top.path, format: "qcow2")
      #expect(chain.map(\.filename) == ["top.qcow2", "mid.qcow2", "base.img"].map(folder.file))
      #expect(chain.map(\.format) == ["qcow2", "qcow2", "raw"])
      #expect(chain.map(\.virtualSize) == [size, size, size])
      #expect(chain.map(\.clusterSize) == [65_536, 131_072, nil])
      #expect(chain.map(\.compat) == ["1.1", "0.10", nil])
      #expect(chain.map(\.backingFormat) == ["qcow2", "raw", nil])
      #expect(chain.map(\.fullBackingFilename) == [folder.file("mid.qcow2"), folder.file("base.img"), nil])
      #expect(chain.allSatisfy { !$0.isEncrypted && !$0.isDirty && !$0.isCorrupt && $0.dataFile == nil })
    }
  }

  @Test("Data files and bitmaps are seen")
  func details() async throws {
    try await withTemporaryFolder { folder in
      try await folder.run(
        "qemu-img", "create", "-q", "-f", "qcow2", "-o", "data_file=\(folder.file("d.raw")),data_file_raw=on",
        "external.qcow2", "1M")
      #expect(try await images.info(of: folder.file("external.qcow2")).dataFile == folder.file("d.raw"))
      try await folder.run("qemu-img", "create", "-q", "-f", "qcow2", "marked.qcow2", "1M")
      try await folder.run("qemu-img", "bitmap", "--add", "marked.qcow2", "b0")
      #expect(try await images.info(of: folder.file("marked.qcow2")).bitmaps.map(\.name) == ["b0"])
    }
  }

  @Test("Damaged tables are told, and space that nothing uses is no damage")
  func damage() async throws {
    try await withTemporaryFolder { folder in
      /// What is found in an image in which a cluster is nothing but zeros.
      func damage(without cluster: String?) async throws -> String? {
        try await folder.run("qemu-img", "create", "-q", "-f", "qcow2", "a.qcow2", "8M")
        try await folder.run("qemu-io", "-f", "qcow2", "-c", "write 0 1M", "a.qcow2")
        if let cluster {
          try await folder.run("dd", "if=/dev/zero", "of=a.qcow2", "bs=64k", "seek=\(cluster)", "count=1", "conv=notrunc", "status=none")
        }
        return try await images.damage(of: folder.file("a.qcow2"))
      }
      let sound = try await damage(without: nil)
      #expect(sound == nil)
      // The second cluster names the blocks of reference counts: without it nothing that is used is counted.
      #expect(try await damage(without: "1")?.wholeMatch(of: /\d+ damaged entries/) != nil)
      // The fourth names the tables of what is used: without it nothing that is counted is used.
      #expect(try await damage(without: "3") == nil)
      let missing = await #expect(throws: ImageError.self) { try await images.damage(of: folder.file("none")) }
      #expect(missing?.code == .notFound)
    }
  }

  @Test("Missing images and missing layers are told as such")
  func missing() async throws {
    try await withTemporaryFolder { folder in
      let nothing = await #expect(throws: ImageError.self) { try await images.chain(of: folder.file("none")) }
      #expect(nothing?.code == .notFound)
      try await folder.run(
        "qemu-img", "create", "-q", "-u", "-f", "qcow2", "-b", "gone.qcow2", "-F", "qcow2", "top.qcow2", "1M")
      let layer = await #expect(throws: ImageError.self) { try await images.chain(of: folder.file("top.qcow2")) }
      #expect(layer?.code == .notFound)
      #expect(layer?.message.contains("gone.qcow2") == true)
    }
  }

  @Test("A header that a guest wrote into a raw image is not followed")
  func guestWrittenHeader() async throws {
    try await withTemporaryFolder { folder in
      let secret = try folder.write(noise(1 << 20), to: "secret.img")
      let trap = folder.file("trap.img")
      _ = try await images.create(
        at: trap,
        as: .init(format: "qcow2", virtualSize: 1 << 20, backing: .init(path: secret, format: "raw")))
      let chain = try await images.chain(of: trap, format: "raw")
      #expect(chain.map(\.filename) == [trap])
      #expect(chain.first?.backingFilename == nil)
    }
  }

  @Test("Names that are hard for programs", arguments: ["a b", "a,b=c", "a:b", "nbd:localhost", "-q", "ü'\"\\", "%s"])
  func names(name: String) async throws {
    try await withTemporaryFolder { folder in
      let base = try await images.create(at: folder.file("\(name).img"), as: .init(format: "raw", virtualSize: size))
      let top = try await images.create(
        at: folder.file(name),
        as: .init(format: "qcow2", virtualSize: size, backing: .init(path: base.path, format: "raw")))
      #expect(try await images.chain(of: top.path).map(\.filename) == [top.path, base.path])
    }
  }

  @Test("Paths that are not absolute never reach the program", arguments: ["", "a", "nbd:host:1", "json:{}", "-h", "/a\nb"])
  func paths(path: String) async {
    let read = await #expect(throws: ImageError.self) { try await images.chain(of: path) }
    #expect(read?.code == .invalidArgument)
    let made = await #expect(throws: ImageError.self) {
      try await images.create(at: path, as: .init(format: "raw", virtualSize: 512))
    }
    #expect(made?.code == .invalidArgument)
    let rebased = await #expect(throws: ImageError.self) {
      try await images.rebaseUnsafe("/a", onto: .init(path: path, format: "raw"))
    }
    #expect(rebased?.code == .invalidArgument)
  }

  @Test("An existing file is refused and not touched")
  func existing() async throws {
    try await withTemporaryFolder { folder in
      let path = try folder.write([1, 2, 3], to: "taken.qcow2")
      let error = await #expect(throws: ImageError.self) {
        try await images.create(at: path, as: .init(format: "qcow2", virtualSize: size))
      }
      #expect(error?.code == .alreadyExists)
      #expect(try folder.read(path) == [1, 2, 3])
    }
  }

  @Test("Only the registered file, and only while it is empty, becomes an image")
  func registeredFile() async throws {
    try await withTemporaryFolder { folder in
      let file = try await ExclusiveFile.create(at: folder.file("stub"))
      let stranger = ExclusiveFile(
        path: file.path, identity: .init(device: file.identity.device, inode: file.identity.inode + 1))
      let other = await #expect(throws: ImageError.self) {
        try await images.initialize(stranger, as: .init(format: "qcow2", virtualSize: size))
      }
      #expect(other?.code == .changed)
      let info = try await images.initialize(file, as: .init(format: "qcow2", virtualSize: size))
      #expect(info.virtualSize == size)
      #expect(try FileStatus(ofPath: file.path, operation: "look").identity == file.identity)
      let again = await #expect(throws: ImageError.self) {
        try await images.initialize(file, as: .init(format: "qcow2", virtualSize: size))
      }
      #expect(again?.code == .changed)
    }
  }

  @Test("A size that the format cannot have is noticed, and nothing stays")
  func sizeToTheByte() async throws {
    try await withTemporaryFolder { folder in
      let path = folder.file("odd.qcow2")
      let error = await #expect(throws: ImageError.self) {
        try await images.create(at: path, as: .init(format: "qcow2", virtualSize: 1_000_001))
      }
      #expect(error?.code == .notAsRequested)
      #expect(!folder.exists(path))
    }
  }

  @Test("A failed creation leaves nothing")
  func failedCreation() async throws {
    try await withTemporaryFolder { folder in
      let path = folder.file("stub.qcow2")
      let error = await #expect(throws: ImageError.self) {
        try await images.create(
          at: path,
          as: .init(format: "qcow2", virtualSize: size, backing: .init(path: folder.file("none"), format: "raw")))
      }
      #expect(error?.code == .toolFailed)
      #expect(!folder.exists(path))
    }
  }

  @Test("Specifications that make no sense are refused")
  func specifications() async throws {
    try await withTemporaryFolder { folder in
      let wrong: [(QemuImg.Specification, ImageError.Code)] = [
        (.init(format: "vmdk", virtualSize: 512), .unsupported),
        (.init(format: "qcow2", virtualSize: 512, compat: "1.1,backing_file=/etc/passwd"), .invalidArgument),
        (.init(format: "raw", virtualSize: 512, backing: .init(path: "/a", format: "raw")), .invalidArgument),
        (.init(format: "qcow2", virtualSize: .max), .invalidArgument),
      ]
      for (specification, code) in wrong {
        let error = await #expect(throws: ImageError.self) {
          try await images.create(at: folder.file("stub"), as: specification)
        }
        #expect(error?.code == code)
        #expect(!folder.exists(folder.file("stub")))
      }
    }
  }

  @Test("An unsafe rebase changes the name and nothing else, or takes it away")
  func rebase() async throws {
    try await withTemporaryFolder { folder in
      let base = try await images.create(at: folder.file("base.img"), as: .init(format: "raw", virtualSize: size))
      let top = try await images.create(
        at: folder.file("top.qcow2"),
        as: .init(format: "qcow2", virtualSize: size, backing: .init(path: base.path, format: "raw")))
      try await images.rebaseUnsafe(top.path, onto: .init(path: "/elsewhere/base.img", format: "raw"))
      #expect(try await images.info(of: top.path).backingFilename == "/elsewhere/base.img")
      try await images.rebaseUnsafe(top.path, onto: nil)
      #expect(try await images.info(of: top.path).backingFilename == nil)
    }
  }
}
