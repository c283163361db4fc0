internal import CLibvirt

/// A change in a domain's life (`virDomainEventType`), with its detail.
public enum LifecycleEvent: Sendable, Hashable {
  /// A persistent definition was made or changed.
  case defined(DefinedDetail)
  /// The persistent definition is gone.
  case undefined(UndefinedDetail)
  /// The domain runs, or is here paused for an incoming migration.
  case started(StartedDetail)
  /// The domain's processors stand still.
  case suspended(SuspendedDetail)
  /// The domain's processors go on.
  case resumed(ResumedDetail)
  /// The domain does not run any more; its QEMU process is gone.
  case stopped(StoppedDetail)
  /// The guest has shut down; the domain stops next.
  case shutdown(ShutdownDetail)
  /// The guest suspended itself.
  case pmSuspended(PMSuspendedDetail)
  /// The guest crashed.
  case crashed(CrashedDetail)
  /// An event that this library does not know, with libvirt's numbers.
  case other(event: Int32, detail: Int32)

  /// Reads libvirt's two numbers.
  public init(event: Int32, detail: Int32) {
    switch virDomainEventType(rawValue: UInt32(bitPattern: event)) {
    case VIR_DOMAIN_EVENT_DEFINED: self = .defined(DefinedDetail(rawValue: detail))
    case VIR_DOMAIN_EVENT_UNDEFINED: self = .undefined(UndefinedDetail(rawValue: detail))
    case VIR_DOMAIN_EVENT_STARTED: self = .started(StartedDetail(rawValue: detail))
    case VIR_DOMAIN_EVENT_SUSPENDED: self = .suspended(SuspendedDetail(rawValue: detail))
    case VIR_DOMAIN_EVENT_RESUMED: self = .resumed(ResumedDetail(rawValue: detail))
    case VIR_DOMAIN_EVENT_STOPPED: self = .stopped(StoppedDetail(rawValue: detail))
    case VIR_DOMAIN_EVENT_SHUTDOWN: self = .shutdown(ShutdownDetail(rawValue: detail))
    case VIR_DOMAIN_EVENT_PMSUSPENDED: self = .pmSuspended(PMSuspendedDetail(rawValue: detail))
    case VIR_DOMAIN_EVENT_CRASHED: self = .crashed(CrashedDetail(rawValue: detail))
    default: self = .other(event: event, detail: detail)
    }
  }
}

extension LifecycleEvent: CustomStringConvertible {
  /// Such as `resumed (migrated)`.
  public var description: String {
    switch self {
    case .defined(let detail): "defined (\(detail))"
    case .undefined(let detail): "undefined (\(detail))"
    case .started(let detail): "started (\(detail))"
    case .suspended(let detail): "suspended (\(detail))"
    case .resumed(let detail): "resumed (\(detail))"
    case .stopped(let detail): "stopped (\(detail))"
    case .shutdown(let detail): "shutdown (\(detail))"
    case .pmSuspended(let detail): "pm-suspended (\(detail))"
    case .crashed(let detail): "crashed (\(detail))"
    case .other(let event, let detail): "unknown (\(event), \(detail))"
    }
  }
}
