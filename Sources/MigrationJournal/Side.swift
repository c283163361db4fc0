internal import LongshoreMessages
internal import MigrationCore

/// The part that a host has in a migration.
public enum Side: String, Sendable, Hashable, Codable, CaseIterable {
  /// The guest comes from this host.
  case source
  /// The guest comes to this host.
  case destination
}

/// A migration of either side, as the journal stores it.
protocol JournalledMigration: Codable, Sendable {
  /// The side that it is of.
  static var side: Side { get }
  var id: MigrationID { get }
  var revision: Int { get }
  var isTerminal: Bool { get }
  /// The guest's UUID; nil where it is unknown.
  var guestUUID: String? { get }
}

extension SourceMigration: JournalledMigration {
  static var side: Side { .source }
  var guestUUID: String? { guest.uuid }
}

extension DestinationMigration: JournalledMigration {
  static var side: Side { .destination }
  var guestUUID: String? { plan?.guest.uuid }
}
