internal import Libvirt
internal import Logging
internal import LongshoreMessages
internal import MigrationCore
internal import MigrationJournal

/// Does the destination machine's effects through libvirt and in the pools.
struct HypervisorDestinationRunner: DestinationEffectRunner {
  let here: HostAddress
  let libvirt: LibvirtLink
  /// The libvirts of both hosts, and which other hosts' are opened.
  let hosts: BothHosts
  let allowed: AllowedAddresses
  let journal: Journal
  let checks: DestinationChecks
  let layers: LayerProvider
  let stubs: StubMaker
  let postChecks: PostChecks
  let views: DiskViews
  let pools: PoolRefresher
  let peers: any PeerLink
  let clock: any HostClock
  let logger: Logger

  func run(
    _ effect: DestinationEffect, of migration: DestinationMigration,
    report: @escaping @Sendable (DestinationEvent) async -> Void
  ) async {
    guard let plan = migration.plan else { return await removeFiles(of: migration, evenDefined: true, report: report) }
    switch effect {
    case .check:
      await untilDone("make the checks", migration, failed: { _ in nil }) {
        .checked(try await checks.check(plan, of: migration.id, from: migration.source, isDryRun: false).checks)
      } report: {
        await report($0)
      }
    case .provideLayer(let id):
      guard let layer = plan.layer(id) else { return }
      await untilDone("put the template \(layer.volume) in place", migration, failed: { .layerFailed(id, $0) }) {
        let (path, copied) = try await layers.provide(layer, of: LayerDemand(migration)) { [peers] progress in
          try? await peers.send(.preparing(progress), of: migration.id, to: migration.source)
        }
        return .layerProvided(id, path: path, copied: copied)
      } report: {
        await report($0)
      }
    case .makeStubs:
      await untilDone("make the stubs", migration, failed: { .stubsFailed($0) }) {
        let disks = try await stubs.make(for: migration)
        let view = try await views.prepare(for: migration)
        try await layers.verify(of: LayerDemand(migration))
        return .stubsMade(disks, view: view)
      } report: {
        await report($0)
      }
    case .postCheck:
      await untilDone("look at the guest", migration, failed: { .postChecked(nil, [$0]) }) {
        let (confirmation, reasons) = try await postChecks.check(migration)
        return .postChecked(confirmation, reasons)
      } report: {
        await report($0)
      }
    case .readView:
      await untilDone("read the view of the disks", migration, failed: { .viewRead(ViewReading(failure: $0)) }) {
        .viewRead(try await views.read(migration))
      } report: {
        await report($0)
      }
    case .endView: await endView(of: migration)
    case .takeOver:
      await untilDone("let the guest go on here", migration, failed: { _ in nil }) {
        try await takeOver(migration, plan)
      } report: {
        await report($0)
      }
    case .endCopy(let evenRunning):
      await untilDone("end the copy of the guest", migration, failed: { _ in nil }) {
        try await evenRunning ? endCopy(of: plan.guest.uuid) : endStillCopy(migration, plan)
      } report: {
        await report($0)
      }
    case .removeFiles(let evenDefined): await removeFiles(of: migration, evenDefined: evenDefined, report: report)
    case .keepFiles: await keepFiles(of: migration, report: report)
    case .tell, .awaitAdmission: break
    }
  }

  private func untilDone(
    _ operation: String, _ migration: DestinationMigration, failed: (Reason) -> DestinationEvent?,
    _ work: () async throws -> DestinationEvent, report: (DestinationEvent) async -> Void
  ) async {
    await PatientWork(clock: clock, logger: logger).untilDone(operation, of: migration.id, failed: failed, report: report, work)
  }

  /// Resumes the guest where it stands still, unless it is seen to go on at the source, and looks at it. A guest that is not here needs
  /// nothing, nor does one that runs: the source's handover lets it go on while this agent is away.
  private func takeOver(_ migration: DestinationMigration, _ plan: MigrationPlan) async throws -> DestinationEvent {
    guard let domain = try await libvirt.connection().domain(uuid: plan.guest.uuid), try await domain.isActive() else {
      return .tookOver(nil)
    }
    if case .paused = try await domain.state() {
      let seen = await hosts.observe(plan.guest.uuid, atSource: plan.sourceLibvirtURI, allowed: allowed)
      if let refusal = migration.refusalToGoOn(seeing: seen.source) {
        logger.warning(
          "The guest does not go on here, although the operator named this host",
          metadata: [LogKeys.migration: "\(migration.id)", LogKeys.reason: "\(refusal)"])
        return .copyKept
      }
      try await domain.resume()
    }
    return .tookOver(try await postChecks.check(migration).0)
  }

  private func endCopy(of uuid: String) async throws -> DestinationEvent {
    if let domain = try await libvirt.connection().domain(uuid: uuid), try await domain.isActive() { try await domain.destroy() }
    return .copyEnded
  }

  /// Ends a copy of the guest that stands still here as a migration leaves it, with its definition. One that runs, stands still for another
  /// reason or has ended by itself stays.
  private func endStillCopy(_ migration: DestinationMigration, _ plan: MigrationPlan) async throws -> DestinationEvent {
    guard let domain = try await libvirt.connection().domain(uuid: plan.guest.uuid) else { return .copyEnded }
    guard [.paused(.user), .paused(.migration), .paused(.startingUp)].contains(try await domain.state()) else {
      return keepCopy(of: migration)
    }
    // Its definition first: what a crash leaves is a process to be ended, and never a definition that looks like a guest that has run.
    if try await domain.isPersistent() { try await domain.undefine([.keepNVRAM, .managedSave]) }
    try await domain.destroy()
    return .copyEnded
  }

  private func keepCopy(of migration: DestinationMigration) -> DestinationEvent {
    logger.warning(
      "The guest runs here, or may have run here, since the operator named its source: nothing of it is removed",
      metadata: [LogKeys.migration: "\(migration.id)"])
    return .copyKept
  }

  /// Ends the view of the disks; while that fails it is tried again.
  private func endView(of migration: DestinationMigration) async {
    var waits = BackOffSteps()
    while !Task.isCancelled {
      do {
        return try await views.end(migration)
      } catch {
        if Task.isCancelled { return }
        logger.warning(
          "The view of the disks cannot be ended", metadata: [LogKeys.migration: "\(migration.id)", LogKeys.error: "\(error)"])
        try? await clock.wait(milliseconds: waits.step())
      }
    }
  }

  /// Removes what this migration made here, after seeing that the guest does not run here.
  private func removeFiles(of migration: DestinationMigration, evenDefined: Bool, report: (DestinationEvent) async -> Void) async {
    await untilDone("remove what the migration made", migration, failed: { _ in nil }) {
      // Where nothing was registered nothing is to be removed, whatever runs here.
      let files = try journal.files(of: migration.id, host: .destination)
      if let plan = migration.plan, !files.isEmpty {
        let connection = try await libvirt.connection()
        if let domain = try await connection.domain(uuid: plan.guest.uuid) {
          guard evenDefined else { return keepCopy(of: migration) }
          guard try await !domain.isActive() else {
            throw Reason.Failure(.undecided, "the guest has a process on this host: nothing is removed")
          }
          // The checks have seen no domain of this UUID, so this definition came with the migration.
          if !migration.checks.isEmpty { try await domain.undefine([.keepNVRAM, .managedSave]) }
          CrashPoint.destinationUndefined.reached()
        }
        try await remove(files, storage: HostStorage(on: connection))
      }
      if let plan = migration.plan { pools.refreshSoon(Set(plan.disks.map(\.destinationPool) + plan.layers.map(\.pool))) }
      views.forget(migration)
      return .filesRemoved
    } report: {
      await report($0)
    }
  }

  private func remove(_ files: [RegisteredFile], storage: HostStorage) async throws {
    // The folders last: only then are they empty.
    for file in files.filter({ $0.role != .workFolder }) + files.filter({ $0.role == .workFolder }) {
      let removal = try await RegisteredFiles.remove(file, journal: journal, storage: storage)
      guard case .otherFile = removal else { continue }
      logger.notice(
        "Another file has the name of a file of this migration, and is left alone",
        metadata: [LogKeys.migration: "\(file.migration)", LogKeys.path: "\(file.path)"])
    }
  }

  /// Gives disks that had all their space at the source all their space here: the copy has given back what the guest had not written to.
  private func takeSpace(for migration: DestinationMigration) async {
    for disk in migration.plan?.disks ?? [] where disk.image?.preallocation == .full {
      guard let path = migration.disks.first(where: { $0.target == disk.target })?.chain.first?.path else { continue }
      do throws(ImageError) {
        guard try await FileSpace.take(for: path) else { continue }
        logger.debug("A disk has its space", metadata: [LogKeys.migration: "\(migration.id)", LogKeys.path: "\(path)"])
      } catch {
        logger.warning(
          "A disk that had all its space at the source does not get it here",
          metadata: [LogKeys.migration: "\(migration.id)", LogKeys.error: "\(error)"])
      }
    }
  }

  /// Forgets the registered files: they are the guest's own from now on.
  private func keepFiles(of migration: DestinationMigration, report: (DestinationEvent) async -> Void) async {
    await untilDone("forget the registered files", migration, failed: { _ in nil }) {
      try await views.end(migration)
      try await RegisteredFiles.handOver(of: migration.id, journal: journal)
      await takeSpace(for: migration)
      return .filesKept
    } report: {
      await report($0)
    }
  }
}
