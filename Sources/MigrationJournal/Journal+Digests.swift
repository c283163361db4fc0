internal import GRDB
public import LongshoreMessages

extension Journal {
  /// The digest of a file that has not changed since it was computed; nil where none is known.
  public func digest(for file: FileFingerprint) throws(JournalError) -> LayerDigest? {
    try read("read the digest of \(file.path)") { db in
      try Row.fetchOne(
        db,
        sql: """
          SELECT file_size, header, sha256 FROM digest
          WHERE path = ? AND device = ? AND inode = ? AND size = ? AND modified = ? AND changed = ?
          """,
        arguments: file.columns
      ).map { LayerDigest(fileSize: UInt64(bitPattern: $0["file_size"]), header: $0["header"], sha256: $0["sha256"]) }
    }
  }

  /// Keeps a file's digest, in place of an earlier one of the same path.
  public func remember(_ digest: LayerDigest, for file: FileFingerprint) throws(JournalError) {
    try write("remember the digest of \(file.path)") { db in
      try db.execute(
        sql: """
          INSERT OR REPLACE INTO digest (path, device, inode, size, modified, changed, file_size, header, sha256)
          VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
          """,
        arguments: file.columns + [Int64(bitPattern: digest.fileSize), digest.header, digest.sha256])
    }
  }
}

extension FileFingerprint {
  fileprivate var columns: StatementArguments {
    [path, Int64(bitPattern: device), Int64(bitPattern: inode), Int64(bitPattern: size), modifiedNs, changedNs]
  }
}
