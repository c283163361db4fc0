internal import Glibc
internal import SystemPackage

/// A pidfd: a handle of a process that never becomes another process's.
struct ProcessDescriptor: Sendable {
  private let file: FileDescriptor

  private typealias Open = @convention(c) (pid_t, CUnsignedInt) -> CInt
  private typealias Get = @convention(c) (CInt, CInt, CUnsignedInt) -> CInt
  private typealias Send = @convention(c) (CInt, CInt, UnsafeMutableRawPointer?, CUnsignedInt) -> CInt

  /// `<sys/pidfd.h>` (glibc 2.36, Linux 5.3) is not in Swift's module of the C library, so its functions are
  /// looked up by name. The types are those of its declarations.
  private static let open = function("pidfd_open", as: Open.self)
  private static let send = function("pidfd_send_signal", as: Send.self)
  private static let get = function("pidfd_getfd", as: Get.self)

  /// Takes a handle of the process that has a number now; `nil` when there is none. The caller closes it.
  init?(pid: Int32, operation: String) throws(ImageError) {
    guard let open = Self.open else { throw Self.missing(operation) }
    let descriptor = open(pid, 0)
    guard descriptor >= 0 else {
      if errno == ESRCH { return nil }
      throw .last(operation: operation)
    }
    file = FileDescriptor(rawValue: descriptor)
  }

  func close() {
    try? file.close()
  }

  /// Sends a signal; does nothing when the process has ended.
  func send(_ signal: CInt, operation: String) throws(ImageError) {
    guard let send = Self.send else { throw Self.missing(operation) }
    guard send(file.rawValue, signal, nil, 0) == 0 || errno == ESRCH else { throw .last(operation: operation) }
  }

  /// A duplicate of one of the process's own file descriptors (Linux 5.6), which the caller closes; nil where the process does not have it
  /// or has ended.
  ///
  /// What is behind it stays open for as long as the duplicate does, whatever the process does meanwhile.
  ///
  /// - Throws: `EPERM` where this process may not trace the other one (`PTRACE_MODE_ATTACH_REALCREDS` of ptrace(2)).
  func duplicate(_ descriptor: Int32, operation: String) throws(ImageError) -> FileDescriptor? {
    guard let get = Self.get else { throw Self.missing(operation) }
    let duplicate = get(file.rawValue, descriptor, 0)
    if duplicate >= 0 { return FileDescriptor(rawValue: duplicate) }
    if errno == EBADF || errno == ESRCH { return nil }
    throw .last(operation: operation)
  }

  /// Blocks until the process has ended; `false` when the time is over before.
  func waitForEnd(limit: Duration, operation: String) throws(ImageError) -> Bool {
    let milliseconds = CInt(clamping: Int64(limit / .milliseconds(1)))
    var poll = pollfd(fd: file.rawValue, events: Int16(POLLIN), revents: 0)
    let result = Glibc.poll(&poll, 1, milliseconds)
    guard result >= 0 || errno == EINTR else { throw .last(operation: operation) }
    return result > 0
  }

  private static func function<Function>(_ name: String, as type: Function.Type) -> Function? {
    dlsym(nil, name).map { unsafeBitCast($0, to: type) }
  }

  private static func missing(_ operation: String) -> ImageError {
    ImageError(.unsupported, operation: operation, message: "the C library has no pidfd_open (glibc 2.36)")
  }
}
