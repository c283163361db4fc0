internal import FoundationEssentials
internal import GRDB
public import LongshoreMessages
public import MigrationCore

extension Journal {
  /// Registers a file that is about to be made.
  ///
  /// - Throws: Among others ``JournalError/Code/alreadyRegistered`` where the migration has registered this path on this side.
  public func register(_ file: RegisteredFile) throws(JournalError) {
    let operation = "register \(file.path)"
    try write(operation) { db in
      try db.execute(
        sql: """
          INSERT INTO file (
            role, device, inode, handle, delete_after, grace_boot, grace_boot_ms, grace_length, original_path, finished_chunks,
            migration, side, path)
          VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
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
      try file.update(db)
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

  /// All files, in the order in which they were registered.
  public func files() throws(JournalError) -> [RegisteredFile] { try files("ORDER BY number", []) }

  /// All files of a role, in the order in which they were registered.
  public func files(in role: RegisteredFile.Role) throws(JournalError) -> [RegisteredFile] {
    try files("WHERE role = ? ORDER BY number", [role.rawValue])
  }

  /// Winds every time of grace up at `now`: what is left of it is counted from there. Across a reboot the wall clock tells how much
  /// time has passed, so the fresher the last winding up, the less a wall clock that was set meanwhile can shorten a grace.
  public func rewindGraces(at now: Now, where isKnown: (Deadline) -> Bool = { _ in true }) throws(JournalError) {
    try write("wind the times of grace up") { db in
      for row in try Row.fetchAll(db, sql: "SELECT * FROM file WHERE delete_after IS NOT NULL") {
        var file = try RegisteredFile(stored: row)
        guard let grace = file.grace, isKnown(grace) else { continue }
        file.grace = grace.rewound(at: now)
        try file.update(db)
      }
    }
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
      inode: (row["inode"] as Int64?).map(UInt64.init(bitPattern:)), handle: (row["handle"] as Data?).map { [UInt8]($0) },
      grace: Deadline(stored: row), originalPath: row["original_path"],
      finishedChunks: ChunkSet(bits: (row["finished_chunks"] as Data?).map { [UInt8]($0) } ?? []))
  }

  /// What names the file, in the order of the statements above.
  fileprivate var key: StatementArguments { [migration.text, side.rawValue, path] }

  /// What can change of the file, in the order of the statements above.
  fileprivate var columns: StatementArguments {
    [
      role.rawValue, device.map(Int64.init(bitPattern:)), inode.map(Int64.init(bitPattern:)), handle.map { Data($0) },
      grace?.end.milliseconds, grace?.start.bootID, grace?.start.bootMilliseconds, grace?.allowance, originalPath,
      finishedChunks.isEmpty ? nil : Data(finishedChunks.bytes),
    ]
  }

  /// Stores what has become of the file.
  fileprivate func update(_ db: Database) throws {
    try db.execute(
      sql: """
        UPDATE file SET role = ?, device = ?, inode = ?, handle = ?, delete_after = ?, grace_boot = ?, grace_boot_ms = ?,
          grace_length = ?, original_path = ?, finished_chunks = ?
        WHERE migration = ? AND side = ? AND path = ?
        """,
      arguments: columns + key)
  }
}

extension Deadline {
  /// The time of grace that a row holds; nil where it has none.
  fileprivate init?(stored row: Row) {
    guard let end = row["delete_after"] as Int64?, let boot = row["grace_boot"] as String?,
      let bootMilliseconds = row["grace_boot_ms"] as Int64?, let length = row["grace_length"] as Int64?
    else { return nil }
    let wall = Timestamp(milliseconds: end).adding(milliseconds: -length)
    self.init(start: Now(wall: wall, bootID: boot, bootMilliseconds: bootMilliseconds), allowance: length)
  }

  /// When it ends by the wall clock as it was at its start.
  fileprivate var end: Timestamp { start.wall.adding(milliseconds: allowance) }
}
