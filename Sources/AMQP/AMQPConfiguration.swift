/// How to reach a broker and how to behave on the connection.
public struct AMQPConfiguration: Sendable {
  /// The brokers, tried in turn, beginning with the first one and after a connection that was lost with the next one. At least one.
  public var addresses: [Address]
  /// The virtual host.
  public var virtualHost: String
  /// How the broker learns who the user is.
  public var authentication: Authentication
  /// The user's name. With ``Authentication/certificate`` the broker takes the name from the certificate; this one must be the same
  /// where messages name their user.
  public var user: String
  /// The user's password, unused with ``Authentication/certificate``. Appears in no description, error or log.
  public var password: String
  /// TLS, if the broker is to be reached with it.
  public var tls: TLS?
  /// The heartbeat asked for, in whole seconds; the broker may lower it. A dead peer is found after about two of them, and
  /// after one where something was sent to it.
  public var heartbeat: Duration
  /// How long opening the TCP connection (with TLS) may take, for each address.
  public var connectTimeout: Duration
  /// How long the AMQP login may take.
  public var handshakeTimeout: Duration
  /// How long the broker may take to answer a declaration or a subscription.
  public var operationTimeout: Duration
  /// How long a graceful shutdown waits for confirms and for deliveries that are still being handled.
  public var shutdownTimeout: Duration
  /// The largest body that is kept of what the broker delivers, in bytes. A larger one is delivered without its content, so that
  /// a prefetch of large messages cannot take all memory: see ``Delivery/bodySize``.
  public var maximumBodySize: Int
  /// The name shown in the broker's list of connections.
  public var connectionName: String?
  /// The waits between attempts to connect or to subscribe.
  public var backOff: BackOff

  /// Creates a configuration with RabbitMQ's usual defaults.
  public init(
    addresses: [Address] = [Address()], virtualHost: String = "/", authentication: Authentication = .password,
    user: String = "guest", password: String = "guest", tls: TLS? = nil, heartbeat: Duration = .seconds(10),
    connectTimeout: Duration = .seconds(5),
    handshakeTimeout: Duration = .seconds(10), operationTimeout: Duration = .seconds(20),
    shutdownTimeout: Duration = .seconds(10), maximumBodySize: Int = 16 << 20, connectionName: String? = nil,
    backOff: BackOff = BackOff()
  ) {
    self.addresses = addresses
    self.virtualHost = virtualHost
    self.authentication = authentication
    self.user = user
    self.password = password
    self.tls = tls
    self.heartbeat = heartbeat
    self.connectTimeout = connectTimeout
    self.handshakeTimeout = handshakeTimeout
    self.operationTimeout = operationTimeout
    self.shutdownTimeout = shutdownTimeout
    self.maximumBodySize = maximumBodySize
    self.connectionName = connectionName
    self.backOff = backOff
  }
}

extension AMQPConfiguration {
  /// A broker's host and port.
  public struct Address: Hashable, Sendable, CustomStringConvertible {
    /// A DNS name or an IP address, IPv6 without brackets.
    public var host: String
    /// The TCP port: usually 5672, with TLS 5671.
    public var port: UInt16

    /// Creates an address.
    public init(host: String = "localhost", port: UInt16 = 5672) {
      self.host = host
      self.port = port
    }

    /// `host:port`, with brackets around IPv6.
    public var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
  }

  /// How the broker learns who the user is.
  public enum Authentication: Hashable, Sendable {
    /// By name and password (SASL PLAIN).
    case password
    /// By the client's certificate (SASL EXTERNAL, RabbitMQ's plugin `rabbitmq_auth_mechanism_ssl`). Needs TLS with a certificate.
    case certificate
  }

  /// TLS 1.2 or newer, with the broker's certificate verified.
  public struct TLS: Hashable, Sendable {
    /// A PEM file of trusted authorities; the operating system's if absent.
    public var caFile: String?
    /// A PEM file with the client's certificate chain.
    public var certificateFile: String?
    /// A PEM file with the key of the client's certificate, without passphrase.
    public var keyFile: String?
    /// The DNS name or IP address that the broker's certificate must carry; the host connected to if absent.
    public var serverName: String?
    /// Whether the broker's certificate and name are verified. Without it anybody in between can read and write.
    public var verifiesServer: Bool

    /// Creates TLS settings.
    public init(
      caFile: String? = nil, certificateFile: String? = nil, keyFile: String? = nil, serverName: String? = nil,
      verifiesServer: Bool = true
    ) {
      self.caFile = caFile
      self.certificateFile = certificateFile
      self.keyFile = keyFile
      self.serverName = serverName
      self.verifiesServer = verifiesServer
    }
  }
}

extension AMQPConfiguration: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
  /// `amqp[s]://user@host:port,…/vhost`, without the password.
  public var description: String {
    let hosts = addresses.map(\.description).joined(separator: ",")
    let path = virtualHost == "/" ? "" : "/\(virtualHost)"
    return "\(tls == nil ? "amqp" : "amqps")://\(user)@\(hosts)\(path)"
  }

  /// The same as ``description``.
  public var debugDescription: String { description }

  /// Nothing, so that `dump` does not show the password.
  public var customMirror: Mirror { Mirror(self, children: [:]) }
}

extension AMQPConfiguration {
  /// Refuses what can't work, before any attempt.
  func validate() throws(AMQPError) {
    func invalid(_ message: String) -> AMQPError {
      AMQPError(.invalidConfiguration, operation: "configure the AMQP connection", message: message)
    }
    guard !addresses.isEmpty else { throw invalid("there is no broker address") }
    guard addresses.allSatisfy({ !$0.host.isEmpty && $0.port != 0 }) else {
      throw invalid("a broker address lacks its host or port")
    }
    guard heartbeat >= .seconds(1), heartbeat <= .seconds(3600) else {
      throw invalid("the heartbeat must be 1 to 3600 seconds")
    }
    guard connectTimeout > .zero, handshakeTimeout > .zero, operationTimeout > .zero, shutdownTimeout >= .zero else {
      throw invalid("timeouts must be positive")
    }
    guard maximumBodySize > 0 else { throw invalid("the largest body must have at least one byte") }
    if let tls, (tls.certificateFile == nil) != (tls.keyFile == nil) {
      throw invalid("a client certificate needs both its certificate file and its key file")
    }
    if authentication == .certificate, tls?.certificateFile == nil {
      throw invalid("authentication by certificate needs TLS with a client certificate")
    }
  }
}
