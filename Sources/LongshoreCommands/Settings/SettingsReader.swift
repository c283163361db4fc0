import Configuration
import FoundationEssentials
import LongshoreClient
import LongshoreMessages

/// Finds the settings: flags before the environment before the configuration file.
///
/// | setting | environment | key in the file |
/// | --- | --- | --- |
/// | the broker's URL | `LONGSHORE_BROKER` | `broker` |
/// | the cluster | `LONGSHORE_CLUSTER` | `cluster` |
/// | the file with the broker's password | `LONGSHORE_PASSWORD_FILE` | `passwordFile` |
/// | the authorities (PEM) for the broker's certificate | `LONGSHORE_CA_FILE` | `caFile` |
/// | the certificate (PEM) that is shown to the broker | `LONGSHORE_CERTIFICATE_FILE` | `certificateFile` |
/// | the certificate's key (PEM) | `LONGSHORE_KEY_FILE` | `keyFile` |
/// | how the agents' users of the broker are named | `LONGSHORE_PEERS_USER` | `peers.user` |
/// | how long the shell's completion may take | `LONGSHORE_COMPLETION_TIMEOUT` | `completion.timeout` |
/// | the dashboard's address | `LONGSHORE_DASHBOARD_LISTEN` | `dashboard.listen` |
/// | the dashboard's file with the action token | `LONGSHORE_DASHBOARD_ACTION_TOKEN_FILE` | `dashboard.actionTokenFile` |
/// | the gateway's address | `LONGSHORE_GATEWAY_LISTEN` | `gateway.listen` |
/// | the gateway's file with the keys | `LONGSHORE_GATEWAY_KEYS` | `gateway.keys` |
/// | the gateway's certificate and its key | `LONGSHORE_GATEWAY_TLS_CERTIFICATE`, `LONGSHORE_GATEWAY_TLS_KEY` | `gateway.tls.certificate`, `gateway.tls.key` |
struct SettingsReader {
  /// The file read where no other is named; it may be missing.
  static let defaultFile = "/etc/longshore/longshore.yaml"
  /// The broker where nothing names one.
  static let defaultBroker = "amqp://localhost"

  /// How long the shell's completion may take if nothing says otherwise.
  static let defaultCompletionTime = Duration.seconds(1)

  /// Where the dashboard listens if nothing says otherwise.
  static let defaultListen = "127.0.0.1:8090"
  /// Where the gateway listens if nothing says otherwise: at CloudStack's port.
  static let defaultGatewayListen = "127.0.0.1:8080"

  private static let operation = "reading the settings"

  /// The variables of the environment.
  let environment: [String: String]
  /// The file; nil for ``defaultFile``.
  let file: String?

  /// Reads the settings that flags leave open.
  func settings(flags: ConnectionOptions) async throws(CommandFailure) -> LinkSettings {
    let values = try await values()
    guard let cluster = flags.cluster?.text ?? values.string(forKey: "cluster") else {
      throw problem("no cluster is named", advice: "Give --cluster NAME, or set LONGSHORE_CLUSTER.")
    }
    guard let clusterName = NodeName(cluster) else {
      throw problem("'\(cluster)' is not a cluster's name: use 1 to 63 of a-z, 0-9 and -")
    }
    var settings = LinkSettings(
      broker: flags.broker ?? values.string(forKey: "broker", isSecret: true) ?? Self.defaultBroker, cluster: clusterName)
    if let passwordFile = flags.passwordFile ?? values.string(forKey: "passwordFile") {
      settings.password = try Self.password(from: passwordFile)
    }
    settings.caFile = flags.caFile ?? values.string(forKey: "caFile")
    settings.certificateFile = flags.certificateFile ?? values.string(forKey: "certificateFile")
    settings.keyFile = flags.keyFile ?? values.string(forKey: "keyFile")
    settings.peerUser = values.string(forKey: "peers.user").map(PeerUser.init)
    settings.isVerbose = flags.verbose
    return settings
  }

  /// How long the shell's completion may take to find what can stand at a place.
  func completionTime() async throws(CommandFailure) -> Duration {
    guard let text = try await values().string(forKey: "completion.timeout") else { return Self.defaultCompletionTime }
    do {
      return try DurationArgument.parse(text)
    } catch {
      throw problem("'\(text)' is not a time for completion.timeout: \(error)")
    }
  }

  /// What the dashboard's flags leave open: the address and port that it listens on, and its action token.
  func dashboard(
    listen: String?, actionTokenFile: String?
  ) async throws(CommandFailure) -> (host: String, port: Int, actionToken: String?) {
    let values = try await values()
    let (host, port) = try address(listen ?? values.string(forKey: "dashboard.listen") ?? Self.defaultListen)
    let token = try (actionTokenFile ?? values.string(forKey: "dashboard.actionTokenFile")).map(Self.password(from:))
    return (host, port, token)
  }

  /// What the gateway is to know of its place.
  struct GatewayPlace {
    /// The address that it listens on.
    var host: String
    /// The port.
    var port: Int
    /// Its file with the keys.
    var keys: String
    /// The files of its certificate and that one's key.
    var tls: (certificate: String, key: String)?
  }

  /// What the gateway's flags leave open.
  func gateway(
    listen: String?, keys: String?, certificate: String?, key: String?
  ) async throws(CommandFailure) -> GatewayPlace {
    let values = try await values()
    let (host, port) = try address(listen ?? values.string(forKey: "gateway.listen") ?? Self.defaultGatewayListen)
    guard let keys = keys ?? values.string(forKey: "gateway.keys") else {
      throw problem("no file with keys is named", advice: "Give --keys FILE, or set LONGSHORE_GATEWAY_KEYS.")
    }
    let certificate = certificate ?? values.string(forKey: "gateway.tls.certificate")
    let key = key ?? values.string(forKey: "gateway.tls.key")
    switch (certificate, key) {
    case (nil, nil): return GatewayPlace(host: host, port: port, keys: keys)
    case (let certificate?, let key?): return GatewayPlace(host: host, port: port, keys: keys, tls: (certificate, key))
    default: throw problem("the gateway's certificate and its key go together: give both or neither")
    }
  }

  /// An address and port to listen on.
  private func address(_ listen: String) throws(CommandFailure) -> (host: String, port: Int) {
    guard let colon = listen.lastIndex(of: ":"), let port = UInt16(listen[listen.index(after: colon)...]), colon > listen.startIndex else {
      throw problem("'\(listen)' is not an address and a port, such as \(Self.defaultListen) or [::1]:8090")
    }
    let host = listen[..<colon].trimmingPrefix("[")
    return (String(host.hasSuffix("]") ? host.dropLast() : host), Int(port))
  }

  private func values() async throws(CommandFailure) -> ConfigReader {
    ConfigReader(providers: [
      EnvironmentVariablesProvider(environmentVariables: environment).prefixKeys(with: "longshore"),
      try await fileProvider(),
    ])
  }

  private func fileProvider() async throws(CommandFailure) -> FileProvider<YAMLSnapshot> {
    let place = ConfigReader(
      provider: InMemoryProvider(values: [
        "filePath": ConfigValue(.string(file ?? Self.defaultFile), isSecret: false),
        "allowMissing": ConfigValue(.bool(file == nil), isSecret: false),
      ]))
    do {
      return try await FileProvider<YAMLSnapshot>(config: place)
    } catch {
      throw problem("\(file ?? Self.defaultFile) cannot be read: \(error)")
    }
  }

  /// The secret in a file, without the line feed at its end.
  private static func password(from file: String) throws(CommandFailure) -> String {
    do {
      let bytes = try Data(contentsOf: URL(filePath: file))
      guard let text = String(validating: bytes, as: UTF8.self) else {
        throw CommandFailure(.usage, "\(file) is not UTF-8", while: operation)
      }
      return text.hasSuffix("\n") ? String(text.dropLast()) : text
    } catch let failure as CommandFailure {
      throw failure
    } catch {
      throw CommandFailure(.usage, "the file \(file) cannot be read", while: operation)
    }
  }

  private func problem(_ message: String, advice: String? = nil) -> CommandFailure {
    CommandFailure(.usage, message, while: Self.operation, advice: advice)
  }
}
