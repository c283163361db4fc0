internal import SystemPackage

/// What libvirt notes of a guest's QEMU in the log that it keeps for each guest: when one is started, and why one is ended.
struct QEMULog: Sendable {
  /// A note of libvirt's.
  enum Note: Sendable, Hashable {
    /// A process is started.
    case started
    /// A process is being ended, for this reason in libvirt's word.
    case ended(String)
  }

  /// How much of the end of the log is read, in bytes: libvirt's notes of the end are the last lines, or nearly so.
  private static let tail = 16 << 10
  /// What follows the time in libvirt's notes (`qemuLogOperation` and `qemuProcessStop` in its qemu_process.c).
  private static let started = "starting up"
  private static let ended = "shutting down, reason="

  private let path: String

  /// - Parameter directory: where libvirt's QEMU driver keeps its logs.
  init(guest name: String, directory: String = "/var/log/libvirt/qemu") { path = "\(directory)/\(name).log" }

  /// Whether the last of the guest's processes was ended, or is being ended, because the guest has migrated.
  var saysMigrated: Bool { lastNote == .ended("migrated") }

  /// The last note; nil where none is near the end of the log, or the log cannot be read.
  var lastNote: Note? {
    guard let bytes = try? read() else { return nil }
    for line in bytes.split(separator: UInt8(ascii: "\n")).reversed() {
      if let note = Self.note(String(decoding: line, as: UTF8.self)) { return note }
    }
    return nil
  }

  private func read() throws -> [UInt8] {
    let file = try FileDescriptor.open(FilePath(path), .readOnly, options: [.closeOnExec, .noFollow])
    return try file.closeAfter {
      let size = try file.seek(offset: 0, from: .end)
      return try [UInt8](unsafeUninitializedCapacity: Self.tail) { buffer, count in
        count = try file.read(fromAbsoluteOffset: max(0, size - Int64(Self.tail)), into: UnsafeMutableRawBufferPointer(buffer))
      }
    }
  }

  /// A line that begins with a time as libvirt writes it, `2026-11-25 21:36:24.123+0000: `, and is a note.
  private static func note(_ line: String) -> Note? {
    let (time, rest) = (line.prefix { $0 != "+" }, line.drop { $0 != "+" })
    guard time.utf8.count == "2026-11-25 21:36:24.123".utf8.count, time.allSatisfy({ $0.isNumber || "- :.".contains($0) }),
      rest.hasPrefix("+0000: ")
    else { return nil }
    let text = rest.dropFirst("+0000: ".count)
    if text.hasPrefix(started) { return .started }
    return text.hasPrefix(ended) ? .ended(String(text.dropFirst(ended.count))) : nil
  }
}
