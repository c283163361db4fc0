internal import Libvirt
internal import Logging
internal import LongshoreMessages
internal import MigrationCore
internal import MigrationJournal

/// Moves the source's part of a guest out of the way after the destination has confirmed it: its definition, then its disks.
struct SourceRetirement: Sendable {
  /// For how long disks are kept whose copies are not the same: until an operator purges them.
  static let longGraceSeconds: Int64 = 100 * 365 * 86_400

  let here: HostAddress
  let source: LibvirtLink
  let journal: Journal
  let graceSeconds: @Sendable () -> Int64
  let pools: PoolRefresher
  /// What the host's libvirt says of its files.
  let storage: @Sendable () async throws -> HostStorage
  let clock: any HostClock
  let logger: Logger

  /// Sees the guest inactive here, undefines it, and sets its disks aside for the grace period. Can be run again.
  func retire(_ migration: SourceMigration) async throws {
    let connection = try await source.connection()
    switch await GuestSighting.look(for: migration.guest.uuid, on: connection) {
    case .absent: break
    case .inactive:
      guard let domain = try await connection.domain(uuid: migration.guest.uuid) else { break }
      try await domain.undefine([.keepNVRAM, .managedSave])
      CrashPoint.sourceUndefined.reached()
    case .active(let state, _):
      throw Reason.Failure(.undecided, "the guest is still \(state) at the source, so that its disks are kept")
    case .unreachable(let why):
      throw Reason.Failure(.undecided, "the source's libvirt does not answer, so that the guest's disks are kept: \(why)")
    }
    guard migration.order.options?.keepSource != true, let inspection = migration.inspection else { return }
    for disk in inspection.plan.disks {
      guard let path = inspection.sourcePaths[disk.target] else { continue }
      try await setAside(path, of: disk, migration: migration)
    }
    pools.refreshSoon(Set(inspection.plan.disks.map(\.sourcePool)))
  }

  /// Moves a disk's file into the work folder, where libvirt does not list it. Registered before, and never over another file.
  ///
  /// - Throws: ``Reason/Failure`` where another file has the name of the one that the guest ran on; it is left alone. And where the disk's
  ///   pool is not active, or not mounted, so that nobody sees the disk.
  func setAside(_ path: String, of disk: PlannedDisk, migration: SourceMigration) async throws {
    let folder = WorkFolder(pool: PathText.folder(of: path), host: here, migration: migration.id)
    let aside = folder.file(disk.volume.text)
    let registered = try journal.files(of: migration.id, host: .source).first { $0.path == aside }
    guard let current = try RegisteredFiles.identity(of: path) else {
      if try await storage().hides(path) { throw RegisteredFiles.unseen(path) }
      if registered != nil { return }
      logger.warning(
        "A disk of a guest that has moved is not at the source any more",
        metadata: [LogKeys.migration: "\(migration.id)", LogKeys.path: "\(path)"])
      return
    }
    let noted = migration.inspection?.sourceFiles?[disk.target].map(FileIdentity.init)
    guard registered != nil || noted?.isSameFile(as: current) != false else { throw notTheDisk(path) }
    try folder.create()
    CrashPoint.setAsideFolderMade.reached()
    let graceSeconds = migration.comparison?.verification.outcome == .differs ? Self.longGraceSeconds : graceSeconds()
    let file =
      registered
      ?? RegisteredFile(
        migration: migration.id, side: .source, role: .setAside, path: aside, device: current.device, inode: current.inode,
        handle: current.handle, grace: Deadline(start: clock.now(), allowance: graceSeconds * 1000), originalPath: path)
    if registered == nil { try journal.register(file) }
    CrashPoint.setAsideRegistered.reached()
    let isCurrent = file.identity?.isSameFile(as: current) == true
    if !isCurrent, let set = try RegisteredFiles.identity(of: aside), file.identity?.isSameFile(as: set) == true { return }
    guard isCurrent else { throw notTheDisk(path) }
    try await ExclusiveFile(path: path, identity: current).publish(to: aside)
    CrashPoint.diskSetAside.reached()
  }

  private func notTheDisk(_ path: String) -> Reason.Failure {
    Reason.Failure(.nameTaken, "\(path) is not the file any more that the guest ran on, so that it is left alone")
  }
}
