internal import CLibvirt

/// What libvirt, or this library on its behalf, could not do.
///
/// Match on ``code``; ``message`` is libvirt's own text for people, and ``operation`` says what was tried:
///
/// ```swift
/// do {
///   try await domain.resume()
/// } catch where error.code == .operationInvalid {
///   // It was not paused.
/// }
/// ```
public struct LibvirtError: Error, Sendable, Hashable {
  /// What went wrong (`virErrorNumber`).
  public let code: Code
  /// The part of libvirt that raised the error (`virErrorDomain`).
  public let domain: ErrorDomain
  /// How bad libvirt takes it to be.
  public let level: Level
  /// libvirt's text, in libvirt's words.
  public let message: String
  /// What was tried, in words that follow "cannot": `resume domain web1`.
  public let operation: String
  /// The error that led to this one, such as the failed attempt behind ``Code/notConnected``.
  public var cause: LibvirtError? { causes.first }

  // An array, since a struct cannot hold itself.
  private let causes: [LibvirtError]

  /// Makes an error; for doubles in tests and for code that stands in for libvirt.
  public init(
    code: Code, domain: ErrorDomain = .none, level: Level = .error, message: String, operation: String,
    cause: LibvirtError? = nil
  ) {
    self.code = code
    self.domain = domain
    self.level = level
    self.message = message
    self.operation = operation
    self.causes = cause.map { [$0] } ?? []
  }

  /// Whether the same call may succeed when it is repeated later without anything else being changed.
  ///
  /// True for a lost connection, for a lock that was not obtained in libvirt's 30 seconds, for a busy resource and for
  /// a storage pool with running jobs. A repeated call must still be harmless: after a lost connection nobody knows
  /// whether the first one was carried out.
  public var isRetriable: Bool {
    isConnectionLost || hasAsynchronousJobs || code == .operationTimeout || code == .resourceBusy
      || code == .agentUnresponsive
  }

  /// Whether a connection broke under the call, or there was none.
  ///
  /// What the call did is then unknown. An error of a migration can also be about the connection between the *two
  /// daemons*, which libvirt does not tell apart: ``LibvirtConnection/isAlive()`` says whether it was the caller's own.
  public var isConnectionLost: Bool {
    switch code {
    case .notConnected, .noConnection, .invalidConnection, .rpc: true
    case .systemError, .internalError: domain == .rpc || domain == .remote
    default: false
    }
  }

  /// Whether a storage pool refused since a volume in it is just being made, copied or wiped.
  ///
  /// libvirt has no code of its own for it (`virStoragePoolRefresh` fails with `VIR_ERR_INTERNAL_ERROR`).
  var hasAsynchronousJobs: Bool {
    code == .internalError && domain == .storage && message.contains("asynchronous jobs running")
  }
}

extension LibvirtError: CustomStringConvertible {
  /// One line: what could not be done, why, and the code in brackets.
  public var description: String {
    let own = "cannot \(operation): \(message) [\(code)]"
    return cause.map { "\(own); \($0)" } ?? own
  }
}

extension LibvirtError {
  /// How bad an error is (`virErrorLevel`).
  public struct Level: LibvirtConstant {
    /// libvirt's number.
    public let rawValue: Int32

    /// Takes libvirt's number as it is.
    public init(rawValue: Int32) { self.rawValue = rawValue }

    /// No error was recorded.
    public static let none = Level(VIR_ERR_NONE)
    /// A warning.
    public static let warning = Level(VIR_ERR_WARNING)
    /// An error.
    public static let error = Level(VIR_ERR_ERROR)

    /// The words for the known numbers.
    public static let words: [Level: String] = [.none: "none", .warning: "warning", .error: "error"]
  }
}
