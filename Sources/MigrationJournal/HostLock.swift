internal import Glibc

/// The right to be the one agent of a host: a lock on a file, which the kernel releases when the process ends, however it ends.
///
/// The file holds the owner's process id and stays when the lock is released: a file that were removed could be locked twice.
public final class HostLock: Sendable {
  /// The file's path.
  public let path: String
  private let descriptor: Int32

  /// Takes the lock on the file at `path`, which is made where it is missing. Does not wait.
  ///
  /// - Parameter path: A file named after the host, in a folder that exists and is on a local disk, outside the journal's folder:
  ///   two agents of one host with two journals must meet there.
  /// - Throws: ``HostLockError``: ``HostLockError/Code/held`` where another process, or another ``HostLock`` of this one, has it.
  public init(path: String) throws(HostLockError) {
    let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else {
      throw HostLockError(.cannotOpen, "cannot open the host's lock \(path): \(systemText(errno)): its folder must exist and be writable")
    }
    do throws(HostLockError) {
      try Self.take(descriptor, path: path)
    } catch {
      close(descriptor)
      throw error
    }
    self.path = path
    self.descriptor = descriptor
  }

  deinit {
    // Not left to the closing: a process that is being started has the descriptor too, until it runs its program.
    flock(descriptor, LOCK_UN)
    close(descriptor)
  }

  private static func take(_ descriptor: Int32, path: String) throws(HostLockError) {
    guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
      guard errno == EWOULDBLOCK else {
        throw HostLockError(.cannotLock, "cannot lock \(path): \(systemText(errno))")
      }
      let holder = holder(of: descriptor)
      let name = holder.map { "the process \($0)" } ?? "another process"
      throw HostLockError(
        .held, "\(name) is this host's agent already (it holds \(path)): stop it, or give this agent another host's name", holder: holder)
    }
    let text = Array("\(getpid())\n".utf8)
    guard ftruncate(descriptor, 0) == 0, pwrite(descriptor, text, text.count, 0) == text.count else {
      throw HostLockError(.cannotLock, "cannot write the process id into \(path): \(systemText(errno))")
    }
  }

  private static func holder(of descriptor: Int32) -> Int32? {
    var bytes = [UInt8](repeating: 0, count: 32)
    let count = pread(descriptor, &bytes, bytes.count, 0)
    return Int32(String(decoding: bytes.prefix(max(0, count)).prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self))
  }
}

/// Why a host's lock could not be taken.
public struct HostLockError: Error, Sendable, Hashable, CustomStringConvertible {
  /// The kinds of failure. New ones may be added.
  public struct Code: Sendable, Hashable, CustomStringConvertible {
    private enum Name: String { case held, cannotOpen, cannotLock }

    private let name: Name

    /// Another process has the lock.
    public static let held = Code(name: .held)
    /// The file cannot be opened or made.
    public static let cannotOpen = Code(name: .cannotOpen)
    /// The file system refused the lock, or the process id could not be written.
    public static let cannotLock = Code(name: .cannotLock)

    /// The constant's name.
    public var description: String { name.rawValue }
  }

  /// What kind of failure it was.
  public var code: Code
  /// What happened, and what to do about it.
  public var message: String
  /// The process that has the lock; nil where it is unknown.
  public var holder: Int32?

  init(_ code: Code, _ message: String, holder: Int32? = nil) {
    self.code = code
    self.message = message
    self.holder = holder
  }

  /// One line: message and code.
  public var description: String { "\(message) [\(code)]" }
}

private func systemText(_ number: Int32) -> String { String(cString: strerror(number)) }
