import Glibc
import LongshoreMessages
import LongshoreTestKit
import MigrationCore
import MigrationJournal
import Testing

@testable import LongshoreAgent

@Suite("Disks that are set aside")
struct SetAsideDisksTests {
  private static let hour: Int64 = 3_600_000

  private func withHost(
    grace: Int64 = 24 * hour, isEnded: Bool = true, _ body: (inout SetAsideHost<StandingClock>) async throws -> Void
  ) async throws {
    try await SetAsideHost.with(StandingClock(MigrationSamples.now()), grace: grace, isEnded: isEnded, body)
  }

  @Test("are deleted to the millisecond, with their folder, and the next end is told")
  func exact() async throws {
    try await withHost { (host) async throws in
      #expect(try await host.disks.sweep() == 24 * Self.hour)
      host.pass(24 * Self.hour - 1)
      #expect(try await host.disks.sweep() == 1)
      #expect(host.isThere)
      host.pass(1)
      #expect(try await host.disks.sweep() == nil)
      #expect(!host.isThere)
      #expect(!host.folder.exists(host.folder.file(".longshore")))
      #expect(try host.journal.files().isEmpty)
    }
  }

  @Test("are deleted neither earlier nor later where the wall clock is set", arguments: [-hour, hour])
  func wallClock(step: Int64) async throws {
    try await withHost { host in
      host.pass(12 * Self.hour, wall: step)
      #expect(try await host.disks.sweep() == 12 * Self.hour)
      host.pass(12 * Self.hour - 1, wall: step)
      #expect(try await host.disks.sweep() == 1)
      #expect(host.isThere)
      host.pass(1)
      _ = try await host.disks.sweep()
      #expect(!host.isThere)
    }
  }

  @Test("have the time counted that the host was off, and not a step of the wall clock before", arguments: [-hour, 0, hour])
  func reboot(step: Int64) async throws {
    try await withHost { host in
      host.pass(10 * Self.hour, wall: step)
      _ = try await host.disks.sweep()
      host.reboot(off: 2 * Self.hour)
      #expect(try await host.disks.sweep() == 12 * Self.hour)
      host.pass(Self.hour)
      #expect(try await host.disks.sweep() == 11 * Self.hour)
      host.pass(11 * Self.hour - 1)
      #expect(try await host.disks.sweep() == 1)
      #expect(host.isThere)
    }
  }

  @Test("are not deleted early, nor kept for ever, where the clock of the host is behind after a reboot")
  func clockBehind() async throws {
    try await withHost { (host) async throws in
      host.reboot(off: Self.hour, wall: -365 * 24 * Self.hour)
      #expect(try await host.disks.sweep() == 24 * Self.hour)
      // It is set right within the hour.
      host.pass(0, wall: 365 * 24 * Self.hour)
      #expect(try await host.disks.sweep() == 23 * Self.hour)
    }
  }

  @Test("are not deleted early where the clock of the host is ahead after a reboot, and set right within the hour")
  func clockAhead() async throws {
    try await withHost { (host) async throws in
      host.reboot(off: Self.hour, wall: 365 * 24 * Self.hour)
      #expect(try await host.disks.sweep() == SetAsideDisks.settlingTime - host.clock.now().bootMilliseconds)
      #expect(host.isThere)
      host.pass(Self.hour - 1, wall: -365 * 24 * Self.hour)
      #expect(try await host.disks.sweep() == 22 * Self.hour + 1)
      host.pass(22 * Self.hour + 1)
      #expect(try await host.disks.sweep() == nil)
      #expect(!host.isThere)
    }
  }

  @Test("that were set aside since the host is up need not wait for its clock to settle")
  func sinceBoot() async throws {
    try await withHost(grace: 1000) { (host) async throws in
      host.pass(1000, wall: -Self.hour)
      #expect(try await host.disks.sweep() == nil)
      #expect(!host.isThere)
    }
  }

  @Test("without a time of grace go when the migration has ended, and not before")
  func noGrace() async throws {
    try await withHost(grace: 0, isEnded: false) { host in
      #expect(try await host.disks.sweep() == nil)
      #expect(host.isThere)
      try host.endMigration()
      _ = try await host.disks.sweep()
      #expect(!host.isThere)
    }
  }

  @Test("are kept while a domain names them, and while their pool is not there")
  func kept() async throws {
    try await withHost(grace: 0) { host in
      host.users = [host.path: "rescue"]
      _ = try await host.disks.sweep()
      #expect(host.isThere)
      #expect(try host.journal.files().count == 1)

      // What is not seen is not forgotten.
      #expect(rename(host.path, host.folder.file("elsewhere")) == 0)
      _ = try await host.disks(HostStorage(folders: [])).sweep()
      #expect(try host.journal.files().count == 1)
      host.users = [:]
      _ = try await host.disks.sweep()
      #expect(try host.journal.files().isEmpty)
    }
  }

  @Test("are listed with their guest, size and end, and kept until another time")
  func extend() async throws {
    try await withHost { host in
      _ = try host.folder.write([], to: "unrelated")
      host.pass(Self.hour)
      let disk = try #require(try await host.disks.list().first)
      #expect(disk.guest == MigrationSamples.guest)
      #expect(disk.originalPath == "/pool/web.qcow2")
      #expect(disk.deleteAt == host.clock.now().wall.adding(milliseconds: 23 * Self.hour))

      let end = disk.deleteAt.adding(milliseconds: 24 * Self.hour)
      let selection = GraceSelection(migration: MigrationSamples.id, disks: [disk.id])
      // The same request again changes nothing more.
      for _ in 1...2 { #expect(try await host.disks.extend(selection, until: end).map(\.deleteAt) == [end]) }
      #expect(try await host.disks.sweep() == 47 * Self.hour)
    }
  }

  @Test("cannot be extended to the past, nor where there are none")
  func refusals() async throws {
    try await withHost { host in
      let all = GraceSelection(migration: MigrationSamples.id)
      let late = await #expect(throws: Reason.Failure.self) { try await host.disks.extend(all, until: host.clock.now().wall) }
      #expect(late?.reason.code == .tooLate)
      let end = host.clock.now().wall.adding(milliseconds: 1)
      let other = try Many.id(1)
      let unknown = await #expect(throws: Reason.Failure.self) {
        try await host.disks.extend(GraceSelection(migration: other), until: end)
      }
      #expect(unknown?.reason.code == .unknownMigration)
      let disk = await #expect(throws: Reason.Failure.self) {
        try await host.disks.extend(GraceSelection(migration: MigrationSamples.id, disks: ["0"]), until: end)
      }
      #expect(disk?.reason.code == .unknownDisk)
    }
  }

  @Test("are purged at once, and again without harm")
  func purge() async throws {
    try await withHost { host in
      let all = GraceSelection(migration: MigrationSamples.id)
      let purged = try await host.disks.purge(all)
      #expect(purged.map(\.state) == [.deleted])
      #expect(!host.isThere)
      let again = await #expect(throws: Reason.Failure.self) { try await host.disks.purge(all) }
      #expect(again?.reason.code == .unknownMigration)
    }
  }

  @Test("are not purged while something uses them, and keep their time")
  func purgeInUse() async throws {
    try await withHost { host in
      host.users = [host.path: "rescue"]
      let purged = try await host.disks.purge(GraceSelection(migration: MigrationSamples.id))
      #expect(purged.map(\.state) == [.kept])
      #expect(purged.first?.reason?.message.contains("rescue") == true)
      #expect(try await host.disks.sweep() == 24 * Self.hour)
      #expect(host.isThere)
    }
  }

  @Test("are not purged before the migration has ended")
  func purgeEarly() async throws {
    try await withHost(isEnded: false) { host in
      let early = await #expect(throws: Reason.Failure.self) {
        try await host.disks.purge(GraceSelection(migration: MigrationSamples.id))
      }
      #expect(early?.reason.code == .guestBusy)
      #expect(host.isThere)
    }
  }
}
