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
