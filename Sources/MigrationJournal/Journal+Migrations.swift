internal import GRDB
public import LongshoreMessages
public import MigrationCore

extension Journal {
  /// The migrations from this host that have not ended, the oldest first.
  public func openSources() throws(JournalError) -> StoredMigrations<SourceMigration> {
    try migrations("WHERE side = ? AND ended = 0 ORDER BY number")
  }

  /// The migrations to this host that have not ended, the oldest first.
  public func openDestinations() throws(JournalError) -> StoredMigrations<DestinationMigration> {
    try migrations("WHERE side = ? AND ended = 0 ORDER BY number")
  }

  /// The migrations from this host, the newest first.
  ///
  /// - Parameters:
  ///   - includeEnded: Whether to read those that have ended as well.
  ///   - limit: How many to read at most.
  public func sources(includeEnded: Bool, limit: Int) throws(JournalError) -> StoredMigrations<SourceMigration> {
    try migrations("WHERE side = ? \(includeEnded ? "" : "AND ended = 0") ORDER BY number DESC LIMIT ?", limit)
  }

  /// A migration from this host, ended or not; nil where it is unknown.
  public func source(_ id: MigrationID) throws(JournalError) -> SourceMigration? { try migration(id) }

  /// A migration to this host, ended or not; nil where it is unknown.
  public func destination(_ id: MigrationID) throws(JournalError) -> DestinationMigration? { try migration(id) }

  /// The digest of an accepted request; nil where none of this id was accepted.
  public func digest(ofRequest id: MigrationID) throws(JournalError) -> String? {
    try read("read the key of the request \(id)") { db in
      try String.fetchOne(db.cachedStatement(sql: "SELECT digest FROM request WHERE id = ?"), arguments: [id.text])
    }
  }

  /// The numbered events of a migration, in order.
  public func events(of id: MigrationID) throws(JournalError) -> [MigrationEvent] {
    try read("read the events of the migration \(id)") { db in
      let bodies = try String.fetchAll(db, sql: "SELECT body FROM event WHERE migration = ? ORDER BY sequence", arguments: [id.text])
      return try bodies.map { try MessageCoding.decode(from: Array($0.utf8)) }
    }
  }

  private func migration<Migration: JournalledMigration>(_ id: MigrationID) throws(JournalError) -> Migration? {
    let side = Migration.side.rawValue
    return try read("read the migration \(id) at its \(side)") { db in
      try Row.fetchOne(
        db, sql: "SELECT id, shape, snapshot FROM migration WHERE side = ? AND id = ?", arguments: [side, id.text]
      ).map(decode)
    }
  }

  private func migrations<Migration: JournalledMigration>(
    _ selection: String, _ limit: Int? = nil
  ) throws(JournalError) -> StoredMigrations<Migration> {
    let side = Migration.side.rawValue
    var arguments: StatementArguments = [side]
    if let limit { arguments += [limit] }
    return try read("read the migrations of which this host is the \(side)") { db in
      var found = StoredMigrations<Migration>(migrations: [], unreadable: [])
      let rows = try Row.fetchCursor(db, sql: "SELECT id, shape, snapshot FROM migration \(selection)", arguments: arguments)
      while let row = try rows.next() {
        do {
          found.migrations.append(try decode(row))
        } catch let error as JournalError {
          guard let id = MigrationID(row["id"]) else { throw error }
          found.unreadable.append(UnreadableMigration(id: id, reason: error))
        }
      }
      return found
    }
  }

  private func decode<Migration: JournalledMigration>(_ row: Row) throws(JournalError) -> Migration {
    try Shape.decode(
      row["snapshot"], shape: row["shape"], known: shape,
      what: "the migration \(row["id"] as String) at its \(Migration.side.rawValue)")
  }
}
