internal import GRDB
public import LongshoreMessages

/// What the journal knows of a migration's part on one side, without reading the migration itself: also of one whose record this
/// version cannot read.
public enum Standing: Sendable, Hashable {
  /// It has not ended.
  case open
  /// It ended at this time.
  case ended(Timestamp)
  /// The journal does not know it: it ended long ago, or the journal was made anew since.
  case unknown
}

extension Journal {
  /// How a migration stands on one side.
  public func standing(of id: MigrationID, host side: Side) throws(JournalError) -> Standing {
    try read("read how the migration \(id) stands at its \(side.rawValue)") { db in
      let row = try Row.fetchOne(
        db, sql: "SELECT ended, changed FROM migration WHERE side = ? AND id = ?", arguments: [side.rawValue, id.text])
      guard let row else { return .unknown }
      return row["ended"] ? .ended(Timestamp(milliseconds: row["changed"])) : .open
    }
  }

  /// How a prefetch into this host stands.
  public func standing(ofPrefetch id: MigrationID) throws(JournalError) -> Standing {
    try read("read how the prefetch \(id) stands") { db in
      guard let row = try Row.fetchOne(db, sql: "SELECT ended, changed FROM prefetch WHERE id = ?", arguments: [id.text]) else {
        return .unknown
      }
      return row["ended"] ? .ended(Timestamp(milliseconds: row["changed"])) : .open
    }
  }

  /// The migration of a guest that changed last on this host, and the side of it that this host is; nil where none is known.
  ///
  /// - Parameter guest: The guest's UUID, in lower case.
  public func lastMigration(ofGuest guest: String) throws(JournalError) -> (id: MigrationID, side: Side)? {
    try read("read the last migration of the guest \(guest)") { db in
      let row = try Row.fetchOne(
        db, sql: "SELECT id, side FROM migration WHERE guest = ? ORDER BY changed DESC, number DESC LIMIT 1", arguments: [guest])
      guard let row, let id = MigrationID(row["id"]), let side = Side(rawValue: row["side"]) else { return nil }
      return (id, side)
    }
  }
}
