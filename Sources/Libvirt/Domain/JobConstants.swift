internal import CLibvirt

extension JobStatistics {
  /// What kind of job there is (`virDomainJobType`).
  public struct Kind: LibvirtConstant {
    /// libvirt's number.
    public let rawValue: Int32

    /// Takes libvirt's number as it is.
    public init(rawValue: Int32) { self.rawValue = rawValue }

    /// No job is active.
    public static let none = Kind(VIR_DOMAIN_JOB_NONE)
    /// Job with a finite completion time.
    public static let bounded = Kind(VIR_DOMAIN_JOB_BOUNDED)
    /// Job without a finite completion time.
    public static let unbounded = Kind(VIR_DOMAIN_JOB_UNBOUNDED)
    /// Job has finished, but isn't cleaned up.
    public static let completed = Kind(VIR_DOMAIN_JOB_COMPLETED)
    /// Job hit error, but isn't cleaned up.
    public static let failed = Kind(VIR_DOMAIN_JOB_FAILED)
    /// Job was aborted, but isn't cleaned up.
    public static let cancelled = Kind(VIR_DOMAIN_JOB_CANCELLED)

    /// The words for the known numbers.
    public static let words: [Kind: String] = [
      .none: "none",
      .bounded: "bounded",
      .unbounded: "unbounded",
      .completed: "completed",
      .failed: "failed",
      .cancelled: "cancelled",
    ]
  }

  /// What a job does (`virDomainJobOperation`).
  public struct Operation: LibvirtConstant {
    /// libvirt's number.
    public let rawValue: Int32

    /// Takes libvirt's number as it is.
    public init(rawValue: Int32) { self.rawValue = rawValue }

    /// Not known.
    public static let unknown = Operation(VIR_DOMAIN_JOB_OPERATION_UNKNOWN)
    /// The domain is being started.
    public static let start = Operation(VIR_DOMAIN_JOB_OPERATION_START)
    /// The domain is being saved.
    public static let save = Operation(VIR_DOMAIN_JOB_OPERATION_SAVE)
    /// The domain is being restored.
    public static let restore = Operation(VIR_DOMAIN_JOB_OPERATION_RESTORE)
    /// The domain is coming from another host.
    public static let migrationIn = Operation(VIR_DOMAIN_JOB_OPERATION_MIGRATION_IN)
    /// The domain is going to another host.
    public static let migrationOut = Operation(VIR_DOMAIN_JOB_OPERATION_MIGRATION_OUT)
    /// A snapshot is being made.
    public static let snapshot = Operation(VIR_DOMAIN_JOB_OPERATION_SNAPSHOT)
    /// A snapshot is being restored.
    public static let snapshotRevert = Operation(VIR_DOMAIN_JOB_OPERATION_SNAPSHOT_REVERT)
    /// The domain's memory is being dumped.
    public static let dump = Operation(VIR_DOMAIN_JOB_OPERATION_DUMP)
    /// A backup is being made.
    public static let backup = Operation(VIR_DOMAIN_JOB_OPERATION_BACKUP)
    /// A snapshot is being deleted.
    public static let snapshotDelete = Operation(VIR_DOMAIN_JOB_OPERATION_SNAPSHOT_DELETE)

    /// The words for the known numbers.
    public static let words: [Operation: String] = [
      .unknown: "unknown",
      .start: "start",
      .save: "save",
      .restore: "restore",
      .migrationIn: "migration in",
      .migrationOut: "migration out",
      .snapshot: "snapshot",
      .snapshotRevert: "snapshot revert",
      .dump: "dump",
      .backup: "backup",
      .snapshotDelete: "snapshot delete",
    ]
  }
}
