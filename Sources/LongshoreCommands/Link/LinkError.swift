/// Why the broker or a host could not be asked.
struct LinkError: Error, Hashable, CustomStringConvertible {
  /// What kind of error it is. The set is open: a reader treats a code that it does not know as ``unreachable``.
  struct Code: Hashable, Sendable, CustomStringConvertible {
    let text: String
    var description: String { text }

    /// No connection to the broker could be made.
    static let unreachable = Code(text: "unreachable")
    /// The broker refused the credentials, or the user lacks a permission.
    static let notPermitted = Code(text: "not-permitted")
    /// No agent has an inbox under the host's name.
    static let unknownHost = Code(text: "unknown-host")
    /// No agent has an inbox in the cluster.
    static let unknownCluster = Code(text: "unknown-cluster")
    /// The host has an inbox and did not answer in time.
    static let noAnswer = Code(text: "no-answer")
    /// An exchange or queue that agents declare does not exist.
    static let topologyMissing = Code(text: "topology-missing")
    /// An answer came that could not be read.
    static let unreadableReply = Code(text: "unreadable-reply")
    /// The settings of the connection are impossible.
    static let invalidSettings = Code(text: "invalid-settings")
  }

  /// What kind of error it is.
  var code: Code
  /// What was being done.
  var operation: String
  /// What happened, in a sentence.
  var message: String

  init(_ code: Code, _ message: String, while operation: String) {
    self.code = code
    self.operation = operation
    self.message = message
  }

  var description: String { "\(operation): \(message) [\(code)]" }
}
