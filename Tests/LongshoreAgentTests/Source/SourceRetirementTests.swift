import Glibc
import Libvirt
import Logging
import LongshoreMessages
import LongshoreTestKit
import MigrationCore
import MigrationJournal
import Testing

@testable import LongshoreAgent

@Suite("Setting a source's disks aside")
struct SourceRetirementTests {
  /// A source host whose guest has moved away and left one disk.
  private struct Source {
    let folder: TemporaryFolder
    let journal: Journal
    let retirement: SourceRetirement
    var migration: SourceMigration
    let disk: PlannedDisk

    var path: String { folder.file(disk.volume.text) }
    var aside: String { WorkFolder(pool: folder.path, host: MigrationSamples.source, migration: migration.id).file(disk.volume.text) }

    func setAside() async throws { try await retirement.setAside(path, of: disk, migration: migration) }
  }

  private func withSource(
    notes: Bool = true, storage: @escaping @Sendable (TemporaryFolder) -> HostStorage = { HostStorage(folders: [$0.path]) },
    _ body: (Source) async throws -> Void
  ) async throws {
    try await withTemporaryFolder { folder in
      let journal = try Journal(path: Journal.inMemory)
      let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
      let libvirt = LibvirtLink(uri: "test:///default", logger: logger)
      let disk = try #require(MigrationSamples.plan.disks.first)
      let path = try folder.write([1], to: disk.volume.text)
      var inspection = MigrationSamples.inspection
      if notes { inspection.sourceFiles = [disk.target: try FileStatus(ofPath: path, operation: "look").identity.mark] }
      var (migration, _) = MigrationSamples.accepted()
      for event in [.admitted, .inspected(inspection)] as [SourceEvent] { _ = try migration.apply(event, at: MigrationSamples.now()) }
      try await body(
        Source(
          folder: folder, journal: journal,
          retirement: SourceRetirement(
            here: MigrationSamples.source, source: libvirt, journal: journal, graceSeconds: { 60 },
            pools: PoolRefresher(libvirt: libvirt, logger: logger), storage: { storage(folder) }, clock: ManualClock(), logger: logger),
          migration: migration, disk: disk))
    }
  }

  @Test("moves the file, registered with its identity and its time of grace; again it changes nothing", arguments: [true, false])
  func moves(notes: Bool) async throws {
    try await withSource(notes: notes) { source in
      let identity = try FileStatus(ofPath: source.path, operation: "look").identity
      for _ in 1...2 { try await source.setAside() }
      #expect(!source.folder.exists(source.path))
      #expect(try source.folder.read(source.aside) == [1])
      let files = try source.journal.files()
      #expect(files.map(\.identity) == [identity])
      #expect(files.map(\.grace) == [Deadline(start: MigrationSamples.now(), allowance: 60_000)])
      #expect(files.map(\.originalPath) == [source.path])
    }
  }

  @Test("goes on where it was cut between its halves")
  func cut() async throws {
    try await withSource { source in
      try await source.setAside()
      #expect(link(source.aside, source.path) == 0)
      try await source.setAside()
      #expect(!source.folder.exists(source.path))
      #expect(try source.folder.read(source.aside) == [1])
    }
  }

  @Test("does not take a disk for gone whose pool is not mounted", arguments: [true, false])
  func unmounted(isRegistered: Bool) async throws {
    try await withSource(storage: { HostStorage(hidden: [$0.path]) }) { source in
      let away = source.folder.file("away")
      if isRegistered {
        let identity = try FileStatus(ofPath: source.path, operation: "look").identity
        try source.journal.register(
          RegisteredFile(
            migration: source.migration.id, side: .source, role: .setAside, path: source.aside, device: identity.device,
            inode: identity.inode, handle: identity.handle, originalPath: source.path))
      }
      #expect(rename(source.path, away) == 0)
      let error = await #expect(throws: Reason.Failure.self) { try await source.setAside() }
      #expect(error?.reason.code == .poolInactive)

      #expect(rename(away, source.path) == 0)
      try await source.setAside()
      #expect(try source.folder.read(source.aside) == [1])
    }
  }

  @Test("goes on without a disk that somebody has removed")
  func removed() async throws {
    try await withSource { source in
      #expect(unlink(source.path) == 0)
      try await source.setAside()
      #expect(try source.journal.files().isEmpty)
    }
  }

  @Test("leaves a file alone that took the disk's name while the guest ran or afterwards")
  func strangers() async throws {
    try await withSource { source in
      let kept = source.folder.file("kept")
      #expect(rename(source.path, kept) == 0)
      _ = try source.folder.write([7], to: source.disk.volume.text)
      let error = await #expect(throws: Reason.Failure.self) { try await source.setAside() }
      #expect(error?.reason.code == .nameTaken)
      #expect(try source.folder.read(source.path) == [7])
      #expect(try source.journal.files().isEmpty)

      // Once it is put right it goes on; what appears under the name later is not touched.
      #expect(rename(kept, source.path) == 0)
      try await source.setAside()
      _ = try source.folder.write([8], to: source.disk.volume.text)
      try await source.setAside()
      #expect(try source.folder.read(source.path) == [8])
      #expect(try source.folder.read(source.aside) == [1])
    }
  }
}
