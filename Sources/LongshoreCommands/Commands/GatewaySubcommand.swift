import ArgumentParser
import CloudStackGateway
import LongshoreClient

/// `longshore gateway`: CloudStack's interface to a cluster's hosts.
struct GatewaySubcommand: OperatorCommand {
  static let configuration = CommandConfiguration(
    commandName: "gateway",
    abstract: "Answer CloudStack's clients.",
    discussion: """
      Clients of CloudStack (cs, cmk, Ansible's collection, the Go client) list hosts, guests, volumes and pools, move running guests with \
      migrateVirtualMachineWithVolume, and follow the job. Requests are signed with keys of a file; what a key may do stands there. The \
      gateway keeps nothing: a job is a migration, which the hosts' journals and the history of events know.

      EXAMPLES:
        longshore gateway --keys /etc/longshore/gateway-keys.yaml
        longshore gateway --keys keys.yaml --listen 0.0.0.0:8080 --require-expiry

      \(CommandExit.help([.done, .usage]))
      """)

  @Option(
    help: ArgumentHelp(
      "Where to listen (default: \(SettingsReader.defaultGatewayListen)). Also LONGSHORE_GATEWAY_LISTEN.", valueName: "address:port"))
  var listen: String?

  @Option(
    help: ArgumentHelp("The file with the keys (YAML), readable by its owner alone. Also LONGSHORE_GATEWAY_KEYS.", valueName: "file"),
    completion: .file())
  var keys: String?

  @Option(
    help: ArgumentHelp(
      "The certificate (PEM) of a server with TLS, with those up to its authority. Also LONGSHORE_GATEWAY_TLS_CERTIFICATE.",
      valueName: "file"), completion: .file())
  var tlsCertificate: String?

  @Option(
    help: ArgumentHelp("The certificate's key (PEM). Also LONGSHORE_GATEWAY_TLS_KEY.", valueName: "file"), completion: .file())
  var tlsKey: String?

  @Option(
    help: ArgumentHelp("How far back events are read (default: 7d).", valueName: "duration"), transform: DurationArgument.parse)
  var history: Duration = .seconds(7 * 86_400)

  @Flag(help: "Take signatures with SHA-512 only; most clients know SHA-1 alone.")
  var refuseSHA1 = false

  @Flag(help: "Take requests with a time of expiry only (signatureVersion=3), at most 15 minutes ahead.")
  var requireExpiry = false

  @Flag(help: "Publish events in CloudStack's own form as well, to the exchange cloudstack-events.")
  var publishEvents = false

  @OptionGroup(title: "Connection options") var connection: ConnectionOptions
  @OptionGroup(title: "Output options") var output: OutputOptions

  func perform(_ session: CommandSession) async throws -> CommandExit {
    let reader = SettingsReader(environment: session.environment.variables, file: connection.config)
    let place = try await reader.gateway(listen: listen, keys: keys, certificate: tlsCertificate, key: tlsKey)
    try session.requireBrokerSettings()
    let host = place.host
    var options = Gateway.Options(host: host, port: place.port, keyFile: place.keys, history: history)
    options.tls = place.tls
    options.acceptsSHA1 = !refuseSHA1
    options.requiresExpiry = requireExpiry
    options.publishesEvents = publishEvents
    let gateway: Gateway
    do throws(Gateway.StartProblem) {
      gateway = try Gateway(options, link: session.settings) { port in
        session.complain([
          "The gateway listens on \(place.tls == nil ? "http" : "https")://\(host.contains(":") ? "[\(host)]" : host):\(port)/client/api"
        ])
      }
    } catch {
      throw CommandFailure(
        .usage, error.description, while: "starting the gateway", advice: "See the page \"Longshore for CloudStack users\".")
    }
    do {
      try await gateway.run()
    } catch {
      throw CommandFailure(
        .usage, "the gateway cannot listen on \(host), port \(place.port): \(error)", while: "serving the gateway",
        advice: "Give another address with --listen.")
    }
    return .done
  }
}
