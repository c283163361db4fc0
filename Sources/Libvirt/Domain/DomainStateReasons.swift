internal import CLibvirt

extension DomainState {
  /// Why a domain has no state (`virDomainNostateReason`).
  public struct NoStateReason: LibvirtConstant {
    /// libvirt's number.
    public let rawValue: Int32

    /// Takes libvirt's number as it is.
    public init(rawValue: Int32) { self.rawValue = rawValue }

    /// The reason is unknown.
    public static let unknown = NoStateReason(VIR_DOMAIN_NOSTATE_UNKNOWN)

    /// The words for the known numbers.
    public static let words: [NoStateReason: String] = [
      .unknown: "unknown"
    ]
  }

  /// Why a domain runs (`virDomainRunningReason`).
  public struct RunningReason: LibvirtConstant {
    /// libvirt's number.
    public let rawValue: Int32

    /// Takes libvirt's number as it is.
    public init(rawValue: Int32) { self.rawValue = rawValue }

    /// The reason is unknown.
    public static let unknown = RunningReason(VIR_DOMAIN_RUNNING_UNKNOWN)
    /// Normal startup from boot.
    public static let booted = RunningReason(VIR_DOMAIN_RUNNING_BOOTED)
    /// Migrated from another host.
    public static let migrated = RunningReason(VIR_DOMAIN_RUNNING_MIGRATED)
    /// Restored from a state file.
    public static let restored = RunningReason(VIR_DOMAIN_RUNNING_RESTORED)
    /// Restored from snapshot.
    public static let fromSnapshot = RunningReason(VIR_DOMAIN_RUNNING_FROM_SNAPSHOT)
    /// Returned from paused state.
    public static let unpaused = RunningReason(VIR_DOMAIN_RUNNING_UNPAUSED)
    /// Returned from migration.
    public static let migrationCanceled = RunningReason(VIR_DOMAIN_RUNNING_MIGRATION_CANCELED)
    /// Returned from failed save process.
    public static let saveCanceled = RunningReason(VIR_DOMAIN_RUNNING_SAVE_CANCELED)
    /// Returned from pmsuspended due to wakeup event.
    public static let wakeup = RunningReason(VIR_DOMAIN_RUNNING_WAKEUP)
    /// Resumed from crashed.
    public static let crashed = RunningReason(VIR_DOMAIN_RUNNING_CRASHED)
    /// Running in post-copy migration mode.
    public static let postcopy = RunningReason(VIR_DOMAIN_RUNNING_POSTCOPY)
    /// Running in failed post-copy migration.
    public static let postcopyFailed = RunningReason(VIR_DOMAIN_RUNNING_POSTCOPY_FAILED)

    /// The words for the known numbers.
    public static let words: [RunningReason: String] = [
      .unknown: "unknown",
      .booted: "booted",
      .migrated: "migrated",
      .restored: "restored",
      .fromSnapshot: "from snapshot",
      .unpaused: "unpaused",
      .migrationCanceled: "migration canceled",
      .saveCanceled: "save canceled",
      .wakeup: "wakeup",
      .crashed: "crashed",
      .postcopy: "postcopy",
      .postcopyFailed: "postcopy failed",
    ]
  }

  /// Why a domain is blocked (`virDomainBlockedReason`).
  public struct BlockedReason: LibvirtConstant {
    /// libvirt's number.
    public let rawValue: Int32

    /// Takes libvirt's number as it is.
    public init(rawValue: Int32) { self.rawValue = rawValue }

    /// The reason is unknown.
    public static let unknown = BlockedReason(VIR_DOMAIN_BLOCKED_UNKNOWN)

    /// The words for the known numbers.
    public static let words: [BlockedReason: String] = [
      .unknown: "unknown"
    ]
  }

  /// Why a domain is paused (`virDomainPausedReason`).
  public struct PausedReason: LibvirtConstant {
    /// libvirt's number.
    public let rawValue: Int32

    /// Takes libvirt's number as it is.
    public init(rawValue: Int32) { self.rawValue = rawValue }

    /// The reason is unknown.
    public static let unknown = PausedReason(VIR_DOMAIN_PAUSED_UNKNOWN)
    /// Paused on user request.
    public static let user = PausedReason(VIR_DOMAIN_PAUSED_USER)
    /// Paused for the switch of a migration, at either end.
    public static let migration = PausedReason(VIR_DOMAIN_PAUSED_MIGRATION)
    /// Paused for save.
    public static let save = PausedReason(VIR_DOMAIN_PAUSED_SAVE)
    /// Paused for offline core dump.
    public static let dump = PausedReason(VIR_DOMAIN_PAUSED_DUMP)
    /// Paused due to a disk I/O error.
    public static let ioError = PausedReason(VIR_DOMAIN_PAUSED_IOERROR)
    /// Paused due to a watchdog event.
    public static let watchdog = PausedReason(VIR_DOMAIN_PAUSED_WATCHDOG)
    /// Paused after restoring from snapshot.
    public static let fromSnapshot = PausedReason(VIR_DOMAIN_PAUSED_FROM_SNAPSHOT)
    /// Paused during shutdown process.
    public static let shuttingDown = PausedReason(VIR_DOMAIN_PAUSED_SHUTTING_DOWN)
    /// Paused while creating a snapshot.
    public static let snapshot = PausedReason(VIR_DOMAIN_PAUSED_SNAPSHOT)
    /// Paused due to a guest crash.
    public static let crashed = PausedReason(VIR_DOMAIN_PAUSED_CRASHED)
    /// The domain is being started.
    public static let startingUp = PausedReason(VIR_DOMAIN_PAUSED_STARTING_UP)
    /// Paused for post-copy migration.
    public static let postcopy = PausedReason(VIR_DOMAIN_PAUSED_POSTCOPY)
    /// Paused after failed post-copy.
    public static let postcopyFailed = PausedReason(VIR_DOMAIN_PAUSED_POSTCOPY_FAILED)

    /// The words for the known numbers.
    public static let words: [PausedReason: String] = [
      .unknown: "unknown",
      .user: "user",
      .migration: "migration",
      .save: "save",
      .dump: "dump",
      .ioError: "ioerror",
      .watchdog: "watchdog",
      .fromSnapshot: "from snapshot",
      .shuttingDown: "shutting down",
      .snapshot: "snapshot",
      .crashed: "crashed",
      .startingUp: "starting up",
      .postcopy: "postcopy",
      .postcopyFailed: "postcopy failed",
    ]
  }

  /// Why a domain is shutting down (`virDomainShutdownReason`).
  public struct ShutdownReason: LibvirtConstant {
    /// libvirt's number.
    public let rawValue: Int32

    /// Takes libvirt's number as it is.
    public init(rawValue: Int32) { self.rawValue = rawValue }

    /// The reason is unknown.
    public static let unknown = ShutdownReason(VIR_DOMAIN_SHUTDOWN_UNKNOWN)
    /// Shutting down on user request.
    public static let user = ShutdownReason(VIR_DOMAIN_SHUTDOWN_USER)

    /// The words for the known numbers.
    public static let words: [ShutdownReason: String] = [
      .unknown: "unknown",
      .user: "user",
    ]
  }

  /// Why a domain is shut off (`virDomainShutoffReason`).
  public struct ShutoffReason: LibvirtConstant {
    /// libvirt's number.
    public let rawValue: Int32

    /// Takes libvirt's number as it is.
    public init(rawValue: Int32) { self.rawValue = rawValue }

    /// The reason is unknown; so it is for every domain after a restart of the daemon.
    public static let unknown = ShutoffReason(VIR_DOMAIN_SHUTOFF_UNKNOWN)
    /// Normal shutdown.
    public static let shutdown = ShutoffReason(VIR_DOMAIN_SHUTOFF_SHUTDOWN)
    /// Forced poweroff.
    public static let destroyed = ShutoffReason(VIR_DOMAIN_SHUTOFF_DESTROYED)
    /// Domain crashed.
    public static let crashed = ShutoffReason(VIR_DOMAIN_SHUTOFF_CRASHED)
    /// Migrated to another host.
    public static let migrated = ShutoffReason(VIR_DOMAIN_SHUTOFF_MIGRATED)
    /// Saved to a file.
    public static let saved = ShutoffReason(VIR_DOMAIN_SHUTOFF_SAVED)
    /// Domain failed to start.
    public static let failed = ShutoffReason(VIR_DOMAIN_SHUTOFF_FAILED)
    /// Restored from a snapshot which was * taken while domain was shutoff.
    public static let fromSnapshot = ShutoffReason(VIR_DOMAIN_SHUTOFF_FROM_SNAPSHOT)
    /// Daemon decides to kill domain during reconnection processing.
    public static let daemon = ShutoffReason(VIR_DOMAIN_SHUTOFF_DAEMON)

    /// The words for the known numbers.
    public static let words: [ShutoffReason: String] = [
      .unknown: "unknown",
      .shutdown: "shutdown",
      .destroyed: "destroyed",
      .crashed: "crashed",
      .migrated: "migrated",
      .saved: "saved",
      .failed: "failed",
      .fromSnapshot: "from snapshot",
      .daemon: "daemon",
    ]
  }

  /// Why a domain is crashed (`virDomainCrashedReason`).
  public struct CrashedReason: LibvirtConstant {
    /// libvirt's number.
    public let rawValue: Int32

    /// Takes libvirt's number as it is.
    public init(rawValue: Int32) { self.rawValue = rawValue }

    /// The reason is unknown.
    public static let unknown = CrashedReason(VIR_DOMAIN_CRASHED_UNKNOWN)
    /// Domain panicked.
    public static let panicked = CrashedReason(VIR_DOMAIN_CRASHED_PANICKED)

    /// The words for the known numbers.
    public static let words: [CrashedReason: String] = [
      .unknown: "unknown",
      .panicked: "panicked",
    ]
  }

  /// Why a domain is suspended by its guest (`virDomainPMSuspendedReason`).
  public struct PMSuspendedReason: LibvirtConstant {
    /// libvirt's number.
    public let rawValue: Int32

    /// Takes libvirt's number as it is.
    public init(rawValue: Int32) { self.rawValue = rawValue }

    /// The reason is unknown.
    public static let unknown = PMSuspendedReason(VIR_DOMAIN_PMSUSPENDED_UNKNOWN)

    /// The words for the known numbers.
    public static let words: [PMSuspendedReason: String] = [
      .unknown: "unknown"
    ]
  }
}
