import Glibc
import Testing

@testable import LongshoreAgent

@Suite("Files that are made once")
struct ExclusiveFileTests {
  @Test("A file is made only where nothing has the name")
  func create() async throws {
    try await withTemporaryFolder { folder in
      let file = try await ExclusiveFile.create(at: folder.file("a"))
      #expect(try FileStatus(ofPath: file.path, operation: "look").identity == file.identity)
      #expect(try FileStatus(ofPath: file.path, operation: "look").permissions == 0o600)
      symlink("/nowhere", folder.file("link"))
      for name in ["a", "link"] {
        let error = await #expect(throws: ImageError.self) { try await ExclusiveFile.create(at: folder.file(name)) }
        #expect(error?.code == .alreadyExists)
      }
      let error = await #expect(throws: ImageError.self) { try await ExclusiveFile.create(at: folder.file("no/a")) }
      #expect(error?.code == .notFound)
    }
  }

  @Test("Publishing gives the final name and takes the first one; again it changes nothing")
  func publish() async throws {
    try await withTemporaryFolder { folder in
      let file = try await ExclusiveFile.create(at: folder.file("nonce"))
      let final = folder.file("final")
      try await file.publish(to: final)
      #expect(!folder.exists(file.path))
      #expect(try FileStatus(ofPath: final, operation: "look").identity == file.identity)
      try await file.publish(to: final)
      #expect(try FileStatus(ofPath: final, operation: "look").identity == file.identity)
    }
  }

  @Test("A publication that was cut between its halves goes on")
  func publishHalfDone() async throws {
    try await withTemporaryFolder { folder in
      let file = try await ExclusiveFile.create(at: folder.file("nonce"))
      #expect(link(file.path, folder.file("final")) == 0)
      try await file.publish(to: folder.file("final"))
      #expect(!folder.exists(file.path))
      #expect(folder.exists(folder.file("final")))
    }
  }

  @Test("Publishing never overwrites, and keeps the file")
  func publishOverOther() async throws {
    try await withTemporaryFolder { folder in
      let file = try await ExclusiveFile.create(at: folder.file("nonce"))
      let taken = try folder.write([7], to: "final")
      let error = await #expect(throws: ImageError.self) { try await file.publish(to: taken) }
      #expect(error?.code == .alreadyExists)
      #expect(try folder.read(taken) == [7])
      #expect(folder.exists(file.path))
    }
  }

  @Test("A file that is gone or exchanged is not published")
  func publishOther() async throws {
    try await withTemporaryFolder { folder in
      let file = try await ExclusiveFile.create(at: folder.file("nonce"))
      #expect(rename(try folder.write([7], to: "other"), file.path) == 0)
      let changed = await #expect(throws: ImageError.self) { try await file.publish(to: folder.file("final")) }
      #expect(changed?.code == .changed)
      unlink(file.path)
      let gone = await #expect(throws: ImageError.self) { try await file.publish(to: folder.file("final")) }
      #expect(gone?.code == .notFound)
      #expect(!folder.exists(folder.file("final")))
    }
  }

  @Test("Only the same file is deleted")
  func remove() async throws {
    try await withTemporaryFolder { folder in
      let file = try await ExclusiveFile.create(at: folder.file("a"))
      let kept = try folder.write([7], to: "b")
      let other = try FileStatus(ofPath: kept, operation: "look").identity
      #expect(try await ExclusiveFile(path: kept, identity: file.identity).remove() == .otherFile(other))
      #expect(try folder.read(kept) == [7])
      #expect(try await file.remove() == .removed)
      #expect(try await file.remove() == .absent)
    }
  }

  @Test("Writing to disk is refused for another file")
  func synchronize() async throws {
    try await withTemporaryFolder { folder in
      let file = try await ExclusiveFile.create(at: folder.file("a"))
      try await file.synchronize()
      let kept = try folder.write([7], to: "b")
      let error = await #expect(throws: ImageError.self) {
        try await ExclusiveFile(path: kept, identity: file.identity).synchronize()
      }
      #expect(error?.code == .changed)
    }
  }

  @Test("QEMU's locks are seen", .enabled(if: ImagePrograms.areInstalled, ImagePrograms.missing))
  func locks() async throws {
    try await withTemporaryFolder { folder in
      let path = try folder.write(noise(4096), to: "a.img")
      #expect(try await !ExclusiveFile.isInUse(path))
      let export = try await ExportFixture.exporter(in: folder).export(path: path, name: folder.name)
      let inUse = try await ExclusiveFile.isInUse(path)
      try await export.stop()
      #expect(inUse)
      #expect(try await !ExclusiveFile.isInUse(path))
    }
  }
}
