internal import CLibvirt

/// How many processors a host has, and how much memory (`virNodeInfo`).
public struct HostHardware: Sendable, Hashable {
  /// The processors' architecture, such as `x86_64`.
  public let architecture: String
  /// The memory, in bytes.
  public let memory: UInt64
  /// The logical processors that are online.
  public let processors: Int
  /// The processors' frequency, in MHz; nil where libvirt does not know it.
  public let mhz: Int?
  /// The sockets, of all NUMA nodes together. Where the topology has another form than nodes, sockets and cores of equal numbers, libvirt
  /// gives one socket.
  public let sockets: Int

  /// Makes a value, for doubles in tests.
  public init(architecture: String, memory: UInt64, processors: Int, mhz: Int?, sockets: Int) {
    self.architecture = architecture
    self.memory = memory
    self.processors = processors
    self.mhz = mhz
    self.sockets = sockets
  }
}

extension LibvirtConnection {
  /// How many processors the host has, and how much memory.
  public func hostHardware() async throws(LibvirtError) -> HostHardware {
    try await perform("read what \(uri) has") { call, connection throws(LibvirtError) in
      var info = virNodeInfo()
      try call.check(unsafe virNodeGetInfo(connection, &info))
      let model = unsafe withUnsafeBytes(of: info.model) { bytes in unsafe String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self) }
      return HostHardware(
        architecture: model, memory: UInt64(info.memory) << 10, processors: Int(info.cpus), mhz: info.mhz == 0 ? nil : Int(info.mhz),
        sockets: Int(info.nodes * info.sockets))
    }
  }

  /// The name of libvirt's driver for the hypervisor, such as `QEMU`.
  public func hypervisorName() async throws(LibvirtError) -> String {
    try await perform("read the hypervisor of \(uri)") { call, connection throws(LibvirtError) in
      // libvirt's own text: it is not freed.
      try unsafe call.copyString(virConnectGetType(connection))
    }
  }
}
