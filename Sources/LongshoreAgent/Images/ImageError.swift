/// Why something could not be done with a disk image.
struct ImageError: Error, Sendable, Equatable {
  /// The kind of a failure. The set is open.
  struct Code: RawRepresentable, Sendable, Hashable {
    let rawValue: String

    /// A path, name or number that cannot be used.
    static let invalidArgument = Code(rawValue: "invalid-argument")
    /// The file does not exist.
    static let notFound = Code(rawValue: "not-found")
    /// The name is taken by another file.
    static let alreadyExists = Code(rawValue: "already-exists")
    /// The file is not the one that was registered, or it changed while it was read.
    static let changed = Code(rawValue: "changed")
    /// The image's format, or a feature of it, is not supported here.
    static let unsupported = Code(rawValue: "unsupported")
    /// The image's header or a tool's output cannot be understood.
    static let malformed = Code(rawValue: "malformed")
    /// A created image is not as it was asked for.
    static let notAsRequested = Code(rawValue: "not-as-requested")
    /// QEMU could not measure how long a passphrase takes to check, and has made no image. It may be able to the next time.
    static let unmeasured = Code(rawValue: "unmeasured")
    /// There is no space left on the file system, or the quota is used up.
    static let noSpace = Code(rawValue: "no-space")
    /// No port of the range is free.
    static let noFreePort = Code(rawValue: "no-free-port")
    /// The program is not installed.
    static let toolMissing = Code(rawValue: "tool-missing")
    /// The program failed.
    static let toolFailed = Code(rawValue: "tool-failed")
    /// The program did not finish in time and was ended.
    static let timedOut = Code(rawValue: "timed-out")
    /// The task was cancelled.
    static let cancelled = Code(rawValue: "cancelled")
    /// The operating system refused.
    static let system = Code(rawValue: "system")
  }

  /// The kind of the failure.
  let code: Code
  /// What was being done, for example `create the image /pool/a.qcow2`.
  let operation: String
  /// What went wrong, without the operation.
  let message: String

  init(_ code: Code, operation: String, message: String) {
    self.code = code
    self.operation = operation
    self.message = message
  }
}

extension ImageError: CustomStringConvertible {
  var description: String { "cannot \(operation): \(message)" }
}
