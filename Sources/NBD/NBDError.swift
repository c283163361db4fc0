/// Why something could not be done over NBD, in libnbd's words.
public struct NBDError: Error, Sendable, Hashable, CustomStringConvertible {
  /// What was tried, in words that follow "cannot".
  public var operation: String
  /// What went wrong.
  public var message: String
  /// Whether the caller did not want to wait any longer.
  public var isCancelled: Bool

  /// An error.
  public init(operation: String, message: String, isCancelled: Bool = false) {
    self.operation = operation
    self.message = message
    self.isCancelled = isCancelled
  }

  public var description: String { "cannot \(operation): \(message)" }
}
