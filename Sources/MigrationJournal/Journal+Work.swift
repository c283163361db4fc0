internal import GRDB
internal import LongshoreMessages
internal import MigrationCore

/// Work of a host beside its migrations, stored as it stands, without a history of its own.
protocol JournalledWork: Codable, Sendable {
  /// The table, which is named as the work is: it has the columns `number`, `id`, `revision`, `shape`, `ended`, `changed` and `snapshot`.
  static var table: String { get }
  var id: MigrationID { get }
  var revision: Int { get }
  var isTerminal: Bool { get }
}

extension Journal {
  /// Stores work as an event has left it, with the messages that go out with that.
  ///
  /// - Returns: ``CommitOutcome/stale`` where its revision does not follow the stored one; nothing is stored then.
  func commitWork(_ work: some JournalledWork, outbox: [OutboxMessage], at now: Now) throws(JournalError) -> CommitOutcome {
    try transaction("commit revision \(work.revision) of the \(type(of: work).table) \(work.id)") { db in
      guard try store(work, at: now, db) else { return .stale }
      for message in outbox { try message.insert(at: now, db) }
      return .committed
    }
  }

  /// Stores work. Returns false, having stored nothing, where its revision does not follow the stored one.
  func store<Work: JournalledWork>(_ work: Work, at now: Now, _ db: Database) throws -> Bool {
    let stored = try Int.fetchOne(db, sql: "SELECT revision FROM \(Work.table) WHERE id = ?", arguments: [work.id.text])
    guard work.revision == (stored ?? 0) + 1 else { return false }
    try db.execute(
      sql: """
        INSERT INTO \(Work.table) (id, revision, shape, ended, changed, snapshot) VALUES (?, ?, ?, ?, ?, ?)
        ON CONFLICT (id) DO UPDATE SET revision = excluded.revision, shape = excluded.shape, ended = excluded.ended,
          changed = excluded.changed, snapshot = excluded.snapshot
        """,
      arguments: [work.id.text, work.revision, shape, work.isTerminal, now.wall.milliseconds, Shape.encode(work)])
    return true
  }

  /// Work, ended or not; nil where it is unknown.
  func work<Work: JournalledWork>(_ id: MigrationID) throws(JournalError) -> Work? {
    try read("read the \(Work.table) \(id)") { db in
      try Row.fetchOne(db, sql: "SELECT id, shape, snapshot FROM \(Work.table) WHERE id = ?", arguments: [id.text]).map(decodeWork)
    }
  }

  /// The work that a condition selects.
  func works<Work: JournalledWork>(
    _ selection: String, _ arguments: StatementArguments = []
  ) throws(JournalError) -> StoredMigrations<Work> {
    try read("read what there is of the kind \(Work.table)") { db in
      var found = StoredMigrations<Work>(migrations: [], unreadable: [])
      for row in try Row.fetchAll(db, sql: "SELECT id, shape, snapshot FROM \(Work.table) \(selection)", arguments: arguments) {
        do {
          found.migrations.append(try decodeWork(row))
        } catch let error as JournalError {
          guard let id = MigrationID(row["id"]) else { throw error }
          found.unreadable.append(UnreadableMigration(id: id, reason: error))
        }
      }
      return found
    }
  }

  private func decodeWork<Work: JournalledWork>(_ row: Row) throws(JournalError) -> Work {
    try Shape.decode(row["snapshot"], shape: row["shape"], known: shape, what: "the \(Work.table) \(row["id"] as String)")
  }
}
