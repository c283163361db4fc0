internal import CLibvirt
internal import Glibc

extension LibvirtConnection {
  /// The versions at the two ends of a connection.
  public struct Versions: Sendable, Hashable {
    /// The library in this process.
    public let library: SoftwareVersion
    /// The daemon.
    public let daemon: SoftwareVersion
    /// The hypervisor; with QEMU, of the emulator for the host's architecture.
    public let hypervisor: SoftwareVersion

    /// Makes a value, for doubles in tests.
    public init(library: SoftwareVersion, daemon: SoftwareVersion, hypervisor: SoftwareVersion) {
      self.library = library
      self.daemon = daemon
      self.hypervisor = hypervisor
    }
  }

  /// The host's name, as the daemon gives it.
  public func hostname() async throws(LibvirtError) -> String {
    try await perform("read the host name of \(uri)") { call, connection throws(LibvirtError) in
      try unsafe call.takeString(virConnectGetHostname(connection))
    }
  }

  /// The versions of the library, the daemon and the hypervisor.
  public func versions() async throws(LibvirtError) -> Versions {
    try await perform("read the versions of \(uri)") { call, connection throws(LibvirtError) in
      var library: UInt = 0
      var daemon: UInt = 0
      var hypervisor: UInt = 0
      try call.check(unsafe virGetVersion(&library, nil, nil))
      try call.check(unsafe virConnectGetLibVersion(connection, &daemon))
      try call.check(unsafe virConnectGetVersion(connection, &hypervisor))
      return Versions(
        library: SoftwareVersion(number: library), daemon: SoftwareVersion(number: daemon),
        hypervisor: SoftwareVersion(number: hypervisor))
    }
  }

  /// What the host is and can run, as XML.
  public func capabilities() async throws(LibvirtError) -> String {
    try await perform("read the capabilities of \(uri)") { call, connection throws(LibvirtError) in
      try unsafe call.takeString(virConnectGetCapabilities(connection))
    }
  }

  /// The host's UUID, in lower case, by which libvirt tells hosts apart; nothing where the driver gives none.
  public func hostUUID() async throws(LibvirtError) -> String? {
    let xml = try await capabilities()
    do throws(XMLSyntaxError) {
      return try XMLElement(parsing: xml)["host"]?["uuid"]?.text.lowercased()
    } catch {
      throw error.libvirtError("read the host's UUID")
    }
  }

  /// What a domain of a kind may have here, as XML. What is nothing is chosen by libvirt.
  ///
  /// - Parameters:
  ///   - emulator: the emulator's path.
  ///   - arch: such as `x86_64`.
  ///   - machine: such as `pc-q35-7.2`.
  ///   - virtType: `kvm` or `qemu`.
  public func domainCapabilities(
    emulator: String? = nil, arch: String? = nil, machine: String? = nil, virtType: String? = nil
  ) async throws(LibvirtError) -> String {
    try await perform("read the domain capabilities of \(uri)") { call, connection throws(LibvirtError) in
      try unsafe call.takeString(
        virConnectGetDomainCapabilities(connection, emulator, arch, machine, virtType, 0))
    }
  }

  /// Compares a guest's processor with what the hypervisor can give it here.
  ///
  /// - Parameters:
  ///   - xml: the `<cpu>` element of a running domain.
  ///   - emulator: the emulator's path.
  ///   - arch: such as `x86_64`.
  ///   - machine: such as `pc-q35-7.2`.
  ///   - virtType: `kvm` or `qemu`.
  ///   - failIncompatible: fail with ``LibvirtError/Code/cpuIncompatible`` and the reason in the message, instead of
  ///     returning ``CPUComparison/incompatible``.
  public func compareHypervisorCPU(
    _ xml: String, emulator: String? = nil, arch: String? = nil, machine: String? = nil, virtType: String? = nil,
    failIncompatible: Bool = false
  ) async throws(LibvirtError) -> CPUComparison {
    try await perform("compare a processor with that of \(uri)") { call, connection throws(LibvirtError) in
      let flags = failIncompatible ? VIR_CONNECT_COMPARE_CPU_FAIL_INCOMPATIBLE.rawValue : 0
      let result = unsafe virConnectCompareHypervisorCPU(connection, emulator, arch, machine, virtType, xml, flags)
      switch virCPUCompareResult(rawValue: result) {
      case VIR_CPU_COMPARE_IDENTICAL: return .identical
      case VIR_CPU_COMPARE_SUPERSET: return .superset
      case VIR_CPU_COMPARE_INCOMPATIBLE: return .incompatible
      default: throw call.failure()
      }
    }
  }

  /// The host's free memory, in bytes.
  public func freeMemory() async throws(LibvirtError) -> UInt64 {
    try await perform("read the free memory of \(uri)") { call, connection throws(LibvirtError) in
      let bytes = unsafe virNodeGetFreeMemory(connection)
      // libvirt's sign of failure; no host that answers has none at all.
      guard bytes > 0 else { throw call.failure() }
      return bytes
    }
  }

  /// Whether a virtual network is active; nothing when there is none of this name.
  public func networkIsActive(_ name: String) async throws(LibvirtError) -> Bool? {
    try await perform("find network \(name)") { call, connection throws(LibvirtError) in
      guard let network = try unsafe call.find(virNetworkLookupByName(connection, name), missing: .noNetwork) else { return nil }
      defer { unsafe virNetworkFree(network) }
      let isActive = unsafe virNetworkIsActive(network)
      try call.check(isActive)
      return isActive == 1
    }
  }

  /// The bridge that the interfaces of a virtual network are on; nothing where there is no network of this name, or it has no bridge, as
  /// one whose interfaces are devices of the host.
  public func networkBridge(_ name: String) async throws(LibvirtError) -> String? {
    try await perform("find the bridge of network \(name)") { call, connection throws(LibvirtError) in
      guard let network = try unsafe call.find(virNetworkLookupByName(connection, name), missing: .noNetwork) else { return nil }
      defer { unsafe virNetworkFree(network) }
      guard let bridge = unsafe virNetworkGetBridgeName(network) else {
        let failure = call.failure()
        if failure.code == .internalError { return nil }
        throw failure
      }
      defer { unsafe free(bridge) }
      return unsafe String(cString: bridge)
    }
  }
}
