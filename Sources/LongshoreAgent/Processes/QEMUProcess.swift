internal import FoundationEssentials
internal import Glibc
internal import MigrationCore
internal import SystemPackage

/// The QEMU of a guest on this host, and never another process that got its number.
struct QEMUProcess: Sendable {
  /// For how long QEMU's threads may take to stand still: as long as a system call of theirs that cannot be interrupted.
  private static let freezeLimit = Duration.milliseconds(200)

  private let pid: Int32
  private let descriptor: ProcessDescriptor

  /// Finds a guest's QEMU by libvirt's note of it.
  ///
  /// The process is held by a pidfd before its arguments are read and is still there afterwards, so that they are its own.
  ///
  /// - Parameter runDirectory: where libvirt's QEMU driver keeps its process ids.
  /// - Throws: ``ImageError`` where there is none, or it must not be signalled by this process.
  init(guest name: String, uuid: String, runDirectory: String = "/run/libvirt/qemu") throws(ImageError) {
    let operation = "find the QEMU of \(name)"
    let path = "\(runDirectory)/\(name).pid"
    guard let text = try? String(contentsOfFile: path, encoding: .utf8), let pid = Int32(text.prefix { !$0.isWhitespace }) else {
      throw ImageError(.notFound, operation: operation, message: "\(path) cannot be read")
    }
    guard let descriptor = try ProcessDescriptor(pid: pid, operation: operation) else {
      throw ImageError(.notFound, operation: operation, message: "the process \(pid) of \(path) has ended")
    }
    self.pid = pid
    self.descriptor = descriptor
    do throws(ImageError) {
      try check(uuid: uuid, operation)
    } catch {
      descriptor.close()
      throw error
    }
  }

  private func check(uuid: String, _ operation: String) throws(ImageError) {
    let arguments = ProcessIdentity(pid: pid)?.arguments ?? []
    let isOfGuest = zip(arguments, arguments.dropFirst()).contains { $0 == "-uuid" && $1.lowercased() == uuid }
    guard isOfGuest, try !descriptor.waitForEnd(limit: .zero, operation: operation) else {
      throw ImageError(.changed, operation: operation, message: "the process \(pid) is not the guest's QEMU")
    }
    try descriptor.send(0, operation: operation)
  }

  func close() { descriptor.close() }

  /// How long each virtual CPU has run.
  ///
  /// QEMU names their threads `CPU 0/KVM` and so on, as libvirt asks it to; one thread may emulate them all. The kernel counts in
  /// nanoseconds, exactly for a thread that does not run (`/proc/<pid>/task/<tid>/schedstat`, field 1).
  func runTimes() throws(ImageError) -> RunTimes {
    let operation = "read the run times of the process \(pid)"
    var times: RunTimes = [:]
    for thread in try threads(operation) {
      let folder = "/proc/\(pid)/task/\(thread)"
      guard let name = try? ProcessFile.contents(of: "\(folder)/comm"),
        name.starts(with: "CPU ".utf8) || name.starts(with: "ALL CPUs/".utf8)
      else { continue }
      guard let statistics = try? ProcessFile.contents(of: "\(folder)/schedstat"),
        let time = UInt64(String(decoding: statistics.prefix { $0 != UInt8(ascii: " ") }, as: UTF8.self))
      else { throw ImageError(.unsupported, operation: operation, message: "the kernel does not tell the run time of a thread") }
      times[thread] = time
    }
    guard !times.isEmpty else { throw ImageError(.unsupported, operation: operation, message: "it names no thread of a virtual CPU") }
    return times
  }

  /// Whether the process is stopped, by ``freeze()`` or another's signal.
  var isFrozen: Bool { (try? Self.isStopped("/proc/\(pid)/stat")) ?? false }

  /// Stops every thread and returns when none runs any more.
  ///
  /// - Throws: ``ImageError`` where one does not stop in time; let the process go on then.
  func freeze() throws(ImageError) {
    let operation = "freeze the process \(pid)"
    try descriptor.send(SIGSTOP, operation: operation)
    let limit = ContinuousClock.now + Self.freezeLimit
    for thread in try threads(operation) {
      while try !isStopped(thread, operation) {
        guard ContinuousClock.now < limit else {
          throw ImageError(.timedOut, operation: operation, message: "the thread \(thread) does not stop")
        }
        sched_yield()
      }
    }
  }

  /// Lets the process go on.
  func thaw() throws(ImageError) { try descriptor.send(SIGCONT, operation: "let the process \(pid) go on") }

  /// Kills the process, frozen or not.
  func kill() throws(ImageError) { try descriptor.send(SIGKILL, operation: "kill the process \(pid)") }

  /// Blocks until the process has ended; false when the time is over before.
  func waitForEnd(limit: Duration) throws(ImageError) -> Bool {
    try descriptor.waitForEnd(limit: limit, operation: "wait for the end of the process \(pid)")
  }

  private func threads(_ operation: String) throws(ImageError) -> [Int32] {
    guard let names = try? FileManager.default.contentsOfDirectory(atPath: "/proc/\(pid)/task") else {
      throw ImageError(.notFound, operation: operation, message: "it has ended")
    }
    return names.compactMap { Int32($0) }
  }

  /// Whether a thread has stopped, or has ended.
  private func isStopped(_ thread: Int32, _ operation: String) throws(ImageError) -> Bool {
    do {
      return try Self.isStopped("/proc/\(pid)/task/\(thread)/stat")
    } catch {
      guard error == .noSuchFileOrDirectory || error == .noSuchProcess else { throw ImageError(error, operation: operation) }
      return true
    }
  }

  private static func isStopped(_ path: String) throws(Errno) -> Bool {
    guard let state = try ProcessFile.statusFields(of: path).first?.first else { return false }
    return [UInt8(ascii: "T"), UInt8(ascii: "t"), UInt8(ascii: "Z"), UInt8(ascii: "X")].contains(state)
  }
}
