internal import LongshoreMessages
internal import MigrationJournal

extension RegisteredFile {
  /// Which file it is; nil until it was made.
  var identity: FileIdentity? {
    get {
      guard let device, let inode else { return nil }
      return FileIdentity(device: device, inode: inode)
    }
    set {
      device = newValue?.device
      inode = newValue?.inode
    }
  }
}

/// Files that were registered before they were made, and no others.
enum RegisteredFiles {
  /// What has a name now; nil for nothing.
  static func identity(of path: String) throws -> FileIdentity? {
    do throws(ImageError) {
      return try FileStatus(ofPath: path, operation: "look at \(path)").identity
    } catch {
      guard error.code == .notFound else { throw error }
      return nil
    }
  }

  /// Makes a work folder at the destination, registered before.
  static func makeWorkFolder(in pool: String, of migration: MigrationID, on host: HostAddress, journal: Journal) throws -> WorkFolder {
    let work = WorkFolder(pool: pool, host: host, migration: migration)
    if try !journal.files(of: migration, host: .destination).contains(where: { $0.path == work.path }) {
      try journal.register(RegisteredFile(migration: migration, side: .destination, role: .workFolder, path: work.path))
    }
    try work.create()
    return work
  }

  /// Removes a file if it is still the one that was registered, and forgets it.
  ///
  /// A file without an inode in the journal was registered and never made, or made and never noted: what stands under its name in
  /// this host's own work folder is this migration's; elsewhere it is a stranger's and stays.
  ///
  /// - Throws: ``Reason/Failure`` where QEMU uses the file; it stays registered.
  static func remove(_ file: RegisteredFile, journal: Journal) async throws {
    if file.role == .workFolder {
      WorkFolder.removeIfEmpty(at: file.path)
    } else if let current = try identity(of: file.path) {
      let isOurs = file.identity.map { $0 == current } ?? WorkFolder.contains(file.path, migration: file.migration)
      if isOurs {
        guard try await !ExclusiveFile.isInUse(file.path) else {
          throw Reason.Failure(.operationFailed, "the file \(file.path) is in use: it is kept")
        }
        _ = try await ExclusiveFile(path: file.path, identity: current).remove()
      }
    }
    try journal.forget(file)
  }
}
