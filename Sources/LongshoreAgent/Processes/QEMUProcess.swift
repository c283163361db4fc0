internal import FoundationEssentials
internal import Glibc

/// The QEMU of a guest on this host, and never another process that got its number.
struct QEMUProcess: Sendable {
  /// Its process id.
  let pid: Int32
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

  /// Kills the process.
  func kill() throws(ImageError) { try descriptor.send(SIGKILL, operation: "kill the process \(pid)") }

  /// Blocks until the process has ended; false when the time is over before.
  func waitForEnd(limit: Duration) throws(ImageError) -> Bool {
    try descriptor.waitForEnd(limit: limit, operation: "wait for the end of the process \(pid)")
  }
}
