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
      migration: migration, source: source, destinations: destinations, allowed: allowed, progress: progress, clock: clock,
      logger: logger, report: report)
  }

  private func inspect(_ migration: SourceMigration, report: (SourceEvent) async -> Void) async {
    var waits = BackOffSteps()
    while !Task.isCancelled {
      do {
        let connection = try await source.connection()
        switch try await inspector.inspect(migration.guest.uuid, for: migration.order, on: connection) {
        case .ready(let inspection): await report(.inspected(inspection))
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

  /// Does a settlement, after seeing that both hosts still call for it, and returns why it failed, or nil.
  private func settle(
    _ settlement: Settlement, _ migration: SourceMigration, _ report: @Sendable (SourceEvent) async -> Void
  ) async -> String? {
    guard migration.calls(for: settlement, after: await hosts.observe(migration)) else {
      return "the hosts have changed meanwhile and do not call for it any more"
    }
    do {
      let connection =
        switch settlement {
        case .resumeSource, .destroySource: try await source.connection()
        case .resumeDestination, .destroyDestination:
          try await destinations.connection(to: migration.preparation?.endpoint.libvirtURI ?? "")
        }
      guard let domain = try await connection.domain(uuid: migration.guest.uuid) else { return "the guest is not there" }
      CrashPoint.settlementUndone.reached()
      if settlement == .resumeDestination, migration.takesView, let endpoint = migration.preparation?.endpoint {
        let view = SwitchView(
          migration: migration, destination: await destinations.link(to: endpoint.libvirtURI), clock: clock, logger: logger)
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
    guard migration.inspection?.autostart == true else { return await report(.sourceRestored) }
    var waits = BackOffSteps()
    while !Task.isCancelled {
      do {
        let connection = try await source.connection()
        try await connection.domain(uuid: migration.guest.uuid)?.setAutostart(true)
        CrashPoint.autostartRestored.reached()
        return await report(.sourceRestored)
      } catch {
        logger.warning(
          "The guest's autostart cannot be set as it was", metadata: [LogKeys.migration: "\(migration.id)", LogKeys.error: "\(error)"])
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
