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
  ///   - coming: What is coming.
  ///   - id: The migration or prefetch that brings it; nil for a dry run.
  func checkRoom(
    of name: String, in folder: String, _ coming: IncomingFiles, of id: MigrationID?, on connection: LibvirtConnection
  ) async throws -> Check {
    // The file system's own word: libvirt's is as old as its last refresh of the pool, and a refresh reads every volume.
    guard let available = FileProbe.availableBytes(in: folder), let device = FileProbe.device(of: folder) else {
      return CheckRule.activePool.failed(
        on: here.host, "the folder \(folder) of the pool \(name) of \(here.host) cannot be read", advice: "see whether it is mounted")
    }
    let migrations = Room.promises(before: id, among: try journal.openDestinations().migrations)
    let prefetches = Room.promises(before: id, among: try journal.openPrefetches().migrations)
    let others =
      migrations.compactMap { migration in IncomingFiles(promisedBy: migration).map { (id: migration.id, files: $0) } }
      + prefetches.map { (id: $0.id, files: IncomingFiles(layers: $0.layers)) }
    let folders = try await PoolFolders(of: [coming] + others.map(\.files), on: device) {
      try await answeringFolder(of: $0, on: connection)
    }
    let room = Room(
      available: available, coming: try files(of: coming, id, in: folders),
      promised: try others.flatMap { try files(of: $0.files, $0.id, in: folders) })
    let promised = room.promised == 0 ? "" : ", \(ByteCount(room.promised)) of them promised to others"
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

  /// The space in the pools that files are coming into, and what that is.
  func space(for coming: IncomingFiles, on connection: LibvirtConnection) async throws -> [DestinationFacts.Pool] {
    var pools: [DestinationFacts.Pool] = []
    for name in coming.pools {
      guard let folder = try await answeringFolder(of: name, on: connection),
        let available = FileProbe.availableBytes(in: folder), let capacity = FileProbe.totalBytes(in: folder),
        let device = FileProbe.device(of: folder)
      else { continue }
      let folders = try await PoolFolders(of: [coming], on: device) { try await answeringFolder(of: $0, on: connection) }
      let room = Room(available: available, coming: try files(of: coming, nil, in: folders), promised: [])
      pools.append(DestinationFacts.Pool(pool: name, capacity: capacity, available: available, coming: room.needed))
    }
    return pools
  }

  /// The files of those that are coming which go into a file system.
  private func files(of coming: IncomingFiles, _ id: MigrationID?, in folders: PoolFolders) throws -> [Room.PlannedFile] {
    var files: [Room.PlannedFile] = []
    for disk in coming.disks {
      guard let folder = folders[disk.destinationPool] else { continue }
      let path = "\(folder)/\(disk.volume)"
      files.append(Room.PlannedFile(path: path, bytes: disk.allocation, written: try written(path)))
    }
    for layer in coming.needed {
      guard let folder = folders[layer.pool], coming.lacks(layer, folder) else { continue }
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

  /// Looks up the pools that files are coming into.
  init(of files: [IncomingFiles], on device: UInt64, folder: (ResourceName) async throws -> String?) async throws {
    for name in Set(files.flatMap(\.pools)) {
      guard let folder = try await folder(name), FileProbe.device(of: folder) == device else { continue }
      folders[name] = folder
    }
  }

  subscript(_ pool: ResourceName) -> String? { folders[pool] }
}
