public import LongshoreMessages

/// What was found out before guests are moved off a host: the guests, the hosts that may get them, and what stands against each way.
public struct DrainSurvey: Sendable, Hashable, Codable {
  /// A host that was asked.
  public struct Host: Sendable, Hashable, Codable {
    /// The host.
    public var host: NodeName
    /// What it offers; nil where it did not answer.
    public var offer: HostOffer?
    /// What the link to it carries, in bytes a second; nil where it was not measured.
    public var linkBps: UInt64?
    /// Why it gets no guests; nil where it may.
    public var refusal: Reason?

    /// A host.
    public init(host: NodeName, offer: HostOffer?, linkBps: UInt64? = nil, refusal: Reason? = nil) {
      self.host = host
      self.offer = offer
      self.linkBps = linkBps
      self.refusal = refusal
    }
  }

  /// A file that lacks at a host.
  public struct Template: Sendable, Hashable, Codable {
    /// The pool there.
    public var pool: ResourceName
    /// The file's name.
    public var volume: ResourceName
    /// Its size, in bytes.
    public var bytes: UInt64

    /// A template.
    public init(pool: ResourceName, volume: ResourceName, bytes: UInt64) {
      self.pool = pool
      self.volume = volume
      self.bytes = bytes
    }
  }

  /// What stands against moving a guest to a host, and what it takes there.
  public struct Way: Sendable, Hashable, Codable {
    /// The host.
    public var host: NodeName
    /// Why it cannot take the guest; empty where it can.
    public var refusals: [Reason]
    /// What the guest's own files take in the pools there, in bytes.
    public var room: [ResourceName: UInt64]
    /// The templates that it needs and that lack there.
    public var templates: [Template]

    /// A way.
    public init(host: NodeName, refusals: [Reason] = [], room: [ResourceName: UInt64] = [:], templates: [Template] = []) {
      self.host = host
      self.refusals = refusals
      self.room = room
      self.templates = templates
    }
  }

  /// A guest that runs at the host.
  public struct Guest: Sendable, Hashable, Codable {
    /// The guest.
    public var guest: GuestReference
    /// Its memory, in bytes.
    public var memory: UInt64
    /// What of its disks and memory has to be moved, in bytes.
    public var bytes: UInt64
    /// The pools that its disks are in.
    public var sourcePools: [ResourceName]
    /// The pools that it goes into, as its order says; nil for those of the same names.
    public var pools: MigrateCommand.Pools?
    /// Why it cannot leave, whatever the host; empty where it can.
    public var refusals: [Reason]
    /// The ways, by the hosts' names.
    public var ways: [Way]
    /// The migration that moves it already, and whereto; nil where none does.
    public var migration: Foreign?

    /// A migration that is none of the drain's.
    public struct Foreign: Sendable, Hashable, Codable {
      /// The migration.
      public var id: MigrationID
      /// Where to.
      public var destination: NodeName

      /// A migration.
      public init(id: MigrationID, destination: NodeName) {
        self.id = id
        self.destination = destination
      }
    }

    /// A guest.
    public init(
      guest: GuestReference, memory: UInt64, bytes: UInt64, sourcePools: [ResourceName] = [], pools: MigrateCommand.Pools? = nil,
      refusals: [Reason] = [], ways: [Way] = [], migration: Foreign? = nil
    ) {
      self.guest = guest
      self.memory = memory
      self.bytes = bytes
      self.sourcePools = sourcePools
      self.pools = pools
      self.refusals = refusals
      self.ways = ways
      self.migration = migration
    }

    /// The way to a host.
    func way(to host: NodeName) -> Way? { ways.first { $0.host == host } }
  }

  /// The guests.
  public var guests: [Guest]
  /// The hosts.
  public var hosts: [Host]
  /// What the host's own link carries, in bytes a second; nil where it was not measured.
  public var uplinkBps: UInt64?
  /// The host's own limits.
  public var outgoing: Int
  /// See ``outgoing``.
  public var pair: Int
  /// See ``outgoing``.
  public var pool: Int

  /// A survey.
  public init(guests: [Guest], hosts: [Host], uplinkBps: UInt64? = nil, outgoing: Int, pair: Int = .max, pool: Int = .max) {
    self.guests = guests
    self.hosts = hosts
    self.uplinkBps = uplinkBps
    self.outgoing = outgoing
    self.pair = pair
    self.pool = pool
  }

  /// What of a guest's disks and memory has to be moved, in bytes.
  ///
  /// - Parameter usedMemory: What of its memory holds anything, in bytes; nil where it is not known.
  public static func bytes(of plan: MigrationPlan, usedMemory: UInt64?) -> UInt64 {
    let total = plan.guest.memoryKiB << 10
    let memory = Estimator.onWire(used: min(usedMemory ?? total, total), of: total)
    return plan.disks.reduce(memory) { sum, disk in
      let (more, overflow) = sum.addingReportingOverflow(disk.allocation)
      return overflow ? .max : more
    }
  }

  /// How many migrations may go to a host at once.
  func places(at host: Host) -> Int {
    guard let offer = host.offer else { return 1 }
    return max(1, [pair, offer.pair, offer.incoming].min() ?? 1)
  }

  /// The survey of a later round beside those of the guests that go on, as if both had been made at once.
  func joined(with later: DrainSurvey) -> DrainSurvey {
    var all = later
    let known = Set(later.guests.map(\.guest.uuid))
    all.guests += guests.filter { !known.contains($0.guest.uuid) }
    if all.uplinkBps == nil { all.uplinkBps = uplinkBps }
    for index in all.hosts.indices where all.hosts[index].linkBps == nil {
      all.hosts[index].linkBps = hosts.first { $0.host == all.hosts[index].host }?.linkBps
    }
    return all
  }
}
