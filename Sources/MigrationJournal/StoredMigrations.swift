public import LongshoreMessages

/// Migrations as they were read, and those that could not be: none is passed over in silence.
public struct StoredMigrations<Migration: Sendable & Hashable>: Sendable, Hashable {
  /// The migrations that could be read.
  public var migrations: [Migration]
  /// Those that could not.
  public var unreadable: [UnreadableMigration]
}

/// A migration that is stored and cannot be read. It stays as it is: nothing is to be done for it or deleted.
public struct UnreadableMigration: Sendable, Hashable {
  /// The migration's id.
  public var id: MigrationID
  /// Why, and what to do about it: ``JournalError/Code/unknownShape`` or ``JournalError/Code/unreadableRecord``.
  public var reason: JournalError
}
