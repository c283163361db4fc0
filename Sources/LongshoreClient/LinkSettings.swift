public import LongshoreMessages

/// Where the broker is and how to log in to it.
public struct LinkSettings: Sendable, Hashable {
  /// The broker as an AMQP URL; it may carry a password.
  public var broker: String
  /// The cluster whose hosts are asked.
  public var cluster: NodeName
  /// The user's password, read from a file; nil for the URL's.
  public var password: String?
  /// A PEM file of the authorities that the broker's certificate is checked against; nil for the system's.
  public var caFile: String?
  /// A PEM file with the certificate to show to the broker.
  public var certificateFile: String?
  /// A PEM file with the certificate's key.
  public var keyFile: String?
  /// How the agents' users of the broker are named: answers of hosts are believed of those users alone. Nil where all are believed.
  public var peerUser: PeerUser?
  /// Whether the connection's log is wanted on the standard error stream.
  public var isVerbose = false

  /// A broker and the cluster whose hosts are asked.
  public init(broker: String, cluster: NodeName, password: String? = nil) {
    self.broker = broker
    self.cluster = cluster
    self.password = password
  }
}

extension LinkSettings {
  /// Whether a broker's URL has a password in it, which the list of the machine's processes shows where it is an argument.
  package static func hasPassword(_ broker: String) -> Bool {
    guard let scheme = broker.firstRange(of: "://") else { return false }
    let authority = broker[scheme.upperBound...].prefix { $0 != "/" && $0 != "?" }
    guard let end = authority.lastIndex(of: "@"), let colon = authority[..<end].firstIndex(of: ":") else { return false }
    return authority.index(after: colon) < end
  }
}

extension LinkSettings: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
  /// The cluster alone: the broker's URL and the password may be secret.
  public var description: String { "cluster \(cluster)" }
  /// The same as ``description``.
  public var debugDescription: String { description }
  /// Nothing, so that `dump` does not show secrets.
  public var customMirror: Mirror { Mirror(self, children: [:]) }
}
