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

  /// What was remembered last of the file of a path, and which file it was then; nil for nothing. The file may have changed since.
  public func rememberedDigest(ofPath path: String) throws(JournalError) -> (digest: LayerDigest, file: FileFingerprint)? {
    try read("read what is remembered of \(path)") { db in
      try Row.fetchOne(
        db, sql: "SELECT device, inode, size, modified, changed, file_size, header, sha256 FROM digest WHERE path = ?", arguments: [path]
      ).map { row in
        (
          LayerDigest(fileSize: UInt64(bitPattern: row["file_size"]), header: row["header"], sha256: row["sha256"]),
          FileFingerprint(
            path: path, device: UInt64(bitPattern: row["device"]), inode: UInt64(bitPattern: row["inode"]),
            size: UInt64(bitPattern: row["size"]), modifiedNs: row["modified"], changedNs: row["changed"])
        )
      }
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
