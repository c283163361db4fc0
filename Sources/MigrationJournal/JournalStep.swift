public import LongshoreMessages
public import MigrationCore

/// What one event changes, stored by ``Journal/commit(_:)`` as a whole or not at all.
public struct JournalStep: Sendable {
  /// The key of the request that is accepted with this step.
  public var request: RequestKey?
  /// The migration as it is now at its source. Its revision follows the stored one, and is 1 for one that is not stored yet.
  public var source: SourceMigration?
  /// The migration as it is now at its destination. Its revision follows the stored one, and is 1 for one that is not stored yet.
  public var destination: DestinationMigration?
  /// The event that made ``source`` what it is; nil for a migration that begins. Without ``source`` the event changed nothing and is
  /// not kept.
  public var sourceEvent: SourceEvent?
  /// The event that made ``destination`` what it is; nil for a migration that begins. Without ``destination`` the event changed
  /// nothing and is not kept.
  public var destinationEvent: DestinationEvent?
  /// When the event was applied, or the migration began.
  public var at: Now
  /// The migration's next numbered events, up to the number that ``source`` has reached.
  public var events: [MigrationEvent]
  /// The messages to be published, in this order.
  public var outbox: [OutboxMessage]

  /// A step at a time.
  public init(
    request: RequestKey? = nil, source: SourceMigration? = nil, destination: DestinationMigration? = nil,
    sourceEvent: SourceEvent? = nil, destinationEvent: DestinationEvent? = nil, at: Now, events: [MigrationEvent] = [],
    outbox: [OutboxMessage] = []
  ) {
    self.request = request
    self.source = source
    self.destination = destination
    self.sourceEvent = sourceEvent
    self.destinationEvent = destinationEvent
    self.at = at
    self.events = events
    self.outbox = outbox
  }
}

/// What became of a step. In all cases but ``committed`` nothing of it was stored.
public enum CommitOutcome: Sendable, Hashable {
  /// All of the step is on the disk.
  case committed
  /// A request of this id and this content was accepted before.
  case duplicateRequest
  /// A request of this id and another content was accepted before.
  case requestReused
  /// The revision of a migration does not follow the stored one.
  case stale
}
