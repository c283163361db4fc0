internal import CLibvirt

extension BlockJob {
  /// What a block job does (`virDomainBlockJobType`).
  public struct Kind: LibvirtConstant {
    /// libvirt's number.
    public let rawValue: Int32

    /// Takes libvirt's number as it is.
    public init(rawValue: Int32) { self.rawValue = rawValue }

    /// Not known.
    public static let unknown = Kind(VIR_DOMAIN_BLOCK_JOB_TYPE_UNKNOWN)
    /// Block pull: the backing chain is copied into the disk.
    public static let pull = Kind(VIR_DOMAIN_BLOCK_JOB_TYPE_PULL)
    /// Block copy: the disk is mirrored, as by a migration.
    public static let copy = Kind(VIR_DOMAIN_BLOCK_JOB_TYPE_COPY)
    /// Block commit of a lower layer.
    public static let commit = Kind(VIR_DOMAIN_BLOCK_JOB_TYPE_COMMIT)
    /// Block commit of the active layer.
    public static let activeCommit = Kind(VIR_DOMAIN_BLOCK_JOB_TYPE_ACTIVE_COMMIT)
    /// Backup.
    public static let backup = Kind(VIR_DOMAIN_BLOCK_JOB_TYPE_BACKUP)

    /// The words for the known numbers.
    public static let words: [Kind: String] = [
      .unknown: "unknown",
      .pull: "pull",
      .copy: "copy",
      .commit: "commit",
      .activeCommit: "active commit",
      .backup: "backup",
    ]
  }

  /// What became of a block job (`virConnectDomainEventBlockJobStatus`).
  public struct Status: LibvirtConstant {
    /// libvirt's number.
    public let rawValue: Int32

    /// Takes libvirt's number as it is.
    public init(rawValue: Int32) { self.rawValue = rawValue }

    /// It ended with success.
    public static let completed = Status(VIR_DOMAIN_BLOCK_JOB_COMPLETED)
    /// It failed.
    public static let failed = Status(VIR_DOMAIN_BLOCK_JOB_FAILED)
    /// It was cancelled.
    public static let canceled = Status(VIR_DOMAIN_BLOCK_JOB_CANCELED)
    /// The mirror is complete and follows the guest's writes.
    public static let ready = Status(VIR_DOMAIN_BLOCK_JOB_READY)

    /// The words for the known numbers.
    public static let words: [Status: String] = [
      .completed: "completed",
      .failed: "failed",
      .canceled: "canceled",
      .ready: "ready",
    ]
  }
}
