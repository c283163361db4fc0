public import LongshoreMessages

/// What tells whether a request was accepted before.
public struct RequestKey: Sendable, Hashable {
  /// The request's id.
  public var id: MigrationID
  /// A digest of the request's content.
  public var digest: String

  /// The key of a request.
  public init(id: MigrationID, digest: String) {
    self.id = id
    self.digest = digest
  }
}

/// A change of a host's migrations, which happens when it is journalled, as a whole, and not before. Made by ``HostMigrations``.
public struct HostStep: Sendable, Hashable {
  /// Something that leaves the host with the step.
  public enum Message: Sendable, Hashable {
    /// The migration's next numbered event.
    case event(MigrationEvent)
    /// A message to another agent.
    case peer(PeerMessage)
  }

  /// When the event was applied, or the migration began.
  public let at: Now
  /// The key of the request that is accepted with the step.
  public var request: RequestKey?
  /// The migration at its source as the step leaves it; nil where no such migration changes.
  public var source: SourceMigration?
  /// The event that made ``source`` what it is; nil for a migration that begins.
  public var sourceEvent: SourceEvent?
  /// The migration at its destination as the step leaves it; nil where no such migration changes.
  public var destination: DestinationMigration?
  /// The event that made ``destination`` what it is; nil for a migration that begins.
  public var destinationEvent: DestinationEvent?
  /// What is to be published, in this order.
  public var messages: [Message] = []
  /// Whether libvirt's migrate is to be called once, after the step is journalled.
  public var startsTransfer = false

  /// An empty step.
  public init(at now: Now) { at = now }
}
