internal import CLibvirt

extension LifecycleEvent {
  /// How a definition came (`virDomainEventDefinedDetailType`).
  public struct DefinedDetail: LibvirtConstant {
    /// libvirt's number.
    public let rawValue: Int32

    /// Takes libvirt's number as it is.
    public init(rawValue: Int32) { self.rawValue = rawValue }

    /// Newly created config file.
    public static let added = DefinedDetail(VIR_DOMAIN_EVENT_DEFINED_ADDED)
    /// Changed config file.
    public static let updated = DefinedDetail(VIR_DOMAIN_EVENT_DEFINED_UPDATED)
    /// Domain was renamed.
    public static let renamed = DefinedDetail(VIR_DOMAIN_EVENT_DEFINED_RENAMED)
    /// Config was restored from a snapshot.
    public static let fromSnapshot = DefinedDetail(VIR_DOMAIN_EVENT_DEFINED_FROM_SNAPSHOT)

    /// The words for the known numbers.
    public static let words: [DefinedDetail: String] = [
      .added: "added",
      .updated: "updated",
      .renamed: "renamed",
      .fromSnapshot: "from snapshot",
    ]
  }

  /// How a definition went (`virDomainEventUndefinedDetailType`).
  public struct UndefinedDetail: LibvirtConstant {
    /// libvirt's number.
    public let rawValue: Int32

    /// Takes libvirt's number as it is.
    public init(rawValue: Int32) { self.rawValue = rawValue }

    /// Deleted the config file.
    public static let removed = UndefinedDetail(VIR_DOMAIN_EVENT_UNDEFINED_REMOVED)
    /// Domain was renamed.
    public static let renamed = UndefinedDetail(VIR_DOMAIN_EVENT_UNDEFINED_RENAMED)

    /// The words for the known numbers.
    public static let words: [UndefinedDetail: String] = [
      .removed: "removed",
      .renamed: "renamed",
    ]
  }

  /// How a domain started (`virDomainEventStartedDetailType`).
  public struct StartedDetail: LibvirtConstant {
    /// libvirt's number.
    public let rawValue: Int32

    /// Takes libvirt's number as it is.
    public init(rawValue: Int32) { self.rawValue = rawValue }

    /// Normal startup from boot.
    public static let booted = StartedDetail(VIR_DOMAIN_EVENT_STARTED_BOOTED)
    /// Incoming migration from another host.
    public static let migrated = StartedDetail(VIR_DOMAIN_EVENT_STARTED_MIGRATED)
    /// Restored from a state file.
    public static let restored = StartedDetail(VIR_DOMAIN_EVENT_STARTED_RESTORED)
    /// Restored from snapshot.
    public static let fromSnapshot = StartedDetail(VIR_DOMAIN_EVENT_STARTED_FROM_SNAPSHOT)
    /// Started due to wakeup event.
    public static let wakeup = StartedDetail(VIR_DOMAIN_EVENT_STARTED_WAKEUP)

    /// The words for the known numbers.
    public static let words: [StartedDetail: String] = [
      .booted: "booted",
      .migrated: "migrated",
      .restored: "restored",
      .fromSnapshot: "from snapshot",
      .wakeup: "wakeup",
    ]
  }

  /// Why a domain was suspended (`virDomainEventSuspendedDetailType`).
  public struct SuspendedDetail: LibvirtConstant {
    /// libvirt's number.
    public let rawValue: Int32

    /// Takes libvirt's number as it is.
    public init(rawValue: Int32) { self.rawValue = rawValue }

    /// Normal suspend due to admin pause.
    public static let paused = SuspendedDetail(VIR_DOMAIN_EVENT_SUSPENDED_PAUSED)
    /// Suspended for offline migration.
    public static let migrated = SuspendedDetail(VIR_DOMAIN_EVENT_SUSPENDED_MIGRATED)
    /// Suspended due to a disk I/O error.
    public static let ioError = SuspendedDetail(VIR_DOMAIN_EVENT_SUSPENDED_IOERROR)
    /// Suspended due to a watchdog firing.
    public static let watchdog = SuspendedDetail(VIR_DOMAIN_EVENT_SUSPENDED_WATCHDOG)
    /// Restored from paused state file.
    public static let restored = SuspendedDetail(VIR_DOMAIN_EVENT_SUSPENDED_RESTORED)
    /// Restored from paused snapshot.
    public static let fromSnapshot = SuspendedDetail(VIR_DOMAIN_EVENT_SUSPENDED_FROM_SNAPSHOT)
    /// Suspended after failure during libvirt API call.
    public static let apiError = SuspendedDetail(VIR_DOMAIN_EVENT_SUSPENDED_API_ERROR)
    /// Suspended for post-copy migration.
    public static let postcopy = SuspendedDetail(VIR_DOMAIN_EVENT_SUSPENDED_POSTCOPY)
    /// Suspended after failed post-copy.
    public static let postcopyFailed = SuspendedDetail(VIR_DOMAIN_EVENT_SUSPENDED_POSTCOPY_FAILED)

    /// The words for the known numbers.
    public static let words: [SuspendedDetail: String] = [
      .paused: "paused",
      .migrated: "migrated",
      .ioError: "ioerror",
      .watchdog: "watchdog",
      .restored: "restored",
      .fromSnapshot: "from snapshot",
      .apiError: "api error",
      .postcopy: "postcopy",
      .postcopyFailed: "postcopy failed",
    ]
  }

  /// Why a domain goes on (`virDomainEventResumedDetailType`).
  public struct ResumedDetail: LibvirtConstant {
    /// libvirt's number.
    public let rawValue: Int32

    /// Takes libvirt's number as it is.
    public init(rawValue: Int32) { self.rawValue = rawValue }

    /// Normal resume due to admin unpause.
    public static let unpaused = ResumedDetail(VIR_DOMAIN_EVENT_RESUMED_UNPAUSED)
    /// Resumed for completion of migration.
    public static let migrated = ResumedDetail(VIR_DOMAIN_EVENT_RESUMED_MIGRATED)
    /// Resumed from snapshot.
    public static let fromSnapshot = ResumedDetail(VIR_DOMAIN_EVENT_RESUMED_FROM_SNAPSHOT)
    /// Resumed, but migration is still running in post-copy mode.
    public static let postcopy = ResumedDetail(VIR_DOMAIN_EVENT_RESUMED_POSTCOPY)
    /// Running, but migration failed in post-copy.
    public static let postcopyFailed = ResumedDetail(VIR_DOMAIN_EVENT_RESUMED_POSTCOPY_FAILED)

    /// The words for the known numbers.
    public static let words: [ResumedDetail: String] = [
      .unpaused: "unpaused",
      .migrated: "migrated",
      .fromSnapshot: "from snapshot",
      .postcopy: "postcopy",
      .postcopyFailed: "postcopy failed",
    ]
  }

  /// Why a domain stopped (`virDomainEventStoppedDetailType`).
  public struct StoppedDetail: LibvirtConstant {
    /// libvirt's number.
    public let rawValue: Int32

    /// Takes libvirt's number as it is.
    public init(rawValue: Int32) { self.rawValue = rawValue }

    /// Normal shutdown.
    public static let shutdown = StoppedDetail(VIR_DOMAIN_EVENT_STOPPED_SHUTDOWN)
    /// Forced poweroff from host.
    public static let destroyed = StoppedDetail(VIR_DOMAIN_EVENT_STOPPED_DESTROYED)
    /// Guest crashed.
    public static let crashed = StoppedDetail(VIR_DOMAIN_EVENT_STOPPED_CRASHED)
    /// Migrated off to another host.
    public static let migrated = StoppedDetail(VIR_DOMAIN_EVENT_STOPPED_MIGRATED)
    /// Saved to a state file.
    public static let saved = StoppedDetail(VIR_DOMAIN_EVENT_STOPPED_SAVED)
    /// Host emulator/mgmt failed.
    public static let failed = StoppedDetail(VIR_DOMAIN_EVENT_STOPPED_FAILED)
    /// Offline snapshot loaded.
    public static let fromSnapshot = StoppedDetail(VIR_DOMAIN_EVENT_STOPPED_FROM_SNAPSHOT)

    /// The words for the known numbers.
    public static let words: [StoppedDetail: String] = [
      .shutdown: "shutdown",
      .destroyed: "destroyed",
      .crashed: "crashed",
      .migrated: "migrated",
      .saved: "saved",
      .failed: "failed",
      .fromSnapshot: "from snapshot",
    ]
  }

  /// Who shut a domain down (`virDomainEventShutdownDetailType`).
  public struct ShutdownDetail: LibvirtConstant {
    /// libvirt's number.
    public let rawValue: Int32

    /// Takes libvirt's number as it is.
    public init(rawValue: Int32) { self.rawValue = rawValue }

    /// The guest has finished shutting down.
    public static let finished = ShutdownDetail(VIR_DOMAIN_EVENT_SHUTDOWN_FINISHED)
    /// The guest asked for it.
    public static let guest = ShutdownDetail(VIR_DOMAIN_EVENT_SHUTDOWN_GUEST)
    /// The host asked for it.
    public static let host = ShutdownDetail(VIR_DOMAIN_EVENT_SHUTDOWN_HOST)

    /// The words for the known numbers.
    public static let words: [ShutdownDetail: String] = [
      .finished: "finished",
      .guest: "guest",
      .host: "host",
    ]
  }

  /// Whereto a guest suspended itself (`virDomainEventPMSuspendedDetailType`).
  public struct PMSuspendedDetail: LibvirtConstant {
    /// libvirt's number.
    public let rawValue: Int32

    /// Takes libvirt's number as it is.
    public init(rawValue: Int32) { self.rawValue = rawValue }

    /// Guest was PM suspended to memory.
    public static let memory = PMSuspendedDetail(VIR_DOMAIN_EVENT_PMSUSPENDED_MEMORY)
    /// Guest was PM suspended to disk.
    public static let disk = PMSuspendedDetail(VIR_DOMAIN_EVENT_PMSUSPENDED_DISK)

    /// The words for the known numbers.
    public static let words: [PMSuspendedDetail: String] = [
      .memory: "memory",
      .disk: "disk",
    ]
  }

  /// How a guest crashed (`virDomainEventCrashedDetailType`).
  public struct CrashedDetail: LibvirtConstant {
    /// libvirt's number.
    public let rawValue: Int32

    /// Takes libvirt's number as it is.
    public init(rawValue: Int32) { self.rawValue = rawValue }

    /// Guest was panicked.
    public static let panicked = CrashedDetail(VIR_DOMAIN_EVENT_CRASHED_PANICKED)
    /// Guest was crashloaded.
    public static let crashLoaded = CrashedDetail(VIR_DOMAIN_EVENT_CRASHED_CRASHLOADED)

    /// The words for the known numbers.
    public static let words: [CrashedDetail: String] = [
      .panicked: "panicked",
      .crashLoaded: "crashloaded",
    ]
  }
}
