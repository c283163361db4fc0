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

  /// While a migration needs attention: what its reason calls for, and what holds for all. The page "A migration needs attention" of the
  /// documentation has each case in full.
  static func inAttention(_ status: MigrationStatus) -> [String] {
    let (source, destination) = (status.sourceHost, status.destinationHost)
    let steps = (status.reasons ?? []).compactMap { step(for: $0.code, of: status.id, source: source, destination: destination) }
    let known = steps.isEmpty ? ["see which host runs the guest: `virsh domstate --reason` on \(source) and on \(destination)."] : steps
    return known + [
      "Nothing is lost by waiting: all files are kept, and the guest is locked on both hosts. Do not start it by hand.",
      "`longshore doctor` looks at both hosts; `longshore watch \(status.id)` follows what happens.",
    ]
  }

  private static func step(for code: Reason.Code, of id: MigrationID, source: NodeName, destination: NodeName) -> String? {
    switch code {
    case .destinationUnreachable:
      "bring the agent of \(destination) back (`systemctl restart longshored` there). If \(destination) stays away and is sure to be off: "
        + "`longshore resolve \(id) --owner HOST`, with the host that the reason says has the guest."
    case .undecided:
      "bring back the libvirt or the host that does not answer. If it stays away, be sure that its guests are off, and name the other: "
        + "`longshore resolve \(id) --owner HOST`."
    case .splitBrain: "the agents have ended one copy; see in the guest what it did twice in that moment."
    case .transferStalled: "restart libvirt's daemon on \(source) (`systemctl restart libvirtd`), which does not stop guests."
    case .postCheckFailed: "put right on \(destination) what the reason names; the agents look again by themselves."
    case .journalChanged: "see where the guest runs, and name that host: `longshore resolve \(id) --owner HOST`."
    case .contentDiffers: "keep the disks at \(source) (`longshore grace list`), and compare the places that are told."
    case .operationFailed: "see what libvirt and the pools say on both hosts; the agents try again by themselves."
    default: nil
    }
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
