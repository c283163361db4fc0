internal import GRDB
public import LongshoreMessages
public import MigrationCore

extension Journal {
  /// Stores a drain that begins, with the key of its order, its first messages and the host's maintenance.
  ///
  /// - Returns: ``CommitOutcome/committed``, or what the journal holds of the order's id already; nothing is stored then.
  public func begin(
    _ drain: Drain, request: RequestKey, outbox: [OutboxMessage] = [], at now: Now
  ) throws(JournalError) -> CommitOutcome {
    try transaction("begin the drain \(drain.id)") { db in
      let outcome = try accept(request, at: now, db)
      guard outcome == .committed else { return outcome }
      guard try store(drain, at: now, db) else { return .stale }
      try db.execute(
        sql: "INSERT OR IGNORE INTO maintenance (one, since, drain) VALUES (1, ?, ?)", arguments: [now.wall.milliseconds, drain.id.text])
      for message in outbox { try message.insert(at: now, db) }
      return .committed
    }
  }

  /// Stores a drain as an event has left it, with the messages that go out with that.
  ///
  /// - Returns: ``CommitOutcome/stale`` where its revision does not follow the stored one; nothing is stored then.
  public func commit(_ drain: Drain, outbox: [OutboxMessage] = [], at now: Now) throws(JournalError) -> CommitOutcome {
    try commitWork(drain, outbox: outbox, at: now)
  }

  /// A drain of this host, ended or not; nil where it is unknown.
  public func drain(_ id: MigrationID) throws(JournalError) -> Drain? {
    try work(id)
  }

  /// The drains of this host, the newest first: those that have not ended, or all.
  ///
  /// - Parameter limit: How many at most.
  public func drains(includeEnded: Bool, limit: Int = 100) throws(JournalError) -> StoredMigrations<Drain> {
    try works("WHERE ended = 0 OR ? ORDER BY number DESC LIMIT ?", [includeEnded, limit])
  }

  // MARK: - Maintenance

  /// The host's maintenance; nil where it takes guests.
  public func maintenance() throws(JournalError) -> Maintenance? {
    try read("read whether the host is in maintenance") { db in
      try Row.fetchOne(db, sql: "SELECT since, drain FROM maintenance").map { row in
        Maintenance(isOn: true, since: Timestamp(milliseconds: row["since"]), drain: (row["drain"] as String?).flatMap(MigrationID.init))
      }
    }
  }

  /// Puts the host into maintenance, unless it is in it, or takes it out of it.
  public func setMaintenance(_ on: Bool, at now: Now) throws(JournalError) {
    try write(on ? "put the host into maintenance" : "end the host's maintenance") { db in
      if on {
        try db.execute(sql: "INSERT OR IGNORE INTO maintenance (one, since) VALUES (1, ?)", arguments: [now.wall.milliseconds])
      } else {
        try db.execute(sql: "DELETE FROM maintenance")
      }
    }
  }
}

extension Drain: JournalledWork {
  static var table: String { "drain" }
}
