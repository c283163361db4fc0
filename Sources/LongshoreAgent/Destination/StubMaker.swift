internal import Libvirt
internal import LongshoreMessages
internal import MigrationCore
internal import MigrationJournal

/// Makes the stubs that a guest's disks are copied into.
struct StubMaker: Sendable {
  let here: HostAddress
  let libvirt: LibvirtLink
  let journal: Journal
  let images: QemuImg
  let pools: PoolRefresher

  /// Makes all stubs of a migration anew and returns the disks as they will be.
  func make(for migration: DestinationMigration) async throws -> [PreparedDisk] {
    guard let plan = migration.plan else { return [] }
    let connection = try await libvirt.connection()
    try await removeEarlier(of: migration.id)
    var prepared: [PreparedDisk] = []
    for disk in plan.disks {
      let folder = try await PoolFolder.path(of: disk.destinationPool, on: connection)
      let below = try plan.chain(below: disk.backing).map { layer in
        guard let path = migration.layerPaths[layer.id] else {
          throw Reason.Failure(.stubFailed, "the template \(layer.volume) is not in place")
        }
        return PreparedDisk.Layer(path: path, format: layer.format)
      }
      let path = try await make(disk, in: folder, over: below.first, migration: migration.id)
      prepared.append(
        PreparedDisk(target: disk.target, chain: [PreparedDisk.Layer(path: path, format: disk.format)] + below))
    }
    pools.refreshSoon(Set(plan.disks.map(\.destinationPool) + plan.layers.map(\.pool)))
    return prepared
  }

  /// Makes one stub in the work folder and publishes it under the volume's name. Both names are registered before they exist.
  private func make(
    _ disk: PlannedDisk, in folder: String, over backing: PreparedDisk.Layer?, migration: MigrationID
  ) async throws -> String {
    let work = try RegisteredFiles.makeWorkFolder(in: folder, of: migration, on: here, journal: journal)
    let path = "\(folder)/\(disk.volume)"
    guard !FileProbe.exists(path) else { throw taken(path) }
    var draft = RegisteredFile(migration: migration, side: .destination, role: .stub, path: work.file("stub-\(disk.target)"))
    try journal.register(draft)
    CrashPoint.stubDraftRegistered.reached()
    let file = try await ExclusiveFile.create(at: draft.path)
    CrashPoint.stubDraftMade.reached()
    draft.identity = file.identity
    try journal.update(draft)
    CrashPoint.stubDraftNoted.reached()
    try await images.initialize(
      file,
      as: QemuImg.Specification(
        format: disk.format.rawValue, virtualSize: disk.virtualSize,
        backing: backing.map { QemuImg.Backing(path: $0.path, format: $0.format.rawValue) }))
    CrashPoint.stubInitialized.reached()
    var stub = RegisteredFile(migration: migration, side: .destination, role: .stub, path: path)
    stub.identity = file.identity
    try journal.register(stub)
    CrashPoint.stubRegistered.reached()
    do throws(ImageError) {
      try await file.publish(to: path)
    } catch {
      guard error.code == .alreadyExists else { throw error }
      try journal.forget(stub)
      throw taken(path)
    }
    CrashPoint.stubPublished.reached()
    try journal.forget(draft)
    CrashPoint.stubDraftForgotten.reached()
    return path
  }

  private func taken(_ path: String) -> Reason.Failure {
    Reason.Failure(.nameTaken, "the file \(path) appeared on \(here.host) after the checks: it is not overwritten")
  }

  /// Removes the stubs of an earlier run of this effect; they may hold anything.
  private func removeEarlier(of migration: MigrationID) async throws {
    for file in try journal.files(of: migration, host: .destination) where file.role == .stub {
      try await RegisteredFiles.remove(file, journal: journal)
    }
  }
}
