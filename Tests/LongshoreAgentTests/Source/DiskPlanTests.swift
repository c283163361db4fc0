import DomainXML
import LongshoreMessages
import LongshoreTestKit
import Testing

@testable import LongshoreAgent

@Suite("The plan of a guest's disks")
struct DiskPlanTests {
  private typealias Samples = MigrationSamples
  private static let guest = Samples.plan.guest

  /// Files of these names in a folder, and the chain of images that they are, each in a pool.
  private static func chain(
    _ files: [(name: String, pool: String?)], in folder: TemporaryFolder, isEncrypted: Bool = false, snapshots: Int = 0
  ) throws -> DiskPlan.Chain {
    let paths = try files.map { try folder.write([UInt8](repeating: 0, count: 4096), to: $0.name) }
    let images = paths.indices.map { index in
      ImageInfo(
        filename: paths[index], format: "qcow2", virtualSize: 1 << 20, actualSize: 4096, clusterSize: 65_536,
        backingFilename: index + 1 < paths.count ? paths[index + 1] : nil,
        fullBackingFilename: index + 1 < paths.count ? paths[index + 1] : nil, backingFormat: index + 1 < paths.count ? "qcow2" : nil,
        isEncrypted: isEncrypted && index == 0, isDirty: true, isCorrupt: false, dataFile: nil, bitmaps: [],
        snapshots: index == 0 ? snapshots : 1, compat: "1.1", compressionType: "zlib", hasExtendedL2: false,
        hasLazyRefcounts: false, refcountBits: 16)
    }
    return DiskPlan.Chain(path: paths[0], images: images, pools: files.map { $0.pool.map(Samples.name) })
  }

  private static func plan(
    _ pools: MigrateCommand.Pools? = nil, _ body: (inout DiskPlan) throws -> Void
  ) rethrows -> (plan: MigrationPlan?, checks: [Check]) {
    var order = Samples.order()
    order.pools = pools
    var disks = DiskPlan(here: Samples.source.host, order: order)
    try body(&disks)
    disks.checkNames(of: order)
    return (disks.plan(of: guest), disks.checks)
  }

  @Test("A layer goes with its disk where it is in its pool, or in none, and else into the pool of the same name or the one for templates")
  func pools() async throws {
    try await withTemporaryFolder { folder in
      let chain = try Self.chain([("top", "fast"), ("mid", "fast"), ("stray", nil), ("base", "golden")], in: folder)
      let own = Self.plan(.init(default: Samples.name("slow"))) { $0.add(Samples.name("vda"), chain) }
      #expect(own.plan?.layers.map(\.pool.text) == ["golden", "slow", "slow"])
      #expect(own.plan?.chain(below: own.plan?.disks[0].backing).map(\.volume.text) == ["mid", "stray", "base"])
      let other = Self.plan(.init(templates: Samples.name("silver"))) { $0.add(Samples.name("vda"), chain) }
      #expect(other.plan?.layers.map(\.pool.text) == ["silver", "fast", "fast"])
      #expect(own.checks == [] && other.checks == [])
    }
  }

  /// Snapshots below are copied with their layers; those of what the guest writes to would be deleted with the source's file.
  @Test("A disk whose image holds snapshots of its own is refused, whether libvirt knows of them or not")
  func snapshots() async throws {
    try await withTemporaryFolder { folder in
      let chain = try Self.chain([("top", "fast"), ("base", "golden")], in: folder, snapshots: 2)
      let found = Self.plan { $0.add(Samples.name("vda"), chain) }
      #expect(found.plan == nil || found.plan?.disks.isEmpty == true)
      #expect(found.checks.map(\.code) == [.hasSnapshots])
      #expect(found.checks.first?.message.hasSuffix("/top holds 2 snapshots of its own") == true)
    }
  }

  @Test("A disk that stays has its files in the order of its chain, with their inodes")
  func shared() async throws {
    try await withTemporaryFolder { folder in
      let chain = try Self.chain([("top", "fast"), ("base", "golden")], in: folder)
      let found = Self.plan(.init(default: Samples.name("slow"), inPlace: [Samples.name("vda")])) { $0.share(Samples.name("vda"), chain) }
      let files = try #require(found.plan?.shared?.first?.files)
      #expect(files.map(\.pool.text) == ["fast", "golden"])
      #expect(files.map(\.inode) == chain.images.map { FileProbe.inode(of: $0.filename) })
      #expect(found.plan?.disks == [] && found.plan?.layers == [] && found.checks == [])
      let stray = try Self.chain([("top2", "fast"), ("base2", nil)], in: folder)
      #expect(Self.plan { $0.share(Samples.name("vda"), stray) }.checks.map(\.code) == [.diskOutsidePools])
    }
  }

  @Test("A disk that is only read is a layer, and a medium stays in its pool")
  func readOnly() async throws {
    try await withTemporaryFolder { folder in
      let chain = try Self.chain([("top", "fast"), ("base", "fast")], in: folder)
      let found = try Self.plan(.init(default: Samples.name("slow"))) {
        $0.addReadOnly(Samples.name("vda"), chain, missing: nil)
        try $0.addReadOnly(Samples.name("sda"), Self.chain([("iso", "media")], in: folder), missing: .eject)
        $0.eject(Samples.name("sdb"))
      }
      let plan = try #require(found.plan)
      #expect(plan.layers.map(\.volume.text) == ["base", "top", "iso"])
      #expect(plan.layers.map(\.pool.text) == ["slow", "slow", "media"])
      #expect(
        plan.readOnly == [
          ReadOnlyDisk(target: Samples.name("vda"), layer: 1), ReadOnlyDisk(target: Samples.name("sda"), layer: 2, missing: .eject),
          ReadOnlyDisk(target: Samples.name("sdb"), layer: nil, missing: .eject),
        ])
      #expect(plan.layers.map(plan.isEjected) == [false, false, true])
      #expect(plan.targets.map(\.text) == ["vda", "sda", "sdb"])
      #expect(found.checks == [])
    }
  }

  @Test("A layer that another disk lies on as well is not ejected with a medium")
  func sharedMedium() async throws {
    try await withTemporaryFolder { folder in
      let base = try Self.chain([("base", "fast")], in: folder)
      let plan = try #require(
        try Self.plan {
          $0.addReadOnly(Samples.name("sda"), base, missing: .eject)
          $0.add(Samples.name("vda"), try Self.chain([("top", "fast"), ("base", "fast")], in: folder))
        }.plan)
      #expect(plan.layers.count == 1 && !plan.isEjected(plan.layers[0]))
    }
  }

  @Test("A disk is encrypted where its definition says so, and what lies below is not")
  func encrypted() async throws {
    try await withTemporaryFolder { folder in
      let secret = "5b0f9c1e-2222-4d8e-b7a7-3a1c0c7d9e02"
      let chain = try Self.chain([("top", "fast"), ("base", "fast")], in: folder, isEncrypted: true)
      let found = Self.plan { $0.add(Samples.name("vda"), chain, secret: secret) }
      #expect(found.plan?.disks.first?.secret == secret && found.checks == [])
      #expect(Self.plan { $0.add(Samples.name("vda"), chain) }.checks.map(\.code) == [.unsupportedDisk])
      #expect(Self.plan { $0.share(Samples.name("vda"), chain) }.checks.map(\.code) == [.unsupportedDisk])
      let plain = try Self.chain([("plain", "fast")], in: folder)
      #expect(Self.plan { $0.add(Samples.name("vda"), plain, secret: secret) }.checks.map(\.code) == [.unsupportedDisk])
    }
  }

  @Test("Two files that would get one name, and names of disks that are not there, are refused")
  func names() async throws {
    try await withTemporaryFolder { folder in
      let slow = MigrateCommand.Pools(default: Samples.name("slow"))
      let twice = try Self.plan(slow) {
        $0.add(Samples.name("vda"), try Self.chain([("same", "fast")], in: folder))
        $0.add(Samples.name("vdb"), try Self.chain([("top", "other"), ("same", "other")], in: folder))
      }
      #expect(twice.checks.map(\.code) == [.nameTaken])
      let unknown = try Self.plan(.init(inPlace: [Samples.name("vdz")])) {
        $0.add(Samples.name("vda"), try Self.chain([("same", "fast")], in: folder))
      }
      #expect(unknown.checks.map(\.code) == [.unknownDisk])
      #expect(Self.plan { _ in }.checks.map(\.code) == [.unsupportedDisk])
    }
  }

  @Test("What libvirt runs a disk by has to be what the images say")
  func agreement() {
    func listed(_ paths: [String], isTerminated: Bool = true) -> BackingChain {
      .listed(paths.map { BackingChain.Layer(file: $0, format: "qcow2") }, isTerminated: isTerminated)
    }
    #expect(BackingChain.unlisted.difference(from: ["/p/base"]) == nil)
    #expect(BackingChain.none.difference(from: []) == nil)
    #expect(BackingChain.none.difference(from: ["/p/base"]) == "nothing in its definition, /p/base in the image")
    #expect(listed(["/p/./mid", "/p/q/../base"]).difference(from: ["/p/mid", "/p/base"]) == nil)
    #expect(listed(["/p/mid"], isTerminated: false).difference(from: ["/p/mid", "/p/base"]) == nil)
    #expect(
      listed(["/p/mid"]).difference(from: ["/p/mid", "/p/base"]) == "/p/mid in its definition, /p/mid over /p/base in the image")
    #expect(listed(["/p/other"]).difference(from: []) == "/p/other in its definition, nothing in the image")
  }

  @Test(arguments: [("/a/b", "/a/b"), ("/a//b/", "/a/b"), ("/a/./b/../c", "/a/c"), ("/../a", "/a"), ("/", "/"), ("a/../b", "a/../b")])
  func pathsAreNormalized(path: String, normal: String) { #expect(PathText.normalized(path) == normal) }
}
