internal import CLibvirt

/// How a domain is migrated (`virDomainMigrateFlags`).
public struct MigrateFlags: OptionSet, Sendable, Hashable {
  /// libvirt's bits.
  public let rawValue: UInt32

  /// Takes libvirt's bits as they are.
  public init(rawValue: UInt32) { self.rawValue = rawValue }

  /// The guest runs on while its memory is copied.
  public static let live = MigrateFlags(rawValue: VIR_MIGRATE_LIVE.rawValue)
  /// The source's daemon talks to the destination's by itself; the migration goes on when the client dies.
  public static let peerToPeer = MigrateFlags(rawValue: VIR_MIGRATE_PEER2PEER.rawValue)
  /// The data goes through the daemons' connection. Not with copied disks.
  public static let tunnelled = MigrateFlags(rawValue: VIR_MIGRATE_TUNNELLED.rawValue)
  /// The domain is made persistent at the destination.
  public static let persistDestination = MigrateFlags(rawValue: VIR_MIGRATE_PERSIST_DEST.rawValue)
  /// The domain is undefined at the source after success.
  public static let undefineSource = MigrateFlags(rawValue: VIR_MIGRATE_UNDEFINE_SOURCE.rawValue)
  /// The domain arrives paused and stays so. Not with post-copy.
  public static let paused = MigrateFlags(rawValue: VIR_MIGRATE_PAUSED.rawValue)
  /// Disks are copied whole, their backing chains flattened. Excludes ``nonSharedIncremental``.
  public static let nonSharedDisk = MigrateFlags(rawValue: VIR_MIGRATE_NON_SHARED_DISK.rawValue)
  /// Of each disk only the top layer is copied: what is below it must be at the destination and be the same, and the
  /// destination's files must exist. Excludes ``nonSharedDisk``.
  public static let nonSharedIncremental = MigrateFlags(rawValue: VIR_MIGRATE_NON_SHARED_INC.rawValue)
  /// Fail where the domain's configuration cannot be kept from changing meanwhile. Used by itself where both sides can.
  public static let changeProtection = MigrateFlags(rawValue: VIR_MIGRATE_CHANGE_PROTECTION.rawValue)
  /// Migrate although libvirt takes it to be unsafe.
  public static let unsafe = MigrateFlags(rawValue: VIR_MIGRATE_UNSAFE.rawValue)
  /// Only the definition goes. Needs ``persistDestination``; not with copied disks.
  public static let offline = MigrateFlags(rawValue: VIR_MIGRATE_OFFLINE.rawValue)
  /// Memory is compressed.
  public static let compressed = MigrateFlags(rawValue: VIR_MIGRATE_COMPRESSED.rawValue)
  /// Abort when the guest meets an I/O error meanwhile.
  public static let abortOnError = MigrateFlags(rawValue: VIR_MIGRATE_ABORT_ON_ERROR.rawValue)
  /// Slow the guest down until its memory converges. It does nothing for disks.
  public static let autoConverge = MigrateFlags(rawValue: VIR_MIGRATE_AUTO_CONVERGE.rawValue)
  /// Lock all memory at once for RDMA.
  public static let rdmaPinAll = MigrateFlags(rawValue: VIR_MIGRATE_RDMA_PIN_ALL.rawValue)
  /// Allow ``Domain/startPostCopy()``.
  public static let postCopy = MigrateFlags(rawValue: VIR_MIGRATE_POSTCOPY.rawValue)
  /// Encrypt memory and disks with the hypervisors' own TLS.
  public static let tls = MigrateFlags(rawValue: VIR_MIGRATE_TLS.rawValue)
  /// Several connections for memory; a disk has always one.
  public static let parallel = MigrateFlags(rawValue: VIR_MIGRATE_PARALLEL.rawValue)
  /// What the guest writes to copied disks is written to both sides at once, so that the disks converge.
  public static let nonSharedSynchronousWrites = MigrateFlags(
    rawValue: VIR_MIGRATE_NON_SHARED_SYNCHRONOUS_WRITES.rawValue)
  /// Resume a migration that failed in post-copy; together with ``postCopy``.
  public static let postCopyResume = MigrateFlags(rawValue: VIR_MIGRATE_POSTCOPY_RESUME.rawValue)
  /// Send memory without copying it first. Needs ``parallel``; locks the guest's memory.
  public static let zeroCopy = MigrateFlags(rawValue: VIR_MIGRATE_ZEROCOPY.rawValue)
}
