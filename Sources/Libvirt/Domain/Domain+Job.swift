internal import CLibvirt

extension Domain {
  /// Which job the statistics are wanted of.
  public enum JobSelection: Sendable, Hashable {
    /// The one that runs; with none, ``JobStatistics/kind`` is ``JobStatistics/Kind/none``.
    case running
    /// The last one that ended with success. Reading it forgets it unless it is to be kept; a restart of the daemon
    /// forgets it too.
    case completed(keep: Bool)

    fileprivate var flags: UInt32 {
      switch self {
      case .running: 0
      case .completed(keep: false): VIR_DOMAIN_JOB_STATS_COMPLETED.rawValue
      case .completed(keep: true):
        VIR_DOMAIN_JOB_STATS_COMPLETED.rawValue | VIR_DOMAIN_JOB_STATS_KEEP_COMPLETED.rawValue
      }
    }
  }

  /// The statistics of a job.
  ///
  /// The destination of a running migration refuses with ``LibvirtError/Code/operationUnsupported``: only the source
  /// has them. Completed statistics lack the disks' totals at the destination.
  public func jobStatistics(_ selection: JobSelection = .running) async throws(LibvirtError) -> JobStatistics {
    try await perform("read the job statistics of domain \(name)") { call, domain throws(LibvirtError) in
      var kind: Int32 = 0
      var parameters: virTypedParameterPtr?
      var count: Int32 = 0
      try call.check(unsafe virDomainGetJobStats(domain, &kind, &parameters, &count, selection.flags))
      defer { unsafe virTypedParamsFree(parameters, count) }
      return unsafe JobStatistics(
        kind: JobStatistics.Kind(rawValue: kind), parameters: copyTypedParameters(parameters, count: count))
    }
  }

  /// Aborts the running job; a migration then fails at the source with ``LibvirtError/Code/operationAborted`` and the
  /// guest runs on there.
  ///
  /// It may come too late: a migration past its switch ends with success all the same.
  ///
  /// - Parameter postCopy: also a migration in post-copy, which leaves the guest paused on both hosts until it is
  ///   resumed by ``MigrateFlags/postCopyResume``. Without it such a migration refuses to be aborted.
  public func abortJob(postCopy: Bool = false) async throws(LibvirtError) {
    try await perform("abort the job of domain \(name)") { call, domain throws(LibvirtError) in
      let flags = postCopy ? VIR_DOMAIN_ABORT_JOB_POSTCOPY.rawValue : 0
      _ = try call.check(postCopy ? unsafe virDomainAbortJobFlags(domain, flags) : unsafe virDomainAbortJob(domain))
    }
  }

  /// Sets for how long a live migration may stop the guest at its switch, in milliseconds. It can be set while the
  /// migration runs, its disk phase included.
  public func setMaxDowntime(milliseconds: UInt64) async throws(LibvirtError) {
    try await perform("set the downtime of domain \(name)") { call, domain throws(LibvirtError) in
      _ = try call.check(unsafe virDomainMigrateSetMaxDowntime(domain, milliseconds, 0))
    }
  }

  /// For how long a live migration may stop the guest at its switch, in milliseconds.
  public func maxDowntime() async throws(LibvirtError) -> UInt64 {
    try await perform("read the downtime of domain \(name)") { call, domain throws(LibvirtError) in
      var milliseconds: UInt64 = 0
      try call.check(unsafe virDomainMigrateGetMaxDowntime(domain, &milliseconds, 0))
      return milliseconds
    }
  }

  /// Caps the speed of a migration's memory, in MiB/s. The mirrors of the disks keep the speed that they started with.
  ///
  /// - Parameters:
  ///   - mebibytesPerSecond: the cap.
  ///   - postCopy: set the cap for the post-copy phase instead.
  public func setMigrationSpeed(mebibytesPerSecond: UInt, postCopy: Bool = false) async throws(LibvirtError) {
    try await perform("set the migration speed of domain \(name)") { call, domain throws(LibvirtError) in
      let flags = postCopy ? VIR_DOMAIN_MIGRATE_MAX_SPEED_POSTCOPY.rawValue : 0
      _ = try call.check(unsafe virDomainMigrateSetMaxSpeed(domain, mebibytesPerSecond, flags))
    }
  }

  /// Switches a running migration, started with ``MigrateFlags/postCopy``, to post-copy: the guest goes on at the
  /// destination and fetches its memory from the source. There is no way back.
  public func startPostCopy() async throws(LibvirtError) {
    try await perform("start the post-copy of domain \(name)") { call, domain throws(LibvirtError) in
      _ = try call.check(unsafe virDomainMigrateStartPostCopy(domain, 0))
    }
  }

  /// The job on a disk, also the mirror of a running migration; nothing when there is none.
  ///
  /// - Parameter disk: the disk's target in the guest, such as `vda`.
  public func blockJob(disk: String) async throws(LibvirtError) -> BlockJob? {
    try await perform("read the block job of \(disk) of domain \(name)") { call, domain throws(LibvirtError) in
      var info = virDomainBlockJobInfo()
      let flags = VIR_DOMAIN_BLOCK_JOB_INFO_BANDWIDTH_BYTES.rawValue
      guard try call.check(unsafe virDomainGetBlockJobInfo(domain, disk, &info, flags)) == 1 else { return nil }
      return BlockJob(
        kind: BlockJob.Kind(rawValue: info.type), bandwidth: UInt64(info.bandwidth), current: info.cur, end: info.end)
    }
  }
}
