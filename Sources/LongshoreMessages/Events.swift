/// What a numbered event says happened.
public protocol NumberedEventContent: Codable, Hashable, Sendable {
  /// What it happened to, as the event's type has it: `migration`, `drain`.
  static var subjectWord: String { get }
  /// What happened, in a word.
  var kindWord: String { get }
  /// The word of the routing key between the host and the kind.
  var routingWord: String { get }
}

/// A numbered event: CloudEvents 1.0, JSON, structured mode.
public struct NumberedEvent<Content: NumberedEventContent>: Sendable, Hashable, Codable {
  /// Always `1.0`.
  public var specversion = "1.0"
  /// Unique with `source`; an event that is sent again keeps it: `<subject>/<sequence>`.
  public var id: String
  /// The agent: `/clusters/<cluster>/hosts/<host>`.
  public var source: String
  /// `io.longshore.<migration or drain>.<kind>.v1`.
  public var type: String
  /// The id of what it happened to.
  public var subject: MigrationID
  /// When it happened.
  public var time: Timestamp
  /// Always `application/json`.
  public var datacontenttype = "application/json"
  /// The event's number within its subject, from 1 without a gap, as ten digits so that texts sort as numbers do.
  public var sequence: String
  /// The trace that the order belongs to, by CloudEvents' extension for distributed tracing; nil where it is in none.
  public var traceparent: String?
  /// What tracers pass on with it.
  public var tracestate: String?
  /// What happened.
  public var data: Content

  init(of subject: MigrationID, host: HostAddress, sequence: Int, time: Timestamp, data: Content, trace: TraceContext? = nil) {
    traceparent = trace?.traceparent
    tracestate = trace?.tracestate
    let digits = String(sequence)
    self.sequence = String(repeating: "0", count: max(0, 10 - digits.count)) + digits
    id = "\(subject)/\(sequence)"
    source = host.eventSource
    type = "io.longshore.\(Content.subjectWord).\(data.kindWord).v1"
    self.subject = subject
    self.time = time
    self.data = data
  }

  /// The routing key: `<cluster>.<host>.<guest UUID>.<kind>` of a migration's, `<cluster>.<host>.drain.<kind>` of a drain's.
  public func routingKey(host: HostAddress) -> String { "\(host.routingKey).\(data.routingWord).\(data.kindWord)" }

  private enum CodingKeys: String, CodingKey {
    case specversion, id, source, type, subject, time, datacontenttype, sequence, traceparent, tracestate, data
  }
}

extension NumberedEvent {
  /// The trace that the order belongs to; nil where it is in none, or what is said is none.
  public var trace: TraceContext? { traceparent.flatMap { TraceContext(traceparent: $0, tracestate: tracestate) } }
}

/// A numbered event of a migration.
public typealias MigrationEvent = NumberedEvent<MigrationEventData>

extension MigrationEvent {
  /// An event of a migration.
  public init(
    migration: MigrationID, host: HostAddress, sequence: Int, time: Timestamp, data: MigrationEventData, trace: TraceContext? = nil
  ) {
    self.init(of: migration, host: host, sequence: sequence, time: time, data: data, trace: trace)
  }
}

extension MigrationEventData: NumberedEventContent {
  public static let subjectWord = "migration"
  public var kindWord: String { kind.rawValue }
  public var routingWord: String { guest.uuid }
}

/// A guest, as events name it.
public struct GuestReference: Sendable, Hashable, Codable {
  /// The guest's UUID, in lower case.
  public var uuid: String
  /// The guest's name.
  public var name: String

  /// A guest's UUID and name.
  public init(uuid: String, name: String) {
    self.uuid = uuid
    self.name = name
  }
}

/// The content of a migration's event. Fields that do not belong to the kind are absent.
public struct MigrationEventData: Sendable, Hashable, Codable {
  /// What happened. `completed`, `failed` and `cancelled` are terminal: exactly one of them ends a migration.
  public enum Kind: String, Hashable, WireWord {
    /// The request is journalled and will be worked on.
    case accepted
    /// It waits for its turn, at its source or, after `preparing`, at its destination. Told again when it waits for something else, at
    /// most eight times.
    case queued
    /// The plan is made; the destination checks and prepares.
    case preparing
    /// Templates and stubs are at the destination.
    case prepared
    /// libvirt copies disks and memory.
    case transferring
    /// The guest has left the source.
    case switching
    /// The destination makes the post-checks.
    case confirming
    /// The guest runs at the destination and the source's disks are set aside.
    case completed
    /// The guest runs at the source and nothing is left at the destination.
    case failed
    /// As `failed`, because somebody asked for it.
    case cancelled
    /// The agents cannot decide alone; nothing is deleted and the guest is locked on both hosts.
    case needsAttention = "needs-attention"

    /// Whether this kind ends a migration.
    public var isTerminal: Bool {
      switch self {
      case .completed, .failed, .cancelled: true
      default: false
      }
    }
  }

  /// The step at which a migration ended.
  public enum Stage: String, Hashable, WireWord {
    /// Inspecting the guest, and the checks at the destination.
    case checks
    /// Templates and stubs.
    case prepare
    /// Disks and memory.
    case transfer
    /// The switch, the post-checks and the clean-up.
    case handover
  }

  /// A volume that a disk is in.
  public struct Volume: Sendable, Hashable, Codable {
    /// The pool's name.
    public var pool: ResourceName
    /// The volume's name.
    public var volume: ResourceName
    /// The volume's format.
    public var format: ImageFormat

    /// A volume.
    public init(pool: ResourceName, volume: ResourceName, format: ImageFormat) {
      self.pool = pool
      self.volume = volume
      self.format = format
    }
  }

  /// A disk's way.
  public struct Disk: Sendable, Hashable, Codable {
    /// The disk's target, such as `vda`.
    public var target: ResourceName
    /// Where it was.
    public var from: Volume
    /// Where it goes, or is now.
    public var to: Volume
    /// The disk's size, in bytes.
    public var virtualSize: UInt64
    /// Whether it is a linked clone.
    public var linkedClone: Bool

    /// A disk.
    public init(target: ResourceName, from: Volume, to: Volume, virtualSize: UInt64, linkedClone: Bool) {
      self.target = target
      self.from = from
      self.to = to
      self.virtualSize = virtualSize
      self.linkedClone = linkedClone
    }
  }

  /// Bytes moved, by what they were.
  public struct Bytes: Sendable, Hashable, Codable {
    /// Templates, copied before.
    public var template: UInt64
    /// Disks.
    public var disks: UInt64
    /// Memory.
    public var memory: UInt64

    /// Bytes moved.
    public init(template: UInt64, disks: UInt64, memory: UInt64) {
      self.template = template
      self.disks = disks
      self.memory = memory
    }
  }

  /// What happened; also the last word of the event's type.
  public var kind: Kind
  /// The guest.
  public var guest: GuestReference
  /// The source host.
  public var sourceHost: NodeName
  /// The destination host.
  public var destinationHost: NodeName
  /// `preparing`, `completed`: the disks.
  public var disks: [Disk]?
  /// `failed`, `cancelled`: the step at which it ended.
  public var stage: Stage?
  /// `failed`, `cancelled`, `needs-attention`: why. `completed`: what did not go as it should. `transferring`, which comes again then:
  /// what was done to let the transfer complete, and why.
  public var reasons: [Reason]?
  /// `prepared`, `failed` at the stage `checks`: the whole table of checks.
  public var checks: [Check]?
  /// Terminal kinds: the host that has the guest, on which it runs unless it has ended there since it arrived
  /// (``Reason/Code/guestEnded``). Absent where the guest has ended by itself at the source.
  public var runsAt: NodeName?
  /// Terminal kinds: seconds from acceptance to the end.
  public var seconds: Double?
  /// `completed`: the guest's pause at the switch in milliseconds, as QEMU measured it, or in a fenced handover the agent: from
  /// libvirt's event to the guest's resumption. Absent where it is not known.
  public var downtimeMs: UInt64?
  /// `completed`: bytes moved.
  public var bytes: Bytes?
  /// `completed`: the console's new address.
  public var console: Console?
  /// `completed`: what a verification has found; absent where none was ordered.
  public var verification: Verification?
  /// `queued`: where it waits and for what; absent in events of agents that say it in `reasons` alone.
  public var waiting: Waiting?

  /// An event's content.
  public init(
    _ kind: Kind, guest: GuestReference, sourceHost: NodeName, destinationHost: NodeName, disks: [Disk]? = nil,
    stage: Stage? = nil, reasons: [Reason]? = nil, checks: [Check]? = nil, runsAt: NodeName? = nil,
    seconds: Double? = nil, downtimeMs: UInt64? = nil, bytes: Bytes? = nil, console: Console? = nil,
    verification: Verification? = nil, waiting: Waiting? = nil
  ) {
    self.kind = kind
    self.guest = guest
    self.sourceHost = sourceHost
    self.destinationHost = destinationHost
    self.disks = disks
    self.stage = stage
    self.reasons = reasons
    self.checks = checks
    self.runsAt = runsAt
    self.seconds = seconds
    self.downtimeMs = downtimeMs
    self.bytes = bytes
    self.console = console
    self.verification = verification
    self.waiting = waiting
  }

  /// Terminal kinds: whether the guest has ended by itself.
  public var hasGuestEnded: Bool { kind.isTerminal && (runsAt == nil || reasons?.contains { $0.code == .guestEnded } == true) }
}

/// Progress of a migration: CloudEvents as well, but not numbered and not kept.
public struct ProgressEvent: Sendable, Hashable, Codable {
  /// The event's type.
  public static let type = "io.longshore.migration.progress.v1"

  /// Always `1.0`.
  public var specversion = "1.0"
  /// Unique with `source`.
  public var id: String
  /// The source agent: `/clusters/<cluster>/hosts/<host>`.
  public var source: String
  /// ``type``.
  public var type = ProgressEvent.type
  /// The migration's id.
  public var subject: MigrationID
  /// When it was measured.
  public var time: Timestamp
  /// Always `application/json`.
  public var datacontenttype = "application/json"
  /// The trace that the migration's order belongs to, as in ``NumberedEvent/traceparent``.
  public var traceparent: String?
  /// What tracers pass on with it.
  public var tracestate: String?
  /// How far the migration is.
  public var data: Progress

  /// A progress event.
  public init(id: String, migration: MigrationID, host: HostAddress, time: Timestamp, data: Progress, trace: TraceContext? = nil) {
    traceparent = trace?.traceparent
    tracestate = trace?.tracestate
    self.id = id
    source = host.eventSource
    subject = migration
    self.time = time
    self.data = data
  }

  /// The trace that the migration's order belongs to; nil where it is in none, or what is said is none.
  public var trace: TraceContext? { traceparent.flatMap { TraceContext(traceparent: $0, tracestate: tracestate) } }

  /// The routing key: `<cluster>.<host>.<guest UUID>.progress`.
  public func routingKey(host: HostAddress) -> String { "\(host.routingKey).\(data.guest.uuid).progress" }

  private enum CodingKeys: String, CodingKey {
    case specversion, id, source, type, subject, time, datacontenttype, traceparent, tracestate, data
  }
}

/// How far a migration is: templates, then disks and memory.
public struct Progress: Sendable, Hashable, Codable {
  /// Bytes of one kind.
  public struct Amount: Sendable, Hashable, Codable {
    /// Bytes done.
    public var done: UInt64
    /// Bytes still to do.
    public var remaining: UInt64
    /// Bytes in all, as known now; it grows while the guest writes.
    public var total: UInt64

    /// An amount of bytes.
    public init(done: UInt64, remaining: UInt64, total: UInt64) {
      self.done = done
      self.remaining = remaining
      self.total = total
    }
  }

  /// One disk's part.
  public struct Disk: Sendable, Hashable, Codable {
    /// The disk's target, such as `vda`.
    public var target: ResourceName
    /// Its bytes.
    public var bytes: Amount

    /// A disk's progress.
    public init(target: ResourceName, bytes: Amount) {
      self.target = target
      self.bytes = bytes
    }
  }

  /// The migration's phase.
  public var phase: MigrationPhase
  /// The guest.
  public var guest: GuestReference
  /// Bytes of templates; absent where none is copied.
  public var template: Amount?
  /// Each disk.
  public var disks: [Disk]
  /// Memory; absent before it is copied.
  public var memory: Amount?
  /// Bytes a second, over the last interval.
  public var rateBps: UInt64?
  /// Bytes a second that the guest changes of its memory.
  public var dirtyRateBps: UInt64?
  /// The pass over memory, from 1.
  public var iteration: UInt64?
  /// The pause that the switch would cost now, in milliseconds.
  public var expectedDowntimeMs: UInt64?
  /// Seconds since acceptance.
  public var elapsedSeconds: Double
  /// Seconds to the predicted finish; absent while unknown.
  public var remainingSeconds: Double?
  /// By how much QEMU slows the guest's CPUs down, in percent; absent while it does not.
  public var throttlePercent: UInt64?
  /// What the bandwidth budgets let the migration send now, in bytes a second; absent where none holds for it.
  public var budgetBps: UInt64?
  /// What keeps the transfer from its end, and what can be done about it; absent while it converges.
  public var reasons: [Reason]?

  /// A migration's progress.
  public init(
    phase: MigrationPhase, guest: GuestReference, template: Amount? = nil, disks: [Disk] = [], memory: Amount? = nil,
    rateBps: UInt64? = nil, dirtyRateBps: UInt64? = nil, iteration: UInt64? = nil, expectedDowntimeMs: UInt64? = nil,
    elapsedSeconds: Double, remainingSeconds: Double? = nil, throttlePercent: UInt64? = nil, budgetBps: UInt64? = nil,
    reasons: [Reason]? = nil
  ) {
    self.phase = phase
    self.guest = guest
    self.template = template
    self.disks = disks
    self.memory = memory
    self.rateBps = rateBps
    self.dirtyRateBps = dirtyRateBps
    self.iteration = iteration
    self.expectedDowntimeMs = expectedDowntimeMs
    self.elapsedSeconds = elapsedSeconds
    self.throttlePercent = throttlePercent
    self.budgetBps = budgetBps
    self.reasons = reasons
    // A prediction may divide by a rate of nothing; JSON has no infinity.
    self.remainingSeconds = remainingSeconds.flatMap { $0.isFinite ? $0 : nil }
  }
}

extension Progress {
  /// What part of the bytes that are known now is still to be moved, from 0 to 1; nil where none are known.
  public var partLeft: Double? {
    let amounts = disks.map(\.bytes) + [memory].compactMap(\.self)
    let total = amounts.reduce(0.0) { $0 + Double($1.total) }
    guard total > 0 else { return nil }
    // Memory comes last, and is unknown before.
    let left = amounts.reduce(0.0) { $0 + Double($1.remaining) } / total
    return min(1, max(0, left))
  }
}

/// Where a migration stands, as operators see it.
public enum MigrationPhase: String, Hashable, WireWord {
  /// Waits for its turn.
  case queued
  /// The guest is read and the plan made.
  case inspecting
  /// The destination checks and prepares.
  case preparing
  /// Disks and memory are copied.
  case transferring
  /// Both hosts are asked who has the guest.
  case switching
  /// The destination makes the post-checks.
  case confirming
  /// The content of the disks is compared; the guest runs at the destination.
  case verifying
  /// The source cleans up and lets go of the guest.
  case releasing
  /// Everything is being undone.
  case rollingBack = "rolling-back"
  /// Waits for a host or for the operator.
  case needsAttention = "needs-attention"
  /// Ended: the guest is at the destination.
  case completed
  /// Ended: the guest is at the source.
  case failed
  /// Ended on request: the guest is at the source.
  case cancelled
}
