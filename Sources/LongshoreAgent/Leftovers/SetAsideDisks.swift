internal import Libvirt
internal import Logging
internal import LongshoreMessages
internal import MigrationCore
internal import MigrationJournal

/// The source disks that were set aside after their guests had moved away, until their time of grace is over.
///
/// The time is counted by the boot clock, so that setting the wall clock neither shortens nor lengthens it; across a reboot the wall
/// clock tells how long the host was off, which is believed once the host has been up for an hour: a clock that is ahead when the host
/// starts is set right by then. It never ends before the migration has: a grace of 0 ends with it.
struct SetAsideDisks: Sendable {
  /// How old a time of grace may become before what is left of it is stored anew, in milliseconds: what a wall clock that was set
  /// before a reboot can be wrong by is limited to steps within this time.
  static let rewindInterval: Int64 = 60_000
  /// How long a host has to be up for its wall clock to be believed of the time before, in milliseconds. NTP needs minutes where its
  /// servers answer.
  static let settlingTime: Int64 = 3_600_000

  let journal: Journal
  let pulse: FileSystemPulse
  /// Asks the host's libvirt.
  let storage: @Sendable () async throws -> HostStorage
  let clock: any HostClock
  let logger: Logger

  // MARK: - The end of the time of grace

  /// Deletes the disks whose time of grace has ended.
  ///
  /// - Returns: In how many milliseconds the next one ends, of those whose migrations have ended; nil where there is none. A disk that
  ///   could not be deleted does not count.
  func sweep() async throws -> Int64? {
    let now = clock.now()
    var next: Int64?
    var due: [RegisteredFile] = []
    for file in try journal.files(in: .setAside) {
      guard let grace = file.grace, case .ended = try journal.standing(of: file.migration, host: .source) else { continue }
      let left = Self.remaining(of: grace, at: now)
      if left == 0 { due.append(file) } else { next = min(next ?? left, left) }
    }
    try await delete(due)
    if try journal.files(in: .setAside).contains(where: { $0.grace.map { isStale($0, at: now) } ?? false }) {
      let now = clock.now()
      try journal.rewindGraces(at: now) { Self.unsettled(by: $0, at: now) == 0 }
    }
    return next
  }

  /// Milliseconds left of a time of grace: at least those until the wall clock is believed, where it counts from before a reboot.
  static func remaining(of grace: Deadline, at now: Now) -> Int64 { max(grace.remaining(at: now), unsettled(by: grace, at: now)) }

  /// In how many milliseconds the wall clock is believed of a time of grace; 0 where it is, or does not count.
  private static func unsettled(by grace: Deadline, at now: Now) -> Int64 {
    grace.allowance == 0 || grace.start.bootID == now.bootID ? 0 : max(0, settlingTime - now.bootMilliseconds)
  }

  private func isStale(_ grace: Deadline, at now: Now) -> Bool {
    grace.allowance > 0 && Self.unsettled(by: grace, at: now) == 0
      && (grace.start.bootID != now.bootID || grace.start.milliseconds(until: now) >= Self.rewindInterval)
  }

  private func delete(_ due: [RegisteredFile]) async throws {
    guard !due.isEmpty else { return }
    let storage = try await storage()
    for file in due {
      do {
        // Deleting takes its time, and it may have been purged meanwhile. It cannot have been given more time: see `extend`.
        guard try journal.files(in: .setAside).contains(where: { $0.path == file.path }) else { continue }
        let removal = try await delete(file, storage)
        logger.info(
          "A disk's time of grace has ended",
          metadata: [LogKeys.migration: "\(file.migration)", LogKeys.path: "\(file.path)", "found": "\(removal)"])
      } catch {
        logger.warning(
          "A disk that was set aside cannot be deleted", metadata: [LogKeys.path: "\(file.path)", LogKeys.error: "\(error)"])
      }
    }
  }

  /// Deletes a disk, if nothing uses it, and the folder that it was in.
  ///
  /// - Returns: What was found under its name.
  /// - Throws: ``Reason/Failure`` where it is used, or its file system does not answer.
  @discardableResult
  func delete(_ file: RegisteredFile, _ storage: HostStorage) async throws -> ExclusiveFile.Removal {
    guard await answers(file) else {
      throw Reason.Failure(.poolNotAnswering, "the file system of \(WorkFolder.pool(of: file.path)) does not answer: the disk is kept")
    }
    let removal = try await RegisteredFiles.remove(file, journal: journal, storage: storage)
    WorkFolder.removeIfEmpty(at: PathText.folder(of: file.path))
    return removal
  }

  /// How many disks are set aside in a folder and below, and the space that they take, as far as they are seen, in bytes.
  ///
  /// - Parameter folder: The folder; nil for all.
  func space(in folder: String? = nil) async throws(JournalError) -> (files: Int, bytes: UInt64) {
    var space = (files: 0, bytes: UInt64(0))
    for file in try journal.files(in: .setAside) where folder.map({ file.path.hasPrefix("\($0)/") }) ?? true {
      space.files += 1
      space.bytes += await size(of: file) ?? 0
    }
    return space
  }

  /// The space that a set-aside disk takes, in bytes; nil where the file is not seen, or its file system does not answer.
  func size(of file: RegisteredFile) async -> UInt64? {
    await answers(file) ? (try? RegisteredFiles.status(of: file.path))?.allocated : nil
  }

  private func answers(_ file: RegisteredFile) async -> Bool { await pulse.answers(WorkFolder.pool(of: file.path)) }
}
