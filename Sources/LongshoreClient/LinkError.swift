/// Why the broker or a host could not be asked.
public struct LinkError: Error, Hashable, CustomStringConvertible {
  /// What kind of error it is. The set is open: a reader treats a code that it does not know as ``unreachable``.
  public struct Code: Hashable, Sendable, CustomStringConvertible {
    /// The code as programs read it.
    public let text: String
    /// The same as ``text``.
    public var description: String { text }

    /// A code of this text.
    public init(text: String) { self.text = text }

    /// No connection to the broker could be made.
    public static let unreachable = Code(text: "unreachable")
    /// The broker refused the credentials, or the user lacks a permission.
    public static let notPermitted = Code(text: "not-permitted")
    /// No agent has an inbox under the host's name.
    public static let unknownHost = Code(text: "unknown-host")
    /// No agent has an inbox in the cluster.
    public static let unknownCluster = Code(text: "unknown-cluster")
    /// The host has an inbox and did not answer in time.
    public static let noAnswer = Code(text: "no-answer")
    /// An exchange or queue that agents declare does not exist.
    public static let topologyMissing = Code(text: "topology-missing")
    /// An answer came that could not be read.
    public static let unreadableReply = Code(text: "unreadable-reply")
    /// Answers came in the host's name, and none of them is of the host's user.
    public static let untrustedReply = Code(text: "untrusted-reply")
    /// The settings of the connection are impossible.
    public static let invalidSettings = Code(text: "invalid-settings")
  }

  /// What kind of error it is.
  public var code: Code
  /// What was being done.
  public var operation: String
  /// What happened, in a sentence.
  public var message: String

  /// An error.
  public init(_ code: Code, _ message: String, while operation: String) {
    self.code = code
    self.operation = operation
    self.message = message
  }

  /// What was done, what happened, and the code.
  public var description: String { "\(operation): \(message) [\(code)]" }
}
