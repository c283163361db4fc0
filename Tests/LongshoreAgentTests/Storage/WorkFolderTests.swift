import Glibc
import LongshoreMessages
import LongshoreTestKit
import Testing

@testable import LongshoreAgent

@Suite("Work folders")
struct WorkFolderTests {
  private func work(in pool: String) -> WorkFolder {
    WorkFolder(pool: pool, host: MigrationSamples.destination, migration: MigrationSamples.id)
  }

  @Test("Its path names cluster, host and migration")
  func path() {
    let work = work(in: "/mnt/slow")
    #expect(work.path == "/mnt/slow/.longshore/lab.beta/\(MigrationSamples.id)")
    #expect(work.file("stub-vda") == "\(work.path)/stub-vda")
  }

  @Test("Making it again changes nothing, and only its owner can look into it")
  func create() async throws {
    try await withTemporaryFolder { folder in
      let work = work(in: folder.path)
      try work.create()
      let file = try await ExclusiveFile.create(at: work.file("a"))
      try work.create()
      #expect(folder.exists(file.path))
      let permissions = try FileStatus(ofPath: work.path, operation: "look").permissions & 0o777
      #expect(permissions & 0o066 == 0)
    }
  }

  @Test("A pool that cannot be written is named")
  func createNowhere() {
    let error = #expect(throws: Reason.Failure.self) { try work(in: "/nowhere").create() }
    #expect(error?.reason.message.contains("/nowhere/.longshore") == true)
  }

  @Test("It is removed with the folders above it, but never the pool, nor what is not empty")
  func remove() async throws {
    try await withTemporaryFolder { folder in
      let pool = folder.file("pool")
      mkdir(pool, 0o755)
      let mine = work(in: pool)
      let other = WorkFolder(pool: pool, host: MigrationSamples.destination, migration: try Many.id(2))
      try mine.create()
      try other.create()
      let file = try await ExclusiveFile.create(at: mine.file("a"))

      WorkFolder.removeIfEmpty(at: mine.path)
      #expect(folder.exists(file.path))
      _ = try await file.remove()
      WorkFolder.removeIfEmpty(at: mine.path)
      #expect(!folder.exists(mine.path))
      #expect(folder.exists(other.path))
      WorkFolder.removeIfEmpty(at: other.path)
      #expect(!folder.exists("\(pool)/.longshore"))
      WorkFolder.removeIfEmpty(at: other.path)
      WorkFolder.removeIfEmpty(at: pool)
      #expect(folder.exists(pool))
    }
  }

  @Test("Only paths directly in the folder of the migration are in it")
  func contains() throws {
    let id = MigrationSamples.id
    let path = work(in: "/mnt/slow").file("stub-vda")
    #expect(WorkFolder.contains(path, migration: id))
    #expect(!WorkFolder.contains(path, migration: try Many.id(2)))
    for path in [
      "/mnt/slow/web.qcow2", "/mnt/slow/\(id)/web.qcow2", "/mnt/slow/.longshore/lab.beta/\(id)/a/b", "/mnt/slow/.longshore/\(id)",
    ] {
      #expect(!WorkFolder.contains(path, migration: id), "\(path)")
    }
  }

  @Test("The parts of paths", arguments: [("/a/b", "/a", "b"), ("/a", "/", "a"), ("a", ".", "a"), ("/a/", "/a", "")])
  func parts(_ path: String, _ folder: String, _ name: String) {
    #expect(PathText.folder(of: path) == folder)
    #expect(PathText.name(of: path) == name)
  }
}
