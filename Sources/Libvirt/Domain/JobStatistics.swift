internal import CLibvirt

/// The statistics of a job (`virDomainGetJobStats`, `VIR_DOMAIN_JOB_…`).
///
/// What the hypervisor did not say is nothing. For a share of a migration that is done use what *remains* of the
/// total: more than the total can have been processed. Rates of disks are best computed from two readings.
public struct JobStatistics: Sendable, Hashable {
  /// What kind of job there is.
  public var kind: Kind

  /// What the job does.
  public var operation: Operation?
  /// Since its start, in milliseconds; of a migration with its disks.
  public var timeElapsed: UInt64?
  /// Since its start without the transfer of control between the hosts, in milliseconds; exact only where their
  /// clocks agree.
  public var timeElapsedNet: UInt64?
  /// Until its end as estimated, in milliseconds; of bounded jobs only.
  public var timeRemaining: UInt64?
  /// How long the guest stands still: expected while the job runs, measured when it is completed; in milliseconds.
  public var downtime: UInt64?
  /// The downtime without the transfer of control between the hosts, in milliseconds; exact only where their clocks
  /// agree.
  public var downtimeNet: UInt64?
  /// How long its preparation took, in milliseconds.
  public var setupTime: UInt64?
  /// Memory and disks in all, in bytes.
  public var dataTotal: UInt64?
  /// Memory and disks done, in bytes.
  public var dataProcessed: UInt64?
  /// Memory and disks left, in bytes.
  public var dataRemaining: UInt64?
  /// Memory in all, in bytes; 0 while a migration copies its disks.
  public var memoryTotal: UInt64?
  /// Memory done, in bytes; may exceed the total, since changed pages are sent again.
  public var memoryProcessed: UInt64?
  /// Memory left, in bytes.
  public var memoryRemaining: UInt64?
  /// Pages of one repeated byte, which cost next to nothing.
  public var memoryConstant: UInt64?
  /// Pages sent as they are.
  public var memoryNormal: UInt64?
  /// Pages sent as they are, in bytes.
  public var memoryNormalBytes: UInt64?
  /// The speed of memory, in bytes per second.
  public var memoryBytesPerSecond: UInt64?
  /// How fast the guest changes its memory, in pages per second.
  public var memoryDirtyRate: UInt64?
  /// The size of a page, in bytes.
  public var memoryPageSize: UInt64?
  /// The number of the pass over the memory.
  public var memoryIteration: UInt64?
  /// How many pages the destination had to ask for in post-copy.
  public var memoryPostCopyRequests: UInt64?
  /// All disks together, in bytes to copy; grows while the guest writes.
  public var diskTotal: UInt64?
  /// All disks together, in bytes done.
  public var diskProcessed: UInt64?
  /// All disks together, in bytes left.
  public var diskRemaining: UInt64?
  /// The speed of the disks, in bytes per second; QEMU does not give it.
  public var diskBytesPerSecond: UInt64?
  /// The size of the cache for compression, in bytes.
  public var compressionCache: UInt64?
  /// Compressed bytes sent.
  public var compressionBytes: UInt64?
  /// Compressed pages sent.
  public var compressionPages: UInt64?
  /// Pages that changed but were not in the cache.
  public var compressionCacheMisses: UInt64?
  /// Pages that compression would have made larger.
  public var compressionOverflow: UInt64?
  /// By how many per cent the guest is slowed down.
  public var autoConvergeThrottle: Int32?
  /// Whether a completed job succeeded.
  public var isSuccessful: Bool?
  /// Why a completed job failed.
  public var errorMessage: String?
  /// Scratch space used, in bytes; of backups.
  public var diskTemporaryUsed: UInt64?
  /// Scratch space in all, in bytes; of backups.
  public var diskTemporaryTotal: UInt64?
  /// Parameters that this library does not know, by libvirt's names.
  public var additional: [String: ParameterValue] = [:]

  /// Makes statistics that say nothing else, for doubles in tests.
  public init(kind: Kind) {
    self.kind = kind
  }

  /// Reads libvirt's parameters.
  init(kind: Kind, parameters: [TypedParameter]) {
    self.init(kind: kind)
    for parameter in parameters {
      switch (parameter.name, parameter.value) {
      case (VIR_DOMAIN_JOB_OPERATION, .int(let value)): operation = Operation(rawValue: value)
      case (VIR_DOMAIN_JOB_TIME_ELAPSED, .unsignedLong(let value)): timeElapsed = value
      case (VIR_DOMAIN_JOB_TIME_ELAPSED_NET, .unsignedLong(let value)): timeElapsedNet = value
      case (VIR_DOMAIN_JOB_TIME_REMAINING, .unsignedLong(let value)): timeRemaining = value
      case (VIR_DOMAIN_JOB_DOWNTIME, .unsignedLong(let value)): downtime = value
      case (VIR_DOMAIN_JOB_DOWNTIME_NET, .unsignedLong(let value)): downtimeNet = value
      case (VIR_DOMAIN_JOB_SETUP_TIME, .unsignedLong(let value)): setupTime = value
      case (VIR_DOMAIN_JOB_DATA_TOTAL, .unsignedLong(let value)): dataTotal = value
      case (VIR_DOMAIN_JOB_DATA_PROCESSED, .unsignedLong(let value)): dataProcessed = value
      case (VIR_DOMAIN_JOB_DATA_REMAINING, .unsignedLong(let value)): dataRemaining = value
      case (VIR_DOMAIN_JOB_MEMORY_TOTAL, .unsignedLong(let value)): memoryTotal = value
      case (VIR_DOMAIN_JOB_MEMORY_PROCESSED, .unsignedLong(let value)): memoryProcessed = value
      case (VIR_DOMAIN_JOB_MEMORY_REMAINING, .unsignedLong(let value)): memoryRemaining = value
      case (VIR_DOMAIN_JOB_MEMORY_CONSTANT, .unsignedLong(let value)): memoryConstant = value
      case (VIR_DOMAIN_JOB_MEMORY_NORMAL, .unsignedLong(let value)): memoryNormal = value
      case (VIR_DOMAIN_JOB_MEMORY_NORMAL_BYTES, .unsignedLong(let value)): memoryNormalBytes = value
      case (VIR_DOMAIN_JOB_MEMORY_BPS, .unsignedLong(let value)): memoryBytesPerSecond = value
      case (VIR_DOMAIN_JOB_MEMORY_DIRTY_RATE, .unsignedLong(let value)): memoryDirtyRate = value
      case (VIR_DOMAIN_JOB_MEMORY_PAGE_SIZE, .unsignedLong(let value)): memoryPageSize = value
      case (VIR_DOMAIN_JOB_MEMORY_ITERATION, .unsignedLong(let value)): memoryIteration = value
      case (VIR_DOMAIN_JOB_MEMORY_POSTCOPY_REQS, .unsignedLong(let value)): memoryPostCopyRequests = value
      case (VIR_DOMAIN_JOB_DISK_TOTAL, .unsignedLong(let value)): diskTotal = value
      case (VIR_DOMAIN_JOB_DISK_PROCESSED, .unsignedLong(let value)): diskProcessed = value
      case (VIR_DOMAIN_JOB_DISK_REMAINING, .unsignedLong(let value)): diskRemaining = value
      case (VIR_DOMAIN_JOB_DISK_BPS, .unsignedLong(let value)): diskBytesPerSecond = value
      case (VIR_DOMAIN_JOB_COMPRESSION_CACHE, .unsignedLong(let value)): compressionCache = value
      case (VIR_DOMAIN_JOB_COMPRESSION_BYTES, .unsignedLong(let value)): compressionBytes = value
      case (VIR_DOMAIN_JOB_COMPRESSION_PAGES, .unsignedLong(let value)): compressionPages = value
      case (VIR_DOMAIN_JOB_COMPRESSION_CACHE_MISSES, .unsignedLong(let value)): compressionCacheMisses = value
      case (VIR_DOMAIN_JOB_COMPRESSION_OVERFLOW, .unsignedLong(let value)): compressionOverflow = value
      case (VIR_DOMAIN_JOB_AUTO_CONVERGE_THROTTLE, .int(let value)): autoConvergeThrottle = value
      case (VIR_DOMAIN_JOB_SUCCESS, .bool(let value)): isSuccessful = value
      case (VIR_DOMAIN_JOB_ERRMSG, .string(let value)): errorMessage = value
      case (VIR_DOMAIN_JOB_DISK_TEMP_USED, .unsignedLong(let value)): diskTemporaryUsed = value
      case (VIR_DOMAIN_JOB_DISK_TEMP_TOTAL, .unsignedLong(let value)): diskTemporaryTotal = value
      default: additional[parameter.name] = parameter.value
      }
    }
  }
}
