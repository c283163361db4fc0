internal import CLibvirt

/// What a domain does, and why (`virDomainState`).
///
/// Numbers that this library does not know are kept: an unknown reason as a reason that equals none of the named ones,
/// an unknown state as ``other(state:reason:)``.
public enum DomainState: Sendable, Hashable {
  /// The hypervisor gives no state.
  case noState(NoStateReason)
  /// It runs.
  case running(RunningReason)
  /// It waits for a resource.
  case blocked(BlockedReason)
  /// Its processors stand still.
  case paused(PausedReason)
  /// It is shutting down.
  case shutdown(ShutdownReason)
  /// It is not there; without a QEMU process. The reason is lost when the daemon restarts.
  case shutoff(ShutoffReason)
  /// It crashed.
  case crashed(CrashedReason)
  /// Its guest suspended it.
  case pmSuspended(PMSuspendedReason)
  /// A state that this library does not know, with libvirt's numbers.
  case other(state: Int32, reason: Int32)

  /// Reads libvirt's two numbers.
  public init(state: Int32, reason: Int32) {
    switch virDomainState(rawValue: UInt32(bitPattern: state)) {
    case VIR_DOMAIN_NOSTATE: self = .noState(NoStateReason(rawValue: reason))
    case VIR_DOMAIN_RUNNING: self = .running(RunningReason(rawValue: reason))
    case VIR_DOMAIN_BLOCKED: self = .blocked(BlockedReason(rawValue: reason))
    case VIR_DOMAIN_PAUSED: self = .paused(PausedReason(rawValue: reason))
    case VIR_DOMAIN_SHUTDOWN: self = .shutdown(ShutdownReason(rawValue: reason))
    case VIR_DOMAIN_SHUTOFF: self = .shutoff(ShutoffReason(rawValue: reason))
    case VIR_DOMAIN_CRASHED: self = .crashed(CrashedReason(rawValue: reason))
    case VIR_DOMAIN_PMSUSPENDED: self = .pmSuspended(PMSuspendedReason(rawValue: reason))
    default: self = .other(state: state, reason: reason)
    }
  }
}

extension DomainState: CustomStringConvertible {
  /// The state alone, as virsh writes it: `paused`.
  public var name: String {
    switch self {
    case .noState: "no state"
    case .running: "running"
    case .blocked: "blocked"
    case .paused: "paused"
    case .shutdown: "in shutdown"
    case .shutoff: "shut off"
    case .crashed: "crashed"
    case .pmSuspended: "pm-suspended"
    case .other(let state, _): "unknown state \(state)"
    }
  }

  /// The state and its reason, as virsh writes them: `paused (migration)`.
  public var description: String {
    switch self {
    case .noState(let reason): "\(name) (\(reason))"
    case .running(let reason): "\(name) (\(reason))"
    case .blocked(let reason): "\(name) (\(reason))"
    case .paused(let reason): "\(name) (\(reason))"
    case .shutdown(let reason): "\(name) (\(reason))"
    case .shutoff(let reason): "\(name) (\(reason))"
    case .crashed(let reason): "\(name) (\(reason))"
    case .pmSuspended(let reason): "\(name) (\(reason))"
    case .other(let state, let reason): "unknown (\(state), \(reason))"
    }
  }
}
