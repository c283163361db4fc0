internal import Glibc

/// One process, and no later one that got its number: the number and the time when the process started.
struct ProcessIdentity: Sendable, Hashable, Codable {
  let pid: Int32
  /// In clock ticks since the machine started.
  let startTime: UInt64

  /// The identity of the process that has a number now; `nil` when there is none.
  init?(pid: Int32) {
    guard let startTime = Self.startTime(of: pid) else { return nil }
    self.pid = pid
    self.startTime = startTime
  }

  /// The processes that are there now, in no order. Reads `/proc`, which blocks.
  static func all() throws(ImageError) -> [ProcessIdentity] {
    try FolderListing.names(in: "/proc", operation: "list the processes").compactMap { Int32($0).flatMap(Self.init) }
  }

  /// Whether the process still is there; one that has ended and only waits for its parent is not.
  var isRunning: Bool { Self.startTime(of: pid) == startTime }

  /// The arguments that the process was started with, the program's name first.
  var arguments: [String] {
    guard let bytes = try? ProcessFile.contents(of: "/proc/\(pid)/cmdline"), isRunning else { return [] }
    return bytes.split(separator: 0).map { String(decoding: $0, as: UTF8.self) }
  }

  /// Ends the process: `SIGTERM`, and `SIGKILL` when it still is there after the grace time. Does nothing when the
  /// process has ended, whoever has its number now.
  ///
  /// The signals go through a pidfd that is taken before the identity is compared, so they cannot reach another
  /// process.
  func end(grace: Duration = .seconds(2)) async throws(ImageError) {
    let operation = "end the process \(pid)"
    let process = self
    try await BlockingWork.run { () throws(ImageError) in
      guard let descriptor = try ProcessDescriptor(pid: process.pid, operation: operation) else { return }
      defer { descriptor.close() }
      guard process.isRunning else { return }
      try descriptor.send(SIGTERM, operation: operation)
      if try descriptor.waitForEnd(limit: grace, operation: operation) { return }
      try descriptor.send(SIGKILL, operation: operation)
      guard try descriptor.waitForEnd(limit: .seconds(10), operation: operation) else {
        throw ImageError(.timedOut, operation: operation, message: "it does not end")
      }
    }
  }

  /// Field 22 of `/proc/<pid>/stat`; `nil` without such a process and for a zombie.
  private static func startTime(of pid: Int32) -> UInt64? {
    guard let fields = try? ProcessFile.statusFields(of: "/proc/\(pid)/stat"), fields.count > 19,
      fields[0] != [UInt8(ascii: "Z")], fields[0] != [UInt8(ascii: "X")]
    else { return nil }
    return UInt64(String(decoding: fields[19], as: UTF8.self))
  }
}
