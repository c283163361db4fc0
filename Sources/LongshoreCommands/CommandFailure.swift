import LongshoreClient

/// Why a command ends without its result: what it says to the operator, and its exit code.
struct CommandFailure: Error, Hashable {
  /// The command's exit code.
  var exit: CommandExit
  /// What the command was doing: `reading the settings`, `asking the hosts of cluster lab`.
  var operation: String
  /// What happened.
  var message: String
  /// What the operator can do about it.
  var advice: String?

  init(_ exit: CommandExit, _ message: String, while operation: String, advice: String? = nil) {
    self.exit = exit
    self.operation = operation
    self.message = message
    self.advice = advice
  }
}

extension CommandFailure {
  /// The failure that an error of the link is to a command.
  init(_ error: LinkError) {
    let exit: CommandExit
    let advice: String?
    switch error.code {
    case .unknownHost:
      exit = .refused
      advice = "`longshore hosts` shows the hosts that answer."
    case .unknownCluster:
      exit = .refused
      advice = "Check --cluster and --broker; a cluster is known once an agent of it has run."
    case .notPermitted:
      exit = .notPermitted
      advice = "Check the user in --broker, --password-file or the certificate, and the user's permissions at the broker."
    case .noAnswer:
      exit = .noAnswer
      advice = "`longshore hosts` shows the hosts that answer."
    case .untrustedReply:
      exit = .noAnswer
      advice =
        "Compare peers.user with how the agents' users of the broker are named; where that is right, somebody answers in another's name."
    case .topologyMissing:
      exit = .brokerUnreachable
      advice = "Start an agent (longshored) with this broker and virtual host first."
    case .invalidSettings:
      exit = .usage
      advice = nil
    case .unreadableReply:
      exit = .unknownOutcome
      advice = "Use a `longshore` of the agents' version."
    default:
      exit = .brokerUnreachable
      advice = "Check --broker, the network and the broker itself."
    }
    self.init(exit, error.message, while: error.operation, advice: advice)
  }
}
