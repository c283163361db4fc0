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

  /// How often QEMU may try to measure how long a passphrase takes to check.
  private static let measurements = 50
  /// How many stubs are made at once: each is a few runs of `qemu-img`.
  private static let stubsAtOnce = 4

  /// Makes all stubs of a migration anew and returns the disks as they will be.
  func make(for migration: DestinationMigration) async throws -> [PreparedDisk] {
    guard let plan = migration.plan else { return [] }
    let connection = try await libvirt.connection()
    try await removeEarlier(of: migration.id)
    var places: [(disk: PlannedDisk, folder: String)] = []
    for disk in plan.disks {
      let folder = try await PoolFolder.path(of: disk.destinationPool, on: connection)
      _ = try RegisteredFiles.makeWorkFolder(in: folder, of: migration.id, on: here, journal: journal)
      places.append((disk, folder))
    }
    var prepared = try await places.concurrentMap(atMost: Self.stubsAtOnce) { disk, folder in
      let below = try plan.chain(below: disk.backing).map { layer in
        guard let path = migration.layerPaths[layer.id] else {
          throw Reason.Failure(.stubFailed, "the template \(layer.volume) is not in place")
        }
        return PreparedDisk.Layer(path: path, format: layer.format)
      }
      let passphrase = try await passphrase(of: disk, on: connection)
      let path = try await make(disk, in: folder, over: below.first, passphrase: passphrase, migration: migration.id)
      return PreparedDisk(target: disk.target, chain: [PreparedDisk.Layer(path: path, format: disk.format)] + below)
    }
    for disk in plan.shared ?? [] { prepared.append(try await shared(disk, on: connection)) }
    for disk in plan.readOnly ?? [] { prepared.append(try readOnly(disk, of: plan, migration)) }
    pools.refreshSoon(Set(plan.disks.map(\.destinationPool) + plan.layers.map(\.pool)))
    return prepared
  }

  /// A disk that stays, as it is seen here.
  private func shared(_ disk: SharedDisk, on connection: LibvirtConnection) async throws -> PreparedDisk {
    var chain: [PreparedDisk.Layer] = []
    for file in disk.files {
      let path = "\(try await PoolFolder.path(of: file.pool, on: connection))/\(file.volume)"
      guard FileProbe.inode(of: path) == file.inode else {
        throw Reason.Failure(.notShared, "disk \(disk.target): \(path) on \(here.host) is not the source's file any more")
      }
      chain.append(PreparedDisk.Layer(path: path, format: file.format))
    }
    return PreparedDisk(target: disk.target, chain: chain)
  }

  /// A disk or medium that is only read, on the layers that were put in place.
  private func readOnly(_ disk: ReadOnlyDisk, of plan: MigrationPlan, _ migration: DestinationMigration) throws -> PreparedDisk {
    let files = try plan.chain(below: disk.layer).map { layer in
      guard let path = migration.layerPaths[layer.id] else {
        throw Reason.Failure(.stubFailed, "the file \(layer.volume) of \(disk.target) is not in place")
      }
      return PreparedDisk.Layer(path: path, format: layer.format)
    }
    let isThere = files.allSatisfy { FileProbe.exists($0.path) }
    guard isThere || disk.missing == .eject else {
      throw Reason.Failure(.missingMedium, "\(disk.target): \(files.map(\.path).joined(separator: ", ")) is not there any more")
    }
    return PreparedDisk(target: disk.target, chain: isThere ? files : [])
  }

  private func passphrase(of disk: PlannedDisk, on connection: LibvirtConnection) async throws -> [UInt8]? {
    guard let secret = disk.secret else { return nil }
    guard let value = try await connection.secretValue(uuid: secret) else {
      throw Reason.Failure(.missingSecret, "\(here.host) has no secret \(secret) for disk \(disk.target)")
    }
    return value
  }

  /// Makes one stub in the work folder, which is there, and publishes it under the volume's name. Both names are registered before they
  /// exist.
  private func make(
    _ disk: PlannedDisk, in folder: String, over backing: PreparedDisk.Layer?, passphrase: [UInt8]?, migration: MigrationID
  ) async throws -> String {
    let work = WorkFolder(pool: folder, host: here, migration: migration)
    let path = "\(folder)/\(disk.volume)"
    guard !FileProbe.exists(path) else { throw taken(path) }
    var draft = RegisteredFile(migration: migration, side: .destination, role: .stub, path: work.file("stub-\(disk.target)"))
    try journal.register(draft)
    CrashPoint.stubDraftRegistered.reached()
    let file = try await makeImage(of: disk, in: &draft, over: backing, passphrase: passphrase)
    if disk.image?.preallocation == .full { _ = try await FileSpace.take(for: file.path) }
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

  /// Makes a stub's image in a new file, which is noted before the image is made.
  private func makeImage(
    of disk: PlannedDisk, in draft: inout RegisteredFile, over backing: PreparedDisk.Layer?, passphrase: [UInt8]?
  ) async throws -> ExclusiveFile {
    var attempts = 0
    while true {
      let file = try await ExclusiveFile.create(at: draft.path)
      CrashPoint.stubDraftMade.reached()
      draft.identity = file.identity
      try journal.update(draft)
      CrashPoint.stubDraftNoted.reached()
      do throws(ImageError) {
        try await images.initialize(file, as: QemuImg.Specification(disk, over: backing), passphrase: passphrase)
        return file
      } catch {
        attempts += 1
        guard error.code == .unmeasured, attempts < Self.measurements else { throw error }
        // qemu-img removes the file itself, or leaves it. The name alone is registered before another file gets it: an agent that dies
        // then takes what is there for its own.
        if FileProbe.exists(file.path) { _ = try await file.remove() }
        draft.identity = nil
        try journal.update(draft)
      }
    }
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
