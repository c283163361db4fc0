public import MigrationCore

/// What made a migration what it is: how it began, and every event that changed it since.
public struct History<Migration: Sendable & Hashable & Codable, Event: Sendable & Hashable & Codable>: Sendable, Hashable, Codable {
  /// An event that changed the migration.
  public struct Entry: Sendable, Hashable, Codable {
    /// The revision that it made.
    public var revision: Int
    /// When it was applied.
    public var at: Now
    /// The event.
    public var event: Event
  }

  /// The migration's first revision.
  public var began: Migration
  /// The events since, in order.
  public var entries: [Entry]
}

extension History<SourceMigration, SourceEvent> {
  /// The migration that the events make of its beginning.
  ///
  /// - Throws: ``Rejected`` where today's rules refuse an event that was applied.
  public func folded() throws(Rejected) -> SourceMigration {
    var migration = began
    for entry in entries { _ = try migration.apply(entry.event, at: entry.at) }
    return migration
  }
}

extension History<DestinationMigration, DestinationEvent> {
  /// The migration that the events make of its beginning.
  public func folded() -> DestinationMigration {
    var migration = began
    for entry in entries { _ = migration.apply(entry.event, at: entry.at) }
    return migration
  }
}
