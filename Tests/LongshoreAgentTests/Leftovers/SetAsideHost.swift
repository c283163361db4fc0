import GRDB
import Logging
import LongshoreMessages
import LongshoreTestKit
import MigrationCore
import Synchronization

@testable import LongshoreAgent
@testable import MigrationJournal

/// A clock that stands where a test puts it.
final class StandingClock: HostClock {
  private let reading: Mutex<Now>

  init(_ now: Now) { reading = Mutex(now) }

  func now() -> Now { reading.withLock { $0 } }
  func wait(milliseconds: Int64) async throws { throw CancellationError() }
  func set(_ now: Now) { reading.withLock { $0 = now } }
}

/// A source host with a migration, of which one disk is set aside.
struct SetAsideHost<Clock: HostClock>: Sendable {
  let folder: TemporaryFolder
  let journal: Journal
  let clock: Clock
  /// Where the disk is.
  let path: String
  /// The files that domains of the host name.
  var users: [String: String] = [:]
  let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

  var disks: SetAsideDisks { disks(HostStorage(folders: [folder.path], users: users)) }

  func disks(_ storage: HostStorage) -> SetAsideDisks {
    SetAsideDisks(journal: journal, pulse: FileSystemPulse(), storage: { storage }, clock: clock, logger: logger)
  }

  var isThere: Bool { folder.exists(path) }

  func endMigration() throws {
    try journal.write("end it") { db in try db.execute(sql: "UPDATE migration SET ended = 1") }
  }

  /// Makes a host for a body.
  static func with(
    _ clock: Clock, grace: Int64, isEnded: Bool, _ body: (inout SetAsideHost<Clock>) async throws -> Void
  ) async throws {
    try await withTemporaryFolder { folder in
      let journal = try Journal(path: Journal.inMemory)
      let (migration, _) = MigrationSamples.accepted()
      try journal.write("store a migration") { db in
        try db.execute(
          literal: """
            INSERT INTO migration (side, id, revision, shape, guest, ended, changed, snapshot)
            VALUES ('source', \(migration.id.text), 1, 1, \(migration.guest.uuid), \(isEnded), 0, \(Shape.encode(migration)))
            """)
      }
      let work = WorkFolder(pool: folder.path, host: MigrationSamples.source, migration: migration.id)
      try work.create()
      let made = try await ExclusiveFile.create(at: work.file("web.qcow2"))
      var file = RegisteredFile(
        migration: migration.id, side: .source, role: .setAside, path: made.path,
        grace: Deadline(start: clock.now(), allowance: grace), originalPath: "/pool/web.qcow2")
      file.identity = made.identity
      try journal.register(file)
      var host = SetAsideHost(folder: folder, journal: journal, clock: clock, path: made.path)
      try await body(&host)
    }
  }
}

extension SetAsideHost<StandingClock> {
  /// Time passes; `step` is what the wall clock is set by besides.
  func pass(_ milliseconds: Int64, wall step: Int64 = 0) {
    var now = clock.now()
    now.bootMilliseconds += milliseconds
    now.wall = now.wall.adding(milliseconds: milliseconds + step)
    clock.set(now)
  }

  /// The host is off for a time. Its boot clock starts anew.
  func reboot(off milliseconds: Int64, wall step: Int64 = 0) {
    let before = clock.now()
    clock.set(Now(wall: before.wall.adding(milliseconds: milliseconds + step), bootID: before.bootID + "+", bootMilliseconds: 1000))
  }
}
