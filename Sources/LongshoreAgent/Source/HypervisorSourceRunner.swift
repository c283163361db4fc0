internal import Libvirt
internal import Logging
internal import LongshoreMessages
internal import MigrationCore
internal import MigrationJournal

/// Does the source machine's effects through libvirt.
struct HypervisorSourceRunner: SourceEffectRunner {
  let here: HostAddress
  let source: LibvirtLink
  let destinations: DestinationConnections
  let inspector: GuestInspector
  let offers: LayerOffers
  let retirement: SourceRetirement
  let reading: SourceReading
  let allowed: AllowedAddresses
  let progress: ProgressBoard
  let notes: TransferNotes
  let pacer: BandwidthPacer
  let clock: any HostClock
  let logger: Logger

  func run(
    _ effect: SourceEffect, of migration: SourceMigration, report: @escaping @Sendable (SourceEvent) async -> Void
  ) async {
    switch effect {
    case .inspect: await inspect(migration, report: report)
    case .offerLayers: await offers.serve(migration)
    case .startTransfer: if let end = await transfer(migration, report).start() { await report(end) }
    case .followTransfer: if let end = await transfer(migration, report).follow() { await report(end) }
    case .abortTransfer: await abort(migration)
    case .steerTransfer(let course): await steer(course, migration, report: report)
    case .suspendGuest: await suspend(migration)
    case .observe(let step): await report(.observed(await hosts.observe(migration), step: step))
    case .settle(let settlement, _): await report(.settled(settlement, failure: await settle(settlement, migration, report)))
    case .restoreSource: await restore(migration, report: report)
    case .readSource: await read(migration, report: report)
    case .retireSource: await retire(migration, report: report)
    case .emit, .tell, .ask, .awaitAdmission, .setTimer: break
    }
  }

  private var hosts: BothHosts { BothHosts(source: source, destinations: destinations, clock: clock) }

  private func transfer(_ migration: SourceMigration, _ report: @escaping @Sendable (SourceEvent) async -> Void) -> Transfer {
    Transfer(
      migration: migration, source: source, destinations: destinations, allowed: allowed, progress: progress, notes: notes,
      pacer: pacer, clock: clock, logger: logger, report: report)
  }

  private func inspect(_ migration: SourceMigration, report: (SourceEvent) async -> Void) async {
    var waits = BackOffSteps()
    while !Task.isCancelled {
      do {
        let connection = try await source.connection()
        switch try await inspector.inspect(migration.guest.uuid, for: migration.order, on: connection) {
        case .ready(let inspection):
          // What the guest writes from here to the transfer's beginning tells how its disks are to be copied.
          if let activity = try? await connection.domain(uuid: migration.guest.uuid)?.activity() {
            await notes.note(activity, of: migration.id, at: clock.now().bootMilliseconds)
          }
          await report(.inspected(inspection))
        case .refused(let checks): await report(.refused(checks))
        }
        return
      } catch let error as LibvirtError where error.isConnectionLost || error.code == .notConnected {
        try? await clock.wait(milliseconds: waits.step())
      } catch {
        await report(.inspectionFailed(Reason.of(error, "read the guest \(migration.guest.name)")))
        return
      }
    }
  }

  private func abort(_ migration: SourceMigration) async {
    while !Task.isCancelled {
      if let connection = try? await source.connection(),
        let domain = try? await connection.domain(uuid: migration.guest.uuid)
      {
        do {
          try await domain.abortJob()
          CrashPoint.jobAborted.reached()
          logger.info("The transfer's job is aborted", metadata: [LogKeys.migration: "\(migration.id)"])
        } catch {
          logger.debug("No job to abort", metadata: [LogKeys.migration: "\(migration.id)", LogKeys.error: "\(error)"])
        }
      }
      try? await clock.wait(milliseconds: Transfer.pollInterval)
    }
  }

  /// Tells libvirt a transfer's limits, and judges from its progress whether it converges, until cancelled.
  private func steer(_ course: TransferCourse, _ migration: SourceMigration, report: (SourceEvent) async -> Void) async {
    var told: Stage?
    while !Task.isCancelled {
      if let sample = await progress.progress(of: migration.id), sample.phase == .transferring {
        let stage = sample.memory == nil ? Stage.disks : .memory
        if told != stage, await tell(course, migration, in: stage) { told = stage }
        await judge(sample, course, migration, report: report)
      }
      try? await clock.wait(milliseconds: Self.judgeInterval)
    }
  }

  private enum Stage {
    case disks, memory
  }

  /// How often a transfer is judged, in milliseconds.
  private static let judgeInterval: Int64 = 1000

  private func judge(
    _ sample: Progress, _ course: TransferCourse, _ migration: SourceMigration, report: (SourceEvent) async -> Void
  ) async {
    let unpaced = await [pacer.refusal(of: migration)].compactMap(\.self)
    if let suspension = course.suspension {
      return await progress.note([suspension] + unpaced, isStuck: false, of: migration.id)
    }
    let left = course.deadline.map { Double($0.remaining(at: clock.now())) / 1000 }
    let judgement = await notes.judge(sample, of: migration.id, by: course.means, secondsLeft: left)
    await progress.note(judgement.notices + unpaced, isStuck: judgement.isStuck, of: migration.id)
    guard case .raiseDowntime(let milliseconds)? = judgement.action?.0, let reason = judgement.action?.reason else { return }
    logger.info("The transfer does not converge", metadata: [LogKeys.migration: "\(migration.id)", LogKeys.reason: "\(reason)"])
    await report(.downtimeRaised(toMs: milliseconds, reason))
  }

  /// Tells libvirt a transfer's limits, of which the cap holds for memory alone if it is told while memory is copied: earlier, libvirt
  /// would begin each disk's mirror with it, which nobody can change afterwards. Returns whether it took them.
  private func tell(_ course: TransferCourse, _ migration: SourceMigration, in stage: Stage) async -> Bool {
    do {
      guard let domain = try await source.connection().domain(uuid: migration.guest.uuid) else { return false }
      if let downtime = course.downtimeMs { try await domain.setMaxDowntime(milliseconds: downtime) }
      if stage == .memory, let cap = await memoryCap(course, migration) {
        try await domain.setMigrationSpeed(mebibytesPerSecond: UInt(cap))
        await notes.noteLimit(of: migration.id)
      }
      return true
    } catch {
      logger.notice(
        "libvirt did not take the transfer's limits", metadata: [LogKeys.migration: "\(migration.id)", LogKeys.error: "\(error)"])
      return false
    }
  }

  /// The cap on memory that libvirt is to be told, in MiB/s; nil leaves it as the transfer began. Where connections are not paced, it
  /// is all that can be kept of budgets that have changed since.
  private func memoryCap(_ course: TransferCourse, _ migration: SourceMigration) async -> UInt64? {
    if let cap = course.memoryMiBps { return cap }
    return await pacer.refusal(of: migration) == nil ? nil : await pacer.unpacedCap(of: migration)
  }

  /// Suspends the guest once its transfer runs, until cancelled. libvirt lets it go on: at the destination when it has moved, here when
  /// the transfer fails.
  private func suspend(_ migration: SourceMigration) async {
    while !Task.isCancelled {
      do {
        if let domain = try await source.connection().domain(uuid: migration.guest.uuid),
          try await domain.jobStatistics(.running).operation == .migrationOut, case .running = try await domain.state()
        {
          CrashPoint.guestUnsuspended.reached()
          try await domain.suspend()
          logger.info("The guest is suspended until it has moved", metadata: [LogKeys.migration: "\(migration.id)"])
          CrashPoint.guestSuspended.reached()
        }
      } catch {
        logger.debug(
          "The guest is not suspended", metadata: [LogKeys.migration: "\(migration.id)", LogKeys.error: "\(error)"])
      }
      try? await clock.wait(milliseconds: Transfer.pollInterval)
    }
  }

  /// Does a settlement, after seeing that both hosts still call for it, and returns why it failed, or nil.
  private func settle(
    _ settlement: Settlement, _ migration: SourceMigration, _ report: @Sendable (SourceEvent) async -> Void
  ) async -> String? {
    guard migration.calls(for: settlement, after: await hosts.observe(migration)) else {
      return "the hosts have changed meanwhile and do not call for it any more"
    }
    guard let uri = migration.preparation?.endpoint.libvirtURI else { return "the destination has prepared nothing" }
    do {
      let connection =
        switch settlement {
        case .resumeSource, .destroySource: try await source.connection()
        case .resumeDestination, .destroyDestination: try await destinations.connection(to: uri)
        }
      guard let domain = try await connection.domain(uuid: migration.guest.uuid) else { return "the guest is not there" }
      CrashPoint.settlementUndone.reached()
      if settlement == .resumeDestination, migration.takesView, let endpoint = migration.preparation?.endpoint {
        let view = SwitchView(
          migration: migration, destination: try await destinations.link(to: endpoint.libvirtURI), clock: clock, logger: logger)
        await report(.viewTaken(failure: await view.begin()))
      }
      if settlement == .resumeDestination { CrashPoint.guestUnresumed.reached() }
      switch settlement {
      case .resumeSource, .resumeDestination: try await domain.resume()
      case .destroySource, .destroyDestination: try await domain.destroy()
      }
      if settlement == .resumeDestination { CrashPoint.guestResumed.reached() }
      CrashPoint.settlementDone.reached()
      return nil
    } catch {
      return Reason.of(error, settlement.rawValue).message
    }
  }

  private func restore(_ migration: SourceMigration, report: (SourceEvent) async -> Void) async {
    guard migration.inspection?.autostart == true || migration.isSuspending else { return await report(.sourceRestored) }
    var waits = BackOffSteps()
    while !Task.isCancelled {
      do {
        let domain = try await source.connection().domain(uuid: migration.guest.uuid)
        // A call that suspends it can have come to libvirt after the transfer's end, from an agent that has died.
        if migration.isSuspending, let domain, try await domain.state() == .paused(.user) {
          try await domain.resume()
          logger.info("The guest goes on at the source", metadata: [LogKeys.migration: "\(migration.id)"])
        }
        if migration.inspection?.autostart == true { try await domain?.setAutostart(true) }
        CrashPoint.autostartRestored.reached()
        return await report(.sourceRestored)
      } catch {
        logger.warning(
          "The guest cannot be set as it was", metadata: [LogKeys.migration: "\(migration.id)", LogKeys.error: "\(error)"])
        try? await clock.wait(milliseconds: waits.step())
      }
    }
  }

  /// Reads the disks that the guest has left, for the comparison with what the destination has got.
  private func read(_ migration: SourceMigration, report: (SourceEvent) async -> Void) async {
    do {
      await report(.sourceRead(try await reading.read(migration)))
    } catch {
      if Task.isCancelled { return }
      await report(.sourceUnreadable(Reason.of(error, "read the disks that \(migration.guest.name) has left")))
    }
  }

  /// Lets the guest start with its new host if it started with this one: libvirt does not carry that over.
  private func carryAutostart(_ migration: SourceMigration) async throws {
    guard migration.inspection?.autostart == true, let endpoint = migration.preparation?.endpoint else { return }
    try await destinations.connection(to: endpoint.libvirtURI).domain(uuid: migration.guest.uuid)?.setAutostart(true)
    CrashPoint.autostartCarried.reached()
  }

  private func retire(_ migration: SourceMigration, report: (SourceEvent) async -> Void) async {
    var waits = BackOffSteps()
    while !Task.isCancelled {
      do {
        try await carryAutostart(migration)
        try await retirement.retire(migration)
        return await report(.sourceRetired)
      } catch {
        await report(.retirementFailed(Reason.of(error, "move the guest's definition and disks at the source out of the way")))
        try? await clock.wait(milliseconds: waits.step())
      }
    }
  }
}
