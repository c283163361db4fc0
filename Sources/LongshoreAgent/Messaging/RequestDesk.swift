internal import AMQP
internal import Digests
internal import DomainXML
internal import Libvirt
internal import Logging
internal import LongshoreMessages
internal import MigrationCore
internal import MigrationJournal

/// An order to migrate as it came, or what cannot be read or done and is refused among orders.
struct IncomingOrder: Sendable {
  /// What came.
  enum Content: Sendable {
    case migrate(Request, MigrateCommand)
    case unusable([Reason])
  }

  var content: Content
  /// When it was sent, as the message says; nil where it does not.
  var sentAt: Timestamp?
  /// The trace that it belongs to; nil where it is in none.
  var trace: TraceContext?
  /// The message that tells who sent it what became of it; nil where nobody is to be told.
  var answer: @Sendable (HostMigrations.Acceptance) -> OutboxMessage?
}

/// Answers requests: takes orders to migrate, and tells what is known. Knows nothing of AMQP but where a reply goes.
struct RequestDesk: Sendable {
  /// How long a request may be on its way that does not say so itself, in milliseconds: a day.
  private static let defaultValidity: Int64 = 86_400_000
  /// How long a dry run waits for the destination's table, in milliseconds.
  private static let dryRunWait: Int64 = 30_000

  let here: HostAddress
  let coordinator: MigrationCoordinator
  let journal: Journal
  let libvirt: LibvirtLink
  let hosts: BothHosts
  let allowed: AllowedAddresses
  let inspector: GuestInspector
  let sampler: GuestSampler
  let identities: LayerIdentities
  let peers: any PeerLink
  let dryRuns: DryRuns
  let progress: ProgressBoard
  let pacer: BandwidthPacer
  let setAside: SetAsideDisks
  let orphans: Orphans
  let templates: TemplateCatalogue
  let verifications: TemplateVerifications
  let prefetches: PrefetchCoordinator
  let drains: DrainCoordinator
  let door: OrderDoor
  let diagnosis: HostDiagnosis
  let reports: MigrationReports
  let inventory: InventoryReader
  let defaults: HostDefaults
  /// Whether the configuration lets guests come.
  let takesGuests: @Sendable () -> Bool
  let clock: any HostClock
  let logger: Logger

  /// Answers a request, other than an order to migrate (``take(_:)``).
  ///
  /// - Parameters:
  ///   - request: The request.
  ///   - sentAt: When it was sent, as the message says; nil where it does not.
  /// - Returns: The reply, or nil for a question that another host has to answer.
  func answer(_ request: Request, sentAt: Timestamp?) async throws(JournalError) -> Reply.Body? {
    if let reason = objection(to: request, sentAt: sentAt) { return .rejected([reason]) }
    do throws(JournalError) {
      return try await answer(request)
    } catch {
      // Asking again is of no use, and would hold up all that comes after it.
      guard error.isOfOneRecord else { throw error }
      return .rejected([Reason(.operationFailed, error.message)])
    }
  }

  private func answer(_ request: Request) async throws(JournalError) -> Reply.Body? {
    switch request.command {
    case .migrate(let order): return await dryRun(request.id, order)
    case .cancel(let id): return try await cancel(id, request: request)
    case .tune(let id, let limits): return try await tune(id, limits, request: request)
    case .forceComplete(let id): return try await forceComplete(id, request: request)
    case .resolve(let id, let owner): return try await resolve(id, owner: owner, request: request)
    case .status(let id): return try await status(id)
    case .list(let includeEnded):
      var all: [MigrationStatus] = []
      for migration in try await coordinator.allSources(includeEnded: includeEnded) { all.append(await status(of: migration)) }
      return .migrations(all)
    case .queue: return .queue(await queue())
    case .moveQueued(let move):
      return try await applied("move the migration") {
        try await coordinator.move(move)
        return .queue(await queue())
      }
    case .cancelQueued(let id):
      return try await applied("cancel the migration") {
        try await coordinator.cancelQueued(id, reason: Reason(.cancelled, "cancelled by the request \(request.id)"))
        return .accepted
      }
    case .describe: return .host(try await describe())
    case .inventory(let question): return .inventory(await inventory.read(question, maintenance: try maintenance()))
    case .configure(let change): return try configure(change, request: request)
    case .listGrace: return try await answer("list the disks that are set aside") { .grace(try await setAside.list()) }
    case .extendGrace(let selection, let end):
      return try await answer("keep the disks") { .grace(try await setAside.extend(selection, until: end)) }
    case .purgeGrace(let selection):
      return try await answer("delete the disks") { .grace(try await setAside.purge(selection)) }
    case .listOrphans: return try await answer("look for orphans") { .orphans(try await orphans.list()) }
    case .listTemplates(let pool): return try await answer("list the templates") { .templates(try await templates.list(pool: pool)) }
    case .verifyTemplates(let selection):
      return try await answer("read the templates") { .templateWork(try await verifications.begin(request.id, selection)) }
    case .prefetchTemplate(let order):
      return try await prefetches.order(
        order, key: RequestKey(id: request.id, digest: SHA256.digest(of: MessageCoding.encode(order))), trace: request.trace)
    case .templateWork(let id): return try await work(id)
    case .drain(let order):
      if order.dryRun == true { return await drains.plan(order, id: request.id) }
      return try await drains.order(
        order, key: RequestKey(id: request.id, digest: SHA256.digest(of: MessageCoding.encode(order))), trace: request.trace)
    case .drainStatus(let id):
      guard let status = try await drains.status(id) else {
        return .rejected([Reason(.unknownDrain, "no drain \(id) is known at \(here.host)")])
      }
      return .drain(status)
    case .listDrains(let includeEnded): return .drains(try await drains.list(includeEnded: includeEnded))
    case .steerDrain(let steering):
      let code: Reason.Code =
        switch steering.action {
        case .pause: .drainPaused
        case .resume: .drainResumed
        case .cancel: .cancelled
        }
      return try await drains.steer(steering, reason: Reason(code, "by the request \(request.id)"))
    case .setMaintenance(let on): return try await drains.setMaintenance(on, takesGuests: takesGuests())
    case .report(let id): return try await reports.make(id).map { .report($0) } ?? unknown(id)
    case .diagnose(let order): return .diagnosis(await diagnosis.make(order, id: request.id))
    case .removeOrphans(let ids): return try await answer("remove orphans") { .orphans(try await orphans.remove(Set(ids))) }
    }
  }

  /// The answer that work gives, or its failure as a refusal.
  private func answer(_ operation: String, _ work: () async throws -> Reply.Body) async throws(JournalError) -> Reply.Body {
    do {
      return try await work()
    } catch let error as JournalError {
      throw error
    } catch let error as LibvirtError where error.isConnectionLost || error.code == .notConnected {
      return .rejected([Reason(.unavailable, "libvirt on \(here.host) cannot be asked at present (\(error.message)): ask again later")])
    } catch {
      return .rejected([Reason.of(error, operation)])
    }
  }

  // MARK: - Orders

  /// Takes orders to migrate, all that have come together. When it returns, what became of them is in the journal, with the answers.
  func take(_ orders: [IncomingOrder]) async throws(JournalError) {
    let judged = await withTaskGroup(of: (Int, JudgedOrder).self) { group in
      for (number, order) in orders.enumerated() { group.addTask { (number, await judge(order)) } }
      return await group.reduce(into: [Int: JudgedOrder]()) { $0[$1.0] = $1.1 }
    }
    try await coordinator.take(orders.indices.compactMap { judged[$0] })
  }

  private func judge(_ order: IncomingOrder) async -> JudgedOrder {
    func refused(_ reasons: [Reason]) -> JudgedOrder {
      JudgedOrder(key: nil, content: .failure(JudgedOrder.Refusal(reasons: reasons)), answer: order.answer)
    }
    switch order.content {
    case .unusable(let reasons): return refused(reasons)
    case .migrate(let request, let command):
      if let reason = objection(to: request, sentAt: order.sentAt) { return refused([reason]) }
      return await door.judge(command, id: request.id, trace: order.trace, answer: order.answer)
    }
  }

  /// Why a request is not to be done here, or not any more; nil where there is nothing against it.
  private func objection(to request: Request, sentAt: Timestamp?) -> Reason? {
    if let host = request.host, host != here { return Reason(.wrongHost, "the request is for \(host), and this is \(here)") }
    if let notAfter = request.notAfter ?? sentAt?.adding(milliseconds: Self.defaultValidity), clock.now().wall > notAfter {
      return Reason(.expired, "the request was not to be done after \(notAfter)")
    }
    return nil
  }

  private func dryRun(_ id: MigrationID, _ order: MigrateCommand) async -> Reply.Body {
    switch await door.locate(order) {
    case .failure(let refusal): .rejected(refusal.reasons)
    case .success(let way): await dryRun(id, order, guest: way.guest, destination: way.destination)
    }
  }

  private func dryRun(_ id: MigrationID, _ order: MigrateCommand, guest: GuestReference, destination: HostAddress) async -> Reply.Body {
    if let busy = await coordinator.lock(onGuest: guest.uuid) { return .rejected([busy]) }
    let inspection: Inspection
    let connection: LibvirtConnection
    do {
      connection = try await libvirt.connection()
      switch try await inspector.inspect(guest.uuid, for: order, on: connection) {
      case .refused(let checks): return .checked(checks, disks: [])
      case .ready(let found): inspection = found
      }
      if let refusal = inspection.refusalToVerify(by: order) { return .rejected([refusal]) }
    } catch {
      return .rejected([Reason.of(error, "read the guest \(guest.name)")])
    }
    func unreachable(_ found: String, advice: String? = nil) -> [Check] {
      [CheckRule.destinationAnswers.failed(on: here.host, found, advice: advice)]
    }
    let silent = unreachable("the agent of \(destination.host) did not answer within \(Self.dryRunWait / 1000) s")
    let unknown = unreachable(
      "no agent of the host \(destination.host) has ever joined the broker", advice: "see whether its name is right")
    async let sampling = sampler.sample(inspection.plan, isPaused: inspection.isPaused == true, on: connection)
    let answer = await dryRuns.answer(of: id, fallback: silent, milliseconds: Self.dryRunWait, clock: clock) { [peers] in
      do {
        try await peers.send(.check(inspection.plan), of: id, to: destination)
        return nil
      } catch is PeerUnknown {
        return unknown
      } catch {
        return silent
      }
    }
    let sample = await sampling
    let fixed = [order.options?.bandwidthMiBps.map { $0 << 20 }, answer.facts?.incomingBps].compactMap(\.self).min()
    let outlook = await pacer.outlook(to: destination.host, fixed: fixed)
    let estimate = answer.facts.map { facts in
      Estimator.estimate(
        EstimateFacts(
          plan: inspection.plan, source: here.host, destination: destination.host, options: order.options,
          outlook: outlook, there: facts,
          unreadLayers: inspection.layerPaths.filter { !identities.knows($0.value) }.map(\.key), sourcePools: sourcePools(of: inspection),
          usedMemory: sample.usedMemory, dirtyBps: sample.dirtyBps, writes: sample.writes))
    }
    return .checked(inspection.checks + answer.checks, disks: inspection.plan.diskMoves, estimate: estimate)
  }

  /// The pools that a guest's disks are in, with what they take there. Pools in one file system share its space.
  private func sourcePools(of inspection: Inspection) -> [EstimateFacts.SourcePool] {
    var folders: [(pool: ResourceName, folder: String)] = []
    var held: [UInt64: UInt64] = [:]
    for disk in inspection.plan.disks {
      guard let path = inspection.sourcePaths[disk.target] else { continue }
      let folder = PathText.folder(of: path)
      if !folders.contains(where: { $0.pool == disk.sourcePool }) { folders.append((disk.sourcePool, folder)) }
      if let device = FileProbe.device(of: folder) { held[device, default: 0] += disk.allocation }
    }
    return folders.compactMap { pool, folder in
      guard let device = FileProbe.device(of: folder), let capacity = FileProbe.totalBytes(in: folder),
        let available = FileProbe.availableBytes(in: folder)
      else { return nil }
      return EstimateFacts.SourcePool(pool: pool, capacity: capacity, available: available, held: held[device] ?? 0)
    }
  }

  /// How work on templates stands.
  private func work(_ id: MigrationID) async throws(JournalError) -> Reply.Body {
    if let work = await verifications.work(id) { return .templateWork(work) }
    if let work = try await prefetches.work(id) { return .templateWork(work) }
    return .rejected([
      Reason(
        .unknownMigration,
        "no work \(id) on templates is known at \(here.host): a prefetch is forgotten after a month, a verification with the agent's end")
    ])
  }

  /// The answer of something that the machines may refuse.
  private func applied(_ operation: String, _ work: () async throws -> Reply.Body) async throws(JournalError) -> Reply.Body {
    do {
      return try await work()
    } catch let error as Rejected {
      return .rejected([error.reason])
    } catch let error as JournalError {
      throw error
    } catch {
      return .rejected([Reason.of(error, operation)])
    }
  }

  /// The migrations that wait, with when they are expected to start.
  private func queue() async -> [QueueEntry] {
    var ends: [MigrationID: Int64] = [:]
    for id in await coordinator.sourcesAtWork {
      guard let seconds = await progress.progress(of: id)?.remainingSeconds, seconds < 1e9 else { continue }
      ends[id] = Int64(max(0, seconds) * 1000)
    }
    return await coordinator.queue(ends: ends)
  }

  private func cancel(_ id: MigrationID, request: Request) async throws(JournalError) -> Reply.Body {
    let reason = Reason(.cancelled, "cancelled by the request \(request.id)")
    if await verifications.cancel(id, reason: reason) != nil { return .accepted }
    if let cancelled = try await prefetches.cancel(id, reason: reason) { return cancelled.map { .rejected([$0]) } ?? .accepted }
    return try await applied("cancel the migration") {
      try await coordinator.cancel(id, reason: reason)
      return .accepted
    }
  }

  private func tune(_ id: MigrationID, _ limits: TransferLimits, request: Request) async throws(JournalError) -> Reply.Body {
    try await applied("change the migration's limits") {
      .tuned(
        try await coordinator.tune(id, limits, reason: Reason(.limitsChanged, "changed by the request \(request.id)")))
    }
  }

  private func forceComplete(_ id: MigrationID, request: Request) async throws(JournalError) -> Reply.Body {
    let left = await progress.progress(of: id).map { Self.left($0) } ?? ""
    let reason = Reason(.guestSuspended, "the guest is suspended until it has moved, by the request \(request.id)\(left)")
    return try await applied("suspend the guest") { .forced(try await coordinator.forceCompletion(of: id, reason: reason)) }
  }

  /// What is left to be copied, and how long that takes at the present rate.
  private static func left(_ progress: Progress) -> String {
    let remaining = (progress.disks.map(\.bytes.remaining) + [progress.memory?.remaining ?? 0]).reduce(UInt64(0)) { $0 &+ $1 }
    guard let rate = progress.rateBps, rate > 0 else { return "" }
    let memory = progress.memory == nil ? " of disks, and all of its memory," : ""
    return ": at least \(ByteCount(remaining))\(memory) left, copied at \(ByteCount(rate))/s"
  }

  /// Takes the operator's word for who has a guest: at the migration's source, or where that is away at its destination.
  private func resolve(_ id: MigrationID, owner: NodeName, request: Request) async throws(JournalError) -> Reply.Body {
    if let migration = try await coordinator.source(id) {
      guard let owner = migration.owner(named: owner) else { return .rejected([neither(owner, migration.source, migration.destination)]) }
      let observation = await hosts.observe(migration)
      do {
        try await coordinator.nameOwner(owner, of: id, seeing: observation)
        return .accepted
      } catch let error as Rejected {
        return .rejected([error.reason])
      } catch let error as JournalError {
        throw error
      } catch {
        return .rejected([Reason.of(error, "name the owner")])
      }
    }
    guard let migration = await coordinator.incoming(id), let plan = migration.plan else {
      return .rejected([Reason(.unknownMigration, "no migration \(id) that has not ended is known at \(here.host)")])
    }
    guard let named = [(migration.source.host, Owner.source), (here.host, .destination)].first(where: { $0.0 == owner })?.1 else {
      return .rejected([neither(owner, migration.source, here)])
    }
    let reason = Reason(.ownerNamed, "the request \(request.id) named \(owner) as the guest's owner")
    let seen = await hosts.observe(plan.guest.uuid, atSource: plan.sourceLibvirtURI, allowed: allowed)
    let refusal = try await coordinator.nameOwner(named, ofIncoming: id, seeing: seen, reason: reason)
    return refusal.map { .rejected([$0]) } ?? .accepted
  }

  private func neither(_ owner: NodeName, _ source: HostAddress, _ destination: HostAddress) -> Reason {
    Reason(.malformed, "\(owner) is no host of this migration: name \(source.host) or \(destination.host)")
  }

  // MARK: - Questions

  private func status(_ id: MigrationID) async throws(JournalError) -> Reply.Body {
    guard let migration = try await coordinator.source(id) else { return unknown(id) }
    var status = await status(of: migration)
    status.events = try journal.events(of: id)
    return .status(status)
  }

  private func unknown(_ id: MigrationID) -> Reply.Body {
    .rejected([Reason(.unknownMigration, "no migration \(id) out of \(here.host) is known")])
  }

  private func status(of migration: SourceMigration) async -> MigrationStatus {
    MigrationStatus(
      id: migration.id, phase: migration.publicPhase, guest: migration.guest, sourceHost: migration.source.host,
      destinationHost: migration.destination.host, acceptedAt: migration.acceptedAt.wall, updatedAt: migration.updatedAt,
      reasons: migration.reasons, progress: migration.isTerminal ? nil : await progress.progress(of: migration.id))
  }

  /// Whether the host takes guests.
  private func maintenance() throws(JournalError) -> Maintenance {
    guard takesGuests() else { return Maintenance(isOn: true) }
    return try journal.maintenance() ?? Maintenance(isOn: false)
  }

  /// Changes settings for good, and says so in the log.
  private func configure(_ change: HostSettingsChange, request: Request) throws(JournalError) -> Reply.Body {
    let (settings, changes) = try defaults.configure(change, at: clock.now())
    for change in changes {
      logger.notice(
        "A setting was changed",
        metadata: [
          LogKeys.request: "\(request.id)", LogKeys.setting: "\(change.setting.rawValue)", LogKeys.from: "\(change.from)",
          LogKeys.to: "\(change.to)",
        ])
    }
    return .configured(settings, changes: changes)
  }

  /// What the disks that are set aside take in a pool's folder, in bytes.
  private func grace(in folder: String?) async throws(JournalError) -> UInt64? {
    guard let folder else { return nil }
    return try await setAside.space(in: folder).bytes
  }

  private func describe() async throws(JournalError) -> HostDescription {
    var host = HostDescription(
      agentVersion: LongshoreVersion.current, libvirtVersion: nil, hypervisorVersion: nil, migrations: await coordinator.running,
      pools: [], guests: [], maintenance: try maintenance())
    do {
      let connection = try await libvirt.connection()
      let versions = try await connection.versions()
      host.libvirtVersion = "\(versions.daemon)"
      host.hypervisorVersion = "\(versions.hypervisor)"
      for pool in try await connection.pools() {
        let isActive = try await pool.isActive()
        let info = try await pool.info()
        let configuration = try await pool.configuration()
        host.pools.append(
          HostDescription.Pool(
            name: pool.name, type: configuration.kind.rawValue, active: isActive, capacity: info.capacity,
            available: info.available, grace: try await grace(in: configuration.targetPath)))
      }
      for domain in try await connection.domains() {
        host.guests.append(
          HostDescription.Guest(uuid: domain.uuid, name: domain.name, state: try await domain.state().name))
      }
    } catch let error as JournalError {
      throw error
    } catch {
      logger.debug("libvirt could not be asked for the host's description", metadata: [LogKeys.error: "\(error)"])
    }
    return host
  }
}

/// UUIDs as text.
enum UUIDText {
  /// A UUID in lower case; nil where the text is none.
  static func normal(_ text: String) -> String? {
    let parts = text.split(separator: "-", omittingEmptySubsequences: false)
    guard parts.map(\.utf8.count) == [8, 4, 4, 4, 12], parts.allSatisfy({ $0.allSatisfy(\.isHexDigit) }) else { return nil }
    return text.lowercased()
  }
}
