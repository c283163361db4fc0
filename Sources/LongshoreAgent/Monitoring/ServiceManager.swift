internal import Glibc

/// Tells systemd how the agent stands, by the protocol of sd_notify(3): one datagram to the socket that `NOTIFY_SOCKET` names. Does
/// nothing where there is none, and never fails: a manager that does not listen is none of the agent's business.
struct ServiceManager: Sendable {
  /// What is told.
  enum Word: Sendable, Hashable {
    /// The start is complete.
    case ready
    /// The configuration is read anew from this time of `CLOCK_MONOTONIC` on, until the agent is ready again.
    case reloading(monotonicMicroseconds: Int64)
    /// How the agent stands, in one line.
    case status(String)
    /// The agent makes progress.
    case watchdog
    /// The agent ends.
    case stopping

    fileprivate var line: String {
      switch self {
      case .ready: "READY=1"
      case .reloading(let time): "RELOADING=1\nMONOTONIC_USEC=\(time)"
      case .status(let text): "STATUS=\(text.split(whereSeparator: \.isNewline).joined(separator: " "))"
      case .watchdog: "WATCHDOG=1"
      case .stopping: "STOPPING=1"
      }
    }
  }

  /// The socket's address: a path, or a name after `@` in the abstract namespace.
  private let address: String?
  /// Within how many milliseconds the watchdog wants to be told that the agent makes progress; nil where there is none.
  let watchdogMilliseconds: Int64?

  /// - Parameter environment: The variables of the process.
  init(environment: [String: String], processID: Int32 = getpid()) {
    address = environment["NOTIFY_SOCKET"].flatMap { $0.first == "/" || $0.first == "@" ? $0 : nil }
    let isMeant = environment["WATCHDOG_PID"].map { $0 == "\(processID)" } ?? true
    watchdogMilliseconds = environment["WATCHDOG_USEC"].flatMap { Int64($0) }.flatMap { $0 > 0 && isMeant ? max(1, $0 / 1000) : nil }
  }

  /// The time of the clock by which systemd orders what it is told.
  static func monotonicMicroseconds() -> Int64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1000
  }

  /// Tells some words at once.
  func tell(_ words: Word...) { tell(words) }

  /// Tells some words at once.
  func tell(_ words: [Word]) {
    guard let address, !words.isEmpty else { return }
    var name = sockaddr_un()
    name.sun_family = sa_family_t(AF_UNIX)
    var bytes = Array(address.utf8)
    let capacity = MemoryLayout.size(ofValue: name.sun_path)
    guard bytes.count < capacity else { return }
    if bytes.first == UInt8(ascii: "@") { bytes[0] = 0 }
    withUnsafeMutableBytes(of: &name.sun_path) { $0.copyBytes(from: bytes) }
    // The name's end counts in the abstract namespace.
    let length = socklen_t(MemoryLayout.offset(of: \sockaddr_un.sun_path) ?? 2) + socklen_t(bytes.count)
    let descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    guard descriptor >= 0 else { return }
    defer { close(descriptor) }
    let text = Array(words.map(\.line).joined(separator: "\n").utf8)
    _ = withUnsafePointer(to: &name) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
        text.withUnsafeBytes { sendto(descriptor, $0.baseAddress, $0.count, Int32(MSG_DONTWAIT | MSG_NOSIGNAL), address, length) }
      }
    }
  }
}
