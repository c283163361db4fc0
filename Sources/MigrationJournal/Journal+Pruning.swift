internal import GRDB
public import LongshoreMessages

extension Journal {
  /// Forgets migrations that ended before a time, the oldest first, with their histories and numbered events, the prefetches and the drains. Those
  /// that still have registered files are kept, and so are the keys of their requests.
  ///
  /// - Parameter limit: How many migrations to forget at most: nothing else is read or written meanwhile.
  /// - Returns: How many migrations were forgotten.
  @discardableResult
  public func forgetMigrations(endedBefore time: Timestamp, limit: Int = .max) throws(JournalError) -> Int {
    try write("forget migrations that ended before \(time)") { db in
      let forgotten = try Row.fetchAll(
        db,
        sql: """
          DELETE FROM migration WHERE number IN (
            SELECT number FROM migration WHERE ended = 1 AND changed < ? AND NOT EXISTS
              (SELECT 1 FROM file WHERE file.migration = migration.id AND file.side = migration.side)
            ORDER BY changed LIMIT ?)
          RETURNING side, id
          """,
        arguments: [time.milliseconds, limit])
      for row in forgotten {
        let (side, id) = (row["side"] as String, row["id"] as String)
        try db.cachedStatement(sql: "DELETE FROM history WHERE side = ? AND migration = ?").execute(arguments: [side, id])
        guard side == Side.source.rawValue else { continue }
        try db.cachedStatement(sql: "DELETE FROM event WHERE migration = ?").execute(arguments: [id])
      }
      try db.execute(
        sql: """
          DELETE FROM prefetch WHERE ended = 1 AND changed < ? AND NOT EXISTS (SELECT 1 FROM file WHERE file.migration = prefetch.id)
          """,
        arguments: [time.milliseconds])
      try db.execute(sql: "DELETE FROM drain WHERE ended = 1 AND changed < ?", arguments: [time.milliseconds])
      return forgotten.count
    }
  }

  /// Forgets the keys of requests that were accepted before a time and whose migrations are forgotten. To be called with a time by
  /// which requests are past their `notAfter`: a forgotten request that arrives once more is accepted once more.
  ///
  /// - Returns: How many were forgotten.
  @discardableResult
  public func forgetRequests(acceptedBefore time: Timestamp) throws(JournalError) -> Int {
    try write("forget requests that were accepted before \(time)") { db in
      try db.execute(
        sql: """
          DELETE FROM request WHERE accepted < ?
            AND NOT EXISTS (SELECT 1 FROM migration WHERE migration.side = 'source' AND migration.id = request.id)
            AND NOT EXISTS (SELECT 1 FROM prefetch WHERE prefetch.id = request.id)
            AND NOT EXISTS (SELECT 1 FROM drain WHERE drain.id = request.id)
          """,
        arguments: [time.milliseconds])
      return db.changesCount
    }
  }
}
