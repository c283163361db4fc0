internal import CLibvirt

/// Whether a domain's monitor can take commands (`virDomainControlState`).
public struct ControlState: LibvirtConstant {
  /// libvirt's number.
  public let rawValue: Int32

  /// Takes libvirt's number as it is.
  public init(rawValue: Int32) { self.rawValue = rawValue }

  /// Nothing is under way.
  public static let ok = ControlState(VIR_DOMAIN_CONTROL_OK)
  /// A command of a background job is under way: in a migration, a command to QEMU's monitor.
  public static let job = ControlState(VIR_DOMAIN_CONTROL_JOB)
  /// A command is under way.
  public static let occupied = ControlState(VIR_DOMAIN_CONTROL_OCCUPIED)
  /// The domain cannot be controlled.
  public static let error = ControlState(VIR_DOMAIN_CONTROL_ERROR)

  /// The words for the known numbers, as virsh writes them.
  public static let words: [ControlState: String] = [.ok: "ok", .job: "background job", .occupied: "occupied", .error: "error"]
}

extension Domain {
  /// Whether a command to the domain's QEMU is under way. It waits for none.
  public func controlState() async throws(LibvirtError) -> ControlState {
    try await perform("read the control state of domain \(name)") { call, domain throws(LibvirtError) in
      var info = virDomainControlInfo()
      try call.check(unsafe virDomainGetControlInfo(domain, &info, 0))
      return ControlState(rawValue: Int32(bitPattern: info.state))
    }
  }
}
