internal import GRDB
public import LongshoreMessages
public import MigrationCore

extension Journal {
  /// The settings that requests have set, with when they did. Those of later versions are left out.
  public func settings() throws(JournalError) -> [HostSettings.Name: HostSettings.Value] {
    try read("read the settings", Self.settings)
  }

  /// Changes settings for good.
  ///
  /// - Returns: All settings that requests have set, as they are then.
  public func configure(
    _ change: HostSettingsChange, at now: Now
  ) throws(JournalError) -> [HostSettings.Name: HostSettings.Value] {
    try write("change the settings") { db in
      for name in change.reset ?? [] { try db.execute(sql: "DELETE FROM setting WHERE name = ?", arguments: [name.rawValue]) }
      if let seconds = change.deadlineSeconds {
        // What is so already keeps the time since when it is.
        try db.execute(
          sql: """
            INSERT INTO setting (name, value, since) VALUES (?, ?, ?)
            ON CONFLICT (name) DO UPDATE SET value = excluded.value, since = excluded.since WHERE value <> excluded.value
            """, arguments: [HostSettings.Name.deadlineSeconds.rawValue, seconds, now.wall.milliseconds])
      }
      return try Self.settings(db)
    }
  }

  private static func settings(_ db: Database) throws -> [HostSettings.Name: HostSettings.Value] {
    let rows = try Row.fetchAll(db, sql: "SELECT name, value, since FROM setting")
    return Dictionary(
      rows.compactMap { row in
        HostSettings.Name(rawValue: row["name"]).map {
          ($0, HostSettings.Value(row["value"], since: Timestamp(milliseconds: row["since"])))
        }
      }, uniquingKeysWith: { first, _ in first })
  }
}
