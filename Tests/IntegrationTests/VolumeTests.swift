import LongshoreMessages
import Testing

extension SlowLinkTests {
  /// Guests with disks of every kind.
  @Suite(.serialized) struct Volumes {
    /// The disks that the guest writes to, from `vda` on: kinds of `contrib/lab/kinds.sh`.
    private static let written = [
      "chain", "names", "clusters", "extended", "lazy", "old", "metadata", "falloc", "full", "odd", "holes", "ignoring", "rawfalloc",
      "rawfull", "tuned", "large", "elsewhere", "encrypted", "common", "shareable",
    ]

    /// Those that it only reads, and its drives.
    private static let others = ["readonly", "empty", "iso", "commoniso"]

    private static func target(_ kind: String) throws -> ResourceName {
      let index = try #require((written + others).firstIndex(of: kind))
      return try #require(ResourceName("vd\(Array("abcdefghijklmnopqrstuvwxyz")[index])"))
    }

    private static func form(_ kinds: [String]) -> Guest.Form {
      Guest.Form(options: ["--kinds", kinds.joined(separator: ",")])
    }

    @Test("a guest with a disk of every kind moves, comes back, and starts anew from the files there")
    func everyKind() async throws {
      let lab = try await Lab.find()
      try await lab.clear()
      try await lab.withCommonPool { common in
        try await Guest.with(Self.form(Self.written + Self.others), in: lab) { guest in
          let before = try await DiskImages(of: guest, on: .alpha)
          let definitions = try await DiskImages.definitions(of: guest, on: .alpha)
          #expect(before.disks.count == Self.written.count + 3)
          // The template under another name is no template, and stays what it is.
          let template = "a template's \"name\", 50%.qcow2"
          let (original, namesake) = try (
            lab.folder(.primary, on: .alpha) + "/\(guest.name)-\(template)", lab.folder(.primary, on: .beta) + "/\(guest.name)-other.qcow2"
          )
          try await lab.on(.beta, "cp", original, namesake)
          let inodes = try await Self.inodes(in: common, of: guest, on: .alpha)

          try await Orchestrator.with(lab) { orchestrator in
            let there = try await Self.move(guest, from: .alpha, elsewhere: .secondary, by: orchestrator)
            #expect(there.disks?.count == Self.written.count - 2)
            #expect(try await DiskImages.definitions(of: guest, on: .beta) == definitions)
            let after = try await DiskImages(of: guest, on: .beta)
            try Self.expectSame(after, before, in: lab, common, on: .beta)
            try Self.expectSpace(after)
            #expect(try await Self.inodes(in: common, of: guest, on: .beta) == inodes)
            try await lab.on(.beta, "cmp", original, namesake)
            for kind in ["readonly", "iso"] {
              let target = kind == "iso" ? "hdb" : try Self.target(kind).text
              let (here, there) = (try #require(before.disks[target]?.chain[0]), try #require(after.disks[target]?.chain[0]))
              #expect(here.filename != there.filename)
              try await lab.on(.beta, "qemu-img", "compare", "-q", "-U", here.filename, there.filename)
            }
            try await guest.verify(.alpha, .beta).expectGood()

            // Where it came from are all the templates, with the names of their layers as they were made.
            try await guest.setConsoleAside(on: .alpha)
            let back = try await Self.move(guest, from: .beta, elsewhere: .primary, by: orchestrator)
            #expect(back.bytes?.template == 0)
            try Self.expectSame(try await DiskImages(of: guest, on: .alpha), before, in: lab, common, on: .alpha)
            #expect(try await DiskImages.definitions(of: guest, on: .alpha) == definitions)
            try await guest.verify(.alpha, .beta, .alpha).expectGood()
          }
          try await Self.expectStartsAnew(guest, on: .alpha)
        }
      }
    }

    @Test("disks that cannot stay, media that lack and layers on others are refused; a medium is ejected if the order says so")
    func notThere() async throws {
      let lab = try await Lab.find()
      try await lab.clear()
      try await lab.withCommonPool { _ in
        try await Guest.with(Self.form(["clusters", "common", "chain", "encrypted", "iso"]), in: lab) { guest in
          let (vda, vdb) = (try #require(ResourceName("vda")), try #require(ResourceName("vdb")))
          try await Orchestrator.with(lab) { orchestrator in
            try await expectUnchanged(guest) {
              try await Self.expectRefusal(.checks, [.samePool, .missingMedium], of: guest, by: orchestrator)
              try await Self.expectRefusal(
                .checks, [.notShared], of: guest, pools: MigrateCommand.Pools(inPlace: [vda, vdb]),
                options: MigrationOptions(missingMedia: .eject), by: orchestrator)
              try await lab.withPrivateSecrets(on: .beta) {
                try await Self.expectRefusal(
                  .checks, [.missingSecret], of: guest, pools: MigrateCommand.Pools(inPlace: [vdb]),
                  options: MigrationOptions(missingMedia: .eject), by: orchestrator)
              }
            }
            let pools = MigrateCommand.Pools(inPlace: [vdb])
            let options = MigrationOptions(missingMedia: .eject)
            // Of the very bytes, but for what it lies on.
            let layer = "\(guest.name)-chain-1.qcow2"
            try await lab.shell(
              on: .beta, #"cp "$1/$3" "$2/$3"; qemu-img rebase -u -f qcow2 -b "$1/../secondary/$4" -F raw "$2/$3""#,
              lab.folder(.primary, on: .alpha), lab.folder(.primary, on: .beta), layer, "\(guest.name)-base.raw")
            try await Self.expectRefusal(.prepare, [.templateDiffers], of: guest, pools: pools, options: options, by: orchestrator)
            try await lab.on(.beta, "rm", lab.folder(.primary, on: .beta) + "/\(layer)")

            // A disk that is in no definition to start by.
            try await lab.shell(
              on: .alpha,
              #"qemu-img create -q -f qcow2 "$1" 8M; virsh --quiet attach-disk "$2" "$1" vdh --live --subdriver qcow2 --cache none"#,
              lab.folder(.primary, on: .alpha) + "/\(guest.name)-hot.qcow2", guest.uuid)
            let id = try await orchestrator.migrate(guest, from: .alpha, pools: pools, options: options)
            let end = try await orchestrator.end(of: id)
            #expect(end.kind == .completed, "\(end)")
            let images = try await DiskImages(of: guest, on: .beta)
            #expect(images.disks.keys.sorted() == ["vda", "vdb", "vdc", "vdd", "vdh"])
            for options in [[], ["--inactive"]] {
              let text = try await lab.command("on", ["beta", "virsh", "--quiet", "domblklist", guest.uuid] + options)
              #expect(text.contains(/hda +-/))
            }
            try await lab.on(.alpha, "test", "-f", lab.folder(.primary, on: .alpha) + "/\(guest.name)-medium.iso")
            try await guest.verify(.alpha, .beta).expectGood()
          }
        }
      }
    }

    // MARK: - Moving

    private static func move(
      _ guest: Guest, from source: Lab.Host, elsewhere pool: Lab.Pool, by orchestrator: Orchestrator
    ) async throws -> MigrationEventData {
      let pools = MigrateCommand.Pools(
        disks: [try target("clusters"): try #require(ResourceName(pool.rawValue))], inPlace: [try target("common")])
      let id = try await orchestrator.migrate(guest, from: source, pools: pools, options: MigrationOptions(missingMedia: .copy))
      let end = try await orchestrator.end(of: id)
      #expect(end.kind == .completed && end.faults.isEmpty, "\(end)")
      try await guest.waitForWrite(on: source.other)
      return end
    }

    private static func expectRefusal(
      _ stage: MigrationEventData.Stage, _ codes: Set<Reason.Code>, of guest: Guest, pools: MigrateCommand.Pools? = nil,
      options: MigrationOptions? = nil, by orchestrator: Orchestrator, sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
      let id = try await orchestrator.migrate(guest, from: .alpha, pools: pools, options: options)
      let end = try await orchestrator.end(of: id)
      #expect(end.kind == .failed && end.stage == stage, sourceLocation: sourceLocation)
      #expect(Set(try #require(end.reasons).map(\.code)) == codes, "\(end)", sourceLocation: sourceLocation)
    }

    // MARK: - What is expected

    /// Expects images that are made as those at the source were, each in the pool of its host that it should be in.
    private static func expectSame(
      _ images: DiskImages, _ source: DiskImages, in lab: Lab, _ common: [Lab.Host: String], on host: Lab.Host
    ) throws {
      #expect(images.disks.keys.sorted() == source.disks.keys.sorted())
      let folders = try Lab.Pool.allCases.map { try lab.folder($0, on: host) } + [try #require(common[host])]
      for (target, disk) in images.disks {
        let original = try #require(source.disks[target])
        #expect(disk.chain.count == original.chain.count && zip(disk.chain, original.chain).allSatisfy { $0.isMadeAs($1) }, "\(target)")
        #expect(disk.chain.allSatisfy { image in folders.contains { image.filename.hasPrefix($0 + "/") } }, "\(target): \(disk.chain)")
      }
      let chain = try #require(images.disks["vda"]?.chain)
      #expect(chain.count == 5 && chain[4].format == "raw" && chain[4].filename.contains("/secondary/"), "\(chain)")
      let clusters = try #require(images.disks[try target("clusters").text]?.chain.first?.filename)
      let pool = try lab.folder(host == .beta ? .secondary : .primary, on: host)
      #expect(clusters.hasPrefix(pool + "/"))
    }

    /// Expects what was preallocated to be so, and what was sparse to be sparse.
    private static func expectSpace(_ images: DiskImages) throws {
      for kind in written {
        let disk = try #require(images.disks[try target(kind).text])
        switch kind {
        case "falloc", "full", "rawfalloc", "rawfull": #expect(disk.allocated >= disk.virtualSize, "\(kind)")
        case "metadata": #expect(disk.size >= disk.virtualSize)
        default: #expect(disk.allocated < 7 << 20, "\(kind)")
        }
      }
      #expect(images.disks[try target("large").text]?.virtualSize == 2 << 40)
    }

    /// The inodes of the files of a guest in the common pool, and their names.
    private static func inodes(in common: [Lab.Host: String], of guest: Guest, on host: Lab.Host) async throws -> String {
      let folder = try #require(common[host])
      return try await guest.lab.shell(on: host, #"cd "$1"; stat --format '%i %n' *; ! find . -mindepth 1 -type d | grep ."#, folder)
    }

    /// Ends a guest, looks for damage in its images, and expects that it starts and writes.
    private static func expectStartsAnew(_ guest: Guest, on host: Lab.Host) async throws {
      try await guest.lab.on(host, "virsh", "--quiet", "destroy", guest.uuid)
      for path in try await guest.disks(on: host) where path.hasSuffix(".qcow2") && !path.hasSuffix("-encrypted.qcow2") {
        try await guest.lab.on(host, "qemu-img", "check", "-q", "-f", "qcow2", path)
      }
      try await guest.lab.on(host, "virsh", "--quiet", "start", guest.uuid)
      try await guest.waitForWrite(on: host)
    }
  }
}
