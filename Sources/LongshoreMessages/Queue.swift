/// How urgent a migration is among those that wait for the same host.
///
/// A level counts as ``agingMilliseconds`` of waiting: of two that wait, the one goes first that has waited longer, both levels
/// reckoned in. So none is overtaken by what was ordered more than an hour after it.
public enum MigrationPriority: String, Hashable, WireWord {
  /// Goes behind all that were ordered within half an hour after it at the usual priority.
  case lowest
  case low
  /// The usual one.
  case normal
  case high
  /// Goes before all of the usual priority that have waited for less than half an hour.
  case highest

  /// The time of waiting that a level counts for, in milliseconds: a quarter of an hour.
  public static let agingMilliseconds: Int64 = 900_000

  /// The levels above the lowest: 0 to 4.
  public var level: Int64 {
    switch self {
    case .lowest: 0
    case .low: 1
    case .normal: 2
    case .high: 3
    case .highest: 4
    }
  }
}

/// What decides about a migration's place among those that wait, beside the time for which it has waited.
public struct QueuePlace: Sendable, Hashable, Codable {
  /// The priority.
  public var priority: MigrationPriority
  /// Microseconds that count as waited, beside those waited at this host: what was waited at the source, and what the operator gave
  /// or took by moving the migration.
  public private(set) var headStartUs: Int64

  /// The limits of a head start, in microseconds: 35 years. What is beyond them is taken for them.
  public static let headStartRange: ClosedRange<Int64> = -(1 << 50)...(1 << 50)

  /// A place.
  public init(priority: MigrationPriority = .normal, headStartUs: Int64 = 0) {
    self.priority = priority
    self.headStartUs = min(max(headStartUs, Self.headStartRange.lowerBound), Self.headStartRange.upperBound)
  }

  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    self.init(
      priority: try container.decode(MigrationPriority.self, forKey: .priority),
      headStartUs: try container.decode(Int64.self, forKey: .headStartUs))
  }
}

/// Where a migration waits for its turn, and for what.
public struct Waiting: Sendable, Hashable, Codable {
  /// The host at which it waits: its source or its destination.
  public var host: NodeName
  /// The setting of that host whose limit is reached, such as `limits.outgoing`. The set is open.
  public var limit: String
  /// The pool whose limit is reached, for `limits.pool`.
  public var pool: ResourceName?
  /// Its place among those that wait there, from 1, when this was said.
  public var position: Int
  /// The same in a sentence.
  public var reason: Reason

  /// What a migration waits for.
  public init(host: NodeName, limit: String, pool: ResourceName? = nil, position: Int, reason: Reason) {
    self.host = host
    self.limit = limit
    self.pool = pool
    self.position = position
    self.reason = reason
  }

  /// Whether another word says the same, but for the place in the line.
  public func isSame(as other: Waiting?) -> Bool { other?.host == host && other?.limit == limit && other?.pool == pool }
}

/// A migration that waits, as a host tells it: one of its own queues, or one that waits at its destination.
public struct QueueEntry: Sendable, Hashable, Codable {
  /// The migration.
  public var id: MigrationID
  /// The guest.
  public var guest: GuestReference
  /// The source host.
  public var sourceHost: NodeName
  /// The destination host.
  public var destinationHost: NodeName
  /// The priority.
  public var priority: MigrationPriority
  /// Since when it waits there.
  public var since: Timestamp
  /// Where it waits, and for what.
  public var waiting: Waiting
  /// When it is expected to start, from what is predicted for those that run; nil where that is not known.
  public var expectedStart: Timestamp?

  /// A migration that waits.
  public init(
    id: MigrationID, guest: GuestReference, sourceHost: NodeName, destinationHost: NodeName, priority: MigrationPriority,
    since: Timestamp, waiting: Waiting, expectedStart: Timestamp? = nil
  ) {
    self.id = id
    self.guest = guest
    self.sourceHost = sourceHost
    self.destinationHost = destinationHost
    self.priority = priority
    self.since = since
    self.waiting = waiting
    self.expectedStart = expectedStart
  }
}

/// Another place for a migration that waits at the host that is asked.
public struct QueueMove: Sendable, Hashable, Codable {
  /// Where to.
  public enum Place: Sendable, Hashable {
    /// Before all that wait there now.
    case first
    /// Right before another one that waits in the same line.
    case before(MigrationID)
    /// Where another priority puts it.
    case priority(MigrationPriority)
  }

  /// The migration.
  public var migration: MigrationID
  /// Where to.
  public var place: Place

  /// A move.
  public init(_ migration: MigrationID, to place: Place) {
    self.migration = migration
    self.place = place
  }

  private enum CodingKeys: String, CodingKey { case migration, first, before, priority }

  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    migration = try container.decode(MigrationID.self, forKey: .migration)
    let isFirst = try container.decodeIfPresent(Bool.self, forKey: .first) ?? false
    let before = try container.decodeIfPresent(MigrationID.self, forKey: .before)
    let priority = try container.decodeIfPresent(MigrationPriority.self, forKey: .priority)
    switch (isFirst, before, priority) {
    case (true, nil, nil): place = .first
    case (false, let other?, nil): place = .before(other)
    case (false, nil, let priority?): place = .priority(priority)
    default: throw invalidValue(decoder, "give one of first, before and priority")
    }
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(migration, forKey: .migration)
    switch place {
    case .first: try container.encode(true, forKey: .first)
    case .before(let other): try container.encode(other, forKey: .before)
    case .priority(let priority): try container.encode(priority, forKey: .priority)
    }
  }
}
