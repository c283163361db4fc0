import Testing

@testable import LongshoreAgent

@Suite("The log of a guest's QEMU")
struct QEMULogTests {
  private static let start = "2026-11-25 21:33:29.101+0000: starting up libvirt version: 9.0.0, qemu version: 7.2.17, hostname: alpha\n"
  private static let end = "2026-11-25 21:33:41.222+0000: shutting down, reason=migrated\n"

  @Test(
    "tells the last of libvirt's notes",
    arguments: [
      ("", nil),
      ("warning: host doesn't support requested feature\n", nil),
      (start, .started),
      (start + "2026-11-25 21:33:40.000+0000: initiating migration\n", .started),
      (start + end, .ended("migrated")),
      (start + end + "2026-11-25T21:33:41.230Z qemu-system-x86_64: terminating on signal 15 from pid 41\n", .ended("migrated")),
      (start + end + start, .started),
      (start + "2026-11-25 21:33:41.222+0000: shutting down, reason=crashed\n", .ended("crashed")),
      // What the process itself writes is not a note, whatever it looks like.
      (start + "qemu: 2026-11-25 21:33:41.222+0000: shutting down, reason=migrated\n", .started),
      (start + "shutting down, reason=migrated\n", .started),
      (start + end + String(repeating: "noise\n", count: 10_000), nil),
    ] as [(String, QEMULog.Note?)])
  func lastNote(text: String, note: QEMULog.Note?) async throws {
    try await withTemporaryFolder { folder in
      _ = try folder.write(Array(text.utf8), to: "web.log")
      let log = QEMULog(guest: "web", directory: folder.path)
      #expect(log.lastNote == note)
      #expect(log.saysMigrated == (note == .ended("migrated")))
      #expect(QEMULog(guest: "db", directory: folder.path).lastNote == nil)
    }
  }
}
