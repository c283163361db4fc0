/// What a migration is expected to take, from what both hosts and the running guest showed in a dry run.
public struct MigrationEstimate: Sendable, Hashable, Codable {
  /// A disk that is copied.
  public struct Disk: Sendable, Hashable, Codable {
    /// What a disk is built on.
    public enum Kind: String, Hashable, WireWord {
      /// A template: only what the guest has written since is copied.
      case linkedClone = "linked-clone"
      /// Nothing: all of it is copied.
      case fullClone = "full-clone"
    }

    /// The disk's target, such as `vda`.
    public var target: ResourceName
    /// What it is built on.
    public var kind: Kind
    /// The format of its top layer.
    public var format: ImageFormat
    /// The volumes of its chain, from the top down.
    public var chain: [ResourceName]
    /// What its top layer takes, which has to be copied, in bytes.
    public var bytes: UInt64
    /// What the guest writes to it, in bytes a second; absent where it was not sampled.
    public var writeBps: UInt64?

    /// A disk.
    public init(target: ResourceName, kind: Kind, format: ImageFormat, chain: [ResourceName], bytes: UInt64, writeBps: UInt64? = nil) {
      self.target = target
      self.kind = kind
      self.format = format
      self.chain = chain
      self.bytes = bytes
      self.writeBps = writeBps
    }
  }

  /// A layer that disks are built on.
  public struct Template: Sendable, Hashable, Codable {
    /// The pool at the destination.
    public var pool: ResourceName
    /// The volume.
    public var volume: ResourceName
    /// The size of its file, in bytes.
    public var bytes: UInt64
    /// Whether the destination has it already, so that it is compared and not copied.
    public var isPresent: Bool

    /// A layer.
    public init(pool: ResourceName, volume: ResourceName, bytes: UInt64, isPresent: Bool) {
      self.pool = pool
      self.volume = volume
      self.bytes = bytes
      self.isPresent = isPresent
    }
  }

  /// The space in a pool's file system.
  public struct Pool: Sendable, Hashable, Codable {
    /// The host.
    public var host: NodeName
    /// The pool.
    public var pool: ResourceName
    /// The size of its file system, in bytes.
    public var capacity: UInt64
    /// What is free before the migration, in bytes.
    public var availableBefore: UInt64
    /// What is free when it has completed, in bytes.
    public var availableAfter: UInt64
    /// At the source: what is free when the time of grace of its disks is over, in bytes.
    public var availableAfterGrace: UInt64?

    /// A pool.
    public init(
      host: NodeName, pool: ResourceName, capacity: UInt64, availableBefore: UInt64, availableAfter: UInt64,
      availableAfterGrace: UInt64? = nil
    ) {
      self.host = host
      self.pool = pool
      self.capacity = capacity
      self.availableBefore = availableBefore
      self.availableAfter = availableAfter
      self.availableAfterGrace = availableAfterGrace
    }
  }

  /// The guest's memory.
  public struct Memory: Sendable, Hashable, Codable {
    /// What the guest has, in bytes.
    public var total: UInt64
    /// What of it holds anything, in bytes; absent where it is not known.
    public var used: UInt64?
    /// What of it the guest changes, in bytes a second; absent where it was not sampled.
    public var dirtyBps: UInt64?

    /// The guest's memory.
    public init(total: UInt64, used: UInt64? = nil, dirtyBps: UInt64? = nil) {
      self.total = total
      self.used = used
      self.dirtyBps = dirtyBps
    }
  }

  /// What the link carried when it was measured.
  public struct Link: Sendable, Hashable, Codable {
    /// From the source to the destination, in bytes a second.
    public var toDestinationBps: UInt64?
    /// The other way, in bytes a second.
    public var fromDestinationBps: UInt64?

    /// A link.
    public init(toDestinationBps: UInt64? = nil, fromDestinationBps: UInt64? = nil) {
      self.toDestinationBps = toDestinationBps
      self.fromDestinationBps = fromDestinationBps
    }
  }

  /// The parts of the expected time, in seconds.
  public struct Seconds: Sendable, Hashable, Codable {
    /// Checks, stubs and libvirt's beginning.
    public var preparation: Double
    /// Templates that lack.
    public var templates: Double
    /// Disks.
    public var disks: Double
    /// Memory.
    public var memory: Double
    /// The switch, the post-checks and the clean-up.
    public var handover: Double

    /// All of it.
    public var total: Double { preparation + templates + disks + memory + handover }

    /// The parts of a time.
    public init(preparation: Double, templates: Double, disks: Double, memory: Double, handover: Double) {
      self.preparation = preparation
      self.templates = templates
      self.disks = disks
      self.memory = memory
      self.handover = handover
    }
  }

  /// The disks, in the order of the plan.
  public var disks: [Disk]
  /// The layers that they are built on.
  public var templates: [Template]
  /// The pools of both hosts.
  public var pools: [Pool]
  /// The guest's memory.
  public var memory: Memory
  /// The link.
  public var link: Link
  /// The bytes that are expected to be moved, with what is copied again because the guest changes it.
  public var bytes: MigrationEventData.Bytes
  /// The expected time from acceptance to the end; absent where it cannot be told.
  public var seconds: Double?
  /// What it is made up of; absent with it.
  public var parts: Seconds?
  /// The expected pause of the guest at the switch, in milliseconds; absent where it cannot be told.
  public var downtimeMs: UInt64?
  /// Whether the copies are expected to catch up with the guest; absent where it cannot be told.
  public var converges: Bool?
  /// What the expectations rest on, in sentences without a full stop.
  public var reasons: [String]
  /// What would help, in sentences without a full stop; absent where nothing is to be done.
  public var advice: [String]?

  /// An estimate.
  public init(
    disks: [Disk], templates: [Template], pools: [Pool], memory: Memory, link: Link, bytes: MigrationEventData.Bytes,
    parts: Seconds? = nil, downtimeMs: UInt64? = nil, converges: Bool? = nil, reasons: [String], advice: [String]? = nil
  ) {
    self.disks = disks
    self.templates = templates
    self.pools = pools
    self.memory = memory
    self.link = link
    self.bytes = bytes
    seconds = parts?.total
    self.parts = parts
    self.downtimeMs = downtimeMs
    self.converges = converges
    self.reasons = reasons
    self.advice = advice
  }
}
