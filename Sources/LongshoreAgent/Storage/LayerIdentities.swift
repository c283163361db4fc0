internal import LongshoreMessages
internal import MigrationJournal

/// The digests of layer files, computed once for a file that does not change.
struct LayerIdentities: Sendable {
  private let journal: Journal
  private let reader: LayerReader

  init(journal: Journal) {
    self.journal = journal
    reader = LayerReader(cache: JournalDigestCache(journal: journal))
  }

  /// The digest of a layer's file.
  func digest(of path: String, format: ImageFormat) async throws -> LayerDigest {
    LayerDigest(try await reader.identity(of: path, format: format.rawValue))
  }

  /// The digest of a layer's file that is being copied, which is known when the copy ends.
  func digest(
    ofCopy path: String, format: ImageFormat, byteCount: UInt64, following prefix: CopiedPrefix
  ) async throws -> LayerDigest {
    LayerDigest(try await reader.identity(ofCopy: path, format: format.rawValue, byteCount: byteCount, following: prefix))
  }

  /// Whether a file's digest is known, so that it is not read again.
  func knows(_ path: String) -> Bool {
    guard let status = try? FileStatus(ofPath: path, operation: "look at \(path)") else { return false }
    return (try? journal.digest(for: FileFingerprint(path: path, status: status))) != nil
  }

  /// Remembers the digest of a file that is known to have it.
  func remember(_ digest: LayerDigest, of path: String) throws {
    let status = try FileStatus(ofPath: path, operation: "look at \(path)")
    try journal.remember(digest, for: FileFingerprint(path: path, status: status))
  }
}

/// Keeps digests in the journal.
private struct JournalDigestCache: DigestCache {
  let journal: Journal

  func digest(for key: DigestKey) -> String? { (try? journal.digest(for: FileFingerprint(key)))?.sha256 }

  func store(_ digest: String, for key: DigestKey) {
    try? journal.remember(LayerDigest(fileSize: key.size, header: "", sha256: digest), for: FileFingerprint(key))
  }
}

extension FileFingerprint {
  fileprivate init(_ key: DigestKey) {
    self.init(
      path: key.path, device: key.identity.device, inode: key.identity.inode, size: key.size, modifiedNs: key.modified,
      changedNs: key.changed)
  }

  fileprivate init(path: String, status: FileStatus) {
    self.init(
      path: path, device: status.identity.device, inode: status.identity.inode, size: status.size, modifiedNs: status.modified,
      changedNs: status.changed)
  }
}

extension LayerDigest {
  fileprivate init(_ identity: LayerIdentity) {
    self.init(fileSize: identity.fileSize, header: identity.headerText, sha256: identity.digest)
  }

  /// The first thing in which a file differs from this digest, in words; nil where it is the same.
  func difference(from other: LayerDigest) -> String? {
    if fileSize != other.fileSize { return "it has \(other.fileSize) bytes, not \(fileSize)" }
    if header != other.header { return "its header is not the same" }
    if sha256 != other.sha256 { return "its content is not the same" }
    return nil
  }
}
