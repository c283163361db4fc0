internal import DomainXML
internal import Libvirt
internal import Logging
internal import LongshoreMessages
internal import MigrationCore

/// Carries a transfer out through libvirt, peer to peer, and follows it to its end.
struct Transfer: Sendable {
  /// How often libvirt is asked for statistics, in milliseconds. At most one progress message a second goes out.
  static let pollInterval: Int64 = 500
  /// How often the source is looked at while libvirt's call runs, in milliseconds: the shortest patience that can be set.
  private static let watchInterval: Int64 = 1000
  /// The cap that libvirt has for a guest until it is told another one, in MiB/s (`QEMU_DOMAIN_MIG_BANDWIDTH_MAX`): none.
  private static let unlimitedMiBps = UInt64(Int64.max >> 20)

  let migration: SourceMigration
  let source: LibvirtLink
  let destinations: DestinationConnections
  let allowed: AllowedAddresses
  let progress: ProgressBoard
  let notes: TransferNotes
  let pacer: BandwidthPacer
  let clock: any HostClock
  let logger: Logger
  let report: @Sendable (SourceEvent) async -> Void

  /// Starts the transfer and returns its end as an event; nil where the task was cancelled, which does not end the transfer.
  func start() async -> SourceEvent? {
    let call: Call
    do {
      call = try await prepare()
    } catch {
      return .transferNotStarted(Reason.of(error, "start the transfer"))
    }
    let events = CompletionWatch(link: source, uuid: migration.guest.uuid)
    return await fenced { await observed { await makeCall(call, events: events) } }
  }

  /// Follows a transfer that another run of this agent, or nobody, has started, and returns its end as an event.
  func follow() async -> SourceEvent? { await fenced(isFollowing: true) { await observed { await followUnfenced() } } }

  /// Publishes the progress and watches for a standstill while the transfer runs.
  private func observed(_ transfer: () async -> SourceEvent?) async -> SourceEvent? {
    let standstill = Standstill(
      of: migration, hosts: BothHosts(source: source, destinations: destinations, clock: clock), clock: clock, logger: logger,
      report: report)
    let counters = TransferCounters()
    // Two tasks: a call for statistics does not return while QEMU waits for the network, which is when somebody must watch.
    let pacing = await pacer.follow(migration)
    let polling = Task { await poll(counters) }
    let watching = Task { await standstill.watch(counters) }
    let end = await transfer()
    // They are not waited for: a call that still waits for QEMU may not return. The board takes nothing more of what is cancelled.
    polling.cancel()
    watching.cancel()
    await progress.end(of: migration.id)
    await pacer.release(pacing)
    if case .transferEnded(error: nil, _)? = end { await notes.noteSuccess(of: migration.id) }
    return end
  }

  /// Carries the handover's fence out, where there is one, while the transfer runs.
  private func fenced(isFollowing: Bool = false, _ transfer: () async -> SourceEvent?) async -> SourceEvent? {
    // Where the destination's libvirt is none that is opened, no call is made either.
    guard migration.isFenced, let endpoint = migration.preparation?.endpoint,
      let destination = try? await destinations.link(to: endpoint.libvirtURI)
    else { return await transfer() }
    let fence = HandoverFence(
      guest: migration.guest, source: source, destination: destination,
      acceptedAt: migration.acceptedAt.wall, isFollowing: isFollowing, isNoted: migration.fencedAt != nil,
      note: { [report] in await report(.sourceFenced) },
      view: migration.takesView ? SwitchView(migration: migration, destination: destination, clock: clock, logger: logger) : nil,
      noteView: { [report] in await report(.viewTaken(failure: $0)) }, clock: clock, logger: logger)
    let fencing = Task { await fence.run() }
    let end = await transfer()
    // It comes to rest before anybody looks who has the guest.
    fencing.cancel()
    var outcome = await fencing.value
    // An agent that came back has not heard of a suspension that was journalled.
    outcome.suspendedAt = outcome.suspendedAt ?? migration.steering?.suspension?.at
    guard case .transferEnded(let error, var totals)? = end else { return end }
    if outcome.suspendedAt != nil { totals = totals ?? TransferTotals() }
    totals?.note(outcome)
    return .transferEnded(error: error, totals)
  }

  /// Follows a transfer to its end.
  ///
  /// - Parameter failure: libvirt's error, where its call has failed; it says more than that nothing runs any more.
  private func followUnfenced(after failure: String? = nil) async -> SourceEvent? {
    let events = CompletionWatch(link: source, uuid: migration.guest.uuid)
    defer { events.stop() }
    var silentSince: Int64?
    while !Task.isCancelled {
      switch await look() {
      case .left(isComplete: true): return .transferEnded(error: nil, await events.totals(wait: true))
      case .left:
        // The statistics come as an event that may be behind what the domain shows.
        return .transferEnded(
          error: failure ?? "libvirt's answer was lost; the guest has ended here", await events.totals(wait: true))
      case .stayed(let state): return .transferEnded(error: failure ?? "no migration runs on the guest (\(state))", nil)
      case .running: silentSince = nil
      case .unknown(let why):
        // libvirt can hang over a job that it could not end. Whether one runs is then for the looks at both hosts to find out.
        let now = clock.now().bootMilliseconds
        silentSince = silentSince ?? now
        if now - (silentSince ?? now) >= migration.patience.attention {
          return .transferEnded(error: "libvirt has not told of the transfer for \(migration.patience.attention / 1000) s: \(why)", nil)
        }
      }
      guard (try? await clock.wait(milliseconds: Self.pollInterval)) != nil else { return nil }
    }
    return nil
  }

  // MARK: - The call

  private struct Call {
    var uri: String
    var flags: MigrateFlags
    var parameters: MigrationParameters
    var connection: LibvirtConnection
    var domain: Domain
  }

  /// Looks at both hosts and makes everything ready that the call needs. Turns autostart off, which is journalled already.
  private func prepare() async throws -> Call {
    guard let preparation = migration.preparation, let inspection = migration.inspection else {
      throw Reason.Failure(.operationFailed, "the destination has prepared nothing")
    }
    try allowed.check(preparation.endpoint)
    let control = try await source.connection()
    guard let domain = try await control.domain(uuid: migration.guest.uuid) else {
      throw Reason.Failure(.unknownGuest, "the guest has left this host")
    }
    let there = try await destinations.connection(to: preparation.endpoint.libvirtURI)
    let expected = GuestSight.active(inspection.isPaused == true ? .pausedByUser : .running, job: .none)
    guard try await isAsExpected(expected, on: control) else {
      throw Reason.Failure(
        .guestNotRunning,
        inspection.isPaused == true
          ? "the guest is not paused any more, or a job runs on it: order again"
          : "the guest does not run any more, or a job runs on it")
    }
    guard case .absent = await GuestSighting.look(for: migration.guest.uuid, on: there) else {
      throw Reason.Failure(.domainExists, "the destination has a domain with the guest's UUID")
    }
    let live = try await domain.xml([.migratable, .secure])
    try checkDisks(of: live, inspection)
    let persistent = inspection.plan.guest.persistent ? try await domain.xml([.inactive, .secure]) : nil
    if inspection.autostart { try await domain.setAutostart(false) }
    CrashPoint.autostartTurnedOff.reached()
    // Accepted before the migration runs only by some versions; what the order names is set again while it runs. Also where it names
    // nothing: what an earlier migration of the guest was allowed may be left.
    try? await domain.setMaxDowntime(milliseconds: migration.course.means.downtimeMs)
    let writesWait = await writesWait(on: domain)
    // A connection of its own: the call holds one of a server's five places for as long as the migration lasts.
    let connection = try await LibvirtConnection.open(source.uri)
    guard let moving = try await connection.domain(uuid: migration.guest.uuid) else {
      throw Reason.Failure(.unknownGuest, "the guest has left this host")
    }
    return Call(
      uri: preparation.endpoint.libvirtURI, flags: flags(for: inspection, writesWait: writesWait),
      parameters: try parameters(live: live, persistent: persistent, preparation, inspection.plan, cap: await pacer.cap(of: migration)),
      connection: connection,
      domain: moving)
  }

  private func isAsExpected(_ sight: GuestSight, on connection: LibvirtConnection) async throws -> Bool {
    switch await GuestSighting.look(for: migration.guest.uuid, on: connection) {
    // Nobody cares that an earlier migration of it was given up.
    case .active(.runningMigrationCanceled, job: .none): sight == .active(.running, job: .none)
    case let seen: seen == sight
    }
  }

  /// Refuses a guest whose disks are not those of the plan any more: templates may have been copied for hours.
  private func checkDisks(of live: String, _ inspection: Inspection) throws {
    var planned: [String: String] = [:]
    for (target, path) in inspection.sourcePaths { planned[target.text] = path }
    let ejected = Set((inspection.plan.readOnly ?? []).filter { $0.layer == nil }.map(\.target.text))
    for disk in try DomainDocument(parsing: live).disks where !ejected.contains(disk.target) {
      guard let source = disk.source else { continue }
      guard planned.removeValue(forKey: disk.target) == source.path else {
        throw Reason.Failure(.unsupportedDisk, "disk \(disk.target) is on \(source) now, which is not what was prepared for: order again")
      }
    }
    if let lost = planned.keys.first {
      throw Reason.Failure(.unsupportedDisk, "disk \(lost), which was prepared for, is not in the guest any more: order again")
    }
  }

  /// Whether the guest's writes are to wait for the copy of its disks: as the order says, or by what the guest was seen to write.
  private func writesWait(on domain: Domain) async -> Bool {
    guard migration.order.options?.synchronousWrites == nil, let plan = migration.inspection?.plan, !plan.disks.isEmpty,
      let (earlier, at) = await notes.activity(of: migration.id), let now = try? await domain.activity()
    else { return migration.writesWait }
    let writes = GuestSampler.writes(from: earlier, to: now, milliseconds: clock.now().bootMilliseconds - at)
    let chosen = WriteMode.choose(
      writes: writes, overMilliseconds: clock.now().bootMilliseconds - at, streamMiBps: await pacer.cap(of: migration),
      budgetBps: await pacer.prospect(of: migration), linkBps: await notes.rate(to: migration.destination.host))
    guard let chosen else { return migration.writesWait }
    logger.info("The guest's writes wait for the copy", metadata: [LogKeys.migration: "\(migration.id)", LogKeys.reason: "\(chosen)"])
    await report(.writesChosen(wait: true, chosen))
    return true
  }

  private func flags(for inspection: Inspection, writesWait: Bool) -> MigrateFlags {
    var flags: MigrateFlags = [.live, .peerToPeer, .abortOnError]
    if !inspection.plan.disks.isEmpty { flags.insert(.nonSharedIncremental) }
    // libvirt knows shared storage by the type of its file system; here the destination has seen the very files.
    if inspection.plan.shared?.isEmpty == false { flags.insert(.unsafe) }
    if inspection.plan.guest.persistent { flags.insert(.persistDestination) }
    if migration.isFenced { flags.insert(.paused) }
    if migration.order.options?.autoConverge == true { flags.insert(.autoConverge) }
    if migration.order.options?.compressMemory == true { flags.insert(.compressed) }
    if writesWait, !inspection.plan.disks.isEmpty { flags.insert(.nonSharedSynchronousWrites) }
    if migration.preparation?.endpoint.tlsName != nil { flags.insert(.tls) }
    return flags
  }

  private func parameters(
    live: String, persistent: String?, _ preparation: Preparation, _ plan: MigrationPlan, cap: UInt64?
  ) throws -> MigrationParameters {
    if let target = plan.targets.first(where: { target in !preparation.disks.contains { $0.target == target } }) {
      throw Reason.Failure(
        .unsupportedDisk, "\(migration.destination.host) has prepared nothing for disk \(target): its agent is too old for it")
    }
    var parameters = MigrationParameters()
    parameters.destinationXML = try DestinationXML.rewrite(live, disks: preparation.disks)
    parameters.persistentXML = try persistent.map { try DestinationXML.rewrite($0, disks: preparation.disks) }
    parameters.disks = plan.disks.map(\.target.text)
    parameters.uri = "tcp://\(preparation.endpoint.migrationAddress.bracketedIfIPv6)"
    parameters.tlsDestination = preparation.endpoint.tlsName
    if migration.order.options?.compressMemory == true {
      parameters.compression = ["xbzrle"]
      parameters.compressionCache = MemoryCompression.cache(ofMemory: plan.guest.memoryKiB)
    }
    // Named in any case: a cap that was told in the wrong moment stays with the guest, and would hold for this transfer.
    parameters.bandwidth = cap ?? Self.unlimitedMiBps
    return parameters
  }

  private func makeCall(_ call: Call, events: CompletionWatch) async -> SourceEvent? {
    CrashPoint.migrateUncalled.reached()
    logger.info("libvirt's migrate is called", metadata: [LogKeys.migration: "\(migration.id)"])
    defer { events.stop() }
    // The call cannot be cancelled, and it need not be: a task of its own waits for it, so that an agent that ends does not.
    let (ends, ended) = AsyncStream<CallEnd>.makeStream()
    Task {
      do throws(LibvirtError) {
        try await call.domain.migrate(toURI: call.uri, flags: call.flags, parameters: call.parameters)
        ended.yield(.succeeded)
      } catch {
        ended.yield(.failed(error))
      }
      await call.connection.close()
    }
    let watching = Task { if await isLost() { ended.yield(.lost) } }
    defer { watching.cancel() }
    var iterator = ends.makeAsyncIterator()
    let end = await iterator.next()
    CrashPoint.migrateReturned.reached()
    switch end {
    case nil: return nil
    case .succeeded?: return .transferEnded(error: nil, await events.totals(wait: true))
    case .failed(let error)?:
      logger.warning(
        "libvirt's migrate has failed", metadata: [LogKeys.migration: "\(migration.id)", LogKeys.error: "\(error)"])
      // Where the connection to the daemon broke and not the migration, it goes on without its caller.
      guard error.isConnectionLost else { return .transferEnded(error: error.message, nil) }
      return await followUnfenced(after: error.message)
    case .lost?:
      let why = "libvirt's migrate has not returned, and nothing has moved the guest for \(migration.patience.attention / 1000) s"
      logger.error("\(why)", metadata: [LogKeys.migration: "\(migration.id)"])
      return await followUnfenced(after: why)
    }
  }

  private enum CallEnd {
    case succeeded
    case failed(LibvirtError)
    /// It has not returned, and there is nothing left for it to bring.
    case lost
  }

  /// Looks at the source until the call is lost; false where the task was cancelled before.
  private func isLost() async -> Bool {
    var watch = CallWatch(patience: migration.patience.attention)
    repeat {
      let sight: CallWatch.Sight =
        switch await look() {
        case .running: .moving
        case .left: .left
        case .stayed: .stayed
        case .unknown: .unknown
        }
      if watch.isLost(seeing: sight, at: clock.now().bootMilliseconds) { return true }
    } while (try? await clock.wait(milliseconds: Self.watchInterval)) != nil
    return false
  }

  // MARK: - Following

  /// A transfer as seen from the source.
  private enum Sight {
    /// It runs.
    case running
    /// The guest has no process here any more. `isComplete` tells whether libvirt says that it ended by a migration that succeeded.
    case left(isComplete: Bool)
    /// The guest is here and nothing moves it.
    case stayed(GuestState)
    /// libvirt does not tell.
    case unknown(String)
  }

  private func look() async -> Sight {
    let log = QEMULog(guest: migration.guest.name)
    let acceptedAt = migration.acceptedAt.wall
    do throws(LibvirtError) {
      return switch await GuestSighting.look(for: migration.guest.uuid, on: try await source.connection()) {
      case .unreachable(let why): .unknown(why)
      case .active(_, job: .migration): .running
      // libvirt notes this reason only after the destination has answered that it has the guest. A restart of the daemon loses it, and
      // a guest without a definition is not there any more to show it.
      case .migratedAway: .left(isComplete: true)
      case .absent, .inactive: .left(isComplete: await log.saysMigrated(since: acceptedAt))
      case .active(let state, _): .stayed(state)
      }
    } catch {
      return .unknown(error.message)
    }
  }

  /// Publishes the progress until cancelled.
  private func poll(_ counters: TransferCounters) async {
    let accepted = Double(migration.acceptedAt.bootMilliseconds) / 1000
    var progress = TransferProgress(
      guest: migration.guest, memoryKiB: migration.inspection?.plan.guest.memoryKiB ?? 0, acceptedSeconds: accepted)
    var disks: [Progress.Disk] = []
    while !Task.isCancelled {
      if let connection = try? await source.connection(),
        let domain = try? await connection.domain(uuid: migration.guest.uuid),
        let statistics = try? await domain.jobStatistics(.running), statistics.operation == .migrationOut
      {
        CrashPoint.migrateCalled.reached()
        let now = Double(clock.now().bootMilliseconds) / 1000
        disks = await self.disks(of: domain, after: disks)
        counters.note(statistics, disks: disks)
        var sample = progress.progress(statistics, disks: disks, at: now)
        sample.budgetBps = await pacer.allotment(of: migration.id)
        if await pacer.budget(of: migration) != nil { await notes.noteLimit(of: migration.id) }
        if let rate = sample.rateBps { await notes.note(rate: rate, of: migration.id, to: migration.destination.host) }
        await self.progress.post(sample, of: migration.id)
      }
      guard (try? await clock.wait(milliseconds: Self.pollInterval)) != nil else { return }
    }
  }

  /// How far the disks are. One that has no mirror any more, as at the switch, stays as it was seen last.
  private func disks(of domain: Domain, after last: [Progress.Disk]) async -> [Progress.Disk] {
    var disks: [Progress.Disk] = []
    for disk in migration.inspection?.plan.disks ?? [] {
      let job = try? await domain.blockJob(disk: disk.target.text)
      if job == nil, let seen = last.first(where: { $0.target == disk.target }) {
        disks.append(seen)
        continue
      }
      // An end of 1 means that QEMU does not know it yet.
      let total = job.map { $0.end > 1 ? $0.end : disk.allocation } ?? disk.allocation
      let done = job.map { min($0.current, total) } ?? 0
      disks.append(
        Progress.Disk(target: disk.target, bytes: Progress.Amount(done: done, remaining: total - done, total: total)))
    }
    return disks
  }
}

extension TransferTotals {
  /// Notes how long the guest stood still, which libvirt, whose migration ends with a paused guest, does not know.
  fileprivate mutating func note(_ fence: HandoverFence.Outcome) {
    guard let suspendedAt = fence.suspendedAt else { return }
    downtimeMs = fence.resumedAt.map { UInt64(max(0, suspendedAt.milliseconds(until: $0))) }
    self.suspendedAt = fence.resumedAt == nil ? suspendedAt : nil
    fenceWaitedFor = fence.waitedFor
  }
}

/// Waits for libvirt's statistics of a completed migration, which come as an event at the source and nowhere else in full.
final class CompletionWatch: Sendable {
  /// For how long the event may come after the call has returned.
  private static let grace = Duration.seconds(2)

  private let task: Task<JobStatistics?, Never>

  init(link: LibvirtLink, uuid: String) {
    task = Task {
      for await event in await link.events() {
        if case .domain(let event) = event, event.uuid == uuid, case .jobCompleted(let statistics) = event.kind {
          return statistics
        }
      }
      return nil
    }
  }

  /// The totals, where the event has come or, with `wait`, comes soon.
  func totals(wait: Bool = false) async -> TransferTotals? {
    let timer = Task { [task] in
      if wait { try? await Task.sleep(for: Self.grace) }
      task.cancel()
    }
    defer { timer.cancel() }
    return await task.value.map { statistics in
      TransferTotals(
        downtimeMs: statistics.downtime, diskBytes: statistics.diskProcessed ?? statistics.diskTotal ?? 0,
        memoryBytes: statistics.memoryProcessed ?? 0)
    }
  }

  func stop() { task.cancel() }
}
