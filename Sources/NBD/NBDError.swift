/// Why something could not be done over NBD, in libnbd's words.
public struct NBDError: Error, Sendable, Hashable, CustomStringConvertible {
  /// What stopped it.
  public enum Kind: Sendable, Hashable {
    /// The server, the link or libnbd.
    case failed
    /// The caller did not want to wait any longer.
    case cancelled
    /// The server did not answer within the caller's limit.
    case timedOut
  }

  /// What was tried, in words that follow "cannot".
  public var operation: String
  /// What went wrong.
  public var message: String
  /// What stopped it.
  public var kind: Kind

  /// An error.
  public init(operation: String, message: String, kind: Kind = .failed) {
    self.operation = operation
    self.message = message
    self.kind = kind
  }

  public var description: String { "cannot \(operation): \(message)" }
}
