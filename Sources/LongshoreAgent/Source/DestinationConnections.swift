internal import Libvirt
internal import Logging
internal import LongshoreMessages

/// The agent's own connections to the libvirt daemons of other hosts: looking there and resuming there needs no broker.
actor DestinationConnections {
  private var links: [String: LibvirtLink] = [:]
  private let logger: Logger

  init(logger: Logger) { self.logger = logger }

  /// A connection to a destination's daemon, opened where there is none.
  func connection(to uri: String) async throws(LibvirtError) -> LibvirtConnection { try await link(to: uri).connection() }

  /// The link to a destination's daemon.
  func link(to uri: String) -> LibvirtLink {
    let link = links[uri] ?? LibvirtLink(uri: uri, logger: logger)
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

  /// Refuses the URI of a host that is not allowed.
  func check(uri: String) throws { try check(DestinationEndpoint(libvirtURI: uri, migrationAddress: LibvirtURI.host(of: uri) ?? "")) }

  /// Refuses an endpoint that names another address, or a URI that is not of a remote libvirt daemon.
  func check(_ endpoint: DestinationEndpoint) throws {
    guard let hosts = hosts() else { return }
    let uriHost = LibvirtURI.host(of: endpoint.libvirtURI)
    for address in [uriHost, endpoint.migrationAddress] where !hosts.contains(address ?? "") {
      throw Reason.Failure(
        .addressNotAllowed,
        "the destination wants to be reached at \(address ?? endpoint.libvirtURI), which migration.allowedAddresses does not list")
    }
  }
}

/// Parts of a libvirt URI.
enum LibvirtURI {
  /// The host of `driver+transport://[user@]host[:port]/path`; nil where there is none.
  static func host(of uri: String) -> String? {
    guard let scheme = uri.firstRange(of: "://") else { return nil }
    var authority = uri[scheme.upperBound...].prefix { $0 != "/" && $0 != "?" }
    if let at = authority.lastIndex(of: "@") { authority = authority[authority.index(after: at)...] }
    if authority.first == "[" { return authority.dropFirst().firstIndex(of: "]").map { String(authority.dropFirst()[..<$0]) } }
    let host = authority.prefix { $0 != ":" }
    return host.isEmpty ? nil : String(host)
  }
}

extension LibvirtURI {
  /// The TCP port of a URI; where it names none, that of its transport.
  static func port(of uri: String) -> UInt16 {
    guard let scheme = uri.firstRange(of: "://") else { return 16_514 }
    let authority = uri[scheme.upperBound...].prefix { $0 != "/" && $0 != "?" }
    // Behind the brackets of an IPv6 address, or the name.
    let rest = authority.lastIndex(of: "]").map { authority[$0...] } ?? authority
    if let colon = rest.lastIndex(of: ":"), let port = UInt16(rest[rest.index(after: colon)...]) { return port }
    let transport = uri[..<scheme.lowerBound].split(separator: "+").dropFirst().first
    return switch transport {
    case "tcp": 16_509
    case "ssh", "libssh", "libssh2": 22
    default: 16_514
    }
  }
}

extension String {
  /// An address as it stands in a URI: IPv6 in brackets.
  var bracketedIfIPv6: String { contains(":") ? "[\(self)]" : self }
}
