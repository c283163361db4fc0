internal import CLibvirt

extension Domain {
  /// Which form of the XML is wanted (`virDomainXMLFlags`).
  public struct XMLFlags: OptionSet, Sendable, Hashable {
    /// libvirt's bits.
    public let rawValue: UInt32

    /// Takes libvirt's bits as they are.
    public init(rawValue: UInt32) { self.rawValue = rawValue }

    /// With passwords. Needed for XML that a domain is to be made from; never to be logged.
    public static let secure = XMLFlags(rawValue: VIR_DOMAIN_XML_SECURE.rawValue)
    /// The persistent definition, even while the domain runs.
    public static let inactive = XMLFlags(rawValue: VIR_DOMAIN_XML_INACTIVE.rawValue)
    /// With the processor's description made exact for this host.
    public static let updateCPU = XMLFlags(rawValue: VIR_DOMAIN_XML_UPDATE_CPU.rawValue)
    /// Fit as the destination's XML of a migration, without what libvirt adds by itself.
    public static let migratable = XMLFlags(rawValue: VIR_DOMAIN_XML_MIGRATABLE.rawValue)
  }

  /// What is kept and what goes with a definition (`virDomainUndefineFlagsValues`).
  ///
  /// A domain that has one of these is not undefined unless the flags say what becomes of it.
  public struct UndefineFlags: OptionSet, Sendable, Hashable {
    /// libvirt's bits.
    public let rawValue: UInt32

    /// Takes libvirt's bits as they are.
    public init(rawValue: UInt32) { self.rawValue = rawValue }

    /// Remove the managed save image.
    public static let managedSave = UndefineFlags(rawValue: VIR_DOMAIN_UNDEFINE_MANAGED_SAVE.rawValue)
    /// Forget the snapshots.
    public static let snapshotsMetadata = UndefineFlags(rawValue: VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA.rawValue)
    /// Forget the checkpoints.
    public static let checkpointsMetadata = UndefineFlags(rawValue: VIR_DOMAIN_UNDEFINE_CHECKPOINTS_METADATA.rawValue)
    /// Remove the file of the firmware's variables.
    public static let removeNVRAM = UndefineFlags(rawValue: VIR_DOMAIN_UNDEFINE_NVRAM.rawValue)
    /// Keep the file of the firmware's variables.
    public static let keepNVRAM = UndefineFlags(rawValue: VIR_DOMAIN_UNDEFINE_KEEP_NVRAM.rawValue)
    /// Remove the state of the emulated TPM.
    public static let removeTPM = UndefineFlags(rawValue: VIR_DOMAIN_UNDEFINE_TPM.rawValue)
    /// Keep the state of the emulated TPM.
    public static let keepTPM = UndefineFlags(rawValue: VIR_DOMAIN_UNDEFINE_KEEP_TPM.rawValue)
  }

  /// The domain's XML.
  public func xml(_ flags: XMLFlags = []) async throws(LibvirtError) -> String {
    try await perform("read the XML of domain \(name)") { call, domain throws(LibvirtError) in
      try unsafe call.takeString(virDomainGetXMLDesc(domain, flags.rawValue))
    }
  }

  /// Whether the domain has a definition that stays when it stops.
  public func isPersistent() async throws(LibvirtError) -> Bool {
    try await perform("ask whether domain \(name) is persistent") { call, domain throws(LibvirtError) in
      try unsafe call.check(virDomainIsPersistent(domain)) == 1
    }
  }

  /// Whether the domain starts with the host.
  public func autostart() async throws(LibvirtError) -> Bool {
    try await perform("read the autostart of domain \(name)") { call, domain throws(LibvirtError) in
      var isOn: Int32 = 0
      try call.check(unsafe virDomainGetAutostart(domain, &isOn))
      return isOn == 1
    }
  }

  /// Makes the domain start with the host, or not; it must be persistent.
  public func setAutostart(_ isOn: Bool) async throws(LibvirtError) {
    try await perform("set the autostart of domain \(name)") { call, domain throws(LibvirtError) in
      _ = try call.check(unsafe virDomainSetAutostart(domain, isOn ? 1 : 0))
    }
  }

  /// How many snapshots libvirt knows of. A domain with any cannot be migrated.
  public func snapshotCount() async throws(LibvirtError) -> Int {
    try await perform("count the snapshots of domain \(name)") { call, domain throws(LibvirtError) in
      try call.countIfSupported(unsafe virDomainSnapshotNum(domain, 0))
    }
  }

  /// How many checkpoints libvirt knows of; none where the hypervisor has no such thing.
  public func checkpointCount() async throws(LibvirtError) -> Int {
    try await perform("count the checkpoints of domain \(name)") { call, domain throws(LibvirtError) in
      try call.countIfSupported(unsafe virDomainListAllCheckpoints(domain, nil, 0))
    }
  }

  /// Whether there is a managed save image, from which the next start would go on.
  public func hasManagedSave() async throws(LibvirtError) -> Bool {
    try await perform("look for a managed save of domain \(name)") { call, domain throws(LibvirtError) in
      try unsafe call.check(virDomainHasManagedSaveImage(domain, 0)) == 1
    }
  }

  /// Removes the persistent definition; a running domain runs on and is transient from then on.
  public func undefine(_ flags: UndefineFlags = []) async throws(LibvirtError) {
    try await perform("undefine domain \(name)") { call, domain throws(LibvirtError) in
      _ = try call.check(unsafe virDomainUndefineFlags(domain, flags.rawValue))
    }
  }
}

extension Call {
  /// A count, or zero where the hypervisor does not have what is counted.
  fileprivate func countIfSupported(_ result: Int32) throws(LibvirtError) -> Int {
    if result >= 0 { return Int(result) }
    let error = failure()
    guard error.code == .noSupport else { throw error }
    return 0
  }
}
