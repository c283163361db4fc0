internal import CLibvirt

extension Domain {
  /// How a domain is started (`virDomainCreateFlags`).
  public struct StartFlags: OptionSet, Sendable, Hashable {
    /// libvirt's bits.
    public let rawValue: UInt32

    /// Takes libvirt's bits as they are.
    public init(rawValue: UInt32) { self.rawValue = rawValue }

    /// With its processors standing still.
    public static let paused = StartFlags(rawValue: VIR_DOMAIN_START_PAUSED.rawValue)
    /// To be destroyed when the connection is closed.
    public static let autodestroy = StartFlags(rawValue: VIR_DOMAIN_START_AUTODESTROY.rawValue)
    /// A managed save image is thrown away.
    public static let forceBoot = StartFlags(rawValue: VIR_DOMAIN_START_FORCE_BOOT.rawValue)
    /// The XML is checked against libvirt's schema.
    public static let validate = StartFlags(rawValue: VIR_DOMAIN_START_VALIDATE.rawValue)
  }

  /// What the domain does, and why.
  ///
  /// At the source of a migration the call can wait for seconds, while QEMU exits after the switch.
  public func state() async throws(LibvirtError) -> DomainState {
    try await perform("read the state of domain \(name)") { call, domain throws(LibvirtError) in
      var state: Int32 = 0
      var reason: Int32 = 0
      try call.check(unsafe virDomainGetState(domain, &state, &reason, 0))
      return DomainState(state: state, reason: reason)
    }
  }

  /// Whether the domain runs or is paused; that is, whether it has a QEMU process.
  public func isActive() async throws(LibvirtError) -> Bool {
    try await perform("ask whether domain \(name) is active") { call, domain throws(LibvirtError) in
      try unsafe call.check(virDomainIsActive(domain)) == 1
    }
  }

  /// Starts a defined domain.
  public func start(_ flags: StartFlags = []) async throws(LibvirtError) {
    try await perform("start domain \(name)") { call, domain throws(LibvirtError) in
      _ = try call.check(unsafe virDomainCreateWithFlags(domain, flags.rawValue))
    }
  }

  /// Stops the domain's processors. During a migration it makes the memory converge at once.
  public func suspend() async throws(LibvirtError) {
    try await perform("suspend domain \(name)") { call, domain throws(LibvirtError) in
      _ = try call.check(unsafe virDomainSuspend(domain))
    }
  }

  /// Lets the domain's processors go on; a domain that runs already stays as it is.
  public func resume() async throws(LibvirtError) {
    try await perform("resume domain \(name)") { call, domain throws(LibvirtError) in
      _ = try call.check(unsafe virDomainResume(domain))
    }
  }

  /// Ends the domain at once, like a power cut.
  ///
  /// - Parameter graceful: QEMU gets SIGTERM only, never SIGKILL, so that it can write out its caches; where it does
  ///   not end in time, the call fails and the domain may still be there.
  public func destroy(graceful: Bool = false) async throws(LibvirtError) {
    let flags = graceful ? VIR_DOMAIN_DESTROY_GRACEFUL : VIR_DOMAIN_DESTROY_DEFAULT
    try await perform("destroy domain \(name)") { call, domain throws(LibvirtError) in
      _ = try call.check(unsafe virDomainDestroyFlags(domain, flags.rawValue))
    }
  }
}
