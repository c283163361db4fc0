import Glibc
import LongshoreMessages
import LongshoreTestKit
import MigrationJournal
import Testing

@testable import LongshoreAgent

@Suite("Registered files")
struct RegisteredFilesTests {
  private let id = MigrationSamples.id

  private func register(
    _ path: String, _ identity: FileIdentity?, role: RegisteredFile.Role = .stub, in journal: Journal
  ) throws -> RegisteredFile {
    var file = RegisteredFile(migration: id, side: .destination, role: role, path: path)
    file.identity = identity
    try journal.register(file)
    return file
  }

  @Test("A file that is still the registered one is removed and forgotten")
  func same() async throws {
    try await withTemporaryFolder { folder in
      let journal = try Journal(path: Journal.inMemory)
      let made = try await ExclusiveFile.create(at: folder.file("a"))
      let file = try register(made.path, made.identity, in: journal)
      try await RegisteredFiles.remove(file, journal: journal)
      #expect(!folder.exists(made.path))
      #expect(try journal.files(of: id, host: .destination).isEmpty)
      // A removal that was cut before it was forgotten is made again.
      try await RegisteredFiles.remove(file, journal: journal)
    }
  }

  @Test("A file that took the name of the registered one stays")
  func other() async throws {
    try await withTemporaryFolder { folder in
      let journal = try Journal(path: Journal.inMemory)
      let made = try await ExclusiveFile.create(at: folder.file("a"))
      let file = try register(made.path, made.identity, in: journal)
      #expect(rename(try folder.write([7], to: "b"), made.path) == 0)
      try await RegisteredFiles.remove(file, journal: journal)
      #expect(try folder.read(made.path) == [7])
      #expect(try journal.files(of: id, host: .destination).isEmpty)
    }
  }

  @Test("A file that was registered and never noted is removed in the migration's own work folder only")
  func withoutIdentity() async throws {
    try await withTemporaryFolder { folder in
      let journal = try Journal(path: Journal.inMemory)
      let work = WorkFolder(pool: folder.path, host: MigrationSamples.destination, migration: id)
      let foreign = WorkFolder(pool: folder.path, host: MigrationSamples.destination, migration: try Many.id(2))
      try work.create()
      try foreign.create()
      let inside = try await ExclusiveFile.create(at: work.file("stub-vda")).path
      let strangers = [
        try await ExclusiveFile.create(at: folder.file("web.qcow2")).path,
        try await ExclusiveFile.create(at: foreign.file("stub-vda")).path,
      ]
      for path in [inside] + strangers {
        try await RegisteredFiles.remove(try register(path, nil, in: journal), journal: journal)
      }
      #expect(!folder.exists(inside))
      for path in strangers { #expect(folder.exists(path)) }
      #expect(try journal.files(of: id, host: .destination).isEmpty)
    }
  }

  @Test("A file that QEMU uses is kept, and stays registered", .enabled(if: ImagePrograms.areInstalled, ImagePrograms.missing))
  func inUse() async throws {
    try await withTemporaryFolder { folder in
      let journal = try Journal(path: Journal.inMemory)
      let path = try folder.write(noise(4096), to: "a.img")
      let identity = try FileStatus(ofPath: path, operation: "look").identity
      let file = try register(path, identity, in: journal)
      let export = try await ExportFixture.exporter(in: folder).export(path: path, name: folder.name)
      let error = await #expect(throws: Reason.Failure.self) { try await RegisteredFiles.remove(file, journal: journal) }
      try await export.stop()

      #expect(error?.reason.message.contains(path) == true)
      #expect(folder.exists(path))
      #expect(try journal.files(of: id, host: .destination) == [file])
      try await RegisteredFiles.remove(file, journal: journal)
      #expect(!folder.exists(path))
    }
  }

  @Test("A later file that got the registered one's inode stays")
  func reusedInode() async throws {
    try await withTemporaryFolder { folder in
      let journal = try Journal(path: Journal.inMemory)
      let path = try folder.write([7], to: "a")
      var identity = try FileStatus(ofPath: path, operation: "look").identity
      identity.handle = [0, 0, 0, 0, 1, 2, 3]
      let removal = try await RegisteredFiles.remove(register(path, identity, in: journal), journal: journal)
      #expect(removal == .otherFile(try FileStatus(ofPath: path, operation: "look").identity))
      #expect(try folder.read(path) == [7])
    }
  }

  @Test("A file that a domain names is kept, and stays registered")
  func namedByDomain() async throws {
    try await withTemporaryFolder { folder in
      let journal = try Journal(path: Journal.inMemory)
      let made = try await ExclusiveFile.create(at: folder.file("a"))
      let file = try register(made.path, made.identity, in: journal)
      let used = HostStorage(folders: [folder.path], users: [made.path: "rescue"])
      let error = await #expect(throws: Reason.Failure.self) {
        try await RegisteredFiles.remove(file, journal: journal, storage: used)
      }
      #expect(error?.reason.message.contains("rescue") == true)
      #expect(folder.exists(made.path))
      #expect(try journal.files(of: id, host: .destination) == [file])
    }
  }

  @Test("The innermost pool decides whether a file would be seen")
  func innermostPool() {
    let storage = HostStorage(folders: ["/srv", "/srv/a/b"], hidden: ["/srv/a", "/mnt"])
    let seen = ["/srv/x": true, "/srv/a/x": false, "/srv/a/b/x": true, "/srv/a/b/c/x": true, "/mnt/.longshore/x": false, "/srv/ab": true]
    for (path, isSeen) in seen {
      #expect(storage.shows(path) == isSeen, "\(path)")
      #expect(storage.hides(path) == !isSeen, "\(path)")
    }
    #expect(!storage.shows("/var/x") && !storage.hides("/var/x"))
  }

  @Test("A file whose pool is not active is not taken for gone; one whose pool is gone is")
  func unseen() async throws {
    try await withTemporaryFolder { folder in
      let journal = try Journal(path: Journal.inMemory)
      let unmounted = try register(folder.file("a"), FileIdentity(device: 1, inode: 2), in: journal)
      let error = await #expect(throws: Reason.Failure.self) {
        try await RegisteredFiles.remove(unmounted, journal: journal, storage: HostStorage(folders: []))
      }
      #expect(error?.reason.code == .poolInactive)
      #expect(try journal.files(of: id, host: .destination) == [unmounted])

      let removed = try register(folder.file("none/a"), FileIdentity(device: 1, inode: 2), in: journal)
      for (file, storage) in [(unmounted, HostStorage(folders: [folder.path])), (removed, HostStorage(folders: []))] {
        #expect(try await RegisteredFiles.remove(file, journal: journal, storage: storage) == .absent)
      }
      #expect(try journal.files(of: id, host: .destination).isEmpty)
    }
  }

  @Test(
    "The half of a publication that was cut is removed while its other half is in use, at the undoing and at the end",
    .enabled(if: ImagePrograms.areInstalled, ImagePrograms.missing), arguments: [true, false])
  func halfPublished(isUndone: Bool) async throws {
    try await withTemporaryFolder { folder in
      let journal = try Journal(path: Journal.inMemory)
      let work = try RegisteredFiles.makeWorkFolder(in: folder.path, of: id, on: MigrationSamples.destination, journal: journal)
      let draft = try await ExclusiveFile.create(at: work.layer(0))
      let file = try register(draft.path, draft.identity, role: .templateCopy, in: journal)
      let published = folder.file("template.raw")
      try await QemuImg().initialize(draft, as: QemuImg.Specification(format: "raw", virtualSize: 4096))
      #expect(link(draft.path, published) == 0)
      let export = try await ExportFixture.exporter(in: folder).export(path: published, name: folder.name)
      let result = await Result {
        if isUndone {
          try await RegisteredFiles.remove(file, journal: journal, storage: HostStorage(folders: [folder.path]))
        } else {
          try await RegisteredFiles.handOver(of: id, journal: journal)
        }
      }
      try await export.stop()
      try result.get()
      #expect(!folder.exists(draft.path))
      #expect(folder.exists(published))
      if !isUndone { #expect(!folder.exists(folder.file(".longshore"))) }
    }
  }

  @Test("What a link has put under a registered name stays")
  func symbolicLink() async throws {
    try await withTemporaryFolder { folder in
      let journal = try Journal(path: Journal.inMemory)
      let work = WorkFolder(pool: folder.path, host: MigrationSamples.destination, migration: id)
      try work.create()
      symlink(try folder.write([7], to: "a"), work.file("stub-vda"))
      let file = try register(work.file("stub-vda"), nil, in: journal)
      guard case .otherFile = try await RegisteredFiles.remove(file, journal: journal) else {
        Issue.record("the link was taken for a file of this migration")
        return
      }
      #expect(folder.exists(work.file("stub-vda")))
    }
  }

  @Test("A work folder is registered once, before it is made, and removed when it is empty")
  func workFolder() async throws {
    try await withTemporaryFolder { folder in
      let journal = try Journal(path: Journal.inMemory)
      var work: WorkFolder?
      for _ in 1...2 {
        work = try RegisteredFiles.makeWorkFolder(in: folder.path, of: id, on: MigrationSamples.destination, journal: journal)
      }
      let path = try #require(work).path
      let files = try journal.files(of: id, host: .destination)
      #expect(files.map(\.path) == [path])
      #expect(files.map(\.role) == [.workFolder])
      #expect(folder.exists(path))
      for file in files { try await RegisteredFiles.remove(file, journal: journal) }
      #expect(!folder.exists(folder.file(".longshore")))
    }
  }

  @Test("A name that nothing has, has no identity")
  func identity() async throws {
    try await withTemporaryFolder { folder in
      #expect(try RegisteredFiles.identity(of: folder.file("none")) == nil)
      let made = try await ExclusiveFile.create(at: folder.file("a"))
      #expect(try RegisteredFiles.identity(of: made.path) == made.identity)
    }
  }
}
