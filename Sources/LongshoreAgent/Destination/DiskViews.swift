internal import DomainXML
internal import Glibc
internal import Libvirt
internal import Logging
internal import LongshoreMessages
internal import MigrationCore
internal import MigrationJournal

/// Views of guests' disks as they were at the switch: prepares them, reads them, ends them.
///
/// A view is libvirt's backup job in pull mode, which the source begins before it resumes the guest. QEMU serves it at a socket, and
/// copies what the guest overwrites into scratch files before.
struct DiskViews: Sendable {
  /// How much space the pool of a scratch file keeps at least, in bytes: where it had none, the guest's writes would fail.
  private static let spared: UInt64 = 256 << 20
  /// How long to wait between looks for the end of a job, in milliseconds.
  private static let endInterval: Int64 = 100

  let here: HostAddress
  let libvirt: LibvirtLink
  let journal: Journal
  let images: QemuImg
  /// The folder for the sockets' folders, on this host: the path of a socket is short (unix(7)).
  let directory: String
  let clock: any HostClock
  let logger: Logger

  // MARK: - Preparing

  /// Makes the scratch files, registered before, and the folder for the socket.
  func prepare(for migration: DestinationMigration) async throws -> PreparedView? {
    guard let plan = migration.plan, plan.verify == true else { return nil }
    let connection = try await libvirt.connection()
    var scratch: [PreparedView.Scratch] = []
    for disk in plan.disks {
      let folder = try await PoolFolder.path(of: disk.destinationPool, on: connection)
      let work = try RegisteredFiles.makeWorkFolder(in: folder, of: migration.id, on: here, journal: journal)
      var record = RegisteredFile(migration: migration.id, side: .destination, role: .stub, path: work.file("scratch-\(disk.target)"))
      try journal.register(record)
      let file = try await ExclusiveFile.create(at: record.path)
      record.identity = file.identity
      try journal.update(record)
      // QEMU rounds a disk's size up to whole sectors.
      let size = (disk.virtualSize + 511) / 512 * 512
      try await images.initialize(file, as: QemuImg.Specification(format: "qcow2", virtualSize: size))
      scratch.append(PreparedView.Scratch(target: disk.target, path: file.path))
    }
    return PreparedView(socket: "\(try makeFolder(for: migration.id))/nbd", scratch: scratch)
  }

  /// Makes a folder in which QEMU, whoever it runs as, can make a socket. Others do not learn its name, nor enter the one above to see it.
  private func makeFolder(for id: MigrationID) throws -> String {
    removeFolders(of: id)
    let path = "\(directory)/\(id)-\(String(UInt64.random(in: 0...UInt64.max), radix: 16))"
    // `mkdir` leaves to the umask what others may do.
    guard mkdir(path, 0o700) == 0, chmod(path, 0o1733) == 0 else {
      throw Reason.Failure(.operationFailed, "cannot make the folder \(path): \(String(cString: strerror(errno)))")
    }
    return path
  }

  private func removeFolders(of id: MigrationID) {
    let names = (try? FolderListing.names(in: directory, operation: "list \(directory)")) ?? []
    // `<migration>-<attempt>`; an id may begin with another one and a dash.
    for name in names where name.lastIndex(of: "-").map({ name[..<$0] }) == id.text[...] {
      unlink("\(directory)/\(name)/nbd")
      rmdir("\(directory)/\(name)")
    }
  }

  /// Removes the folders of migrations that do not run any more.
  func removeStale() {
    let names = (try? FolderListing.names(in: directory, operation: "list \(directory)")) ?? []
    for name in names {
      guard let dash = name.lastIndex(of: "-"), let id = MigrationID(String(name[..<dash])), (try? journal.fate(of: id)) != .open else {
        continue
      }
      removeFolders(of: id)
    }
  }

  // MARK: - Reading

  /// What the view of a migration's disks holds.
  ///
  /// - Throws: libvirt's errors where it does not answer; all else is a reading that failed.
  func read(_ migration: DestinationMigration) async throws -> ViewReading {
    guard let plan = migration.plan, let view = migration.view else { return DestinationMigration.noView }
    guard let domain = try await libvirt.connection().domain(uuid: plan.guest.uuid), try await isKept(view, of: domain) else {
      return ViewReading(failure: Reason(.notVerified, "the view of the disks has ended, as it does where the guest or its QEMU ends"))
    }
    var contents: [DiskContent] = []
    // What the guest overwrites meanwhile is kept in the pools of all disks, whichever is read.
    let pools = Set(view.scratch.map { WorkFolder.pool(of: $0.path) })
    do throws(ImageError) {
      for scratch in view.scratch {
        contents.append(
          try await ContentReader.read(
            ContentReader.Served(target: scratch.target, socket: view.socket, export: scratch.target.text), of: plan.disks.count
          ) { _, _ throws(ImageError) in
            for pool in pools {
              guard let left = FileProbe.availableBytes(in: pool), left < Self.spared else { continue }
              throw ImageError(
                .noSpace, operation: "read the disk \(scratch.target)",
                message: "the pool at \(pool) has only \(left >> 20) MiB left, which the guest may need")
            }
          })
      }
    } catch {
      if error.code == .cancelled { throw error }
      return ViewReading(failure: Reason(.notVerified, Reason.of(error, "read the view of the disks").message))
    }
    CrashPoint.viewRead.reached()
    return ViewReading(contents)
  }

  private func isKept(_ view: PreparedView, of domain: Domain) async throws(LibvirtError) -> Bool {
    guard try await domain.isActive(), let running = try await domain.backupXML() else { return false }
    return BackupDescription.socket(of: running) == view.socket
  }

  // MARK: - Ending

  /// Ends the view of a migration's disks, where there is one, and removes its files.
  func end(_ migration: DestinationMigration) async throws {
    guard let plan = migration.plan, let view = migration.view else { return }
    if let domain = try await libvirt.connection().domain(uuid: plan.guest.uuid) {
      var isAborted = false
      while try await isKept(view, of: domain) {
        if !isAborted { try await domain.abortJob() }
        isAborted = true
        try await clock.wait(milliseconds: Self.endInterval)
      }
      if isAborted { logger.info("The view of the disks is ended", metadata: [LogKeys.migration: "\(migration.id)"]) }
    }
    CrashPoint.viewEnded.reached()
    let scratch = Set(view.scratch.map(\.path))
    for file in try journal.files(of: migration.id, host: .destination) where scratch.contains(file.path) {
      try await RegisteredFiles.remove(file, journal: journal)
    }
    removeFolders(of: migration.id)
  }

  /// Removes the folder for the socket of a migration whose guest is not here.
  func forget(_ migration: DestinationMigration) { removeFolders(of: migration.id) }
}
