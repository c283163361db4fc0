internal import CLibvirt

extension LibvirtError {
  /// The part of libvirt that raised an error (`virErrorDomain`), open to parts that are not named here.
  public struct ErrorDomain: LibvirtConstant {
    /// libvirt's number.
    public let rawValue: Int32

    /// Takes libvirt's number as it is.
    public init(rawValue: Int32) { self.rawValue = rawValue }

    /// No part of libvirt: the error is of this library.
    public static let none = ErrorDomain(VIR_FROM_NONE)
    /// The XML code.
    public static let xml = ErrorDomain(VIR_FROM_XML)
    /// An operation on a domain.
    public static let domain = ErrorDomain(VIR_FROM_DOM)
    /// The remote protocol.
    public static let rpc = ErrorDomain(VIR_FROM_RPC)
    /// Configuration files.
    public static let configurationFile = ErrorDomain(VIR_FROM_CONF)
    /// The QEMU driver.
    public static let qemu = ErrorDomain(VIR_FROM_QEMU)
    /// The `test` driver.
    public static let test = ErrorDomain(VIR_FROM_TEST)
    /// The client's remote driver.
    public static let remote = ErrorDomain(VIR_FROM_REMOTE)
    /// The storage driver.
    public static let storage = ErrorDomain(VIR_FROM_STORAGE)
    /// Virtual networks.
    public static let network = ErrorDomain(VIR_FROM_NETWORK)
    /// A domain's configuration.
    public static let domainConfiguration = ErrorDomain(VIR_FROM_DOMAIN)
    /// Node devices.
    public static let nodeDevice = ErrorDomain(VIR_FROM_NODEDEV)
    /// The security framework.
    public static let security = ErrorDomain(VIR_FROM_SECURITY)
    /// Network interfaces.
    public static let interface = ErrorDomain(VIR_FROM_INTERFACE)
    /// The CPU driver.
    public static let cpu = ErrorDomain(VIR_FROM_CPU)
    /// The network filter driver.
    public static let networkFilter = ErrorDomain(VIR_FROM_NWFILTER)
    /// Hook scripts.
    public static let hook = ErrorDomain(VIR_FROM_HOOK)
    /// Snapshots.
    public static let domainSnapshot = ErrorDomain(VIR_FROM_DOMAIN_SNAPSHOT)
    /// Streams.
    public static let stream = ErrorDomain(VIR_FROM_STREAMS)
    /// The event loop.
    public static let eventLoop = ErrorDomain(VIR_FROM_EVENT)
    /// The lock manager.
    public static let locking = ErrorDomain(VIR_FROM_LOCKING)
    /// The capabilities.
    public static let capabilities = ErrorDomain(VIR_FROM_CAPABILITIES)
    /// URIs.
    public static let uri = ErrorDomain(VIR_FROM_URI)
    /// Authentication.
    public static let authentication = ErrorDomain(VIR_FROM_AUTH)
    /// The libssh2 transport.
    public static let ssh = ErrorDomain(VIR_FROM_SSH)
    /// Control groups.
    public static let controlGroup = ErrorDomain(VIR_FROM_CGROUP)
    /// Access control.
    public static let access = ErrorDomain(VIR_FROM_ACCESS)
    /// Cryptography.
    public static let cryptography = ErrorDomain(VIR_FROM_CRYPTO)
    /// Polkit.
    public static let polkit = ErrorDomain(VIR_FROM_POLKIT)
    /// Threads.
    public static let thread = ErrorDomain(VIR_FROM_THREAD)
    /// The log daemon.
    public static let logging = ErrorDomain(VIR_FROM_LOGGING)
    /// The libssh transport.
    public static let libSSH = ErrorDomain(VIR_FROM_LIBSSH)
    /// Checkpoints.
    public static let domainCheckpoint = ErrorDomain(VIR_FROM_DOMAIN_CHECKPOINT)
    /// The TPM.
    public static let tpm = ErrorDomain(VIR_FROM_TPM)

    /// The words for the known numbers.
    public static let words: [ErrorDomain: String] = [
      .none: "VIR_FROM_NONE",
      .xml: "VIR_FROM_XML",
      .domain: "VIR_FROM_DOM",
      .rpc: "VIR_FROM_RPC",
      .configurationFile: "VIR_FROM_CONF",
      .qemu: "VIR_FROM_QEMU",
      .test: "VIR_FROM_TEST",
      .remote: "VIR_FROM_REMOTE",
      .storage: "VIR_FROM_STORAGE",
      .network: "VIR_FROM_NETWORK",
      .domainConfiguration: "VIR_FROM_DOMAIN",
      .nodeDevice: "VIR_FROM_NODEDEV",
      .security: "VIR_FROM_SECURITY",
      .interface: "VIR_FROM_INTERFACE",
      .cpu: "VIR_FROM_CPU",
      .networkFilter: "VIR_FROM_NWFILTER",
      .hook: "VIR_FROM_HOOK",
      .domainSnapshot: "VIR_FROM_DOMAIN_SNAPSHOT",
      .stream: "VIR_FROM_STREAMS",
      .eventLoop: "VIR_FROM_EVENT",
      .locking: "VIR_FROM_LOCKING",
      .capabilities: "VIR_FROM_CAPABILITIES",
      .uri: "VIR_FROM_URI",
      .authentication: "VIR_FROM_AUTH",
      .ssh: "VIR_FROM_SSH",
      .controlGroup: "VIR_FROM_CGROUP",
      .access: "VIR_FROM_ACCESS",
      .cryptography: "VIR_FROM_CRYPTO",
      .polkit: "VIR_FROM_POLKIT",
      .thread: "VIR_FROM_THREAD",
      .logging: "VIR_FROM_LOGGING",
      .libSSH: "VIR_FROM_LIBSSH",
      .domainCheckpoint: "VIR_FROM_DOMAIN_CHECKPOINT",
      .tpm: "VIR_FROM_TPM",
    ]
  }
}
