import LongshoreMessages
import Testing

@testable import LongshoreAgent

@Suite("The log of a guest's QEMU")
struct QEMULogTests {
  private static let start = "2026-11-25 21:33:29.101+0000: starting up libvirt version: 9.0.0, qemu version: 7.2.17, hostname: alpha\n"
  private static let leave = "2026-11-25 21:33:40.000+0000: initiating migration\n"
  private static let end = "2026-11-25 21:33:41.222+0000: shutting down, reason=migrated\n"
  private static let terminating = "2026-11-25T21:33:41.230Z qemu-system-x86_64: terminating on signal 15"
  private static let all = start + leave + end

  private static let left: [String] = [all, all + terminating, "\(all)\(terminating) from pid 41\n", leave + end]

  private static let notLeft: [String] = [
    "", start, start + leave, "warning: host doesn't support requested feature\n",
    // It has come back since, and the note of that may follow half a line of a process that was killed.
    all + start, "\(all)\(terminating)\(start)", "\(all)\(start)\(leave)",
    // Another migration has begun since, or none that the log shows.
    "\(start)\(leave)\(leave)\(end)", start + end,
    "\(start)\(leave)2026-11-25 21:33:41.222+0000: shutting down, reason=crashed\n",
    "\(all)2026-11-25 21:33:42.000+0000: shutting down, reason=daemon\n",
    // What the process itself writes is not a note, whatever it looks like.
    "\(start)\(leave)qemu: 2026-11-25 21:33:41.222+0000: shutting down, reason=migrated\n",
    "\(start)\(leave)shutting down, reason=migrated\n",
    all + String(repeating: "noise\n", count: 10_000),
  ]

  @Test(
    "tells whether the guest has left by the one migration that has begun since",
    arguments: left.map { ($0, true) } + notLeft.map { ($0, false) })
  func saysMigrated(text: String, isSo: Bool) async throws {
    try await withTemporaryFolder { folder in
      _ = try folder.write(Array(text.utf8), to: "web.log")
      let log = QEMULog(guest: "web", directory: folder.path)
      let since = try #require(Timestamp("2026-11-25T21:33:39Z"))
      #expect(await log.saysMigrated(since: since) == isSo)
      #expect(await !QEMULog(guest: "db", directory: folder.path).saysMigrated(since: since))
    }
  }

  @Test("takes no note for this migration's that is older")
  func older() async throws {
    try await withTemporaryFolder { folder in
      _ = try folder.write(Array(Self.all.utf8), to: "web.log")
      let log = QEMULog(guest: "web", directory: folder.path)
      for (since, isSo) in [("2026-11-25T21:33:40Z", true), ("2026-11-25T21:33:40.001Z", false), ("2026-11-25T21:33:41.223Z", false)] {
        #expect(await log.saysMigrated(since: try #require(Timestamp(since))) == isSo, "\(since)")
      }
    }
  }
}
