public import LongshoreMessages

/// Messages of every kind that the code can make, with all that is optional and without. The last of a kind is the fullest.
///
/// A new case of a request, reply, peer message or event does not compile here until it has samples.
public enum MessageSamples {
  /// Samples of all requests.
  public static let requests = RequestKind.allCases.flatMap(requests(of:))
  /// Samples of all replies.
  public static let replies = ReplyKind.allCases.flatMap(replies(of:))
  /// Samples of all messages between agents.
  public static let peerMessages = PeerKind.allCases.flatMap(peerMessages(of:))
  /// Samples of all numbered events.
  public static let events = MigrationEventData.Kind.allCases.flatMap(events(of:))
  /// Samples of progress.
  public static let progressEvents = [sparseProgress, fullProgress].map {
    ProgressEvent(
      id: "\(migration)/progress/17", migration: migration, host: source, time: time, data: $0,
      trace: $0 == fullProgress ? TraceContext(traceparent: trace.0, tracestate: trace.1) : nil)
  }

  /// Samples of the numbered events of drains.
  public static let drainEvents = DrainEventData.Kind.allCases.flatMap(drainEvents(of:))

  // Whom and what the samples speak of.

  /// The migration of all samples.
  public static let migration = migrationID("0b9f5c1e-2d3a-4b5c-8d6e-7f8091a2b3c4")
  /// The source host.
  public static let source = HostAddress(cluster: node("north"), host: node("alpha"))
  /// The destination host.
  public static let destination = HostAddress(cluster: node("north"), host: node("beta"))
  /// The guest, as events name it.
  public static let guest = GuestReference(uuid: "7f1c2a34-5b6d-4e8f-9a0b-1c2d3e4f5a6b", name: "web-1")
  /// 2026-01-31T18:30:00.123Z.
  public static let time = Timestamp(milliseconds: 1_769_884_200_123)
  /// The id of the journal of whoever speaks.
  public static let journal = "5d0c1f6e-7a8b-4c9d-ae0f-1b2c3d4e5f60"

  /// A name of a cluster or a host, for text that is known to be one.
  public static func node(_ text: String) -> NodeName { known(NodeName(text), text) }

  /// A name of a guest, pool, volume or disk, for text that is known to be one.
  public static func resource(_ text: String) -> ResourceName { known(ResourceName(text), text) }

  /// An id, for text that is known to be one.
  public static func migrationID(_ text: String) -> MigrationID { known(MigrationID(text), text) }

  private static func known<Name>(_ name: Name?, _ text: String) -> Name {
    guard let name else { preconditionFailure("\(text) is no \(Name.self)") }
    return name
  }
}

// MARK: - Requests

extension MessageSamples {
  /// The kinds of ``Request/Command``, by their names on the wire.
  public enum RequestKind: String, Sendable, CaseIterable {
    case migrate, cancel, tune, resolve, status, list, describe
    case forceComplete = "force-complete"
    case listGrace = "list-grace"
    case extendGrace = "extend-grace"
    case purgeGrace = "purge-grace"
    case listOrphans = "list-orphans"
    case removeOrphans = "remove-orphans"
    case listTemplates = "list-templates"
    case verifyTemplates = "verify-templates"
    case prefetchTemplate = "prefetch-template"
    case templateWork = "template-work"
    case queue
    case moveQueued = "move-queued"
    case cancelQueued = "cancel-queued"
    case drain
    case drainStatus = "drain-status"
    case listDrains = "list-drains"
    case steerDrain = "steer-drain"
    case setMaintenance = "set-maintenance"
    case diagnose
    case report
    case inventory
    case configure

    /// The kind of a command.
    public init(_ command: Request.Command) {
      switch command {
      case .migrate: self = .migrate
      case .cancel: self = .cancel
      case .tune: self = .tune
      case .forceComplete: self = .forceComplete
      case .resolve: self = .resolve
      case .status: self = .status
      case .list: self = .list
      case .describe: self = .describe
      case .listGrace: self = .listGrace
      case .extendGrace: self = .extendGrace
      case .purgeGrace: self = .purgeGrace
      case .listOrphans: self = .listOrphans
      case .removeOrphans: self = .removeOrphans
      case .listTemplates: self = .listTemplates
      case .verifyTemplates: self = .verifyTemplates
      case .prefetchTemplate: self = .prefetchTemplate
      case .templateWork: self = .templateWork
      case .queue: self = .queue
      case .moveQueued: self = .moveQueued
      case .cancelQueued: self = .cancelQueued
      case .drain: self = .drain
      case .drainStatus: self = .drainStatus
      case .listDrains: self = .listDrains
      case .steerDrain: self = .steerDrain
      case .setMaintenance: self = .setMaintenance
      case .diagnose: self = .diagnose
      case .report: self = .report
      case .inventory: self = .inventory
      case .configure: self = .configure
      }
    }
  }

  /// Samples of one kind.
  public static func requests(of kind: RequestKind) -> [Request] {
    commands(of: kind).flatMap { command in
      [
        Request(id: migration, command: command),
        Request(id: migration, host: source, notAfter: time.adding(milliseconds: 86_400_000), command: command),
      ]
    }
  }

  private static func commands(of kind: RequestKind) -> [Request.Command] {
    switch kind {
    case .migrate:
      [
        .migrate(MigrateCommand(guest: resource("web-1"), destination: .init(host: destination.host))),
        .migrate(MigrateCommand(guest: resource("büro \"3\""), destination: .init(host: destination.host), pools: .init())),
        .migrate(
          MigrateCommand(
            guest: resource("web-1"), destination: .init(host: destination.host), options: MigrationOptions())),
        .migrate(
          MigrateCommand(
            guest: resource("web-1"), destination: .init(host: destination.host), options: MigrationOptions(onDeadline: .abort))),
        .migrate(fullOrder(.direct)), .migrate(fullOrder(.fenced)),
      ]
    case .cancel: [.cancel(migration: migration)]
    case .tune:
      [
        TransferLimits(maxDowntimeMs: 2000), TransferLimits(memoryBandwidthMiBps: 100), TransferLimits(bandwidthMiBps: 100),
        TransferLimits(deadlineSeconds: 7200),
        TransferLimits(
          maxDowntimeMs: MigrationOptions.downtimeRange.upperBound, memoryBandwidthMiBps: MigrationOptions.bandwidthRange.upperBound,
          bandwidthMiBps: MigrationOptions.bandwidthRange.upperBound,
          deadlineSeconds: Request.deadlineRange.upperBound),
      ].map { .tune(migration: migration, $0) }
    case .forceComplete: [.forceComplete(migration: migration)]
    case .resolve: [.resolve(migration: migration, owner: source.host)]
    case .status: [.status(migration: migration)]
    case .list: [.list(includeEnded: false), .list(includeEnded: true)]
    case .describe: [.describe]
    case .listGrace: [.listGrace]
    case .extendGrace: graceSelections.map { .extendGrace($0, until: time.adding(milliseconds: 172_800_000)) }
    case .purgeGrace: graceSelections.map { .purgeGrace($0) }
    case .listOrphans: [.listOrphans]
    case .removeOrphans: [.removeOrphans(ids: ["0f1e2d3c4b5a6978"])]
    case .listTemplates: [.listTemplates(pool: nil), .listTemplates(pool: resource("primary"))]
    case .verifyTemplates:
      [
        .verifyTemplates(TemplateSelection()),
        .verifyTemplates(TemplateSelection(template: resource("debian-12.qcow2"), pool: resource("primary"))),
      ]
    case .prefetchTemplate: prefetchOrders.map { .prefetchTemplate($0) }
    case .templateWork: [.templateWork(id: migration)]
    case .queue: [.queue]
    case .moveQueued:
      [QueueMove.Place.first, .before(migrationID("1c0a6d2f-3e4b-4c5d-8e7f-90a1b2c3d4e5"))].map {
        .moveQueued(QueueMove(migration, to: $0))
      } + MigrationPriority.allCases.map { .moveQueued(QueueMove(migration, to: .priority($0))) }
    case .cancelQueued: [.cancelQueued(migration: migration)]
    case .drain:
      [.drain(DrainOrder())]
        + DrainFailureRule.allCases.map { rule in
          .drain(
            DrainOrder(
              to: [destination.host], parallel: DrainOrder.parallelRange.upperBound, deadlineSeconds: Request.deadlineRange.upperBound,
              onFailure: rule, pools: [resource("primary"): resource("primary-2")], options: MigrationOptions(maxDowntimeMs: 500),
              priority: .high, dryRun: true))
        }
    case .drainStatus: [.drainStatus(drain: migration)]
    case .listDrains: [.listDrains(includeEnded: false), .listDrains(includeEnded: true)]
    case .steerDrain:
      DrainSteering.Action.allCases.map { .steerDrain(DrainSteering(migration, $0)) } + [
        .steerDrain(DrainSteering(migration, .cancel, running: true))
      ]
    case .setMaintenance: [.setMaintenance(on: false), .setMaintenance(on: true)]
    case .report: [.report(migration: migration)]
    case .inventory:
      [
        .inventory(InventoryQuestion()), .inventory(InventoryQuestion(guest: resource("web-1"))),
        .inventory(InventoryQuestion(after: resource(guest.uuid))),
      ]
    case .configure:
      [
        .configure(HostSettingsChange(reset: HostSettings.Name.allCases)),
        .configure(HostSettingsChange(deadlineSeconds: Request.deadlineRange.upperBound)),
      ]
    case .diagnose: [.diagnose(DiagnosisOrder()), .diagnose(DiagnosisOrder(waysTo: [destination.host], waysOnly: true))]
    }
  }

  private static let prefetchOrders = [
    PrefetchOrder(template: resource("debian-12.qcow2"), from: source.host),
    PrefetchOrder(
      template: resource("debian-12.qcow2"), from: source.host, pool: resource("primary"), destinationPool: resource("primary-2"),
      layerPool: resource("templates")),
  ]

  private static let graceSelections = [
    GraceSelection(migration: migration), GraceSelection(migration: migration, disks: ["8899aabbccddeeff"]),
  ]

  private static func fullOrder(_ handover: MigrationOptions.Handover) -> MigrateCommand {
    MigrateCommand(
      guest: resource(guest.uuid), destination: .init(cluster: destination.cluster, host: destination.host),
      pools: .init(
        default: resource("primary-2"), disks: [resource("vdb"): resource("archive")], templates: resource("templates"),
        inPlace: [resource("vdc")]),
      deadlineSeconds: Request.deadlineRange.upperBound,
      options: MigrationOptions(
        bandwidthMiBps: 500, maxDowntimeMs: 500, autoConverge: true, compressMemory: true, synchronousWrites: false,
        onDeadline: handover == .direct ? .wait : .force, handover: handover, keepSource: true,
        missingMedia: handover == .direct ? .copy : .refuse,
        templateConflict: handover == .direct ? .rename : .refuse, verify: handover == .fenced, postCopy: false),
      priority: handover == .direct ? .lowest : .highest, dryRun: true)
  }
}

// MARK: - Replies

extension MessageSamples {
  /// The kinds of ``Reply/Body``, by their names on the wire.
  public enum ReplyKind: String, Sendable, CaseIterable {
    case accepted, rejected, tuned, forced, checked, status, migrations, host, grace, orphans, templates, queue, drain, drains, maintenance,
      diagnosis, report, inventory, configured
    case templateWork = "template-work"

    /// The kind of a reply.
    public init(_ body: Reply.Body) {
      switch body {
      case .accepted: self = .accepted
      case .rejected: self = .rejected
      case .tuned: self = .tuned
      case .forced: self = .forced
      case .checked: self = .checked
      case .status: self = .status
      case .migrations: self = .migrations
      case .host: self = .host
      case .grace: self = .grace
      case .orphans: self = .orphans
      case .templates: self = .templates
      case .templateWork: self = .templateWork
      case .queue: self = .queue
      case .drain: self = .drain
      case .drains: self = .drains
      case .maintenance: self = .maintenance
      case .diagnosis: self = .diagnosis
      case .report: self = .report
      case .inventory: self = .inventory
      case .configured: self = .configured
      }
    }
  }

  /// Samples of one kind.
  public static func replies(of kind: ReplyKind) -> [Reply] {
    switch kind {
    case .accepted: [reply(.accepted)]
    case .rejected: [Reply(to: nil, from: source, body: .rejected([reason, reason])), reply(.rejected([reason]))]
    case .tuned:
      [
        reply(.tuned([])),
        reply(
          .tuned([
            LimitChange(.memoryBandwidthMiBps, from: nil, to: 100), LimitChange(.deadlineSeconds, from: 86_400, to: 7200),
            LimitChange(.maxDowntimeMs, from: 500, to: 2000), LimitChange(.bandwidthMiBps, from: nil, to: 200),
          ])),
      ]
    case .forced: [reply(.forced(Reason(.guestSuspended, "the guest is suspended until it has moved, by the request f-1")))]
    case .checked:
      [
        reply(.checked([], disks: [])), reply(.checked(checks, disks: disks, estimate: sparseEstimate)),
        reply(.checked(checks, disks: disks, estimate: fullEstimate)),
      ]
    case .status: MigrationPhase.allCases.map { reply(.status(sparseStatus($0))) } + [reply(.status(fullStatus))]
    case .migrations: [reply(.migrations([])), reply(.migrations([sparseStatus(.queued), fullStatus]))]
    case .host: [reply(.host(sparseHost)), reply(.host(fullHost))]
    case .inventory: [sparseInventory, smallInventory, fullInventory].map { reply(.inventory($0)) }
    case .configured:
      [
        reply(.configured(sparseInventory.settings, changes: [])),
        reply(
          .configured(
            fullInventory.settings, changes: HostSettings.Name.allCases.map { HostSettingChange($0, from: 86_400, to: 172_800) })),
      ]
    case .grace: [reply(.grace([])), reply(.grace(setAsideDisks))]
    case .orphans: [reply(.orphans([])), reply(.orphans(orphans))]
    case .templates: [reply(.templates([])), reply(.templates(templates))]
    case .templateWork: works.map { reply(.templateWork($0)) }
    case .queue: [reply(.queue([])), reply(.queue(queue))]
    case .drain: DrainStatus.Phase.allCases.map { reply(.drain(sparseDrain($0))) } + [reply(.drain(fullDrain))]
    case .drains: [reply(.drains([])), reply(.drains([sparseDrain(.planning), fullDrain]))]
    case .maintenance: [reply(.maintenance(Maintenance(isOn: false))), reply(.maintenance(maintenance))]
    case .report:
      [
        reply(.report(HostReport(time: time, hosts: [source.host, destination.host], sections: []))),
        reply(
          .report(
            HostReport(
              time: time, hosts: [source.host, destination.host], sections: [.init("log", "2026-01-31T18:30:00.000Z info it begins\n")]))),
      ]
    case .diagnosis: [reply(.diagnosis(Diagnosis(time: time, checks: []))), reply(.diagnosis(Diagnosis(time: time, checks: checks)))]
    }
  }

  private static let waiting = [
    Waiting(
      host: source.host, limit: "limits.outgoing", position: 1,
      reason: Reason(.limitReached, "4 migrations at once may leave alpha (`limits.outgoing`), and this one is next")),
    Waiting(
      host: destination.host, limit: "limits.pool", pool: resource("primary"), position: 3,
      reason: Reason(
        .limitReached, "4 migrations at once may write to the pool primary of beta (`limits.pool`), and 2 wait before this one")),
  ]

  private static let queue = zip(waiting, [nil, time.adding(milliseconds: 90_000)]).map { waiting, start in
    QueueEntry(
      id: migration, guest: guest, sourceHost: source.host, destinationHost: destination.host, priority: .high, since: time,
      waiting: waiting, expectedStart: start)
  }

  private static func reply(_ body: Reply.Body) -> Reply { Reply(to: migration, from: source, body: body) }

  private static func sparseStatus(_ phase: MigrationPhase) -> MigrationStatus {
    MigrationStatus(
      id: migration, phase: phase, guest: guest, sourceHost: source.host, destinationHost: destination.host,
      acceptedAt: time, updatedAt: time)
  }

  private static let fullStatus = MigrationStatus(
    id: migration, phase: .needsAttention, guest: guest, sourceHost: source.host, destinationHost: destination.host,
    acceptedAt: time, updatedAt: time.adding(milliseconds: 60_000), reasons: [reason], progress: fullProgress,
    events: MigrationEventData.Kind.allCases.compactMap { events(of: $0).first })

  private static let sparseHost = HostDescription(
    agentVersion: LongshoreVersion.current, libvirtVersion: nil, hypervisorVersion: nil, migrations: 0, pools: [],
    guests: [])

  private static let fullHost = HostDescription(
    agentVersion: LongshoreVersion.current, libvirtVersion: "9.0.0", hypervisorVersion: "7.2.0", migrations: 2,
    pools: [
      .init(name: "primary", type: "netfs", active: true, capacity: 1_099_511_627_776, available: 274_877_906_944, grace: 1_073_741_824),
      .init(name: "archive", type: "dir", active: false, capacity: .max, available: 0),
    ],
    guests: [.init(uuid: guest.uuid, name: guest.name, state: "running")], maintenance: maintenance)
}

// MARK: - Inventories

extension MessageSamples {
  private static let sparseInventory = HostInventory(
    machine: .init(agentVersion: LongshoreVersion.current, maintenance: Maintenance(isOn: false), migrations: 0),
    settings: HostSettings(deadlineSeconds: .init(86_400)))

  private static let smallInventory = HostInventory(
    machine: .init(
      agentVersion: LongshoreVersion.current, processors: .init(count: 4, sockets: 1, architecture: "x86_64"),
      maintenance: Maintenance(isOn: false), migrations: 0),
    settings: sparseInventory.settings)

  private static let fullInventory = HostInventory(
    machine: .init(
      uuid: "3a1f0c5e-8b7d-4e2a-9c6f-5d4e3f2a1b0c", agentVersion: LongshoreVersion.current, libvirtVersion: "9.0.0", hypervisor: "QEMU",
      hypervisorVersion: "7.2.0", processors: .init(count: 64, sockets: 2, mhz: 2600, architecture: "x86_64"),
      memory: 274_877_906_944, memoryAvailable: 68_719_476_736, maintenance: maintenance, migrations: 1),
    settings: HostSettings(deadlineSeconds: .init(172_800, since: time)),
    pools: [
      .init(
        uuid: "9b2c7d1e-4f5a-4b6c-8d7e-0f1a2b3c4d5e", name: "archive", type: "dir", active: false, allowed: false, capacity: .max,
        allocation: 0, available: 0),
      .init(
        uuid: "0c1d2e3f-4a5b-4c6d-9e7f-8a9b0c1d2e3f", name: "primary", type: "netfs", active: true, allowed: true,
        capacity: 1_099_511_627_776, allocation: 824_633_720_832, available: 274_877_906_944, path: "/srv/pools/primary",
        sourceHosts: ["nfs1.example.org"], sourceDirectory: "/export/primary"),
    ],
    guests: [
      .init(
        uuid: "00000000-0000-4000-8000-000000000001", name: "appliance", state: "shut off", persistent: true, processors: 1,
        memory: 536_870_912, interfaces: [.init(type: "user")]),
      .init(
        uuid: guest.uuid, name: guest.name, title: "Web server 1", state: "running", persistent: true, processors: 4,
        memory: 8_589_934_592, architecture: "x86_64", machine: "pc-q35-7.2",
        disks: [
          .init(
            id: "c5a4b2f1-6d3e-5a7b-8c9d-0e1f2a3b4c5d", target: "vda", bus: "virtio", device: "disk", readOnly: false,
            serial: "7d1a5b9c0e2f4a6b8c3d", pool: "primary", volume: "web-1.qcow2", source: "/srv/pools/primary/web-1.qcow2",
            format: "qcow2", capacity: 21_474_836_480, allocation: 3_221_225_472, template: "debian-12.qcow2"),
          .init(id: "1e2d3c4b-5a69-5788-8c7d-6e5f4a3b2c1d", target: "sda", device: "cdrom", readOnly: true),
        ],
        interfaces: [.init(mac: "52:54:00:12:34:56", type: "bridge", source: "br0", model: "virtio")],
        migration: .init(migration, incoming: false)),
    ], next: resource(guest.uuid))
}

// MARK: - Drains

extension MessageSamples {
  private static let maintenance = Maintenance(isOn: true, since: time, drain: migration)

  private static func sparseDrain(_ phase: DrainStatus.Phase) -> DrainStatus {
    DrainStatus(id: migration, host: source.host, phase: phase, acceptedAt: time, updatedAt: time)
  }

  private static let drainGuests =
    DrainGuest.State.allCases.map { DrainGuest(guest: guest, state: $0) } + [
      DrainGuest(
        guest: guest, state: .failed, destination: destination.host, migration: migration, attempts: 2, bytes: 1_073_741_824,
        expectedStart: 12.5, expectedEnd: 40, reasons: [reason], refusals: [.init(host: destination.host, reasons: [reason])])
    ]

  private static let fullDrain = DrainStatus(
    id: migration, host: source.host, phase: .incomplete, acceptedAt: time, updatedAt: time.adding(milliseconds: 72_500),
    guests: drainGuests,
    candidates: [
      .init(host: destination.host),
      .init(host: destination.host, memory: 68_719_476_736, linkBps: 117_000_000, refusal: reason),
    ], parallel: 2, expectedSeconds: 80, boundSeconds: 75.5, seconds: 72.5, reasons: [reason])

  private static let offers = [
    HostOffer(pools: [], incoming: 4, pair: 3, pool: 4, busy: 0),
    HostOffer(
      refusal: reason, memory: 68_719_476_736, pools: [.init(pool: resource("primary"), available: 274_877_906_944)], incoming: 4, pair: 3,
      pool: 4, busy: 1),
  ]

  /// Samples of one kind.
  public static func drainEvents(of kind: DrainEventData.Kind) -> [DrainEvent] {
    let counts = DrainEventData.Counts(total: 5, waiting: 1, moving: 2, done: 1, left: 1)
    let sparse = DrainEventData(kind, host: source.host, phase: .moving, counts: counts)
    var full = sparse
    switch kind {
    case .accepted: break
    case .planned:
      full.expectedSeconds = 80
      full.guests = drainGuests
    case .guest: full.guest = drainGuests.last
    case .progress: full.expectedSeconds = 80
    case .paused, .resumed: full.reasons = [reason]
    case .finished:
      full.guests = drainGuests
      full.reasons = [reason]
      full.seconds = 72.5
    }
    return (sparse == full ? [sparse] : [sparse, full]).enumerated().map { index, data in
      var event = DrainEvent(drain: migration, host: source, sequence: index + 1, time: time, data: data)
      if index == 1 { (event.traceparent, event.tracestate) = trace }
      return event
    }
  }
}

// MARK: - Left-overs

extension MessageSamples {
  private static let workFolder = "/srv/pools/primary/.longshore/north.alpha/\(migration)"

  private static let setAsideDisks = [
    SetAsideDisk(
      id: "0011223344556677", migration: migration, guest: nil, path: "\(workFolder)/web-1-old.qcow2", originalPath: nil, size: nil,
      deleteAt: time, state: .deleted),
    SetAsideDisk(
      id: "8899aabbccddeeff", migration: migration, guest: guest, path: "\(workFolder)/web-1.qcow2",
      originalPath: "/srv/pools/primary/web-1.qcow2", size: 1_073_741_824, deleteAt: time.adding(milliseconds: 86_400_000), state: .kept,
      reason: Reason(.operationFailed, "the file web-1.qcow2 is in use: it is kept")),
  ]

  private static let orphans =
    zip(Orphan.Kind.allCases, 0...).map { kind, number in
      let states = Orphan.State.allCases
      return Orphan(id: "000000000000000\(number)", kind: kind, name: "name", state: states[number % states.count], why: "because")
    } + [
      Orphan(
        id: "0f1e2d3c4b5a6978", kind: .templateCopy, name: "\(workFolder)/layer-1", migration: migration, since: time, size: 268_435_456,
        state: .removable, why: "in this host's work folder of a migration that is unknown here, and nothing uses it")
    ]
}

// MARK: - Templates

extension MessageSamples {
  private static let templates = [
    TemplateFile(
      pool: resource("primary"), volume: resource("old.img"), format: .raw, fileSize: 1_073_741_824, images: 1, isReadOnly: false),
    TemplateFile(
      pool: resource("primary"), volume: resource("debian-12.qcow2"), format: .qcow2, fileSize: 268_435_456, digest: digest, images: 12,
      copied: TemplateFile.Copied(from: destination.host, at: time), isReadOnly: true),
  ]

  private static let works =
    TemplateWork.Kind.allCases.flatMap { kind in
      TemplateWork.Phase.allCases.map { TemplateWork(id: migration, kind: kind, phase: $0) }
    } + [
      TemplateWork(
        id: migration, kind: .prefetch, phase: .failed, source: destination.host, bytesDone: 1024, bytesTotal: .max,
        files: TemplateWork.File.State.allCases.map { state in
          TemplateWork.File(pool: resource("primary"), volume: resource("debian-12.qcow2"), fileSize: .max, state: state)
        } + [
          TemplateWork.File(
            pool: resource("primary"), volume: resource("debian-12.qcow2"), fileSize: 268_435_456, state: .differs, digest: digest,
            remembered: digest, reason: reason)
        ], reason: reason)
    ]
}

// MARK: - Events and progress

extension MessageSamples {
  /// Samples of one kind.
  public static func events(of kind: MigrationEventData.Kind) -> [MigrationEvent] {
    eventData(of: kind).enumerated().map { index, data in
      var event = MigrationEvent(migration: migration, host: source, sequence: index + 1, time: time, data: data)
      if kind == .accepted { (event.traceparent, event.tracestate) = trace }
      return event
    }
  }

  private static var trace: (String, String) { ("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "congo=t61rcWkgMzE") }

  private static func eventData(of kind: MigrationEventData.Kind) -> [MigrationEventData] {
    func data(
      disks: [MigrationEventData.Disk]? = nil, stage: MigrationEventData.Stage? = nil, reasons: [Reason]? = nil,
      checks: [Check]? = nil, runsAt: NodeName? = nil, seconds: Double? = nil, downtimeMs: UInt64? = nil,
      bytes: MigrationEventData.Bytes? = nil, console: Console? = nil, verification: Verification? = nil, waiting: Waiting? = nil
    ) -> MigrationEventData {
      MigrationEventData(
        kind, guest: guest, sourceHost: source.host, destinationHost: destination.host, disks: disks, stage: stage,
        reasons: reasons, checks: checks, runsAt: runsAt, seconds: seconds, downtimeMs: downtimeMs, bytes: bytes,
        console: console, verification: verification, waiting: waiting)
    }
    let bytes = MigrationEventData.Bytes(template: 0, disks: 1_073_741_824, memory: 536_870_912)
    switch kind {
    case .accepted, .switching, .confirming: return [data()]
    case .queued: return [data()] + waiting.map { data(reasons: [$0.reason], waiting: $0) }
    case .transferring:
      return [data(), data(reasons: [Reason(.downtimeRaised, "permitted downtime raised from 300 to 450 ms")])]
    case .preparing: return [data(disks: disks)]
    case .prepared: return [data(checks: checks)]
    case .completed:
      let moved = [
        Verification(.equal, bytes: 64_424_509_440), Verification(.unknown),
        Verification(
          .differs, bytes: 64_424_509_440, differences: [.init(target: resource("vdb"), offset: 67_108_864, length: 134_217_728)]),
      ].map { data(disks: disks, runsAt: destination.host, seconds: 72.5, bytes: bytes, verification: $0) }
      return [data(disks: disks, runsAt: destination.host, seconds: 72.5, bytes: bytes)] + moved + [
        data(disks: disks, runsAt: destination.host, seconds: 72.5, downtimeMs: 178, bytes: bytes, console: console)
      ]
    case .failed, .cancelled:
      let sparse = MigrationEventData.Stage.allCases.map { data(stage: $0, reasons: [reason], seconds: 0.25) }
      return sparse + [data(stage: .checks, reasons: [reason], checks: checks, runsAt: source.host, seconds: 3)]
    case .needsAttention: return [data(reasons: [reason])]
    }
  }

  private static let sparseProgress = Progress(phase: .preparing, guest: guest, elapsedSeconds: 0)

  private static let fullProgress = Progress(
    phase: .transferring, guest: guest, template: Progress.Amount(done: 0, remaining: .max, total: .max),
    disks: [.init(target: resource("vda"), bytes: .init(done: 104_857_600, remaining: 1_048_576, total: 105_906_176))],
    memory: Progress.Amount(done: 1, remaining: 2, total: 3), rateBps: 104_857_600, dirtyRateBps: 4096, iteration: 2,
    expectedDowntimeMs: 300, elapsedSeconds: 12.75, remainingSeconds: 8.5, throttlePercent: 20, budgetBps: 209_715_200,
    reasons: [Reason(.guestSlowed, "QEMU slows the guest's CPUs down by 20 %, so that its memory can be copied")])
}

// MARK: - Messages between agents

extension MessageSamples {
  /// The kinds of ``PeerMessage/Body``, by their names on the wire.
  public enum PeerKind: String, Sendable, CaseIterable {
    case check, prepare, confirm, release, rollback, disown, yield, assign, compare
    case layerOffered = "layer-offered"
    case checked, preparing, prepared, refused
    case prepareFailed = "prepare-failed"
    case confirmed
    case confirmFailed = "confirm-failed"
    case comparing, compared
    case released, yielded
    case rolledBack = "rolled-back"
    case offerLayer = "offer-layer"
    case tryPath = "try-path"
    case pathTried = "path-tried"
    case describeTemplate = "describe-template"
    case templateDescribed = "template-described"
    case templateDone = "template-done"
    case limitBandwidth = "limit-bandwidth"
    case askOffer = "ask-offer"
    case offered
    case checkWay = "check-way"

    /// The kind of a message.
    public init(_ body: PeerMessage.Body) {
      switch body {
      case .check: self = .check
      case .prepare: self = .prepare
      case .confirm: self = .confirm
      case .release: self = .release
      case .rollback: self = .rollback
      case .disown: self = .disown
      case .yield: self = .yield
      case .yielded: self = .yielded
      case .assign: self = .assign
      case .compare: self = .compare
      case .comparing: self = .comparing
      case .compared: self = .compared
      case .layerOffered: self = .layerOffered
      case .checked: self = .checked
      case .preparing: self = .preparing
      case .prepared: self = .prepared
      case .refused: self = .refused
      case .prepareFailed: self = .prepareFailed
      case .confirmed: self = .confirmed
      case .confirmFailed: self = .confirmFailed
      case .released: self = .released
      case .rolledBack: self = .rolledBack
      case .offerLayer: self = .offerLayer
      case .tryPath: self = .tryPath
      case .pathTried: self = .pathTried
      case .describeTemplate: self = .describeTemplate
      case .templateDescribed: self = .templateDescribed
      case .templateDone: self = .templateDone
      case .limitBandwidth: self = .limitBandwidth
      case .askOffer: self = .askOffer
      case .offered: self = .offered
      case .checkWay: self = .checkWay
      }
    }

    /// Whether the source says it to the destination.
    public var isFromSource: Bool {
      switch self {
      case .check, .prepare, .confirm, .compare, .release, .rollback, .disown, .yield, .assign, .layerOffered, .pathTried,
        .templateDescribed,
        .askOffer, .checkWay:
        true
      default: false
      }
    }
  }

  /// Samples of one kind.
  public static func peerMessages(of kind: PeerKind) -> [PeerMessage] {
    let (from, to) = kind.isFromSource ? (source, destination) : (destination, source)
    let toAll = kind == .askOffer ? [PeerMessage(migration: migration, from: from, to: nil, journal: journal, body: .askOffer)] : []
    return toAll + bodies(of: kind).map { PeerMessage(migration: migration, from: from, to: to, journal: journal, body: $0) }
  }

  private static func bodies(of kind: PeerKind) -> [PeerMessage.Body] {
    switch kind {
    case .check: [.check(sparsePlan)] + plainPlans.map { .check($0) } + [.check(fullPlan)]
    case .prepare: [.prepare(sparsePlan), .prepare(fullPlan)]
    case .confirm: [.confirm]
    case .release: [.release]
    case .rollback: [.rollback(Reason(.cancelled, "cancelled by the orchestrator"))]
    case .disown: [.disown(Reason(.ownerNamed, "the operator named alpha as the guest's owner while beta did not answer"))]
    case .yield: [.yield]
    case .yielded: [.yielded]
    case .assign: [.assign]
    case .compare: [.compare]
    case .comparing: [.comparing]
    case .compared: [.compared(ViewReading(failure: viewLost)), .compared(ViewReading([content]))]
    case .layerOffered:
      [
        .layerOffered(.init(layer: 1, digest: nil, uri: nil)),
        .layerOffered(
          .init(
            layer: 1, digest: digest, uri: "nbd://alpha.example.net:10809/layer-1", failure: reason, waiting: waiting.first)),
      ]
    case .checked: [.checked([]), .checked(checks, facts: sparseFacts), .checked(checks, facts: fullFacts)]
    case .preparing:
      [
        .preparing(PreparationProgress(templateBytesDone: 0, templateBytesTotal: .max)),
        .preparing(PreparationProgress(templateBytesDone: 0, templateBytesTotal: .max, waiting: waiting.last)),
      ]
    case .prepared: [.prepared(sparsePreparation, checks: []), .prepared(fullPreparation, checks: checks)]
    case .refused: [.refused(checks)]
    case .prepareFailed: [.prepareFailed(Reason(.stubFailed, "cannot create stub vdb in pool archive"))]
    case .confirmed:
      [.confirmed(Confirmation(console: nil)), .confirmed(Confirmation(console: console)), .confirmed(MigrationSamples.endedConfirmation)]
    case .confirmFailed: [.confirmFailed([reason])]
    case .released: [.released]
    case .rolledBack: [.rolledBack]
    case .offerLayer: [.offerLayer(1, export: false), .offerLayer(1, export: true)]
    case .tryPath:
      [
        .tryPath(PathQuestion(endpoint: sparsePreparation.endpoint, listener: nil, needsTemplates: false, measures: false)),
        .tryPath(
          PathQuestion(
            endpoint: fullPreparation.endpoint, listener: listener, needsTemplates: true, measures: true,
            tls: PathTLS(certificate: SampleCertificate.pem, verifiesClients: true))),
      ]
    case .pathTried:
      [
        .pathTried(PathAnswer(checks: [])),
        .pathTried(
          PathAnswer(
            checks: checks, listener: listener, fromDestinationBps: 117_000_000, questionToken: listener.token,
            certificate: SampleCertificate.pem)),
      ]
    case .describeTemplate: prefetchOrders.map { .describeTemplate($0) }
    case .templateDescribed:
      [
        .templateDescribed(TemplateDescription(layers: [], failure: reason)),
        .templateDescribed(TemplateDescription(layers: fullPlan.layers)),
      ]
    case .templateDone: [.templateDone]
    case .limitBandwidth: [.limitBandwidth(nil), .limitBandwidth(104_857_600)]
    case .askOffer: [.askOffer]
    case .offered: offers.map { .offered($0) }
    case .checkWay: [.checkWay(nil), .checkWay(HostVersions(libvirt: "9.0.0", hypervisor: "7.2.0"))]
    }
  }

  private static let sparsePlan = MigrationPlan(
    guest: GuestDescription(
      uuid: guest.uuid, name: resource(guest.name), persistent: false, memoryKiB: 1_048_576, domainType: "qemu",
      architecture: "x86_64", machine: "pc-i440fx-7.2", emulator: nil, cpu: nil, networks: []),
    disks: [], layers: [])

  /// Guests that take nothing in particular of their host, and little.
  private static let plainPlans = [
    HostNeeds(),
    HostNeeds(
      hugePages: HostNeeds.HugePages(sizeKiB: nil, memoryKiB: 1_048_576),
      processor: HostProcessor(model: nil, vendor: nil, microcode: nil, features: [])),
  ].map { needs in
    var plan = sparsePlan
    plan.guest.networks = [.init(type: "network", source: "default")]
    plan.guest.needs = needs
    return plan
  }

  /// A guest with a linked clone on a chain of two layers, and a full clone.
  public static let fullPlan = MigrationPlan(
    guest: GuestDescription(
      uuid: guest.uuid, name: resource(guest.name), persistent: true, memoryKiB: 4_194_304, domainType: "kvm",
      architecture: "x86_64", machine: "pc-q35-7.2", emulator: "/usr/bin/qemu-system-x86_64",
      cpu: "<cpu mode='custom'><model>Broadwell</model></cpu>",
      networks: [.init(type: "bridge", source: "br0", virtualPort: "openvswitch", mtu: 9000)],
      macAddresses: ["52:54:00:12:34:56"], hypervisorVersion: "7.2.17", libvirtVersion: "9.0.0",
      needs: HostNeeds(
        hugePages: HostNeeds.HugePages(sizeKiB: 2048, memoryKiB: 4_194_304), memoryNodes: [0], processors: [2, 3],
        listenAddresses: ["192.0.2.11"], paths: ["/dev/ttyS1"],
        processor: HostProcessor(model: "Cascadelake-Server", vendor: "Intel", microcode: "83899143", features: ["avx512vnni"]),
        tscFrequency: 2_100_000_000)),
    disks: [
      PlannedDisk(
        target: resource("vda"), format: .qcow2, virtualSize: 10_737_418_240, allocation: 1_073_741_824,
        sourcePool: resource("primary"), destinationPool: resource("primary-2"), volume: resource("web-1.qcow2"),
        backing: 2, inode: 1_234_567,
        image: ImageProperties(
          clusterSize: 131_072, compat: "1.1", extendedL2: true, lazyRefcounts: false, refcountBits: 16, compressionType: "zstd",
          preallocation: .metadata)),
      PlannedDisk(
        target: resource("vdb"), format: .raw, virtualSize: 53_687_091_200, allocation: 0,
        sourcePool: resource("primary"), destinationPool: resource("archive"), volume: resource("web-1-data.img"),
        backing: nil),
      PlannedDisk(
        target: resource("vdd"), format: .raw, virtualSize: 1_073_741_824, allocation: 1_073_741_824, sourcePool: resource("primary"),
        destinationPool: resource("primary-2"), volume: resource("web-1-log.img"), backing: nil,
        image: ImageProperties(preallocation: .full)),
      PlannedDisk(
        target: resource("vdg"), format: .qcow2, virtualSize: 1_073_741_824, allocation: 196_608, sourcePool: resource("primary"),
        destinationPool: resource("primary-2"), volume: resource("web-1-keys.qcow2"), backing: nil,
        secret: "5b0f9c1e-2222-4d8e-b7a7-3a1c0c7d9e02"),
      PlannedDisk(
        target: resource("vde"), format: .raw, virtualSize: 1_073_741_824, allocation: 4096, sourcePool: resource("primary"),
        destinationPool: resource("primary-2"), volume: resource("web-1-tmp.img"), backing: nil, image: ImageProperties()),
    ],
    layers: [
      TemplateLayer(
        id: 1, pool: resource("primary-2"), volume: resource("debian-12.img"), format: .raw, fileSize: 2_147_483_648,
        virtualSize: 2_147_483_648, backing: nil),
      TemplateLayer(
        id: 2, pool: resource("primary-2"), volume: resource("debian-12-web.qcow2"), format: .qcow2,
        fileSize: 268_435_456, virtualSize: 10_737_418_240, backing: 1, sha256: String(repeating: "0123456789abcdef", count: 4)),
      TemplateLayer(
        id: 3, pool: resource("media"), volume: resource("drivers.iso"), format: .raw, fileSize: 67_108_864, virtualSize: 67_108_864,
        backing: nil),
    ],
    shared: [
      SharedDisk(
        target: resource("vdc"),
        files: [.init(pool: resource("nfs"), volume: resource("web-1-files.img"), format: .raw, inode: 7_654_321)])
    ],
    readOnly: [
      ReadOnlyDisk(target: resource("sda"), layer: 3, missing: .eject), ReadOnlyDisk(target: resource("sdb"), layer: nil, missing: .eject),
      ReadOnlyDisk(target: resource("vdf"), layer: 1),
    ],
    sourceTriesPath: true, templateConflict: .rename, verify: true,
    queue: QueuePlace(priority: .high, headStartUs: 95_000_000), heedsBandwidth: true,
    arrivesPaused: true, sourceLibvirtURI: "qemu+tls://alpha.example/system")

  private static let digest = LayerDigest(
    fileSize: 268_435_456, header: "qcow2 3 cluster 65536 size 10737418240",
    sha256: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08")

  private static let sparsePreparation = Preparation(
    disks: [],
    endpoint: DestinationEndpoint(libvirtURI: "qemu+tcp://192.0.2.2/system", migrationAddress: "192.0.2.2"),
    templateBytes: 0)

  private static let fullPreparation = Preparation(
    disks: [
      PreparedDisk(
        target: resource("vda"),
        chain: [
          .init(path: "/srv/pools/primary-2/web-1.qcow2", format: .qcow2),
          .init(path: "/srv/pools/primary-2/debian-12-web.qcow2", format: .qcow2),
          .init(path: "/srv/pools/primary-2/debian-12.img", format: .raw),
        ]),
      PreparedDisk(target: resource("vdb"), chain: [.init(path: "/srv/pools/archive/web-1-data.img", format: .raw)]),
      PreparedDisk(target: resource("sda"), chain: []),
    ],
    endpoint: DestinationEndpoint(
      libvirtURI: "qemu+tls://beta.example.net/system", migrationAddress: "192.0.2.2", tlsName: "beta.example.net"),
    templateBytes: 2_415_919_104,
    view: PreparedView(
      socket: "/run/longshore/views/\(migration)-5f3a9c1e7b2d4680/nbd",
      scratch: [.init(target: resource("vdb"), path: "/srv/pools/archive/.longshore/north.beta/\(migration)/scratch-vdb")]))

  private static let viewLost = Reason(.notVerified, "the view of the disks has ended, as it does where the guest or its QEMU ends")

  private static let content = DiskContent(
    target: resource("vdb"), size: 134_217_728, rangeSize: 67_108_864,
    digests: ["", "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"])
}

// MARK: - Parts

extension MessageSamples {
  private static let listener = PathListener(
    address: "192.0.2.2", port: 49215, token: "0123456789abcdef0123456789abcdef", firstPort: 49152, lastPort: 49215)

  private static let sparseFacts = DestinationFacts(pools: [], presentLayers: [])

  private static let fullFacts = DestinationFacts(
    pools: [.init(pool: resource("primary-2"), capacity: 1_099_511_627_776, available: 549_755_813_888, coming: 3_489_660_928)],
    presentLayers: [1], unreadLayers: [1], toDestinationBps: 117_000_000, fromDestinationBps: 116_000_000,
    incomingBps: 104_857_600)

  private static let sparseEstimate = MigrationEstimate(
    disks: [], templates: [], pools: [], memory: .init(total: 1_073_741_824), link: .init(),
    bytes: .init(template: 0, disks: 0, memory: 0), reasons: ["the link was not measured"])

  private static let fullEstimate = MigrationEstimate(
    disks: [
      .init(
        target: resource("vda"), kind: .linkedClone, format: .qcow2,
        chain: [resource("web-1.qcow2"), resource("debian-12-web.qcow2"), resource("debian-12.img")], bytes: 1_073_741_824,
        writeBps: 204_800),
      .init(target: resource("vdb"), kind: .fullClone, format: .raw, chain: [resource("web-1-data.img")], bytes: 0),
    ],
    templates: [
      .init(pool: resource("primary-2"), volume: resource("debian-12.img"), bytes: 2_147_483_648, isPresent: true),
      .init(pool: resource("primary-2"), volume: resource("debian-12-web.qcow2"), bytes: 268_435_456, isPresent: false),
    ],
    pools: [
      .init(
        host: source.host, pool: resource("primary"), capacity: 1_099_511_627_776, availableBefore: 549_755_813_888,
        availableAfter: 549_755_813_888, availableAfterGrace: 550_829_555_712),
      .init(
        host: destination.host, pool: resource("primary-2"), capacity: 1_099_511_627_776, availableBefore: 549_755_813_888,
        availableAfter: 548_413_636_608),
    ],
    memory: .init(total: 4_294_967_296, used: 1_610_612_736, dirtyBps: 8_388_608),
    link: .init(toDestinationBps: 117_000_000, fromDestinationBps: 116_000_000),
    bytes: .init(template: 268_435_456, disks: 1_075_622_000, memory: 1_733_000_000),
    parts: .init(preparation: 0.5, templates: 2.5, disks: 9.25, memory: 15, handover: 0.75), downtimeMs: 220, converges: true,
    reasons: ["the link carries 112 MiB/s to beta"], advice: ["turn auto-converge on"])

  private static let reason = Reason(
    .noSpace, "pool primary-2 on beta has 12 GiB free and the guest needs 40 GiB: free some or choose another pool")

  private static let console = Console(type: "vnc", address: "192.0.2.2", port: 5901)

  private static let checks = [
    Check(.incompatibleCPU, on: destination.host, .passed, "beta's CPU runs the guest"),
    Check(.noMemory, on: destination.host, .warning, "beta has 4 GiB of memory free and the guest takes 4 GiB"),
    Check(
      .noSpace, on: destination.host, .refused, "the pool primary-2 has 12 GiB free, and 40 GiB are coming",
      expected: CheckRule.room.expected, advice: CheckRule.room.advice),
  ]

  private static let disks = [
    MigrationEventData.Disk(
      target: resource("vda"),
      from: .init(pool: resource("primary"), volume: resource("web-1.qcow2"), format: .qcow2),
      to: .init(pool: resource("primary-2"), volume: resource("web-1.qcow2"), format: .qcow2),
      virtualSize: 10_737_418_240, linkedClone: true),
    MigrationEventData.Disk(
      target: resource("vdb"),
      from: .init(pool: resource("primary"), volume: resource("web-1-data.img"), format: .raw),
      to: .init(pool: resource("archive"), volume: resource("web-1-data.img"), format: .raw),
      virtualSize: 53_687_091_200, linkedClone: false),
  ]
}
