import LongshoreClient
import LongshoreMessages

/// What an operator can do after a migration was refused or failed.
enum Advice {
  /// After a host refused the order.
  static func afterRefusal(_ reasons: [Reason], host: NodeName) -> String? {
    for reason in reasons {
      switch reason.code {
      case .unknownGuest: return "`longshore hosts --format json` names the guests of each host."
      case .guestBusy: return "`longshore list` shows the migrations that run."
      case .idReused: return "give another --id, or none."
      case .expired: return "compare the clocks of this machine and of \(host)."
      case .unavailable: return "try again when \(host) is well; `longshore hosts` shows it."
      default: continue
      }
    }
    return nil
  }

  /// While a migration needs attention.
  static func inAttention(_ status: MigrationStatus) -> [String] {
    AttentionAdvice(
      for: status.reasons ?? [], of: status.id, guest: status.guest, from: status.sourceHost, to: status.destinationHost
    ).steps
  }

  /// After a migration failed.
  static func afterFailure(_ reasons: [Reason], stage: MigrationEventData.Stage?, migration: MigrationID) -> String {
    for reason in reasons {
      switch reason.code {
      case .noSpace:
        return
          "make room in the pool (`longshore grace list` shows what moved guests still hold), or give another one with --pool or --disk."
      case .unknownPool, .poolInactive, .samePool, .unsupportedPool:
        return "`longshore hosts` shows the pools of each host; name one with --pool or --disk."
      case .destinationUnreachable: return "`longshore hosts` shows the hosts that answer."
      case .deadlinePassed: return "give a longer --deadline; --auto-converge helps where memory changes fast."
      default: continue
      }
    }
    return stage == .checks
      ? "remove what the checks name, then order it again."
      : "`longshore status \(migration)` tells the whole story; it can be ordered again."
  }
}
