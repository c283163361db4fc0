internal import GRDB
public import LongshoreMessages

extension Journal {
  /// Forgets the migrations that ended before a time, with their histories and numbered events, and the prefetches. Those that still
  /// have registered files are kept, and so are the keys of their requests.
  ///
  /// - Returns: How many migrations were forgotten.
  @discardableResult
  public func forgetMigrations(endedBefore time: Timestamp) throws(JournalError) -> Int {
    try write("forget migrations that ended before \(time)") { db in
      try db.execute(
        sql: """
          DELETE FROM migration WHERE ended = 1 AND changed < ? AND NOT EXISTS
            (SELECT 1 FROM file WHERE file.migration = migration.id AND file.side = migration.side)
          """,
        arguments: [time.milliseconds])
      let count = db.changesCount
      try db.execute(
        sql: """
          DELETE FROM prefetch WHERE ended = 1 AND changed < ? AND NOT EXISTS (SELECT 1 FROM file WHERE file.migration = prefetch.id)
          """,
        arguments: [time.milliseconds])
      guard count > 0 else { return 0 }
      try db.execute(sql: "DELETE FROM history WHERE (side, migration) NOT IN (SELECT side, id FROM migration)")
      try db.execute(sql: "DELETE FROM event WHERE migration NOT IN (SELECT id FROM migration WHERE side = 'source')")
      return count
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
        sql:
          "DELETE FROM request WHERE accepted < ? AND id NOT IN (SELECT id FROM migration WHERE side = 'source') AND id NOT IN (SELECT id FROM prefetch)",
        arguments: [time.milliseconds])
      return db.changesCount
    }
  }
}
