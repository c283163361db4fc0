import LongshoreClient
import LongshoreMessages

/// How the following of a migration ended.
enum FollowOutcome: Sendable, Hashable {
  /// The migration ended with this terminal event.
  case ended(MigrationEvent)
  /// The migration had ended before, in this state, and its events are not kept any more.
  case endedBefore(MigrationStatus)
  /// The host refused the order, with this reply.
  case refused(Reply)
  /// A dry run's answer.
  case checked(Reply)
  /// The host has accepted the order, and nobody wanted to follow it.
  case accepted(Reply)
  /// The agents cannot decide alone.
  case needsAttention(MigrationEvent)
  /// The operator pressed Ctrl-C. The migration goes on, if it was accepted.
  case detached(accepted: Bool)
  /// The broker or the host could not be asked.
  case unheard(LinkError)

  /// The exit code that says this.
  var exit: CommandExit {
    switch self {
    case .ended(let event): Self.exit(event.data)
    case .endedBefore(let status): Self.exit(status.phase)
    case .refused: .refused
    case .checked(let reply): reply.refusesDryRun ? .refused : .done
    case .accepted: .done
    case .needsAttention: .unknownOutcome
    case .detached: .interrupted
    case .unheard(let error): CommandFailure(error).exit
    }
  }

  private static func exit(_ end: MigrationEventData) -> CommandExit {
    switch end.kind {
    case .completed:
      switch end.verification?.outcome {
      case .differs: .contentDiffers
      case .unknown: .notVerified
      case .equal, nil: .done
      }
    case .cancelled: .cancelled
    case .failed: end.stage == .checks ? .refused : .failed
    default: .unknownOutcome
    }
  }

  private static func exit(_ phase: MigrationPhase) -> CommandExit {
    switch phase {
    case .completed: .done
    case .cancelled: .cancelled
    case .failed: .failed
    default: .unknownOutcome
    }
  }
}

extension Reply {
  /// Whether this is the answer to a dry run whose migration would be refused.
  var refusesDryRun: Bool {
    if case .checked(let checks, _, _) = body { return checks.contains { $0.outcome == .refused } }
    return false
  }
}

extension MigrationPhase {
  /// Whether a migration in this phase has ended.
  var isTerminal: Bool {
    switch self {
    case .completed, .failed, .cancelled: true
    default: false
    }
  }
}
