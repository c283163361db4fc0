import LongshoreMessages
import MigrationJournal
import Testing

@Suite("Digests of layer files")
struct DigestTests {
  private let file = FileFingerprint(path: "/pool/base", device: .max, inode: 2, size: 3, modifiedNs: 4, changedNs: 5)
  private let digest = LayerDigest(fileSize: 3, header: "v3", sha256: "ab")

  @Test("are known for a file as it was, and not for a changed one", arguments: Change.allCases)
  func changes(_ change: Change) throws {
    let journal = try Journal(path: Journal.inMemory)
    try journal.remember(digest, for: file)
    #expect(try journal.digest(for: file) == digest)

    var changed = file
    switch change {
    case .path: changed.path = "/pool/other"
    case .device: changed.device = 1
    case .inode: changed.inode = 1
    case .size: changed.size = 1
    case .modified: changed.modifiedNs = 1
    case .changed: changed.changedNs = 1
    }
    #expect(try journal.digest(for: changed) == nil)
  }

  @Test("replace the one of the same path")
  func replacement() throws {
    let journal = try Journal(path: Journal.inMemory)
    try journal.remember(digest, for: file)
    var written = file
    written.changedNs += 1
    let next = LayerDigest(fileSize: 3, header: "v3", sha256: "cd")

    try journal.remember(next, for: written)

    #expect(try journal.digest(for: written) == next)
    #expect(try journal.digest(for: file) == nil)
  }

  enum Change: CaseIterable { case path, device, inode, size, modified, changed }
}
