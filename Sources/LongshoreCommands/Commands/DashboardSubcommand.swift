import ArgumentParser
import LongshoreClient
import LongshoreDashboard

/// `longshore dashboard`: a web page of what the cluster's hosts move.
struct DashboardSubcommand: OperatorCommand {
  static let configuration = CommandConfiguration(
    commandName: "dashboard",
    abstract: "Serve a web page of the migrations.",
    discussion: """
      The page shows what is under way, what waits and why, what has ended, the hosts and their links, and what needs somebody. It reads \
      the history of events when it starts, and changes by itself. Whoever reaches the address can look; put a server with TLS and logins \
      before it where that is not meant. With --action-token-file whoever has the token can also move guests, and tune and \
      cancel migrations.

      EXAMPLES:
        longshore dashboard
        longshore dashboard --listen 127.0.0.1:9000 --history 24h

      \(CommandExit.help([.done, .usage]))
      """)

  @Option(
    help: ArgumentHelp(
      "Where to listen (default: \(SettingsReader.defaultListen)). Also LONGSHORE_DASHBOARD_LISTEN.", valueName: "address:port"))
  var listen: String?

  @Option(
    help: ArgumentHelp("How far back events are read (default: 7d).", valueName: "duration"), transform: DurationArgument.parse)
  var history: Duration = .seconds(7 * 86_400)

  @Option(
    help: ArgumentHelp(
      "A file with the token of those who may move guests, and tune and cancel migrations (default: nobody may). Also LONGSHORE_DASHBOARD_ACTION_TOKEN_FILE.",
      valueName: "file"), completion: .file())
  var actionTokenFile: String?

  @OptionGroup(title: "Connection options") var connection: ConnectionOptions
  @OptionGroup(title: "Output options") var output: OutputOptions

  func perform(_ session: CommandSession) async throws -> CommandExit {
    let reader = SettingsReader(environment: session.environment.variables, file: connection.config)
    let (host, port, token) = try await reader.dashboard(listen: listen, actionTokenFile: actionTokenFile)
    if let token, token.count < Dashboard.shortestToken {
      throw CommandFailure(
        .usage, "the action token has \(token.count) characters, and needs \(Dashboard.shortestToken)", while: "reading the settings",
        advice: "Make one: openssl rand -hex 32")
    }
    try session.requireBrokerSettings()
    let options = Dashboard.Options(host: host, port: port, history: history, actionToken: token)
    let dashboard = Dashboard(options, link: session.settings) { port in
      session.complain(["The dashboard listens on http://\(host.contains(":") ? "[\(host)]" : host):\(port)/"])
    }
    do {
      try await dashboard.run()
    } catch {
      throw CommandFailure(
        .usage, "the dashboard cannot listen on \(host), port \(port): \(error)", while: "serving the dashboard",
        advice: "Give another address with --listen.")
    }
    return .done
  }
}
