internal import Libvirt
internal import LongshoreMessages
internal import MigrationCore
internal import MigrationJournal

extension DestinationChecks {
  /// Checks the room in a pool's file system, which other pools may be in as well.
  ///
  /// - Parameters:
  ///   - name: The pool.
  ///   - folder: The pool's folder.
  ///   - plan: What is coming.
  ///   - id: The migration that brings it; nil for a dry run.
  func checkRoom(
    of name: String, in folder: String, _ plan: MigrationPlan, of id: MigrationID?, on connection: LibvirtConnection
  ) async throws -> Check {
    // The file system's own word: libvirt's is as old as its last refresh of the pool, and a refresh reads every volume.
    guard let available = FileProbe.availableBytes(in: folder), let device = FileProbe.device(of: folder) else {
      return CheckRule.activePool.failed(
        on: here.host, "the folder \(folder) of the pool \(name) of \(here.host) cannot be read", advice: "see whether it is mounted")
    }
    let others = Room.promises(before: id, among: try journal.openDestinations().migrations)
    let folders = try await PoolFolders(of: [plan] + others.compactMap(\.plan), on: device, connection)
    let room = Room(
      available: available, coming: try files(of: plan, id, in: folders),
      promised: try others.flatMap { try files(of: $0.plan, $0.id, in: folders) })
    let promised = room.promised == 0 ? "" : ", \(ByteCount(room.promised)) of them promised to other migrations"
    if room.isEnough {
      return CheckRule.room.passed(
        on: here.host, "the pool \(name) has \(ByteCount(available)) free\(promised), and \(ByteCount(room.needed)) are coming")
    }
    let held = try spaceInGrace(on: device)
    let advice =
      held == 0
      ? nil
      : "disks of guests that have moved away hold \(ByteCount(held)): `longshore grace list --host \(here.host)` shows them, "
        + "`longshore grace purge` frees them"
    return CheckRule.room.failed(
      on: here.host,
      "the pool \(name) of \(here.host) has too little room: \(ByteCount(room.needed)) are coming, and \(ByteCount(available)) are free\(promised)",
      advice: advice)
  }

  /// The space in the pools that a plan brings files into, and what that is.
  func space(for plan: MigrationPlan, on connection: LibvirtConnection) async throws -> [DestinationFacts.Pool] {
    var pools: [DestinationFacts.Pool] = []
    for name in plan.pools {
      guard let folder = try await connection.pool(named: name.text)?.configuration().targetPath,
        let available = FileProbe.availableBytes(in: folder), let capacity = FileProbe.totalBytes(in: folder),
        let device = FileProbe.device(of: folder)
      else { continue }
      let folders = try await PoolFolders(of: [plan], on: device, connection)
      let room = Room(available: available, coming: try files(of: plan, nil, in: folders), promised: [])
      pools.append(DestinationFacts.Pool(pool: name, capacity: capacity, available: available, coming: room.needed))
    }
    return pools
  }

  /// The files that a migration brings into a file system.
  private func files(of plan: MigrationPlan?, _ id: MigrationID?, in folders: PoolFolders) throws -> [Room.PlannedFile] {
    guard let plan else { return [] }
    var files: [Room.PlannedFile] = []
    for disk in plan.disks {
      guard let folder = folders[disk.destinationPool] else { continue }
      let path = "\(folder)/\(disk.volume)"
      files.append(Room.PlannedFile(path: path, bytes: disk.allocation, written: try written(path)))
    }
    for layer in plan.layers {
      guard !plan.isEjected(layer), let folder = folders[layer.pool], !FileProbe.exists("\(folder)/\(layer.volume)") else { continue }
      let draft = id.map { WorkFolder(pool: folder, host: here, migration: $0).layer(layer.id) }
      files.append(
        Room.PlannedFile(path: "\(folder)/\(layer.volume)", bytes: layer.fileSize, written: try draft.map(written) ?? 0))
    }
    return files
  }

  private func written(_ path: String) throws -> UInt64 { try RegisteredFiles.status(of: path)?.allocated ?? 0 }

  private func spaceInGrace(on device: UInt64) throws -> UInt64 {
    try journal.files(in: .setAside).reduce(0) { sum, file in
      guard let status = try RegisteredFiles.status(of: file.path), status.identity.device == device else { return sum }
      return sum + status.allocated
    }
  }
}

/// The folders of pools that are in one file system.
private struct PoolFolders {
  private var folders: [ResourceName: String] = [:]

  /// Looks up the pools that plans bring files into.
  init(of plans: [MigrationPlan], on device: UInt64, _ connection: LibvirtConnection) async throws {
    for name in Set(plans.flatMap(\.pools)) {
      guard let folder = try await connection.pool(named: name.text)?.configuration().targetPath,
        FileProbe.device(of: folder) == device
      else { continue }
      folders[name] = folder
    }
  }

  subscript(_ pool: ResourceName) -> String? { folders[pool] }
}
