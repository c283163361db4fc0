internal import LongshoreMessages
internal import MigrationJournal

/// The digests of layer files, computed once for a file that does not change.
struct LayerIdentities: Sendable {
  private let journal: Journal
  private let reader: LayerReader
  private let turns = PathTurns()
  private let didRead: @Sendable (String) -> Void

  /// - Parameters:
  ///   - settlingTime: How long a file must have been left alone before its digest is remembered, in nanoseconds.
  ///   - didRead: Gets the path of each file that was read for its digest.
  init(
    journal: Journal, settlingTime: Int64 = LayerReader.defaultSettlingTime, didRead: @escaping @Sendable (String) -> Void = { _ in }
  ) {
    self.journal = journal
    self.didRead = didRead
    reader = LayerReader(cache: JournalDigestCache(journal: journal), settlingTime: settlingTime)
  }

  /// The digest of a layer's file. Several that ask at once wait for one reading.
  func digest(of path: String, format: ImageFormat) async throws -> LayerDigest {
    try await turns.withTurn(at: path) {
      LayerDigest(
        try await reader.identity(of: path, format: format.rawValue) { [didRead] done, total in if done == total { didRead(path) } })
    }
  }

  /// The digest of a layer's file that is being copied, which is known when the copy ends.
  func digest(
    ofCopy path: String, format: ImageFormat, byteCount: UInt64, following prefix: CopiedPrefix
  ) async throws -> LayerDigest {
    LayerDigest(try await reader.identity(ofCopy: path, format: format.rawValue, byteCount: byteCount, following: prefix))
  }

  /// Remembers the digest of a file that was just read, unless it was written to so lately that its times do not tell what follows.
  func remember(read digest: LayerDigest, of path: String) async throws {
    let status = try await Self.status(of: path)
    guard reader.isSettled(modified: status.modified, changed: status.changed) else { return }
    try journal.remember(digest, for: FileFingerprint(path: path, status: status))
  }

  /// Looks at a file on a thread that may block.
  private static func status(of path: String) async throws(ImageError) -> FileStatus {
    try await BlockingWork.run { () throws(ImageError) in try FileStatus(ofPath: path, operation: "look at \(path)") }
  }

  /// The digest of a layer's file as it is read now, whatever is remembered. Nothing is remembered of it.
  ///
  /// - Parameter progress: Gets the bytes that are read.
  func read(
    _ path: String, format: ImageFormat, progress: @escaping @Sendable (UInt64) -> Void
  ) async throws(ImageError) -> LayerDigest {
    LayerDigest(try await LayerReader().identity(of: path, format: format.rawValue) { done, _ in progress(done) })
  }

  /// A digest that was remembered of a file.
  struct Remembered: Sendable {
    /// The digest; its header is empty where that was not remembered.
    var digest: LayerDigest
    /// Whether the file is as it was then, by its inode, its size and its times.
    var isUntouched: Bool
  }

  /// What was remembered last of the file of a path, whatever has become of it since; nil for nothing.
  func remembered(of path: String) async throws -> Remembered? {
    guard let (digest, file) = try journal.rememberedDigest(ofPath: path) else { return nil }
    let status = try await Self.status(of: path)
    return Remembered(digest: digest, isUntouched: FileFingerprint(path: path, status: status) == file)
  }

  /// Whether a file's digest is known, so that it is not read again.
  func knows(_ path: String) -> Bool {
    guard let status = try? FileStatus(ofPath: path, operation: "look at \(path)") else { return false }
    return (try? journal.digest(for: FileFingerprint(path: path, status: status))) != nil
  }

  /// A file's digest where it is known; nil where the file would have to be read.
  func known(_ path: String) throws -> LayerDigest? {
    let status = try FileStatus(ofPath: path, operation: "look at \(path)")
    return try journal.digest(for: FileFingerprint(path: path, status: status))
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
