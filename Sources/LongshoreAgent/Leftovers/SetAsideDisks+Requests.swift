internal import Logging
internal import LongshoreMessages
internal import MigrationCore
internal import MigrationJournal

extension SetAsideDisks {
  /// All disks that are set aside, the one that is deleted first first.
  func list() async throws -> [SetAsideDisk] {
    var disks: [SetAsideDisk] = []
    for file in try journal.files(in: .setAside) { disks.append(await describe(file)) }
    return disks.sorted { ($0.deleteAt, $0.path) < ($1.deleteAt, $1.path) }
  }

  /// Keeps disks until another time, which is later or earlier than before, and returns them.
  ///
  /// - Throws: ``Reason/Failure`` where there are no such disks, or the time has passed.
  func extend(_ selection: GraceSelection, until end: Timestamp) async throws -> [SetAsideDisk] {
    let now = clock.now()
    let left = end.milliseconds - now.wall.milliseconds
    guard left > 0 else {
      throw Reason.Failure(.tooLate, "\(end) has passed: purge the disks instead, or name a time to come")
    }
    let files = try select(selection)
    // It may be being deleted at this moment.
    if let late = files.first(where: { $0.grace.map { Self.remaining(of: $0, at: now) } == 0 }) {
      throw Reason.Failure(.tooLate, "the time of \(late.path) is over, so that it is being deleted: copy it at once if it is still there")
    }
    var extended: [SetAsideDisk] = []
    for var file in files {
      file.grace = Deadline(start: now, allowance: left)
      try journal.update(file)
      extended.append(await describe(file))
    }
    return extended
  }

  /// Deletes disks at once, and returns them with what has become of each.
  ///
  /// That their time is over is stored before any file is touched: what a crash leaves is deleted after the next start.
  ///
  /// - Throws: ``Reason/Failure`` where there are no such disks, and libvirt's errors where it cannot be asked what is in use.
  func purge(_ selection: GraceSelection) async throws -> [SetAsideDisk] {
    let files = try select(selection)
    guard case .ended = try journal.standing(of: selection.migration, host: .source) else {
      throw Reason.Failure(
        .guestBusy, "the migration \(selection.migration) has not ended, or is not known any more, so that its disks are kept")
    }
    let storage = try await storage()
    var purged: [SetAsideDisk] = []
    for file in files { purged.append(try await purge(file, storage)) }
    return purged
  }

  private func purge(_ file: RegisteredFile, _ storage: HostStorage) async throws -> SetAsideDisk {
    var disk = await describe(file)
    var due = file
    due.grace = Deadline(start: clock.now(), allowance: 0)
    do {
      try journal.update(due)
      let removal = try await delete(due, storage)
      logger.notice(
        "A disk that was set aside is purged",
        metadata: [LogKeys.migration: "\(file.migration)", LogKeys.path: "\(file.path)", "found": "\(removal)"])
      if case .otherFile = removal {
        disk.reason = Reason(.operationFailed, "another file has the name \(file.path), and is left alone")
      } else {
        disk.state = .deleted
      }
    } catch let error as JournalError {
      // Its time was over just now, and it is gone.
      guard error.code == .notRegistered else { throw error }
      disk.state = .deleted
    } catch {
      disk.reason = Reason.of(error, "delete \(file.path)")
      try journal.update(file)
    }
    return disk
  }

  private func select(_ selection: GraceSelection) throws -> [RegisteredFile] {
    let files = try journal.files(of: selection.migration, host: .source).filter { $0.role == .setAside }
    guard !files.isEmpty else {
      throw Reason.Failure(.unknownMigration, "no disk of the migration \(selection.migration) is set aside here")
    }
    guard let ids = selection.disks else { return files }
    return try ids.map { id in
      guard let file = files.first(where: { self.id(of: $0) == id }) else {
        throw Reason.Failure(.unknownDisk, "the migration \(selection.migration) has no disk \(id) that is set aside here")
      }
      return file
    }
  }

  private func describe(_ file: RegisteredFile) async -> SetAsideDisk {
    let now = clock.now()
    return SetAsideDisk(
      id: id(of: file), migration: file.migration, guest: (try? journal.source(file.migration))?.guest, path: file.path,
      originalPath: file.originalPath, size: await size(of: file),
      deleteAt: now.wall.adding(milliseconds: file.grace.map { Self.remaining(of: $0, at: now) } ?? 0))
  }

  private func id(of file: RegisteredFile) -> String { ItemID.id(of: Orphan.Kind.setAside.rawValue, file.path) }
}
