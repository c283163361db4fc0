/// The order to move all running guests off a host.
public struct DrainOrder: Sendable, Hashable, Codable {
  /// How many guests may be ordered to move at once.
  public static let parallelRange: ClosedRange<Int> = 1...64

  /// The hosts that may get them; nil for all of the cluster that offer themselves.
  public var to: [NodeName]?
  /// How many of its migrations may be under way at once; nil for as many as finish soonest within the hosts' limits.
  public var parallel: Int?
  /// Seconds after which nothing more is begun, from acceptance; nil for no such end. Migrations that run go on by their own deadline.
  public var deadlineSeconds: Int64?
  /// What follows where a guest cannot be moved; nil: `retry`.
  public var onFailure: DrainFailureRule?
  /// The pools at the destinations by those that files are in; a pool that is not in it goes into the one of the same name.
  public var pools: [ResourceName: ResourceName]?
  /// How each guest is moved.
  public var options: MigrationOptions?
  /// How urgent the migrations are among those that wait; nil: `normal`.
  public var priority: MigrationPriority?
  /// Make the plan and answer with it; change nothing.
  public var dryRun: Bool?

  /// An order.
  public init(
    to: [NodeName]? = nil, parallel: Int? = nil, deadlineSeconds: Int64? = nil, onFailure: DrainFailureRule? = nil,
    pools: [ResourceName: ResourceName]? = nil, options: MigrationOptions? = nil, priority: MigrationPriority? = nil, dryRun: Bool? = nil
  ) {
    self.to = to
    self.parallel = parallel
    self.deadlineSeconds = deadlineSeconds
    self.onFailure = onFailure
    self.pools = pools
    self.options = options
    self.priority = priority
    self.dryRun = dryRun
  }

  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    to = try container.decodeIfPresent([NodeName].self, forKey: .to)
    parallel = try container.decodeIfPresent(Int.self, forKey: .parallel)
    if let parallel, !Self.parallelRange.contains(parallel) {
      throw DecodingError.dataCorruptedError(
        forKey: .parallel, in: container,
        debugDescription: "use \(Self.parallelRange.lowerBound) to \(Self.parallelRange.upperBound), or leave it away")
    }
    deadlineSeconds = try container.decodeIfPresent(.deadlineSeconds, in: Request.deadlineRange)
    onFailure = try container.decodeIfPresent(DrainFailureRule.self, forKey: .onFailure)
    options = try container.decodeIfPresent(MigrationOptions.self, forKey: .options)
    priority = try container.decodeIfPresent(MigrationPriority.self, forKey: .priority)
    dryRun = try container.decodeIfPresent(Bool.self, forKey: .dryRun)
    guard let named = try container.decodeIfPresent([String: ResourceName].self, forKey: .pools) else { return }
    var pools: [ResourceName: ResourceName] = [:]
    for (old, new) in named {
      guard let old = ResourceName(old) else {
        throw DecodingError.dataCorruptedError(forKey: .pools, in: container, debugDescription: "\(quoted(old)) is not a pool's name")
      }
      pools[old] = new
    }
    self.pools = pools
  }
}

/// What follows where a guest of a drain cannot be moved.
public enum DrainFailureRule: String, Hashable, WireWord {
  /// It stays, and the others go on.
  case skip
  /// Nothing more is begun; before the first guest has moved also where a guest is found that no host can take.
  case stop
  /// Another host is tried, and the guest stays where none is left.
  case retry
}

/// What somebody wants of a drain that has not ended.
public struct DrainSteering: Sendable, Hashable, Codable {
  /// The things that can be wanted.
  public enum Action: String, Hashable, WireWord {
    /// Begin nothing new; what runs goes on.
    case pause
    /// Go on.
    case resume
    /// Drop what waits, and end when what runs has ended.
    case cancel
  }

  /// The drain.
  public var drain: MigrationID
  /// What is wanted.
  public var action: Action
  /// `cancel`: whether the drain's migrations that run are cancelled too; nil: no.
  public var running: Bool?

  /// A wish.
  public init(_ drain: MigrationID, _ action: Action, running: Bool? = nil) {
    self.drain = drain
    self.action = action
    self.running = running
  }
}

/// A guest of a drain: where it goes, and what has become of it.
public struct DrainGuest: Sendable, Hashable, Codable {
  /// What has become of a guest.
  public enum State: String, Hashable, WireWord {
    /// Its turn has not come.
    case waiting
    /// A migration moves it.
    case moving
    /// Ended: it runs at its destination.
    case moved
    /// Ended: it does not run at the host any more, by itself or by somebody else.
    case gone
    /// Ended: no host can take it.
    case blocked
    /// Ended: its migration failed, and no other host is left or is tried.
    case failed
    /// Ended: its turn did not come before the drain's end.
    case skipped
    /// Ended: its migration was cancelled.
    case cancelled
    /// Ended for the drain: its migration needs attention, and goes on without the drain.
    case unsettled

    /// Whether nothing more becomes of the guest in the drain.
    public var isFinal: Bool { self != .waiting && self != .moving }
  }

  /// Why a host cannot take a guest.
  public struct Refusal: Sendable, Hashable, Codable {
    /// The host.
    public var host: NodeName
    /// Why.
    public var reasons: [Reason]

    /// A refusal.
    public init(host: NodeName, reasons: [Reason]) {
      self.host = host
      self.reasons = reasons
    }
  }

  /// The guest.
  public var guest: GuestReference
  /// What has become of it.
  public var state: State
  /// Where it goes, or has gone; absent where it goes nowhere.
  public var destination: NodeName?
  /// The migration that moves it, the last one; absent where there was none.
  public var migration: MigrationID?
  /// The migrations that were ordered for it, from 1; absent before the first.
  public var attempts: Int?
  /// Bytes that are expected to be moved, without templates that others need too; absent where they are not known.
  public var bytes: UInt64?
  /// When it is expected to begin and to be at its destination, in seconds from now; absent where that is not predicted.
  public var expectedStart: Double?
  /// See ``expectedStart``.
  public var expectedEnd: Double?
  /// Why it did not move, or what it waits for.
  public var reasons: [Reason]?
  /// Why each host that was asked cannot take it; the first of them or none where the message would be too large.
  public var refusals: [Refusal]?

  /// A guest.
  public init(
    guest: GuestReference, state: State, destination: NodeName? = nil, migration: MigrationID? = nil, attempts: Int? = nil,
    bytes: UInt64? = nil, expectedStart: Double? = nil, expectedEnd: Double? = nil, reasons: [Reason]? = nil, refusals: [Refusal]? = nil
  ) {
    self.guest = guest
    self.state = state
    self.destination = destination
    self.migration = migration
    self.attempts = attempts
    self.bytes = bytes
    self.expectedStart = expectedStart
    self.expectedEnd = expectedEnd
    self.reasons = reasons
    self.refusals = refusals
  }
}

/// A drain as its host tells it.
public struct DrainStatus: Sendable, Hashable, Codable {
  /// Where a drain stands.
  public enum Phase: String, Hashable, WireWord {
    /// Hosts are asked, and the checks are made.
    case planning
    /// Guests move.
    case moving
    /// Nothing new begins; what runs goes on.
    case paused
    /// Nothing new begins any more; the drain ends when what runs has ended.
    case ending
    /// The host is looked at again for guests that were started meanwhile.
    case looking
    /// The plan of a dry run.
    case planned
    /// Ended: no guest is left that runs.
    case completed
    /// Ended: guests are left, each with its reason.
    case incomplete
    /// Ended, because somebody asked for it.
    case cancelled

    /// Whether the drain has ended, or never began.
    public var isTerminal: Bool {
      switch self {
      case .planning, .moving, .paused, .ending, .looking: false
      case .planned, .completed, .incomplete, .cancelled: true
      }
    }
  }

  /// A host that was asked to take guests.
  public struct Candidate: Sendable, Hashable, Codable {
    /// The host.
    public var host: NodeName
    /// Memory that is available there beside what is promised, in bytes; absent where it is not known.
    public var memory: UInt64?
    /// What the link to it carries, in bytes a second, as measured; absent where it was not.
    public var linkBps: UInt64?
    /// Why it takes no guests; absent where it does.
    public var refusal: Reason?

    /// A host.
    public init(host: NodeName, memory: UInt64? = nil, linkBps: UInt64? = nil, refusal: Reason? = nil) {
      self.host = host
      self.memory = memory
      self.linkBps = linkBps
      self.refusal = refusal
    }
  }

  /// The drain's id: that of the request that ordered it.
  public var id: MigrationID
  /// The host that is drained.
  public var host: NodeName
  /// Where it stands.
  public var phase: Phase
  /// When it was accepted.
  public var acceptedAt: Timestamp
  /// When it changed last.
  public var updatedAt: Timestamp
  /// The guests, in the order in which they are to move.
  public var guests: [DrainGuest]
  /// The hosts that were asked.
  public var candidates: [Candidate]
  /// How many migrations are under way at once; absent before the plan is made.
  public var parallel: Int?
  /// When all of it is expected to have ended, in seconds from now; absent where that is not predicted.
  public var expectedSeconds: Double?
  /// What no plan could be faster than, in seconds from the beginning of the first migration, by the links and sizes as they were
  /// measured; absent where they were not.
  public var boundSeconds: Double?
  /// Ended: how long it took, in seconds.
  public var seconds: Double?
  /// Why it is paused, ends or has ended.
  public var reasons: [Reason]?

  /// A drain's status.
  public init(
    id: MigrationID, host: NodeName, phase: Phase, acceptedAt: Timestamp, updatedAt: Timestamp, guests: [DrainGuest] = [],
    candidates: [Candidate] = [], parallel: Int? = nil, expectedSeconds: Double? = nil, boundSeconds: Double? = nil, seconds: Double? = nil,
    reasons: [Reason]? = nil
  ) {
    self.id = id
    self.host = host
    self.phase = phase
    self.acceptedAt = acceptedAt
    self.updatedAt = updatedAt
    self.guests = guests
    self.candidates = candidates
    self.parallel = parallel
    self.expectedSeconds = expectedSeconds
    self.boundSeconds = boundSeconds
    self.seconds = seconds
    self.reasons = reasons
  }
}

extension DrainStatus {
  /// How large drains may be together in one message, in bytes, so that the message stays below ``Wire/maximumMessageSize``.
  public static let size = 768 << 10

  /// Drains, the newest first, with as much of them as fits into one message. Why each host refuses a guest is shortened first, then those
  /// that have ended lose their guests, the oldest first, and go at last.
  public static func fitting(_ drains: [DrainStatus], size: Int = size) -> [DrainStatus] {
    func isSmall(_ drains: [DrainStatus]) -> Bool { MessageCoding.encode(drains).count <= size }
    var drains = drains
    for kept in [8, 3, 1, 0] {
      if isSmall(drains) { return drains }
      for index in drains.indices { drains[index].keepRefusals(kept) }
    }
    for index in drains.indices.reversed() where drains[index].phase.isTerminal && !isSmall(drains) {
      (drains[index].guests, drains[index].candidates) = ([], [])
    }
    while !isSmall(drains), let oldest = drains.lastIndex(where: \.phase.isTerminal), drains.count > 1 { drains.remove(at: oldest) }
    return drains
  }

  private mutating func keepRefusals(_ count: Int) {
    for index in guests.indices {
      guests[index].refusals = count == 0 ? nil : guests[index].refusals.map { Array($0.prefix(count)) }
    }
  }
}

/// Whether a host takes guests.
public struct Maintenance: Sendable, Hashable, Codable {
  /// Whether it is in maintenance, and takes none.
  public var isOn: Bool
  /// Since when; absent where it is not, or where its configuration says so.
  public var since: Timestamp?
  /// The drain that began it; absent where none did.
  public var drain: MigrationID?

  /// A host's maintenance.
  public init(isOn: Bool, since: Timestamp? = nil, drain: MigrationID? = nil) {
    self.isOn = isOn
    self.since = since
    self.drain = drain
  }

  private enum CodingKeys: String, CodingKey {
    case isOn = "on"
    case since, drain
  }
}

/// What a host can take of the guests of another one.
public struct HostOffer: Sendable, Hashable, Codable {
  /// A pool that guests may move into.
  public struct Pool: Sendable, Hashable, Codable {
    /// The pool.
    public var pool: ResourceName
    /// What is free in it, in bytes.
    public var available: UInt64

    /// A pool.
    public init(pool: ResourceName, available: UInt64) {
      self.pool = pool
      self.available = available
    }
  }

  /// Why it takes none; nil where it does.
  public var refusal: Reason?
  /// Memory that is available beside what is promised, in bytes; nil where it is not known or does not bind.
  public var memory: UInt64?
  /// The pools.
  public var pools: [Pool]
  /// How many migrations may come at once (`limits.incoming`).
  public var incoming: Int
  /// How many of one host (`limits.pair`).
  public var pair: Int
  /// How many into one pool (`limits.pool`).
  public var pool: Int
  /// How many come or are on their way now.
  public var busy: Int

  /// An offer.
  public init(refusal: Reason? = nil, memory: UInt64? = nil, pools: [Pool], incoming: Int, pair: Int, pool: Int, busy: Int) {
    self.refusal = refusal
    self.memory = memory
    self.pools = pools
    self.incoming = incoming
    self.pair = pair
    self.pool = pool
    self.busy = busy
  }
}

/// A numbered event of a drain.
public typealias DrainEvent = NumberedEvent<DrainEventData>

extension DrainEvent {
  /// An event of a drain.
  public init(
    drain: MigrationID, host: HostAddress, sequence: Int, time: Timestamp, data: DrainEventData, trace: TraceContext? = nil
  ) {
    self.init(of: drain, host: host, sequence: sequence, time: time, data: data, trace: trace)
  }
}

extension DrainEventData: NumberedEventContent {
  public static let subjectWord = "drain"
  public var kindWord: String { kind.rawValue }
  public var routingWord: String { Self.subjectWord }
}

/// The content of a drain's event. Fields that do not belong to the kind are absent.
public struct DrainEventData: Sendable, Hashable, Codable {
  /// What happened. `finished` is terminal: exactly one ends a drain.
  public enum Kind: String, Hashable, WireWord {
    /// The order is journalled, and the host takes no new guests.
    case accepted
    /// The plan is made, or made again for guests that were started meanwhile.
    case planned
    /// A guest has come to its end in the drain, or another host is tried for it.
    case guest
    /// How far it is, once a minute.
    case progress
    /// Nothing new begins: somebody has paused it, or it ends when what is under way has ended.
    case paused
    /// It goes on.
    case resumed
    /// It has ended.
    case finished
  }

  /// The drain's guests, counted.
  public struct Counts: Sendable, Hashable, Codable {
    /// All of them.
    public var total: Int
    /// Those that wait.
    public var waiting: Int
    /// Those that move.
    public var moving: Int
    /// Those that have moved or do not run any more.
    public var done: Int
    /// Those that stay.
    public var left: Int

    /// A count.
    public init(total: Int, waiting: Int, moving: Int, done: Int, left: Int) {
      self.total = total
      self.waiting = waiting
      self.moving = moving
      self.done = done
      self.left = left
    }
  }

  /// What happened; also the last word of the event's type.
  public var kind: Kind
  /// The host that is drained.
  public var host: NodeName
  /// Where the drain stands.
  public var phase: DrainStatus.Phase
  /// Its guests.
  public var counts: Counts
  /// `planned`, `progress`: seconds to the expected end of all; absent where it is not predicted.
  public var expectedSeconds: Double?
  /// `guest`: the guest.
  public var guest: DrainGuest?
  /// `planned`, `finished`: all guests.
  public var guests: [DrainGuest]?
  /// `paused`, `resumed`, `finished`: why.
  public var reasons: [Reason]?
  /// `finished`: seconds from acceptance.
  public var seconds: Double?

  /// An event's content.
  public init(
    _ kind: Kind, host: NodeName, phase: DrainStatus.Phase, counts: Counts, expectedSeconds: Double? = nil, guest: DrainGuest? = nil,
    guests: [DrainGuest]? = nil, reasons: [Reason]? = nil, seconds: Double? = nil
  ) {
    self.kind = kind
    self.host = host
    self.phase = phase
    self.counts = counts
    self.expectedSeconds = expectedSeconds
    self.guest = guest
    self.guests = guests
    self.reasons = reasons
    self.seconds = seconds
  }
}
