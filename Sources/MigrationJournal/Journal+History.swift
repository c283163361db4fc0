internal import GRDB
public import LongshoreMessages
public import MigrationCore

extension Journal {
  /// The history of a migration from this host; nil where it is unknown.
  public func sourceHistory(of id: MigrationID) throws(JournalError) -> History<SourceMigration, SourceEvent>? {
    try history(of: id)
  }

  /// The history of a migration to this host; nil where it is unknown.
  public func destinationHistory(of id: MigrationID) throws(JournalError) -> History<DestinationMigration, DestinationEvent>? {
    try history(of: id)
  }

  private func history<Migration: JournalledMigration, Event>(
    of id: MigrationID
  ) throws(JournalError) -> History<Migration, Event>? {
    let side = Migration.side.rawValue
    return try read("read the history of the migration \(id) at its \(side)") { db in
      var history: History<Migration, Event>?
      let rows = try Row.fetchCursor(
        db, sql: "SELECT * FROM history WHERE side = ? AND migration = ? ORDER BY revision", arguments: [side, id.text])
      while let row = try rows.next() {
        let revision: Int = row["revision"]
        let what = "revision \(revision) of the migration \(id) at its \(side)"
        if let began = row["began"] as String? {
          history = History(began: try Shape.decode(began, shape: row["shape"], known: shape, what: what), entries: [])
        } else {
          let at: Now = try Shape.decode(row["at"], shape: row["shape"], known: shape, what: what)
          let event: Event = try Shape.decode(row["applied"], shape: row["shape"], known: shape, what: what)
          history?.entries.append(.init(revision: revision, at: at, event: event))
        }
      }
      return history
    }
  }
}
