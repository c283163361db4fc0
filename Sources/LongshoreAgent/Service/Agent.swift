internal import AMQP
internal import Glibc
internal import Libvirt
internal import Logging
internal import LongshoreMessages
internal import MigrationCore
internal import MigrationJournal
internal import PrometheusMetrics
internal import ServiceLifecycle
internal import UnixSignals

/// The agent of one host: everything put together, and its life.
struct Agent {
  private let coordinator: MigrationCoordinator
  private let prefetches: PrefetchCoordinator
  private let drains: DrainCoordinator
  private let services: [any Service]
  private let pacer: BandwidthPacer
  private let exporter: NBDExporter
  private let diskViews: DiskViews
  private let endpoint: MonitoringEndpoint?
  private let lock: HostLock
  private let logger: Logger

  /// Opens the journal and takes the host's lock. Nothing else is touched: broker and libvirt may be away.
  ///
  /// - Parameters:
  ///   - standIn: What does the work on guests in place of libvirt, QEMU and files.
  ///   - manager: Who is told how the agent stands.
  ///   - recentLog: What the logger keeps of its last lines.
  ///   - reread: Reads the configuration anew; nil where it is not read from anywhere.
  init(
    configuration: AgentConfiguration, standIn: StandIn? = nil, manager: ServiceManager = ServiceManager(environment: [:]),
    recentLog: RecentLog = RecentLog(), reread: (@Sendable () async throws -> AgentConfiguration)? = nil, logger: Logger
  ) throws {
    let live = LiveConfiguration(configuration)
    let here = configuration.host
    let clock = SystemHostClock()
    try Self.makeFolder(configuration.runDirectory)
    try Self.makeFolder(PathText.folder(of: configuration.journalPath))
    lock = try HostLock(path: "\(configuration.runDirectory)/\(here.host).lock")
    let registry = try AgentMetrics.registry()
    let metrics = AgentMetrics(factory: registry)
    let written = JournalWatch(metrics: metrics)
    let journal = try Journal(path: configuration.journalPath) { written.note($0, $1) }

    var publisherConfiguration = configuration.broker
    publisherConfiguration.connectionName = "\(configuration.broker.connectionName ?? "longshored") (publishing)"
    let topology = AgentTopology.topology(of: here)
    let consumer = try AMQPConnection(configuration: configuration.broker, topology: topology, logger: logger)
    let publisher = try AMQPConnection(configuration: publisherConfiguration, topology: topology, logger: logger)
    let connections = [(name: "consuming", connection: consumer), (name: "publishing", connection: publisher)]
    let health = AgentHealth(connections: connections, clock: clock)
    written.tell(health)
    let (changes, changed) = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))
    let outboxChanged: @Sendable () -> Void = { changed.yield() }
    let defaults = try HostDefaults(deadlineSeconds: configuration.deadlineSeconds, journal: journal)

    let libvirt = LibvirtLink(uri: configuration.libvirtURI, logger: logger)
    let images = QemuImg()
    let pools = PoolRefresher(libvirt: libvirt, logger: logger)
    let storage: @Sendable () async throws -> HostStorage = { try await HostStorage(on: libvirt.connection()) }
    let exports = "\(configuration.runDirectory)/exports"
    try Self.makeFolder(exports)
    let views = "\(configuration.runDirectory)/views"
    try Self.makeFolder(views)
    guard chmod(views, 0o711) == 0 else {
      throw ConfigurationError(place: views, key: nil, message: "its mode cannot be set: \(String(cString: strerror(errno)))")
    }
    diskViews = DiskViews(
      here: here, libvirt: libvirt, journal: journal, images: images, directory: views, clock: clock, logger: logger)
    let exporter = NBDExporter(
      address: configuration.nbdAddress, ports: configuration.nbdPorts, directory: exports, credentials: configuration.nbdCredentials)
    let identities = LayerIdentities(journal: journal)
    let publishing = ConfirmedPublishing(
      connection: publisher, user: configuration.broker.user, clock: clock, logger: logger
    ) { metrics.published($0, isConfirmed: $1) }
    let peers = BrokerPeerLink(here: here, journalID: journal.id, publishing: publishing)
    let progress = ProgressBoard(here: here, connection: publisher, user: configuration.broker.user, clock: clock) { metrics.copied($0) }
    let pulse = FileSystemPulse()
    let inspector = GuestInspector(here: here.host, endpoint: configuration.endpoint, images: images, pulse: pulse) {
      try? identities.known($0)
    }
    let pacer = BandwidthPacer(schedules: configuration.bandwidth, clock: clock, logger: logger)
    let offers = LayerOffers(
      here: here.host, limit: configuration.templateCopies.outgoing, identities: identities, exporter: exporter, peers: peers,
      pacer: pacer, clock: clock, logger: logger)
    let mailbox = OfferMailbox()
    let descriptions = DescriptionMailbox()
    let paths = PathMailbox()
    let checks = DestinationChecks(
      here: here, libvirt: libvirt, journal: journal, images: images,
      admission: {
        let configuration = live.now
        return DestinationChecks.Admission(
          takesGuests: configuration.takesGuests, overcommitsMemory: configuration.overcommitsMemory,
          allowedPools: configuration.allowedPools)
      },
      path: PathChecks(
        here: here, endpoint: configuration.endpoint, settings: LibvirtSettings(), peers: peers, mailbox: paths, clock: clock),
      pulse: pulse, identities: identities,
      incomingBudget: {
        let now = clock.now().wall
        return live.now.incomingBandwidth.rate(at: now, in: LocalTime.ofHost(from: now))
      })
    let allowed = AllowedAddresses { live.now.allowedAddresses }

    let destinations = DestinationConnections(logger: logger)
    let trials = PathTrials(
      here: here, allowed: allowed, templateAddress: configuration.nbdAddress,
      templatePorts: configuration.nbdPorts, peers: peers, clock: clock, logger: logger)
    let notes = TransferNotes()
    let sourceRunner = HypervisorSourceRunner(
      here: here, source: libvirt, destinations: destinations, inspector: inspector, offers: offers,
      retirement: SourceRetirement(
        here: here, source: libvirt, journal: journal, graceSeconds: { live.now.graceSeconds }, pools: pools, storage: storage,
        clock: clock, logger: logger),
      reading: SourceReading(exporter: exporter, progress: progress, clock: clock), allowed: allowed, progress: progress,
      notes: notes, pacer: pacer, clock: clock, logger: logger)
    let places = CopyPlaces(limit: configuration.templateCopies.incoming)
    let layers = LayerProvider(
      here: here, folder: { try await PoolFolder.path(of: $0, on: libvirt.connection()) }, journal: journal, identities: identities,
      images: images, credentials: configuration.nbdCredentials, offers: mailbox, turns: PathTurns(),
      places: places, peers: peers, clock: clock, logger: logger)
    let destinationRunner = HypervisorDestinationRunner(
      here: here, libvirt: libvirt, hosts: BothHosts(source: libvirt, destinations: destinations, clock: clock), allowed: allowed,
      journal: journal, checks: checks, layers: layers,
      stubs: StubMaker(here: here, libvirt: libvirt, journal: journal, images: images, pools: pools),
      postChecks: PostChecks(libvirt: libvirt, images: images), views: diskViews, pools: pools, peers: peers, clock: clock, logger: logger)
    let housekeeping = HousekeeperCalls()
    let ends = EndedMigrations()
    let coordinator = MigrationCoordinator(
      here: here, journal: journal, limits: configuration.limits, clock: clock,
      sourceRunner: standIn?.source { await progress.post($0, of: $1) } ?? sourceRunner,
      destinationRunner: standIn?.destination ?? destinationRunner, peers: peers, outboxChanged: outboxChanged,
      ended: { migration in
        metrics.ended(migration, at: clock.now())
        housekeeping.call()
        Task {
          await progress.remove(migration)
          await notes.remove(migration.id)
          await pacer.forget(migration.id)
          await ends.note(migration.id)
        }
      }, left: { metrics.left($0, after: $1) }, calledOperator: { metrics.calledOperator($0) }, logger: logger)
    let prefetches = PrefetchCoordinator(
      here: here, journal: journal, limit: configuration.limits.incoming, deadlineSeconds: { defaults.deadlineSeconds }, clock: clock,
      runner: HypervisorPrefetchRunner(
        libvirt: libvirt, journal: journal, checks: checks, layers: layers, mailbox: descriptions, peers: peers, pools: pools,
        patience: { live.now.answerTimeout }, clock: clock, logger: logger), outboxChanged: outboxChanged, logger: logger)
    let catalogue = TemplateCatalogue(here: here.host, libvirt: libvirt, journal: journal, pulse: pulse, identities: identities)
    let verifications = TemplateVerifications(select: catalogue.select, identities: identities, logger: logger)
    let dryRuns = DryRuns()
    let door = OrderDoor(
      here: here, coordinator: coordinator, libvirt: libvirt, defaults: defaults,
      patience: {
        let configuration = live.now
        return Patience(firstAnswer: configuration.answerTimeout, attention: configuration.attentionAfter)
      }, clock: clock, logger: logger)
    let hostOffers = HostOfferMailbox()
    let sampler = GuestSampler(clock: clock)
    let drains = DrainCoordinator(
      here: here, journal: journal, clock: clock,
      runner: HypervisorDrainRunner(
        here: here, libvirt: libvirt, coordinator: coordinator,
        surveyor: DrainSurveyor(
          here: here, libvirt: libvirt, coordinator: coordinator, inspector: inspector, sampler: sampler,
          questions: OfferQuestions(here: here, peers: peers, cluster: peers, mailbox: hostOffers, clock: clock), dryRuns: dryRuns,
          peers: peers, pacer: pacer, clock: clock, logger: logger),
        door: door, ends: ends, clock: clock, logger: logger),
      left: { id in
        if let left = await progress.progress(of: id)?.partLeft { return left }
        return await coordinator.hasTransferred(id) ? 0 : nil
      }, outboxChanged: outboxChanged, logger: logger)
    let setAside = SetAsideDisks(journal: journal, pulse: pulse, storage: storage, clock: clock, logger: logger)
    let orphans = Orphans(
      here: here, journal: journal, libvirt: libvirt, exporter: exporter, pulse: pulse, isServed: { await offers.serves($0) },
      clock: clock, logger: logger)
    let desk = RequestDesk(
      here: here, coordinator: coordinator, journal: journal, libvirt: libvirt,
      hosts: BothHosts(source: libvirt, destinations: destinations, clock: clock), allowed: allowed, inspector: inspector,
      sampler: sampler,
      identities: identities, peers: peers, dryRuns: dryRuns,
      progress: progress, pacer: pacer, setAside: setAside,
      orphans: orphans, templates: catalogue, verifications: verifications, prefetches: prefetches,
      drains: drains, door: door,
      diagnosis: HostDiagnosis(
        here: here, libvirt: libvirt, checks: checks, coordinator: coordinator, orphans: orphans,
        files: HostDiagnosis.Files(
          certificates: configuration.certificateFiles + PathChecks.certificates(of: configuration.endpoint),
          secrets: configuration.secretFiles, journal: configuration.journalPath),
        dryRuns: dryRuns, peers: peers, clock: clock),
      reports: MigrationReports(here: here, journal: journal, libvirt: libvirt, recent: recentLog, clock: clock),
      inventory: InventoryReader(
        uuid: { live.now.hostUUID }, libvirt: libvirt, coordinator: coordinator, defaults: defaults,
        allowedPools: { live.now.allowedPools }, clock: clock, logger: logger),
      defaults: defaults,
      takesGuests: { live.now.takesGuests }, clock: clock,
      logger: logger)

    let measuring = MetricsSampler(
      registry: registry, health: health, journal: journal, takesGuests: { live.now.takesGuests },
      census: { await coordinator.census }, transfers: { await progress.transfers(to: coordinator.destinations) },
      templates: { (await offers.exportCount, await places.takenCount, await places.waitingCount) },
      budgets: {
        let now = clock.now().wall
        let outgoing = await pacer.budgets
        let incoming = live.now.incomingBandwidth.rate(at: now, in: LocalTime.ofHost(from: now))
        return [("outgoing", "", outgoing.host), ("incoming", "", incoming)].compactMap { scope, peer, rate in
          rate.map { (scope: scope, peer: peer, rate: $0) }
        } + outgoing.links.map { (scope: "link", peer: $0.key.text, rate: $0.value) }
      }, drains: { await drains.openCount }, clock: clock)
    metrics.orphans(nil)
    endpoint = configuration.metricsListen.map { address in
      MonitoringEndpoint(
        address: address, health: health, registry: registry, gate: SampleGate { await measuring.sample() }, clock: clock, logger: logger)
    }

    // Shut down in reverse: first nothing new comes in, then the effects rest, then the outbox and the connections close.
    services = [
      LinkWatch(connections: connections, libvirt: libvirt, health: health, metrics: metrics), publisher, consumer,
      LibvirtService(link: libvirt),
      OutboxPublisher(journal: journal, publishing: publishing, changes: changes, clock: clock, logger: logger),
      CoordinatorService(coordinator: coordinator, prefetches: prefetches, drains: drains, verifications: verifications),
      IncomingBandwidth(
        schedule: { live.now.incomingBandwidth }, shares: { await coordinator.incomingShares(of: $0) }, peers: peers, clock: clock,
        logger: logger),
      Housekeeper(
        journal: journal, disks: setAside, calls: housekeeping, clock: clock, logger: logger,
        setAside: { metrics.setAside(files: $0, bytes: $1) },
        lookForOrphans: {
          guard let found = try? await orphans.list() else { return false }
          metrics.orphans(found)
          return true
        }),
      Inbox(
        here: here, orderingUsers: { live.now.orderingUsers }, peerUser: { live.now.peerUser }, connection: consumer, desk: desk,
        coordinator: coordinator, offers: offers,
        mailbox: mailbox, templates: TemplateOffers(here: here.host, catalogue: catalogue, images: images, offers: offers),
        descriptions: descriptions, dryRuns: dryRuns,
        checks: checks, trials: trials, paths: paths, hostOffers: hostOffers,
        ownOffers: HostOffers(here: here, libvirt: libvirt, checks: checks, coordinator: coordinator),
        peers: peers, endpoint: configuration.endpoint, journal: journal,
        outboxChanged: outboxChanged, health: health, metrics: metrics, clock: clock,
        logger: logger),
      ConfigurationReload(
        live: live, read: reread,
        tell: { configuration in
          var level = logger
          level.logLevel = configuration.logLevel
          defaults.reconfigure(deadlineSeconds: configuration.deadlineSeconds)
          await pacer.use(schedules: configuration.bandwidth)
          await offers.use(limit: configuration.templateCopies.outgoing)
          await places.use(limit: configuration.templateCopies.incoming)
          await prefetches.use(limit: configuration.limits.incoming)
          await coordinator.use(limits: configuration.limits)
        }, manager: manager, isStarted: { health.hasStarted }, logger: logger),
      Heartbeat(
        health: health, journal: journal, manager: manager,
        round: {
          _ = await prefetches.openCount
          let drained = await drains.openCount
          return await coordinator.census.line + (drained > 0 ? ", a drain" : "")
        }, clock: clock, logger: logger),
    ]
    self.coordinator = coordinator
    self.pacer = pacer
    self.prefetches = prefetches
    self.drains = drains
    self.exporter = exporter
    self.logger = logger
  }

  /// Works until the process is asked to end.
  ///
  /// - Throws: Among others ``ConfigurationError`` where the endpoint for metrics cannot listen; nothing was taken up then.
  func run() async throws {
    let endpoint = try await endpoint?.start()
    do {
      try await work()
    } catch {
      await endpoint?.stop()
      throw error
    }
    await endpoint?.stop()
  }

  private func work() async throws {
    // A server that waits for a storage which stands still cannot be ended. Nothing of its name is served again, and its port is passed over.
    do throws(ImageError) {
      try await exporter.endLeftovers()
    } catch {
      logger.error("What an earlier run has served cannot be ended", metadata: [LogKeys.error: "\(error)"])
    }
    diskViews.removeStale()
    await pacer.use { [coordinator] in await coordinator.bandwidthClaims }
    try await coordinator.resume()
    try await prefetches.resume()
    try await drains.resume()
    var configuration = ServiceGroupConfiguration(
      services: services.map { ServiceGroupConfiguration.ServiceConfiguration(service: $0) },
      gracefulShutdownSignals: [.sigterm, .sigint], logger: logger)
    configuration.maximumGracefulShutdownDuration = .seconds(30)
    configuration.maximumCancellationDuration = .seconds(5)
    try await ServiceGroup(configuration: configuration).run()
    withExtendedLifetime(lock) {}
  }

  private static func makeFolder(_ path: String) throws {
    var made = ""
    for part in path.split(separator: "/") {
      made += "/\(part)"
      if mkdir(made, 0o755) != 0, errno != EEXIST, errno != EROFS {
        throw ConfigurationError(place: made, key: nil, message: "the folder cannot be made: \(String(cString: strerror(errno)))")
      }
    }
  }
}

/// Keeps the link to the host's libvirt connected.
private struct LibvirtService: Service, CustomStringConvertible {
  let description = "the link to libvirt"
  let link: LibvirtLink

  func run() async throws { await cancelWhenGracefulShutdown { await link.run() } }
}

/// Lets the effects rest when the agent ends.
private struct CoordinatorService: Service, CustomStringConvertible {
  let description = "the migrations"
  let coordinator: MigrationCoordinator
  let prefetches: PrefetchCoordinator
  let drains: DrainCoordinator
  let verifications: TemplateVerifications

  func run() async throws {
    try? await gracefulShutdown()
    await verifications.stop()
    await drains.stop()
    await prefetches.stop()
    await coordinator.stop()
  }
}
