/// What an orchestrator or an operator asks of a host.
public struct Request: Sendable, Hashable {
  /// The things that can be asked.
  public enum Command: Sendable, Hashable {
    /// Move a guest.
    case migrate(MigrateCommand)
    /// Stop a migration that has not switched yet; the guest stays where it is.
    case cancel(migration: MigrationID)
    /// Change limits of a migration that has not switched yet.
    case tune(migration: MigrationID, TransferLimits)
    /// Suspend the guest of a migration that is being transferred, so that the transfer completes.
    case forceComplete(migration: MigrationID)
    /// Name the host that has the guest of a migration that needs attention.
    case resolve(migration: MigrationID, owner: NodeName)
    /// Tell the state of one migration.
    case status(migration: MigrationID)
    /// Tell the migrations that the host knows.
    case list(includeEnded: Bool)
    /// Tell what the host is: versions, pools, guests.
    case describe
    /// Tell what the host is and has: the machine, pools, guests with their disks.
    case inventory(InventoryQuestion)
    /// Change settings of the host for good.
    case configure(HostSettingsChange)
    /// Tell the source disks that are set aside.
    case listGrace
    /// Keep disks that are set aside until another time.
    case extendGrace(GraceSelection, until: Timestamp)
    /// Delete disks that are set aside, at once.
    case purgeGrace(GraceSelection)
    /// Tell what belongs to no migration that runs.
    case listOrphans
    /// Remove of it what is proven to be Longshore's own and unused.
    case removeOrphans(ids: [String])
    /// Tell the templates in the host's pools.
    case listTemplates(pool: ResourceName?)
    /// Read templates now, and compare them with what was remembered of them.
    case verifyTemplates(TemplateSelection)
    /// Put a template in place ahead of the guests that need it.
    case prefetchTemplate(PrefetchOrder)
    /// Tell how far work on templates is.
    case templateWork(id: MigrationID)
    /// Tell the migrations that wait for their turn.
    case queue
    /// Move one of them to another place.
    case moveQueued(QueueMove)
    /// Stop a migration, only if it waits for its turn at its source.
    case cancelQueued(migration: MigrationID)
    /// Move all running guests off the host, and take no new ones.
    case drain(DrainOrder)
    /// Tell how a drain stands.
    case drainStatus(drain: MigrationID)
    /// Tell the drains that the host knows.
    case listDrains(includeEnded: Bool)
    /// Pause, resume or cancel a drain.
    case steerDrain(DrainSteering)
    /// Take no new guests from now on, or take them again.
    case setMaintenance(on: Bool)
    /// Look whether all is well at the host, and on the ways to others.
    case diagnose(DiagnosisOrder)
    /// Tell all that is known of a migration, for a report of a defect.
    case report(migration: MigrationID)
  }

  /// The idempotency key. For `migrate` it is the migration's id.
  public var id: MigrationID
  /// The host that the request is for. Optional: the routing key already says it. A request that names another host is
  /// refused by the one that reads it.
  public var host: HostAddress?
  /// After this time the request is refused instead of done.
  public var notAfter: Timestamp?
  /// What is asked.
  public var command: Command
  /// Where it belongs in a trace; nil where it is in none. It is not in the message's JSON, but in its header fields.
  public var trace: TraceContext?

  /// A request.
  public init(
    id: MigrationID, host: HostAddress? = nil, notAfter: Timestamp? = nil, command: Command, trace: TraceContext? = nil
  ) {
    self.trace = trace
    self.id = id
    self.host = host
    self.notAfter = notAfter
    self.command = command
  }
}

/// Limits of a migration that can be changed while it runs; nil for those that stay as they are.
public struct TransferLimits: Sendable, Hashable, Codable {
  /// The longest pause that may be planned for the switch, in milliseconds.
  public var maxDowntimeMs: UInt64?
  /// A cap on the transfer of memory alone, in MiB/s, beside the budget.
  public var memoryBandwidthMiBps: UInt64?
  /// The migration's bandwidth budget, in MiB/s: for memory, all disks and templates together.
  public var bandwidthMiBps: UInt64?
  /// Seconds that the migration may take in all, from acceptance.
  public var deadlineSeconds: Int64?

  /// Limits.
  public init(
    maxDowntimeMs: UInt64? = nil, memoryBandwidthMiBps: UInt64? = nil, bandwidthMiBps: UInt64? = nil, deadlineSeconds: Int64? = nil
  ) {
    self.maxDowntimeMs = maxDowntimeMs
    self.memoryBandwidthMiBps = memoryBandwidthMiBps
    self.bandwidthMiBps = bandwidthMiBps
    self.deadlineSeconds = deadlineSeconds
  }

  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    maxDowntimeMs = try container.decodeIfPresent(.maxDowntimeMs, in: MigrationOptions.downtimeRange)
    memoryBandwidthMiBps = try container.decodeIfPresent(.memoryBandwidthMiBps, in: MigrationOptions.bandwidthRange)
    bandwidthMiBps = try container.decodeIfPresent(.bandwidthMiBps, in: MigrationOptions.bandwidthRange)
    deadlineSeconds = try container.decodeIfPresent(.deadlineSeconds, in: Request.deadlineRange)
  }

  /// Whether nothing is given.
  public var isEmpty: Bool { self == TransferLimits() }
}

/// Disks that are set aside: those of a migration, or some of them.
public struct GraceSelection: Sendable, Hashable, Codable {
  /// The migration that moved the guest.
  public var migration: MigrationID
  /// The ids of the disks, as the host has told them; nil for all of the migration.
  public var disks: [String]?

  /// A selection.
  public init(migration: MigrationID, disks: [String]? = nil) {
    self.migration = migration
    self.disks = disks
  }
}

/// The order to move a guest with its disks to another host.
public struct MigrateCommand: Sendable, Hashable, Codable {
  /// The destination host. Without a cluster it is of the source's.
  public struct Destination: Sendable, Hashable, Codable {
    /// The destination's cluster; nil for the source's own.
    public var cluster: NodeName?
    /// The destination host.
    public var host: NodeName

    /// A destination.
    public init(cluster: NodeName? = nil, host: NodeName) {
      self.cluster = cluster
      self.host = host
    }
  }

  /// The pools at the destination that the disks move into.
  public struct Pools: Sendable, Hashable, Codable {
    /// For every disk without a pool of its own; nil: the pool of the same name as the one that the disk is in.
    public var `default`: ResourceName?
    /// By the disk's target, such as `vdb`.
    public var disks: [ResourceName: ResourceName]?
    /// For the layers below disks that are in another pool than their disk; nil: the pools of the same names.
    public var templates: ResourceName?
    /// The targets of disks that stay where they are, because both hosts see their pools.
    public var inPlace: [ResourceName]?

    /// Pools for the disks.
    public init(
      default: ResourceName? = nil, disks: [ResourceName: ResourceName]? = nil, templates: ResourceName? = nil,
      inPlace: [ResourceName]? = nil
    ) {
      self.default = `default`
      self.disks = disks
      self.templates = templates
      self.inPlace = inPlace
    }

    public init(from decoder: any Decoder) throws {
      let container = try decoder.container(keyedBy: CodingKeys.self)
      `default` = try container.decodeIfPresent(ResourceName.self, forKey: .default)
      templates = try container.decodeIfPresent(ResourceName.self, forKey: .templates)
      inPlace = try container.decodeIfPresent([ResourceName].self, forKey: .inPlace)
      guard let named = try container.decodeIfPresent([String: ResourceName].self, forKey: .disks) else { return }
      var disks: [ResourceName: ResourceName] = [:]
      for (target, pool) in named {
        guard let target = ResourceName(target) else {
          throw DecodingError.dataCorruptedError(
            forKey: .disks, in: container, debugDescription: "\(quoted(target)) is not a disk's target, such as vda")
        }
        disks[target] = pool
      }
      self.disks = disks
    }
  }

  /// Name or UUID of the guest.
  public var guest: ResourceName
  /// Where to.
  public var destination: Destination
  /// Into which pools; nil: into the pools of the same names.
  public var pools: Pools?
  /// Seconds that the migration may take in all, from acceptance; nil: the host's setting (86,400, as CloudStack's
  /// `kvm.storage.online.migration.wait`). 1 to 2,592,000 (30 days).
  public var deadlineSeconds: Int64?
  /// How to move it.
  public var options: MigrationOptions?
  /// How urgent it is among those that wait; nil: `normal`.
  public var priority: MigrationPriority?
  /// Make all checks and answer with them; move nothing.
  public var dryRun: Bool?

  /// An order to move a guest.
  public init(
    guest: ResourceName, destination: Destination, pools: Pools? = nil, deadlineSeconds: Int64? = nil,
    options: MigrationOptions? = nil, priority: MigrationPriority? = nil, dryRun: Bool? = nil
  ) {
    self.guest = guest
    self.destination = destination
    self.pools = pools
    self.deadlineSeconds = deadlineSeconds
    self.options = options
    self.priority = priority
    self.dryRun = dryRun
  }

  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    guest = try container.decode(ResourceName.self, forKey: .guest)
    destination = try container.decode(Destination.self, forKey: .destination)
    pools = try container.decodeIfPresent(Pools.self, forKey: .pools)
    deadlineSeconds = try container.decodeIfPresent(.deadlineSeconds, in: Request.deadlineRange)
    options = try container.decodeIfPresent(MigrationOptions.self, forKey: .options)
    priority = try container.decodeIfPresent(MigrationPriority.self, forKey: .priority)
    dryRun = try container.decodeIfPresent(Bool.self, forKey: .dryRun)
  }

  /// The pool at the destination for a disk, or nil for the pool of the same name as the disk's own.
  public func pool(forDisk target: ResourceName) -> ResourceName? {
    pools?.disks?[target] ?? pools?.default
  }
}

/// What to do with a medium in a drive whose file is not at the destination.
public enum MissingMedium: String, Hashable, WireWord {
  /// Refuse the migration.
  case refuse
  /// Let the guest arrive with an empty drive.
  case eject
  /// Copy it like a template.
  case copy
}

/// What to do with a file at the destination that has a template's name and is another one.
public enum TemplateConflict: String, Hashable, WireWord {
  /// Refuse the migration.
  case refuse
  /// Leave it alone, and put the template beside it under a name that is made of its content.
  case rename
}

/// What to do when the deadline passes while disks and memory are copied. Before that, it ends the migration.
public enum DeadlineAction: String, Hashable, WireWord {
  /// End the migration; the guest stays at the source.
  case abort
  /// Go on until the transfer completes or somebody ends it.
  case wait
  /// Suspend the guest, so that the transfer completes.
  case force
}

/// How a guest is moved. Everything is optional.
public struct MigrationOptions: Sendable, Hashable, Codable {
  /// Who starts the guest at the destination.
  public enum Handover: String, Hashable, WireWord {
    /// libvirt does, at once. Where the connection between the two daemons breaks at the switch, both hosts can run the guest for
    /// a moment.
    case direct
    /// The source agent does, when the source's guest has ended: two hosts never run it.
    case fenced
  }

  /// The limits of bandwidth budgets, in MiB/s: 1 MiB/s to 1 TiB/s.
  public static let bandwidthRange: ClosedRange<UInt64> = 1...1_048_576
  /// The limits of the planned pause, in milliseconds: QEMU takes no more than 2,000 seconds.
  public static let downtimeRange: ClosedRange<UInt64> = 1...2_000_000

  /// The bandwidth budget, in MiB/s: what templates, memory and all disks together take of the link, headers included; nil for none.
  public var bandwidthMiBps: UInt64?
  /// The longest pause that may be planned for the switch, in milliseconds; nil for QEMU's default of 300. A transfer that does not
  /// converge gets more than 300 in steps, as much as it needs.
  public var maxDowntimeMs: UInt64?
  /// Slow the guest's CPUs down when its memory changes faster than it can be copied.
  public var autoConverge: Bool?
  /// Send of a page of memory that is copied again only what has changed in it (QEMU's XBZRLE), where that is less.
  public var compressMemory: Bool?
  /// Let guest writes wait for the copy, so that the disks are sure to converge; nil: where the guest is seen to write about as fast as
  /// the transfer is capped.
  public var synchronousWrites: Bool?
  /// What to do when the deadline passes during the transfer; nil: `abort`.
  public var onDeadline: DeadlineAction?
  /// Who starts the guest at the destination; nil: `fenced`.
  public var handover: Handover?
  /// Keep the source's disks under their names instead of setting them aside.
  public var keepSource: Bool?
  /// What to do with a medium in a drive whose file is not at the destination; nil: `refuse`.
  public var missingMedia: MissingMedium?
  /// What to do with a file at the destination that has a template's name and is another one; nil: `refuse`.
  public var templateConflict: TemplateConflict?
  /// Prove that the disks that are copied have the same content on both hosts at the switch; not with the handover `direct`.
  public var verify: Bool?
  /// Post-copy is not offered: `true` is refused with `unsupported-option`.
  public var postCopy: Bool?

  /// Options, all nil unless given.
  public init(
    bandwidthMiBps: UInt64? = nil, maxDowntimeMs: UInt64? = nil, autoConverge: Bool? = nil, compressMemory: Bool? = nil,
    synchronousWrites: Bool? = nil, onDeadline: DeadlineAction? = nil, handover: Handover? = nil, keepSource: Bool? = nil,
    missingMedia: MissingMedium? = nil, templateConflict: TemplateConflict? = nil, verify: Bool? = nil, postCopy: Bool? = nil
  ) {
    self.bandwidthMiBps = bandwidthMiBps
    self.maxDowntimeMs = maxDowntimeMs
    self.autoConverge = autoConverge
    self.compressMemory = compressMemory
    self.synchronousWrites = synchronousWrites
    self.onDeadline = onDeadline
    self.handover = handover
    self.keepSource = keepSource
    self.missingMedia = missingMedia
    self.templateConflict = templateConflict
    self.verify = verify
    self.postCopy = postCopy
  }
}

extension MigrationOptions {
  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    bandwidthMiBps = try container.decodeIfPresent(.bandwidthMiBps, in: Self.bandwidthRange)
    maxDowntimeMs = try container.decodeIfPresent(.maxDowntimeMs, in: Self.downtimeRange)
    autoConverge = try container.decodeIfPresent(Bool.self, forKey: .autoConverge)
    compressMemory = try container.decodeIfPresent(Bool.self, forKey: .compressMemory)
    synchronousWrites = try container.decodeIfPresent(Bool.self, forKey: .synchronousWrites)
    onDeadline = try container.decodeIfPresent(DeadlineAction.self, forKey: .onDeadline)
    handover = try container.decodeIfPresent(Handover.self, forKey: .handover)
    keepSource = try container.decodeIfPresent(Bool.self, forKey: .keepSource)
    missingMedia = try container.decodeIfPresent(MissingMedium.self, forKey: .missingMedia)
    templateConflict = try container.decodeIfPresent(TemplateConflict.self, forKey: .templateConflict)
    verify = try container.decodeIfPresent(Bool.self, forKey: .verify)
    postCopy = try container.decodeIfPresent(Bool.self, forKey: .postCopy)
  }
}

extension Request: Codable {
  /// The limits of a migration's deadline, in seconds: a second to 30 days.
  public static let deadlineRange: ClosedRange<Int64> = 1...2_592_000

  private enum Keys: String, CodingKey {
    case schema, type, id, cluster, host, notAfter, migration, owner, includeEnded, until, orphans, pool, work, drain, on
  }

  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: Keys.self)
    id = try container.decode(MigrationID.self, forKey: .id)
    notAfter = try container.decodeIfPresent(Timestamp.self, forKey: .notAfter)
    let cluster = try container.decodeIfPresent(NodeName.self, forKey: .cluster)
    let host = try container.decodeIfPresent(NodeName.self, forKey: .host)
    switch (cluster, host) {
    case (let cluster?, let host?): self.host = HostAddress(cluster: cluster, host: host)
    case (nil, nil): self.host = nil
    default:
      throw DecodingError.dataCorruptedError(
        forKey: host == nil ? .cluster : .host, in: container,
        debugDescription: "cluster and host go together: give both or neither")
    }
    let type = try container.decode(String.self, forKey: .type)
    switch type {
    case "migrate":
      command = .migrate(try MigrateCommand(from: decoder))
    case "cancel": command = .cancel(migration: try container.decode(MigrationID.self, forKey: .migration))
    case "tune":
      let limits = try TransferLimits(from: decoder)
      guard !limits.isEmpty else {
        throw DecodingError.dataCorrupted(
          DecodingError.Context(
            codingPath: container.codingPath,
            debugDescription: "nothing is to be changed: give maxDowntimeMs, bandwidthMiBps, memoryBandwidthMiBps or deadlineSeconds"))
      }
      command = .tune(migration: try container.decode(MigrationID.self, forKey: .migration), limits)
    case "force-complete": command = .forceComplete(migration: try container.decode(MigrationID.self, forKey: .migration))
    case "resolve":
      command = .resolve(
        migration: try container.decode(MigrationID.self, forKey: .migration), owner: try container.decode(NodeName.self, forKey: .owner))
    case "status": command = .status(migration: try container.decode(MigrationID.self, forKey: .migration))
    case "list": command = .list(includeEnded: try container.decodeIfPresent(Bool.self, forKey: .includeEnded) ?? false)
    case "describe": command = .describe
    case "inventory": command = .inventory(try InventoryQuestion(from: decoder))
    case "configure": command = .configure(try HostSettingsChange(from: decoder))
    case "list-grace": command = .listGrace
    case "extend-grace":
      command = .extendGrace(try GraceSelection(from: decoder), until: try container.decode(Timestamp.self, forKey: .until))
    case "purge-grace": command = .purgeGrace(try GraceSelection(from: decoder))
    case "list-orphans": command = .listOrphans
    case "remove-orphans": command = .removeOrphans(ids: try container.decode([String].self, forKey: .orphans))
    case "list-templates": command = .listTemplates(pool: try container.decodeIfPresent(ResourceName.self, forKey: .pool))
    case "verify-templates": command = .verifyTemplates(try TemplateSelection(from: decoder))
    case "prefetch-template": command = .prefetchTemplate(try PrefetchOrder(from: decoder))
    case "template-work": command = .templateWork(id: try container.decode(MigrationID.self, forKey: .work))
    case "queue": command = .queue
    case "move-queued": command = .moveQueued(try QueueMove(from: decoder))
    case "cancel-queued": command = .cancelQueued(migration: try container.decode(MigrationID.self, forKey: .migration))
    case "drain": command = .drain(try DrainOrder(from: decoder))
    case "drain-status": command = .drainStatus(drain: try container.decode(MigrationID.self, forKey: .drain))
    case "list-drains": command = .listDrains(includeEnded: try container.decodeIfPresent(Bool.self, forKey: .includeEnded) ?? false)
    case "steer-drain": command = .steerDrain(try DrainSteering(from: decoder))
    case "set-maintenance": command = .setMaintenance(on: try container.decode(Bool.self, forKey: .on))
    case "report": command = .report(migration: try container.decode(MigrationID.self, forKey: .migration))
    case "diagnose": command = .diagnose(try DiagnosisOrder(from: decoder))
    default: throw UnknownMessageType(type: type)
    }
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: Keys.self)
    try container.encode(Wire.schema, forKey: .schema)
    try container.encode(typeName, forKey: .type)
    try container.encode(id, forKey: .id)
    try container.encodeIfPresent(host?.cluster, forKey: .cluster)
    try container.encodeIfPresent(host?.host, forKey: .host)
    try container.encodeIfPresent(notAfter, forKey: .notAfter)
    switch command {
    case .migrate(let command): try command.encode(to: encoder)
    case .cancel(let migration), .cancelQueued(let migration), .status(let migration), .forceComplete(let migration),
      .report(let migration):
      try container.encode(migration, forKey: .migration)
    case .tune(let migration, let limits):
      try container.encode(migration, forKey: .migration)
      try limits.encode(to: encoder)
    case .resolve(let migration, let owner):
      try container.encode(migration, forKey: .migration)
      try container.encode(owner, forKey: .owner)
    case .list(let includeEnded), .listDrains(let includeEnded): try container.encode(includeEnded, forKey: .includeEnded)
    case .extendGrace(let selection, let until):
      try selection.encode(to: encoder)
      try container.encode(until, forKey: .until)
    case .purgeGrace(let selection): try selection.encode(to: encoder)
    case .removeOrphans(let ids): try container.encode(ids, forKey: .orphans)
    case .listTemplates(let pool): try container.encodeIfPresent(pool, forKey: .pool)
    case .verifyTemplates(let selection): try selection.encode(to: encoder)
    case .prefetchTemplate(let order): try order.encode(to: encoder)
    case .templateWork(let id): try container.encode(id, forKey: .work)
    case .moveQueued(let move): try move.encode(to: encoder)
    case .drain(let order): try order.encode(to: encoder)
    case .drainStatus(let drain): try container.encode(drain, forKey: .drain)
    case .steerDrain(let steering): try steering.encode(to: encoder)
    case .setMaintenance(let on): try container.encode(on, forKey: .on)
    case .diagnose(let order): try order.encode(to: encoder)
    case .inventory(let question): try question.encode(to: encoder)
    case .configure(let change): try change.encode(to: encoder)
    case .describe, .listGrace, .listOrphans, .queue: break
    }
  }

  /// The value of the field `type`.
  public var typeName: String {
    switch command {
    case .migrate: "migrate"
    case .cancel: "cancel"
    case .tune: "tune"
    case .forceComplete: "force-complete"
    case .resolve: "resolve"
    case .status: "status"
    case .list: "list"
    case .describe: "describe"
    case .inventory: "inventory"
    case .configure: "configure"
    case .listGrace: "list-grace"
    case .extendGrace: "extend-grace"
    case .purgeGrace: "purge-grace"
    case .listOrphans: "list-orphans"
    case .removeOrphans: "remove-orphans"
    case .listTemplates: "list-templates"
    case .verifyTemplates: "verify-templates"
    case .prefetchTemplate: "prefetch-template"
    case .templateWork: "template-work"
    case .queue: "queue"
    case .moveQueued: "move-queued"
    case .cancelQueued: "cancel-queued"
    case .drain: "drain"
    case .drainStatus: "drain-status"
    case .listDrains: "list-drains"
    case .steerDrain: "steer-drain"
    case .setMaintenance: "set-maintenance"
    case .diagnose: "diagnose"
    case .report: "report"
    }
  }
}

/// The error of a message of a type that this version does not know.
struct UnknownMessageType: Error { let type: String }
