import Logging
import LongshoreMessages
import LongshoreTestKit
import MigrationJournal
import Testing

@testable import LongshoreAgent

@Suite("The templates in pools")
struct TemplateCatalogueTests {
  private static let pool = MigrationSamples.plan.layers[0].pool

  @Test("are what images there lie on, whatever way these name it", .enabled(if: ImagePrograms.areInstalled, ImagePrograms.missing))
  func found() async throws {
    try await withTemporaryFolder { folder in
      try await folder.run("mkdir", "other", "pool", "outside")
      let base = try folder.write(noise(4096), to: "pool/base, 1.raw")
      _ = try folder.write(noise(4096), to: "outside/strange.raw")
      try await folder.run("qemu-img", "create", "-q", "-f", "qcow2", "-b", base, "-F", "raw", "pool/middle.qcow2")
      try await folder.run("qemu-img", "create", "-q", "-f", "qcow2", "-b", "base, 1.raw", "-F", "raw", "pool/one.qcow2")
      try await folder.run("qemu-img", "create", "-q", "-f", "qcow2", "-b", "../pool/middle.qcow2", "-F", "qcow2", "other/two.qcow2")
      try await folder.run(
        "qemu-img", "create", "-q", "-f", "qcow2", "-b", folder.file("outside/strange.raw"), "-F", "raw", "pool/odd.qcow2")
      try await folder.run("qemu-img", "create", "-q", "-f", "qcow2", "pool/full.qcow2", "1M")
      try await folder.run("ln", "-s", "one.qcow2", "pool/link.qcow2")
      // What looks like an image inside a disk that is raw is not one.
      try await folder.run("cp", "pool/middle.qcow2", "pool/guest.raw")
      try await folder.run("qemu-img", "create", "-q", "-f", "qcow2", "-b", folder.file("pool/guest.raw"), "-F", "raw", "pool/three.qcow2")

      let other = try #require(ResourceName("other"))
      let found = try await TemplateCatalogue.templates(
        in: [folder.file("pool"): Self.pool, folder.file("other"): other], copied: [folder.file("pool/full.qcow2"), folder.file("gone")])
      #expect(
        found.map { "\($0.pool) \($0.volume) \($0.format.rawValue) \($0.images)" } == [
          // The copy of an image lies on what the image lies on, as far as its bytes tell.
          "slow base, 1.raw raw 3", "slow full.qcow2 qcow2 0", "slow guest.raw raw 1", "slow middle.qcow2 qcow2 1",
        ])
    }
  }

  @Test("names of backing files are read as QEMU writes them, and nothing else")
  func references() {
    #expect(BackingReference(qcow2Image(backing: "base.qcow2"))?.name == "base.qcow2")
    #expect(BackingReference(qcow2Image(version: 2, backing: "base.qcow2"))?.format == nil)
    #expect(BackingReference(qcow2Image()) == nil)
    #expect(BackingReference(noise(4096)) == nil)
    #expect(BackingReference(Array(qcow2Image(backing: "base.qcow2").prefix(200))) == nil, "the name is cut off")
    func path(_ name: String) -> String? { BackingReference(qcow2Image(backing: name))?.path(in: "/pool") }
    #expect(path("base.qcow2") == "/pool/base.qcow2")
    #expect(path("../other/./base.qcow2") == "/other/base.qcow2")
    #expect(path("/other/base.qcow2") == "/other/base.qcow2")
    #expect(path("file:base.qcow2") == "/pool/base.qcow2")
    #expect(path("nbd://host/base") == nil)
    #expect(path("json:{\"file.filename\":\"/a\"}") == nil)
    #expect(path("/pool/with:colon.qcow2") == "/pool/with:colon.qcow2")
  }
}

@Suite("Verifying templates", .timeLimit(.minutes(10)))
struct TemplateVerificationsTests {
  private static let pool = MigrationSamples.plan.layers[0].pool
  private static let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

  /// Reads all of a folder's files and returns what was found.
  private static func verify(_ paths: [String], _ identities: LayerIdentities) async throws -> TemplateWork {
    let templates = try paths.map { path in
      TemplateCatalogue.Template(
        pool: pool, volume: try #require(ResourceName(PathText.name(of: path))), path: path, format: .raw, images: 1)
    }
    let verifications = TemplateVerifications(select: { _ in templates }, identities: identities, logger: logger)
    _ = try await verifications.begin(MigrationSamples.id, TemplateSelection())
    let end = await verifications.end(of: MigrationSamples.id)
    return try #require(end)
  }

  @Test("tells what is as it was, what is not, and what was never read")
  func compared() async throws {
    try await withTemporaryFolder { folder in
      let identities = LayerIdentities(journal: try Journal(path: Journal.inMemory), settlingTime: 0)
      let one = try folder.write(noise(9_000_000), to: "one.raw")
      let two = try folder.write(noise(5000, seed: 2), to: "two.raw")
      let first = try await Self.verify([one, two, folder.file("gone.raw")], identities)
      #expect(first.phase == .done)
      #expect(first.files.map(\.state) == [.new, .new, .unreadable])
      #expect(first.files[2].reason != nil)
      #expect(first.bytesDone == first.bytesTotal && first.bytesTotal == 9_005_000)
      #expect(try identities.known(one) == first.files[0].digest)

      #expect(try await Self.verify([one, two], identities).files.map(\.state) == [.same, .same])
      // Touched, but the same.
      try await folder.run("touch", two)
      #expect(try identities.known(two) == nil)
      #expect(try await Self.verify([two], identities).files.map(\.state) == [.same])
      #expect(try identities.known(two) != nil)

      try folder.overwrite(one, at: 8_000_000, with: [1, 2, 3])
      for _ in 0..<2 {
        let file = try #require(try await Self.verify([one], identities).files.first)
        #expect(file.state == .differs, "also when it is asked for again")
        #expect(file.remembered == first.files[0].digest && file.digest != file.remembered)
        #expect(file.reason?.message.contains("written to or exchanged") == true)
      }
      #expect(try identities.known(one) == nil)
    }
  }

  @Test("a file that is not what its times say is told as damaged")
  func damaged() async throws {
    try await withTemporaryFolder { folder in
      let identities = LayerIdentities(journal: try Journal(path: Journal.inMemory), settlingTime: 0)
      let path = try folder.write(noise(5000), to: "one.raw")
      // What is remembered of this very state of the file is of another content.
      try identities.remember(LayerDigest(fileSize: 5000, header: "", sha256: String(repeating: "0", count: 64)), of: path)
      let file = try #require(try await Self.verify([path], identities).files.first)
      #expect(file.state == .differs)
      #expect(file.reason?.message.contains("may be damaged") == true)
      #expect(try identities.known(path)?.sha256.first == "0", "what was remembered is not taken back")
    }
  }

  @Test("is one for an id, and ends when it is cancelled")
  func cancelled() async throws {
    let gate = Gate()
    let identities = LayerIdentities(journal: try Journal(path: Journal.inMemory), settlingTime: 0)
    let template = TemplateCatalogue.Template(
      pool: Self.pool, volume: Self.pool, path: "/nowhere/a.raw", format: .raw, images: 1)
    let verifications = TemplateVerifications(
      select: { _ in
        await gate.pass()
        return [template]
      }, identities: identities, logger: Self.logger)
    async let one = verifications.begin(MigrationSamples.id, TemplateSelection())
    async let other = verifications.begin(MigrationSamples.id, TemplateSelection())
    gate.open()
    #expect(try await [one, other].map(\.id) == [MigrationSamples.id, MigrationSamples.id])
    let reason = Reason(.cancelled, "enough")
    let ended = await verifications.cancel(MigrationSamples.id, reason: reason)
    #expect(ended?.phase.isTerminal == true)
    let none = try #require(MigrationID("none"))
    #expect(await verifications.cancel(none, reason: reason) == nil)
    await verifications.stop()
  }
}
