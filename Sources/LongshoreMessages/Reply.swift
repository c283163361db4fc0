/// An agent's answer to a request, sent to its `reply_to` with its `correlation_id`.
public struct Reply: Sendable, Hashable {
  /// What is answered.
  public enum Body: Sendable, Hashable {
    /// The request is journalled: its end will be told by exactly one terminal event.
    case accepted
    /// The request is refused and changed nothing.
    case rejected([Reason])
    /// The answer to `tune`: what was changed.
    case tuned([LimitChange])
    /// The answer to `force-complete`: what is done.
    case forced(Reason)
    /// The table of a dry run, and what the migration is expected to take; nil where a check at the source refuses it, or the
    /// destination's agent does not answer or is of a version without estimates.
    case checked([Check], disks: [MigrationEventData.Disk], estimate: MigrationEstimate? = nil)
    /// The answer to `status`.
    case status(MigrationStatus)
    /// The answer to `list`.
    case migrations([MigrationStatus])
    /// The answer to `describe`.
    case host(HostDescription)
    /// The answer to `inventory`.
    case inventory(HostInventory)
    /// The answer to `configure`: what holds from then on, and what was changed.
    case configured(HostSettings, changes: [HostSettingChange])
    /// The answer to `list-grace`, `extend-grace` and `purge-grace`: the disks that were asked for.
    case grace([SetAsideDisk])
    /// The answer to `list-orphans` and `remove-orphans`.
    case orphans([Orphan])
    /// The answer to `list-templates`.
    case templates([TemplateFile])
    /// The answer to `verify-templates`, `prefetch-template` and `template-work`: how far the work is.
    case templateWork(TemplateWork)
    /// The answer to `queue`, and to `move-queued` as it stands then: the migrations that wait for their turn, in their order, those that
    /// wait to leave the host first.
    case queue([QueueEntry])
    /// The answer to `drain`, `drain-status` and `steer-drain`: how it stands. For a dry run the plan.
    case drain(DrainStatus)
    /// The answer to `list-drains`.
    case drains([DrainStatus])
    /// The answer to `set-maintenance`: what holds from then on.
    case maintenance(Maintenance)
    /// The answer to `diagnose`.
    case diagnosis(Diagnosis)
    /// The answer to `report`.
    case report(HostReport)
  }

  /// The request's id; nil where it could not be read.
  public var id: MigrationID?
  /// Who answers.
  public var from: HostAddress
  /// The answer.
  public var body: Body

  /// A reply.
  public init(to id: MigrationID?, from: HostAddress, body: Body) {
    self.id = id
    self.from = from
    self.body = body
  }
}

/// A limit of a migration that was changed while it ran.
public struct LimitChange: Sendable, Hashable, Codable {
  /// The limits that can be changed, by the names of their fields in the request.
  public enum Limit: String, Hashable, WireWord {
    case maxDowntimeMs, memoryBandwidthMiBps, bandwidthMiBps, deadlineSeconds
  }

  /// The limit.
  public var limit: Limit
  /// What it was; nil where there was none.
  public var from: UInt64?
  /// What it is now.
  public var to: UInt64

  /// A change.
  public init(_ limit: Limit, from: UInt64?, to: UInt64) {
    self.limit = limit
    self.from = from
    self.to = to
  }
}

/// One migration as its source agent knows it.
public struct MigrationStatus: Sendable, Hashable, Codable {
  /// The migration's id.
  public var id: MigrationID
  /// Where it stands.
  public var phase: MigrationPhase
  /// The guest.
  public var guest: GuestReference
  /// The source host.
  public var sourceHost: NodeName
  /// The destination host.
  public var destinationHost: NodeName
  /// When it was accepted.
  public var acceptedAt: Timestamp
  /// When its last event happened.
  public var updatedAt: Timestamp
  /// Why it failed or needs attention, or for what it waits.
  public var reasons: [Reason]?
  /// Its last progress; absent where there is none.
  public var progress: Progress?
  /// `status` only: all its events so far.
  public var events: [MigrationEvent]?

  /// A migration's status.
  public init(
    id: MigrationID, phase: MigrationPhase, guest: GuestReference, sourceHost: NodeName, destinationHost: NodeName,
    acceptedAt: Timestamp, updatedAt: Timestamp, reasons: [Reason]? = nil, progress: Progress? = nil,
    events: [MigrationEvent]? = nil
  ) {
    self.id = id
    self.phase = phase
    self.guest = guest
    self.sourceHost = sourceHost
    self.destinationHost = destinationHost
    self.acceptedAt = acceptedAt
    self.updatedAt = updatedAt
    self.reasons = reasons
    self.progress = progress
    self.events = events
  }
}

/// What a host is and has.
public struct HostDescription: Sendable, Hashable, Codable {
  /// A storage pool.
  public struct Pool: Sendable, Hashable, Codable {
    /// The pool's name.
    public var name: String
    /// The pool's type as libvirt names it: `dir`, `netfs` and so on.
    public var type: String
    /// Whether it is active.
    public var active: Bool
    /// Its size, in bytes.
    public var capacity: UInt64
    /// Its free space, in bytes.
    public var available: UInt64
    /// The space that disks of guests that have moved away take in it for their time of grace, in bytes; absent where it is unknown.
    public var grace: UInt64?

    /// A pool.
    public init(name: String, type: String, active: Bool, capacity: UInt64, available: UInt64, grace: UInt64? = nil) {
      self.name = name
      self.type = type
      self.active = active
      self.capacity = capacity
      self.available = available
      self.grace = grace
    }
  }

  /// A guest.
  public struct Guest: Sendable, Hashable, Codable {
    /// The guest's UUID, in lower case.
    public var uuid: String
    /// The guest's name.
    public var name: String
    /// The guest's state as libvirt names it: `running`, `shut off` and so on.
    public var state: String

    /// A guest.
    public init(uuid: String, name: String, state: String) {
      self.uuid = uuid
      self.name = name
      self.state = state
    }
  }

  /// The agent's version.
  public var agentVersion: String
  /// libvirt's version, such as `9.0.0`; absent while libvirt is away.
  public var libvirtVersion: String?
  /// QEMU's version, such as `7.2.0`; absent while libvirt is away.
  public var hypervisorVersion: String?
  /// Migrations that run now, out of and into this host.
  public var migrations: Int
  /// The host's pools.
  public var pools: [Pool]
  /// The host's guests.
  public var guests: [Guest]
  /// Whether it takes guests; absent from agents that do not say it.
  public var maintenance: Maintenance?

  /// A host.
  public init(
    agentVersion: String, libvirtVersion: String?, hypervisorVersion: String?, migrations: Int, pools: [Pool],
    guests: [Guest], maintenance: Maintenance? = nil
  ) {
    self.agentVersion = agentVersion
    self.libvirtVersion = libvirtVersion
    self.hypervisorVersion = hypervisorVersion
    self.migrations = migrations
    self.pools = pools
    self.guests = guests
    self.maintenance = maintenance
  }
}

extension Reply: Codable {
  private enum Keys: String, CodingKey {
    case schema, type, id, from, reasons, changes, reason, checks, disks, estimate, migration, migrations, host, grace, orphans, templates,
      work, queue, drain, drains, maintenance, diagnosis, report, inventory, settings
  }

  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: Keys.self)
    id = try container.decodeIfPresent(MigrationID.self, forKey: .id)
    from = try container.decode(HostAddress.self, forKey: .from)
    let type = try container.decode(String.self, forKey: .type)
    switch type {
    case "accepted": body = .accepted
    case "rejected": body = .rejected(try container.decode([Reason].self, forKey: .reasons))
    case "tuned": body = .tuned(try container.decode([LimitChange].self, forKey: .changes))
    case "forced": body = .forced(try container.decode(Reason.self, forKey: .reason))
    case "checked":
      body = .checked(
        try container.decode([Check].self, forKey: .checks),
        disks: try container.decode([MigrationEventData.Disk].self, forKey: .disks),
        estimate: try container.decodeIfPresent(MigrationEstimate.self, forKey: .estimate))
    case "status": body = .status(try container.decode(MigrationStatus.self, forKey: .migration))
    case "migrations": body = .migrations(try container.decode([MigrationStatus].self, forKey: .migrations))
    case "host": body = .host(try container.decode(HostDescription.self, forKey: .host))
    case "inventory": body = .inventory(try container.decode(HostInventory.self, forKey: .inventory))
    case "configured":
      body = .configured(
        try container.decode(HostSettings.self, forKey: .settings),
        changes: try container.decode([HostSettingChange].self, forKey: .changes))
    case "grace": body = .grace(try container.decode([SetAsideDisk].self, forKey: .grace))
    case "orphans": body = .orphans(try container.decode([Orphan].self, forKey: .orphans))
    case "templates": body = .templates(try container.decode([TemplateFile].self, forKey: .templates))
    case "template-work": body = .templateWork(try container.decode(TemplateWork.self, forKey: .work))
    case "queue": body = .queue(try container.decode([QueueEntry].self, forKey: .queue))
    case "drain": body = .drain(try container.decode(DrainStatus.self, forKey: .drain))
    case "drains": body = .drains(try container.decode([DrainStatus].self, forKey: .drains))
    case "maintenance": body = .maintenance(try container.decode(Maintenance.self, forKey: .maintenance))
    case "diagnosis": body = .diagnosis(try container.decode(Diagnosis.self, forKey: .diagnosis))
    case "report": body = .report(try container.decode(HostReport.self, forKey: .report))
    default: throw UnknownMessageType(type: type)
    }
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: Keys.self)
    try container.encode(Wire.schema, forKey: .schema)
    try container.encode(typeName, forKey: .type)
    try container.encodeIfPresent(id, forKey: .id)
    try container.encode(from, forKey: .from)
    switch body {
    case .accepted: break
    case .rejected(let reasons): try container.encode(reasons, forKey: .reasons)
    case .tuned(let changes): try container.encode(changes, forKey: .changes)
    case .forced(let reason): try container.encode(reason, forKey: .reason)
    case .checked(let checks, let disks, let estimate):
      try container.encode(checks, forKey: .checks)
      try container.encode(disks, forKey: .disks)
      try container.encodeIfPresent(estimate, forKey: .estimate)
    case .status(let status): try container.encode(status, forKey: .migration)
    case .migrations(let all): try container.encode(all, forKey: .migrations)
    case .host(let host): try container.encode(host, forKey: .host)
    case .inventory(let inventory): try container.encode(inventory, forKey: .inventory)
    case .configured(let settings, let changes):
      try container.encode(settings, forKey: .settings)
      try container.encode(changes, forKey: .changes)
    case .grace(let disks): try container.encode(disks, forKey: .grace)
    case .orphans(let orphans): try container.encode(orphans, forKey: .orphans)
    case .templates(let templates): try container.encode(templates, forKey: .templates)
    case .templateWork(let work): try container.encode(work, forKey: .work)
    case .queue(let entries): try container.encode(entries, forKey: .queue)
    case .drain(let status): try container.encode(status, forKey: .drain)
    case .drains(let all): try container.encode(all, forKey: .drains)
    case .maintenance(let maintenance): try container.encode(maintenance, forKey: .maintenance)
    case .diagnosis(let diagnosis): try container.encode(diagnosis, forKey: .diagnosis)
    case .report(let report): try container.encode(report, forKey: .report)
    }
  }

  /// The value of the field `type`.
  public var typeName: String {
    switch body {
    case .accepted: "accepted"
    case .rejected: "rejected"
    case .tuned: "tuned"
    case .forced: "forced"
    case .checked: "checked"
    case .status: "status"
    case .migrations: "migrations"
    case .host: "host"
    case .inventory: "inventory"
    case .configured: "configured"
    case .grace: "grace"
    case .orphans: "orphans"
    case .templates: "templates"
    case .templateWork: "template-work"
    case .queue: "queue"
    case .drain: "drain"
    case .drains: "drains"
    case .maintenance: "maintenance"
    case .diagnosis: "diagnosis"
    case .report: "report"
    }
  }
}
