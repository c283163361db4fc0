/// Something that happened to a domain.
public struct DomainEvent: Sendable, Hashable {
  /// The domain's UUID, in lower case.
  public let uuid: String
  /// The domain's name.
  public let name: String
  /// What happened.
  public let kind: Kind

  /// Makes an event, for doubles in tests.
  public init(uuid: String, name: String, kind: Kind) {
    self.uuid = uuid
    self.name = name
    self.kind = kind
  }

  /// What can happen to a domain.
  public enum Kind: Sendable, Hashable {
    /// It was defined, started, suspended, stopped…
    case lifecycle(LifecycleEvent)
    /// A job ended with success, with what it came to. There is no such event of a failed or aborted job. For a
    /// migration it comes at the source, where alone it has the totals of the disks.
    case jobCompleted(JobStatistics)
    /// A migration started a new pass over the memory; the first is 1.
    case migrationIteration(Int)
    /// A disk's job is ready or has ended.
    case blockJob(BlockJob.Event)
  }
}
