internal import Libvirt
internal import Logging
internal import LongshoreMessages

/// The agent's own connections to the libvirt daemons of other hosts: looking there and resuming there needs no broker.
actor DestinationConnections {
  private var links: [String: LibvirtLink] = [:]
  private let logger: Logger

  init(logger: Logger) { self.logger = logger }

  /// A connection to another host's daemon, opened where there is none.
  ///
  /// Throws `Reason.Failure` where the URI is none that an agent opens for another host (``PeerLibvirt``), and `LibvirtError`.
  func connection(to uri: String) async throws -> LibvirtConnection { try await link(to: uri).connection() }

  /// The link to another host's daemon.
  func link(to uri: String) throws(Reason.Failure) -> LibvirtLink {
    if let link = links[uri] { return link }
    _ = try PeerLibvirt(uri)
    let link = LibvirtLink(uri: uri, logger: logger)
    links[uri] = link
    return link
  }
}

/// The hosts that another host may name as its own addresses.
struct AllowedAddresses: Sendable {
  /// Host names and addresses; nil allows all.
  private let hosts: @Sendable () -> Set<String>?

  /// Those of every moment.
  init(_ hosts: @escaping @Sendable () -> Set<String>?) { self.hosts = hosts }

  /// Those that are allowed for ever.
  init(hosts: Set<String>?) { self.init { hosts } }

  /// Refuses the URI of a host that is not allowed, or that is no URI of a remote daemon.
  func check(uri: String) throws(Reason.Failure) { try check(address: PeerLibvirt(uri).host) }

  /// Refuses an endpoint that names another address, a URI that is not of a remote daemon, or what is no address.
  func check(_ endpoint: DestinationEndpoint) throws(Reason.Failure) {
    try check(uri: endpoint.libvirtURI)
    guard HostText.isHost(endpoint.migrationAddress) else {
      throw Reason.Failure(
        .addressNotAllowed, "the other host names \"\(endpoint.migrationAddress)\" as its address, which is no host name and no IP address")
    }
    try check(address: endpoint.migrationAddress)
  }

  private func check(address: String) throws(Reason.Failure) {
    guard let hosts = hosts(), !hosts.contains(address) else { return }
    throw Reason.Failure(
      .addressNotAllowed, "the other host wants to be reached at \(address), which migration.allowedAddresses does not list")
  }
}

extension String {
  /// An address as it stands in a URI: IPv6 in brackets.
  var bracketedIfIPv6: String { contains(":") ? "[\(self)]" : self }
}
