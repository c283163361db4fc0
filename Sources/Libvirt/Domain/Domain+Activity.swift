internal import CLibvirt

/// What a running domain has written and how fast it changes its memory (`virDomainListGetStats`).
public struct DomainActivity: Sendable, Hashable {
  /// What was written to a disk since QEMU began to count.
  public struct Disk: Sendable, Hashable {
    /// The disk's target in the guest, such as `vda`.
    public var target: String
    /// In bytes.
    public var writtenBytes: UInt64
    /// In requests.
    public var writeRequests: UInt64

    /// What was written to a disk.
    public init(target: String, writtenBytes: UInt64, writeRequests: UInt64) {
      self.target = target
      self.writtenBytes = writtenBytes
      self.writeRequests = writeRequests
    }
  }

  /// How far a measurement of the dirty rate is.
  public enum DirtyRate: Sendable, Hashable {
    /// None was begun.
    case none
    /// It goes on.
    case measuring
    /// Its result, in MiB a second: each page counts once, however often it is written to.
    case measured(mebibytesPerSecond: Int64)
  }

  /// The disks, in the order of the definition; those without statistics are left out.
  public var disks: [Disk] = []
  /// The dirty rate; nothing where libvirt (before 7.2) or QEMU (before 5.2) cannot measure it.
  public var dirtyRate: DirtyRate?
  /// The resident memory of the domain's process, QEMU's own with it, in KiB.
  public var residentKiB: UInt64?

  /// Activity of nothing, for doubles in tests.
  public init() {}

  /// Reads libvirt's parameters, of the groups block, balloon and dirty rate.
  init(parameters: [TypedParameter]) {
    var values: [String: ParameterValue] = [:]
    for parameter in parameters { values[parameter.name] = parameter.value }
    guard case .unsignedInt(let count)? = values["block.count"] else { return }
    for index in 0..<count {
      // A layer below has the number of its place in the chain, and is not written to.
      guard case .string(let target)? = values["block.\(index).name"], values["block.\(index).backingIndex"] == nil || !seen(target),
        case .unsignedLong(let bytes)? = values["block.\(index).wr.bytes"],
        case .unsignedLong(let requests)? = values["block.\(index).wr.reqs"]
      else { continue }
      disks.append(Disk(target: target, writtenBytes: bytes, writeRequests: requests))
    }
    if case .unsignedLong(let resident)? = values["balloon.rss"] { residentKiB = resident }
    guard case .int(let status)? = values["dirtyrate.calc_status"] else { return }
    switch (virDomainDirtyRateStatus(rawValue: UInt32(bitPattern: status)), values["dirtyrate.megabytes_per_second"]) {
    case (VIR_DOMAIN_DIRTYRATE_UNSTARTED, _): dirtyRate = DirtyRate.none
    case (VIR_DOMAIN_DIRTYRATE_MEASURING, _): dirtyRate = .measuring
    case (VIR_DOMAIN_DIRTYRATE_MEASURED, .long(let rate)?): dirtyRate = .measured(mebibytesPerSecond: rate)
    default: break
    }
  }

  private func seen(_ target: String) -> Bool { disks.contains { $0.target == target } }
}

extension Domain {
  /// What the domain does; it must run.
  public func activity() async throws(LibvirtError) -> DomainActivity {
    try await perform("read the statistics of domain \(name)") { call, domain throws(LibvirtError) in
      var domains: [OpaquePointer?] = unsafe [domain, nil]
      var records: UnsafeMutablePointer<virDomainStatsRecordPtr?>?
      let groups = VIR_DOMAIN_STATS_BLOCK.rawValue | VIR_DOMAIN_STATS_BALLOON.rawValue | VIR_DOMAIN_STATS_DIRTYRATE.rawValue
      // The list ends with nothing and lives as long as the call; the records are copied before they are freed.
      let count = try unsafe call.check(virDomainListGetStats(&domains, groups, &records, 0))
      defer { unsafe virDomainStatsRecordListFree(records) }
      guard count > 0, let record = unsafe records?[0] else { return DomainActivity() }
      return unsafe DomainActivity(parameters: copyTypedParameters(record.pointee.params, count: record.pointee.nparams))
    }
  }

  /// Begins to measure how fast the domain changes its memory, by samples of its pages; ``activity()`` then has the result.
  ///
  /// By samples and not exactly, by a bitmap of all pages: QEMU 7.2 ends at once when an emulated guest is asked for that.
  ///
  /// - Parameter seconds: For how long, 1 to 60.
  /// - Throws: ``LibvirtError/Code/noSupport`` and the like where libvirt or QEMU cannot.
  public func startDirtyRateMeasurement(seconds: Int32) async throws(LibvirtError) {
    try await perform("measure the dirty rate of domain \(name)") { call, domain throws(LibvirtError) in
      _ = try call.check(unsafe virDomainStartDirtyRateCalc(domain, seconds, 0))
    }
  }
}
