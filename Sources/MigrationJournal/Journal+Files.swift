internal import FoundationEssentials
internal import GRDB
public import LongshoreMessages

extension Journal {
  /// Registers a file that is about to be made.
  ///
  /// - Throws: Among others ``JournalError/Code/alreadyRegistered`` where the migration has registered this path on this side.
  public func register(_ file: RegisteredFile) throws(JournalError) {
    let operation = "register \(file.path)"
    try write(operation) { db in
      try db.execute(
        sql: """
          INSERT INTO file (role, device, inode, delete_after, original_path, finished_chunks, migration, side, path)
          VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
          ON CONFLICT (migration, side, path) DO NOTHING
          """,
        arguments: file.columns + file.key)
      guard db.changesCount == 1 else {
        throw JournalError(
          .alreadyRegistered, operation: operation, message: "the migration \(file.migration) has registered this path already")
      }
    }
  }

  /// Stores what has become of a registered file.
  ///
  /// - Throws: Among others ``JournalError/Code/notRegistered`` where the migration has not registered this path on this side.
  public func update(_ file: RegisteredFile) throws(JournalError) {
    let operation = "update \(file.path)"
    try write(operation) { db in
      try db.execute(
        sql: """
          UPDATE file SET role = ?, device = ?, inode = ?, delete_after = ?, original_path = ?, finished_chunks = ?
          WHERE migration = ? AND side = ? AND path = ?
          """,
        arguments: file.columns + file.key)
      guard db.changesCount == 1 else {
        throw JournalError(.notRegistered, operation: operation, message: "the migration \(file.migration) has not registered this path")
      }
    }
  }

  /// Forgets a file: it is gone, or somebody else's now. A file that is not registered is passed over.
  public func forget(_ file: RegisteredFile) throws(JournalError) {
    try write("forget \(file.path)") { db in
      try db.execute(sql: "DELETE FROM file WHERE migration = ? AND side = ? AND path = ?", arguments: file.key)
    }
  }

  /// The files that a migration registered on one side, in the order in which they were registered.
  public func files(of migration: MigrationID, host side: Side) throws(JournalError) -> [RegisteredFile] {
    try files("WHERE migration = ? AND side = ? ORDER BY number", [migration.text, side.rawValue])
  }

  /// All files of a role, in the order in which they were registered.
  public func files(in role: RegisteredFile.Role) throws(JournalError) -> [RegisteredFile] {
    try files("WHERE role = ? ORDER BY number", [role.rawValue])
  }

  /// The files that may be deleted at a time, the longest due first.
  public func filesDue(before time: Timestamp) throws(JournalError) -> [RegisteredFile] {
    try files("WHERE delete_after <= ? ORDER BY delete_after, number", [time.milliseconds])
  }

  private func files(_ selection: String, _ arguments: StatementArguments) throws(JournalError) -> [RegisteredFile] {
    try read("read registered files") { db in
      try Row.fetchAll(db, sql: "SELECT * FROM file \(selection)", arguments: arguments).map(RegisteredFile.init(stored:))
    }
  }
}

extension RegisteredFile {
  init(stored row: Row) throws {
    let path: String = row["path"]
    guard let migration = MigrationID(row["migration"]), let side = Side(rawValue: row["side"]), let role = Role(rawValue: row["role"])
    else {
      throw JournalError(
        .unreadableRecord, operation: "read the registered file \(path)",
        message: "its migration, side or role is unknown: install the version that registered it")
    }
    self.init(
      migration: migration, side: side, role: role, path: path, device: (row["device"] as Int64?).map(UInt64.init(bitPattern:)),
      inode: (row["inode"] as Int64?).map(UInt64.init(bitPattern:)),
      deleteAfter: (row["delete_after"] as Int64?).map(Timestamp.init(milliseconds:)), originalPath: row["original_path"],
      finishedChunks: ChunkSet(bits: (row["finished_chunks"] as Data?).map { [UInt8]($0) } ?? []))
  }

  /// What names the file, in the order of the statements above.
  fileprivate var key: StatementArguments { [migration.text, side.rawValue, path] }

  /// What can change of the file, in the order of the statements above.
  fileprivate var columns: StatementArguments {
    [
      role.rawValue, device.map(Int64.init(bitPattern:)), inode.map(Int64.init(bitPattern:)), deleteAfter?.milliseconds, originalPath,
      finishedChunks.isEmpty ? nil : Data(finishedChunks.bytes),
    ]
  }
}
