/// What the exit code of a command says. The codes are documented in the help of each command.
enum CommandExit: Int32, Sendable, Hashable {
  /// What was asked is done.
  case done = 0
  /// The migration failed and the guest runs at the source, unchanged.
  case failed = 1
  /// The migration was cancelled and the guest runs at the source, unchanged.
  case cancelled = 2
  /// The request was refused (by a check, or because a host, a guest or a migration is unknown); nothing was changed.
  case refused = 3
  /// The broker refused the credentials or the operation.
  case notPermitted = 4
  /// The outcome is not known, or the agents cannot decide it alone.
  case unknownOutcome = 5
  /// The guest has moved, and whether its disks hold what they held could not be found out, although that was ordered.
  case notVerified = 6
  /// The guest has moved, and its disks do not hold what they held at the source.
  case contentDiffers = 7
  /// The command line or the configuration is wrong (`EX_USAGE`).
  case usage = 64
  /// The broker cannot be reached (`EX_UNAVAILABLE`).
  case brokerUnreachable = 69
  /// A host did not answer in time.
  case noAnswer = 124
  /// Ctrl-C (128 and the number of SIGINT); a migration goes on.
  case interrupted = 130

  /// The exit codes as the help shows them.
  ///
  /// - Parameter meanings: What codes mean to a command, where that is something else than to most.
  static func help(_ codes: [CommandExit], meanings: [CommandExit: String] = [:]) -> String {
    let lines = codes.map { code in
      let number = String(code.rawValue)
      return "  " + String(repeating: " ", count: 3 - number.count) + number + "  " + (meanings[code] ?? code.meaning)
    }
    return (["EXIT CODES:"] + lines).joined(separator: "\n")
  }

  private var meaning: String {
    switch self {
    case .done: "done"
    case .failed: "failed; the guest runs at the source, unchanged"
    case .cancelled: "cancelled; the guest runs at the source, unchanged"
    case .refused: "refused (a check, or an unknown host, guest or id); nothing was changed"
    case .notPermitted: "the broker refused the credentials or the operation"
    case .unknownOutcome: "outcome unknown or needs attention; look at it now"
    case .notVerified: "moved, but the content of the disks could not be verified (--verify)"
    case .contentDiffers: "moved, but the disks do not hold what they held at the source (--verify); look at it now"
    case .usage: "wrong command line or configuration"
    case .brokerUnreachable: "the broker cannot be reached"
    case .noAnswer: "no answer in time"
    case .interrupted: "Ctrl-C; a migration goes on"
    }
  }
}
