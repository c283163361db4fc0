internal import LongshoreMessages
internal import SystemPackage

/// What libvirt notes of a guest's QEMU in the log that it keeps for each guest: when one is started or begins to leave, and why one is
/// ended.
struct QEMULog: Sendable {
  /// A note of libvirt's.
  private enum Note: Sendable, Hashable {
    /// A process is started.
    case started
    /// A migration of it to another host begins.
    case leaving(Timestamp)
    /// A process is being ended, for this reason in libvirt's word.
    case ended(Timestamp, String)
  }

  /// How much of the end of the log is read, in bytes: libvirt's notes of a migration are the last lines, or nearly so.
  private static let tail = 16 << 10
  // What follows the time in libvirt's notes: `qemuLogOperation` and `qemuProcessStop` in its qemu_process.c, `qemuMigrationSrcRun` in its
  // qemu_migration.c.
  private static let started = "starting up "
  private static let leaving = "initiating migration"
  private static let ended = "shutting down, reason="
  /// The form of libvirt's times, which are UTC.
  private static let time = "2026-11-25 21:36:24.123"
  private static let zone = "+0000: "

  private let path: String

  /// - Parameter directory: where libvirt's QEMU driver keeps its logs.
  init(guest name: String, directory: String = "/var/log/libvirt/qemu") { path = "\(directory)/\(name).log" }

  /// Whether the guest's last process was ended, or is being ended, because the guest has left by the one migration that has begun since
  /// a time. Reads the log on a thread that may block.
  func saysMigrated(since: Timestamp) async -> Bool {
    let log = self
    return (try? await BlockingWork.run { () throws(ImageError) in Self.saysMigrated(log.notes, since: since) }) ?? false
  }

  /// A note that is older than the migration is of another one, and where more than one began since, it is not known whose it is. That
  /// none can be found, or the log cannot be read, says nothing.
  private static func saysMigrated(_ notes: [Note], since: Timestamp) -> Bool {
    guard case .ended(let end, "migrated")? = notes.last, end >= since else { return false }
    return notes.count { if case .leaving(let begin) = $0 { begin >= since } else { false } } == 1
  }

  /// libvirt's notes near the end of the log, in their order.
  private var notes: [Note] {
    guard let bytes = try? read() else { return [] }
    return bytes.split(separator: UInt8(ascii: "\n")).compactMap { Self.note(String(decoding: $0, as: UTF8.self)) }
  }

  /// The end of the log.
  func read() throws -> [UInt8] {
    let file = try FileDescriptor.open(FilePath(path), .readOnly, options: [.closeOnExec, .noFollow])
    return try file.closeAfter {
      let size = try file.seek(offset: 0, from: .end)
      return try [UInt8](unsafeUninitializedCapacity: Self.tail) { buffer, count in
        count = try file.read(fromAbsoluteOffset: max(0, size - Int64(Self.tail)), into: UnsafeMutableRawBufferPointer(buffer))
      }
    }
  }

  private static func note(_ line: String) -> Note? {
    // A process that is killed may leave half a line, which the next one's note then follows.
    if line.contains(zone + started) { return .started }
    let text = line.dropFirst(time.count)
    guard text.hasPrefix(zone), let at = Timestamp(line.prefix(time.count).replacing(" ", with: "T") + "Z") else { return nil }
    let what = text.dropFirst(zone.count)
    if what.hasPrefix(leaving) { return .leaving(at) }
    return what.hasPrefix(ended) ? .ended(at, String(what.dropFirst(ended.count))) : nil
  }
}
