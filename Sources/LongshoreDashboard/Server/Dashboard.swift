import FoundationEssentials
import HummingbirdCore
import Logging
package import LongshoreClient
import LongshoreMessages
import NIOCore
import NIOPosix
import ServiceLifecycle
import UnixSignals

/// The web page of a cluster's migrations: a service, and the server in it.
package struct Dashboard: Sendable {
  /// How it is started.
  package struct Options: Sendable {
    /// The address that it listens on.
    package var host: String
    /// The port; 0 for any that is free.
    package var port: Int
    /// How far back events are read.
    package var history: Duration
    /// What lets somebody do more than look; nil where nobody may.
    package var actionToken: String?

    /// Options.
    package init(host: String, port: Int, history: Duration, actionToken: String? = nil) {
      self.host = host
      self.port = port
      self.history = history
      self.actionToken = actionToken
    }
  }

  /// The fewest characters of an action token.
  package static let shortestToken = ActionGate.shortestToken
  /// The connections that are open at once.
  static let mostConnections = 512
  /// A connection on which no request comes, or comes to its end, for this long is closed.
  static let idleTime = TimeAmount.seconds(30)

  private let group: ServiceGroup

  /// A dashboard.
  /// - Parameter isListening: Is told the port when requests are taken.
  package init(
    _ options: Options, link settings: LinkSettings, isListening: @escaping @Sendable (Int) -> Void
  ) {
    var logger = Logger(label: "longshore.dashboard") { StreamLogHandler.standardError(label: $0) }
    logger.logLevel = settings.isVerbose ? .debug : .notice
    let now: @Sendable () -> Timestamp = { Timestamp(milliseconds: Int64((Date().timeIntervalSince1970 * 1000).rounded())) }
    let state = ClusterState(ClusterModel(cluster: settings.cluster), now: now)
    var times = ClusterFeed.Times()
    times.history = options.history
    let feed = ClusterFeed(
      state, settings: settings, times: times, logger: logger, now: now, open: AMQPOrchestratorLink.open)
    let gate = options.actionToken.map { ActionGate(token: $0, now: now) }
    let hub = LiveHub(state, canAct: gate != nil, now: now)
    let server = Self.server(
      DashboardResponder(state: state, hub: hub, gate: gate, actions: feed, now: now), host: options.host, port: options.port,
      isListening: isListening)
    // The last ends first: readers, then the server, then what hears.
    var configuration = ServiceGroupConfiguration(
      services: [feed, server, hub], gracefulShutdownSignals: [.sigterm, .sigint], logger: logger)
    configuration.maximumGracefulShutdownDuration = Self.shutdownTime
    group = ServiceGroup(configuration: configuration)
  }

  /// How long browsers that do not read may hold the end up. The unit's own limit is 20 s.
  private static let shutdownTime = Duration.seconds(10)

  /// Runs until a signal comes.
  package func run() async throws { try await group.run() }

  /// The server alone.
  static func server(
    _ responder: DashboardResponder, host: String, port: Int, isListening: @escaping @Sendable (Int) -> Void
  ) -> some Service {
    // It says what is said here.
    let quiet = Logger(label: "server") { _ in SwiftLogNoOpLogHandler() }
    let channel = HTTP1Channel(
      responder: { request, writer, channel in
        let response = await responder.respond(to: request, over: channel)
        try await writer.write(response: response.head, body: response.body)
      },
      configuration: HTTP1Channel.Configuration(
        idleTimeout: idleTime,
        httpDecoderConfiguration: HTTP1Channel.Configuration.DecoderConfiguration(
          maxHeaderFieldSize: 8192, maxHeaderListSize: 32_768, maxHeaderFieldCount: 100)))
    return Server(
      childChannelSetup: channel,
      configuration: ServerConfiguration(
        address: .hostname(host, port: port),
        availableConnectionsDelegate: MaximumAvailableConnections(mostConnections, logger: quiet)),
      onServerRunning: { channel in isListening(channel.localAddress?.port ?? port) },
      eventLoopGroup: MultiThreadedEventLoopGroup.singleton, logger: quiet)
  }
}
