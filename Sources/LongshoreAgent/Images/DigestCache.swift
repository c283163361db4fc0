/// Remembers the digests of files, since a template of many gigabytes is the same for every guest that lies on it.
protocol DigestCache: Sendable {
  /// The digest that was stored for exactly this key.
  func digest(for key: DigestKey) async -> String?
  /// Stores a digest; a failure to do so is no concern of the caller.
  func store(_ digest: String, for key: DigestKey) async
}

/// A state of a file: any write to the file, or exchange of it, gives another key.
struct DigestKey: Sendable, Hashable, Codable {
  let path: String
  let identity: FileIdentity
  let size: UInt64
  /// In nanoseconds since 1970.
  let modified: Int64
  /// In nanoseconds since 1970.
  let changed: Int64
  /// Where the digested part begins, in bytes; it goes to the end.
  let offset: UInt64

  init(path: String, status: FileStatus, offset: UInt64) {
    self.path = path
    self.identity = status.identity
    self.size = status.size
    self.modified = status.modified
    self.changed = status.changed
    self.offset = offset
  }
}
