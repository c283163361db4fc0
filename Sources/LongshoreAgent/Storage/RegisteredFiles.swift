internal import LongshoreMessages
internal import MigrationJournal

extension RegisteredFile {
  /// Which file it is; nil until it was made.
  var identity: FileIdentity? {
    get {
      guard let device, let inode else { return nil }
      return FileIdentity(device: device, inode: inode, handle: handle)
    }
    set {
      device = newValue?.device
      inode = newValue?.inode
      handle = newValue?.handle
    }
  }
}

/// Files that were registered before they were made, and no others.
enum RegisteredFiles {
  /// What has a name now; nil for nothing.
  static func identity(of path: String) throws -> FileIdentity? { try status(of: path)?.identity }

  /// The status of what has a name now; nil for nothing.
  static func status(of path: String) throws(ImageError) -> FileStatus? {
    do throws(ImageError) {
      return try FileStatus(ofPath: path, operation: "look at \(path)")
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
    CrashPoint.workFolderRegistered.reached()
    try work.create()
    CrashPoint.workFolderMade.reached()
    return work
  }

  /// Removes a file if it is still the one that was registered and nothing uses it, and forgets it.
  ///
  /// A file without an identity in the journal was registered and never made, or made and never noted: what stands under its name in
  /// this host's own work folder is this migration's; elsewhere it is a stranger's and stays.
  ///
  /// - Parameters:
  ///   - file: The file.
  ///   - journal: The journal that it is registered in.
  ///   - storage: What the host's libvirt says of its files; nil for a file that nobody but this effect knows, in a pool that is active.
  /// - Returns: What was found under the file's name.
  /// - Throws: ``Reason/Failure`` where QEMU has the file open, a domain names it, or the pool that it should be in is not active, or not
  ///   mounted; it stays registered.
  @discardableResult
  static func remove(
    _ file: RegisteredFile, journal: Journal, storage: HostStorage? = nil
  ) async throws -> ExclusiveFile.Removal {
    CrashPoint.fileUnremoved.reached()
    let removal = try await removeFromDisk(file, storage: storage)
    CrashPoint.fileRemoved.reached()
    try journal.forget(file)
    CrashPoint.fileForgotten.reached()
    return removal
  }

  /// Forgets the files of a migration that has brought its guest here: they are the guest's own from now on. What is in the work folder
  /// is not, such as the second name of a template whose publication was cut between its halves, and is removed.
  static func handOver(of migration: MigrationID, journal: Journal) async throws {
    let files = try journal.files(of: migration, host: .destination)
    for file in files where file.role != .workFolder {
      if WorkFolder.contains(file.path, migration: migration) {
        try await remove(file, journal: journal)
      } else {
        try journal.forget(file)
        CrashPoint.fileKept.reached()
      }
    }
    // The folders last: only then are they empty.
    for file in files where file.role == .workFolder { try await remove(file, journal: journal) }
  }

  private static func removeFromDisk(_ file: RegisteredFile, storage: HostStorage?) async throws -> ExclusiveFile.Removal {
    if file.role == .workFolder {
      guard FileProbe.exists(file.path) else {
        try requireSeen(file.path, storage)
        return .absent
      }
      WorkFolder.removeIfEmpty(at: file.path)
      return FileProbe.exists(file.path) ? .absent : .removed
    }
    guard let status = try status(of: file.path) else {
      try requireSeen(file.path, storage)
      return .absent
    }
    let isInWorkFolder = WorkFolder.contains(file.path, migration: file.migration)
    let isOurs = file.identity?.isSameFile(as: status.identity) ?? isInWorkFolder
    guard isOurs, status.isRegular else { return .otherFile(status.identity) }
    // A publication that was cut between its halves has left the second name of a file that lives on under its final one, and may be
    // in use there: taking the name away takes nothing from anybody.
    if !isInWorkFolder || status.linkCount == 1 { try await requireUnused(file.path, storage) }
    return try await ExclusiveFile(path: file.path, identity: status.identity).remove()
  }

  /// - Throws: ``Reason/Failure`` where QEMU has a file open, or a domain that may be started names it.
  private static func requireUnused(_ path: String, _ storage: HostStorage?) async throws {
    guard try await !ExclusiveFile.isInUse(path) else {
      throw Reason.Failure(.operationFailed, "the file \(path) is in use: it is kept")
    }
    if let domain = storage?.user(of: path) {
      throw Reason.Failure(.operationFailed, "the file \(path) is a disk of the domain \(domain): it is kept")
    }
  }

  /// - Throws: ``Reason/Failure`` where a file that is not there may be in a pool that is not mounted.
  private static func requireSeen(_ path: String, _ storage: HostStorage?) throws {
    guard let storage, !storage.shows(path), FileProbe.exists(WorkFolder.pool(of: path)) else { return }
    throw unseen(path)
  }

  /// What is said of a file that nobody sees because its pool is not there.
  static func unseen(_ path: String) -> Reason.Failure {
    Reason.Failure(
      .poolInactive, "the pool of the file \(path) is not active, or not mounted, so that nobody knows whether the file is there")
  }
}
