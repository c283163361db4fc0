import Glibc
import Testing

@testable import LongshoreAgent

@Suite("Which file something is")
struct FileIdentityTests {
  private func identity(_ device: UInt64, _ inode: UInt64, _ handle: [UInt8]?) -> FileIdentity {
    FileIdentity(device: device, inode: inode, handle: handle)
  }

  @Test("Handles tell files apart that have the same inode, and know a file whose device has another number")
  func handles() {
    let file = identity(1, 2, [7])
    #expect(file.isSameFile(as: identity(1, 2, [7])))
    #expect(!file.isSameFile(as: identity(1, 2, [8])), "the inode of a deleted file, given to a later one")
    #expect(file.isSameFile(as: identity(9, 2, [7])), "an NFS mount after a reboot")
    #expect(!file.isSameFile(as: identity(1, 3, [7])))
  }

  @Test("Without a handle on both sides device and inode decide")
  func withoutHandles() {
    for (one, other) in [([7], nil), (nil, [7]), (nil, nil)] as [([UInt8]?, [UInt8]?)] {
      #expect(identity(1, 2, one).isSameFile(as: identity(1, 2, other)))
      #expect(!identity(1, 2, one).isSameFile(as: identity(9, 2, other)))
      #expect(!identity(1, 2, one).isSameFile(as: identity(1, 3, other)))
    }
  }

  @Test("A file has one handle, by its name and open, through writes, other names and other rights; a later file of the name has another")
  func ofFiles() async throws {
    try await withTemporaryFolder { folder in
      let file = try await ExclusiveFile.create(at: folder.file("a"))
      try #require(file.identity.handle != nil, "the file system of /tmp has no handles")
      _ = try folder.write([1, 2, 3], to: "a")
      #expect(chmod(file.path, 0o444) == 0)
      #expect(rename(file.path, folder.file("b")) == 0)
      let renamed = try FileStatus(ofPath: folder.file("b"), operation: "look").identity
      #expect(renamed == file.identity)

      #expect(unlink(folder.file("b")) == 0)
      let later = try await ExclusiveFile.create(at: folder.file("b"))
      #expect(!later.identity.isSameFile(as: file.identity))
      symlink(later.path, folder.file("link"))
      #expect(try !FileStatus(ofPath: folder.file("link"), operation: "look").identity.isSameFile(as: later.identity))
    }
  }
}
