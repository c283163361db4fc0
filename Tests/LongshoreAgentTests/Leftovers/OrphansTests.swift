import GRDB
import Glibc
import Libvirt
import Logging
import LongshoreMessages
import LongshoreTestKit
import MigrationCore
import Testing

@testable import LongshoreAgent
@testable import MigrationJournal

@Suite("Orphans in folders and journal")
struct OrphansTests {
  /// A destination host with a pool, and a journal to put things into.
  private struct Host {
    let folder: TemporaryFolder
    let journal: Journal
    let orphans: Orphans
    var storage: HostStorage

    /// Stores how a migration stands.
    func store(_ migration: DestinationMigration) throws {
      try journal.write("store a migration") { db in
        try db.execute(
          literal: """
            INSERT INTO migration (side, id, revision, shape, guest, ended, changed, snapshot)
            VALUES ('destination', \(migration.id.text), 1, 1, NULL, \(migration.isTerminal), 5000, \(Shape.encode(migration)))
            """)
      }
    }

    func work(_ id: MigrationID, of host: HostAddress = MigrationSamples.destination) throws -> WorkFolder {
      let work = WorkFolder(pool: folder.path, host: host, migration: id)
      try work.create()
      return work
    }

    /// Makes a file, registered or not, and returns its path.
    @discardableResult
    func make(
      _ path: String, of id: MigrationID, role: RegisteredFile.Role? = nil, side: Side = .destination, grace: Deadline? = nil
    ) async throws -> String {
      let made = try await ExclusiveFile.create(at: path)
      guard let role else { return path }
      var file = RegisteredFile(migration: id, side: side, role: role, path: path, grace: grace)
      file.identity = made.identity
      try journal.register(file)
      return path
    }

    func find() async throws -> [Orphans.Found] { try await orphans.findFiles(storage) }

    /// What is found, as lines of kind, name and state.
    func list() async throws -> [String] {
      try await find().map { "\($0.orphan.kind.rawValue) \($0.orphan.name.dropFirst(folder.path.count + 1)) \($0.orphan.state.rawValue)" }
        .sorted()
    }

    /// Removes all that can be, and returns what is found afterwards.
    func remove() async throws -> [String] {
      _ = try await orphans.remove(try await find(), storage)
      return try await list()
    }
  }

  private static let own = ".longshore/\(MigrationSamples.destination.routingKey)"

  private func withHost(_ body: (inout Host) async throws -> Void) async throws {
    try await withTemporaryFolder { folder in
      let journal = try Journal(path: Journal.inMemory)
      let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
      let orphans = Orphans(
        here: MigrationSamples.destination, journal: journal, libvirt: LibvirtLink(uri: "test:///default", logger: logger),
        exporter: ExportFixture.exporter(in: folder), pulse: FileSystemPulse(), isServed: { _ in false }, clock: ManualClock(),
        logger: logger)
      var host = Host(folder: folder, journal: journal, orphans: orphans, storage: HostStorage(folders: [folder.path]))
      try await body(&host)
    }
  }

  /// A migration that has come to an end at its destination.
  private func ended(_ number: Int, released: Bool) throws -> DestinationMigration {
    var (migration, _) = DestinationMigration.prepare(
      id: try Many.id(number), source: MigrationSamples.source, plan: Many.plan(number), endpoint: MigrationSamples.endpoint,
      at: MigrationSamples.now())
    let arrival: [DestinationEvent] = [
      .admitted, .checked([MigrationSamples.passedCheck]), .layerProvided(0, path: "/mnt/slow/debian.qcow2", copied: 0),
      .stubsMade(MigrationSamples.preparedDisks), .peer(.confirm), .postChecked(MigrationSamples.confirmation, []), .peer(.release),
      .filesKept,
    ]
    let undoing: [DestinationEvent] = [
      .admitted, .checked([MigrationSamples.passedCheck]), .peer(.rollback(Reason(.cancelled, "cancelled"))), .filesRemoved,
    ]
    for event in released ? arrival : undoing { _ = migration.apply(event, at: MigrationSamples.now()) }
    try #require(migration.isTerminal)
    return migration
  }

  @Test("Nothing of a migration that runs is one, nor what is in its time of grace, nor anything outside this host's work folders")
  func none() async throws {
    try await withHost { host in
      let (running, _) = MigrationSamples.prepare()
      try host.store(running)
      let work = try host.work(running.id)
      try await host.make(work.layer(0), of: running.id, role: .templateCopy)
      try await host.make(work.file("stub-vda"), of: running.id)
      try await host.make(host.folder.file("web.qcow2"), of: running.id, role: .stub)

      let left = try Many.id(1)
      let aside = try host.work(left)
      try await host.make(
        aside.file("db.qcow2"), of: left, role: .setAside, side: .source, grace: Deadline(start: MigrationSamples.now(), allowance: 1))

      try await host.make(host.folder.file("stranger.qcow2"), of: left)
      try await host.make(try host.work(left, of: MigrationSamples.source).file("stub-vda"), of: left)
      #expect(try await host.list() == [])
    }
  }

  @Test("What an unknown migration has left is found by its name and removed with its folder")
  func unknown() async throws {
    try await withHost { host in
      let id = try Many.id(1)
      let work = try host.work(id)
      for name in ["layer-0", "stub-vda"] { try await host.make(work.file(name), of: id) }
      #expect(
        try await host.list() == [
          "draft \(Self.own)/\(id)/stub-vda removable",
          "template-copy \(Self.own)/\(id)/layer-0 removable", "work-folder \(Self.own)/\(id) removable",
        ])
      #expect(try await host.remove() == [])
      #expect(!host.folder.exists(host.folder.file(".longshore")))
      #expect(try host.journal.files().isEmpty)
    }
  }

  @Test(
    "A disk that a migration set aside of which the journal knows nothing stays: it may be the only good copy",
    arguments: ["web.qcow2", "stub-web.qcow2", "scratch-data", "layer-0.qcow2", "scratch-", "layer-", "stub-vda1", "stub-vda-old"])
  func unknownSetAside(volume: String) async throws {
    try await withHost { host in
      let id = try Many.id(1)
      let work = try host.work(id)
      let disk = try await host.make(work.file(volume), of: id)
      let kept = ["set-aside \(Self.own)/\(id)/\(volume) kept", "work-folder \(Self.own)/\(id) kept"]
      #expect(try await host.list() == kept)
      #expect(try await host.remove() == kept)
      #expect(host.folder.exists(disk))
    }
  }

  @Test("Registered files of a migration that was undone are removed, and a registration without a file is forgotten")
  func undone() async throws {
    try await withHost { host in
      let migration = try ended(1, released: false)
      try host.store(migration)
      let work = try RegisteredFiles.makeWorkFolder(
        in: host.folder.path, of: migration.id, on: MigrationSamples.destination, journal: host.journal)
      try await host.make(work.layer(0), of: migration.id, role: .templateCopy)
      try await host.make(host.folder.file("web.qcow2"), of: migration.id, role: .stub)
      try host.journal.register(
        RegisteredFile(migration: migration.id, side: .destination, role: .stub, path: work.file("stub-vda"), device: 1, inode: 2))
      #expect(
        try await host.list() == [
          "registration \(Self.own)/\(migration.id)/stub-vda removable", "stub web.qcow2 removable",
          "template-copy \(Self.own)/\(migration.id)/layer-0 removable", "work-folder \(Self.own)/\(migration.id) removable",
        ])
      #expect(try await host.remove() == [])
      #expect(!host.folder.exists(host.folder.file("web.qcow2")))
      #expect(try host.journal.files().isEmpty)
    }
  }

  @Test("A stub that has become the guest's disk is forgotten and left alone, and so is a stranger's file of a stub's name")
  func notOurs() async throws {
    try await withHost { host in
      let arrived = try ended(1, released: true)
      let undone = try ended(2, released: false)
      for migration in [arrived, undone] { try host.store(migration) }
      let disk = try await host.make(host.folder.file("web.qcow2"), of: arrived.id, role: .stub)
      let other = try await host.make(host.folder.file("db.qcow2"), of: undone.id, role: .stub)
      #expect(rename(try host.folder.write([7], to: "new"), other) == 0)
      #expect(try await host.list() == ["registration db.qcow2 removable", "registration web.qcow2 removable"])
      #expect(try await host.remove() == [])
      #expect(host.folder.exists(disk))
      #expect(try host.folder.read(other) == [7])
    }
  }

  @Test("What cannot be proven stays, with the folder that it is in")
  func kept() async throws {
    try await withHost { host in
      let id = try Many.id(1)
      let work = try host.work(id)
      let named = try await host.make(work.file("web.qcow2"), of: id)
      symlink("/nowhere", work.file("link"))
      #expect(mkdir(host.folder.file("\(Self.own)/not an id"), 0o755) == 0)
      host.storage = HostStorage(folders: [host.folder.path], users: [named: "rescue"])
      let kept = [
        "file \(Self.own)/not an id kept", "set-aside \(Self.own)/\(id)/link kept", "set-aside \(Self.own)/\(id)/web.qcow2 kept",
        "work-folder \(Self.own)/\(id) kept",
      ]
      #expect(try await host.list() == kept)
      #expect(try await host.remove() == kept)
      #expect(host.folder.exists(named))
    }
  }

  @Test("A file that QEMU has open stays", .enabled(if: ImagePrograms.areInstalled, ImagePrograms.missing))
  func inUse() async throws {
    try await withHost { host in
      let id = try Many.id(1)
      let path = try await host.make(try host.work(id).file("stub-vda"), of: id)
      try await QemuImg().initialize(
        ExclusiveFile(path: path, identity: try FileStatus(ofPath: path, operation: "look").identity),
        as: QemuImg.Specification(format: "raw", virtualSize: 4096))
      let export = try await host.orphans.exporter.export(path: path, name: host.folder.name)
      let left = await Result { try await host.remove() }
      try await export.stop()
      #expect(
        try left.get() == ["draft \(Self.own)/\(id)/stub-vda kept", "work-folder \(Self.own)/\(id) kept"])
      #expect(try await host.remove() == [])
    }
  }

  @Test(
    "The second name that a cut publication left is removed while the first is in use",
    .enabled(if: ImagePrograms.areInstalled, ImagePrograms.missing))
  func secondName() async throws {
    try await withHost { host in
      let id = try Many.id(1)
      let path = try await host.make(try host.work(id).layer(0), of: id)
      try await QemuImg().initialize(
        ExclusiveFile(path: path, identity: try FileStatus(ofPath: path, operation: "look").identity),
        as: QemuImg.Specification(format: "raw", virtualSize: 4096))
      let published = host.folder.file("template.raw")
      #expect(link(path, published) == 0)
      let export = try await host.orphans.exporter.export(path: published, name: host.folder.name)
      let left = await Result { try await host.remove() }
      try await export.stop()
      #expect(try left.get() == [])
      #expect(host.folder.exists(published))
    }
  }

  @Test("A file that became a running migration's meanwhile stays, and a pool that is away hides nothing for good")
  func meanwhile() async throws {
    try await withHost { host in
      let (running, _) = MigrationSamples.prepare()
      let path = try await host.make(try host.work(running.id).layer(0), of: running.id)
      let found = try await host.find()
      #expect(found.map(\.orphan.state) == [.removable, .removable])
      try host.store(running)
      #expect(try await host.orphans.remove(found, host.storage).map(\.state) == [.kept, .kept])
      #expect(host.folder.exists(path))

      let undone = try ended(1, released: false)
      try host.store(undone)
      try host.journal.register(
        RegisteredFile(migration: undone.id, side: .destination, role: .stub, path: host.folder.file("gone"), device: 1, inode: 2))
      host.storage = HostStorage(folders: [])
      #expect(try await host.remove() == ["registration gone kept"])
    }
  }

  @Test("A disk in its time of grace whose file is gone is an entry of the journal alone, unless its pool is away")
  func goneInGrace() async throws {
    try await withHost { host in
      let id = try Many.id(1)
      try host.journal.register(
        RegisteredFile(
          migration: id, side: .source, role: .setAside, path: host.folder.file("web.qcow2"), device: 1, inode: 2,
          grace: Deadline(start: MigrationSamples.now(), allowance: 1)))
      let seen = host.storage
      host.storage = HostStorage(folders: [])
      #expect(try await host.list() == [])
      host.storage = seen
      #expect(try await host.list() == ["registration web.qcow2 removable"])
      #expect(try await host.remove() == [])
    }
  }

  @Test("A set-aside disk whose time is over is one until it is deleted")
  func over() async throws {
    try await withHost { host in
      let id = try Many.id(1)
      let work = try host.work(id)
      try await host.make(
        work.file("web.qcow2"), of: id, role: .setAside, side: .source, grace: Deadline(start: MigrationSamples.now(), allowance: 0))
      #expect(
        try await host.list() == ["set-aside \(Self.own)/\(id)/web.qcow2 removable", "work-folder \(Self.own)/\(id) removable"])
      #expect(try await host.remove() == [])
    }
  }
}
