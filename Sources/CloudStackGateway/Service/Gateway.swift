import FoundationEssentials
import HTTPTypes
import HummingbirdCore
import HummingbirdTLS
import Logging
package import LongshoreClient
import LongshoreMessages
import NIOCore
import NIOPosix
import NIOSSL
import ServiceLifecycle
import UnixSignals

/// CloudStack's interface to a cluster: a service, and the server in it. It has no power of its own: it asks hosts over the bus as any
/// orchestrator does.
package struct Gateway: Sendable {
  /// How it is started.
  package struct Options: Sendable {
    /// The address that it listens on.
    package var host: String
    /// The port; 0 for any that is free.
    package var port: Int
    /// The file with the keys.
    package var keyFile: String
    /// How far back events are read.
    package var history: Duration
    /// Whether signatures with SHA-1 are taken.
    package var acceptsSHA1 = true
    /// Whether requests need a time of expiry, at most 15 minutes ahead.
    package var requiresExpiry = false
    /// The PEM files of the certificate, with those between it and its authority, and of its key; nil for a server without TLS.
    package var tls: (certificate: String, key: String)?
    /// Whether events are also published in CloudStack's own form.
    package var publishesEvents = false

    /// Options.
    package init(host: String, port: Int, keyFile: String, history: Duration) {
      self.host = host
      self.port = port
      self.keyFile = keyFile
      self.history = history
    }
  }

  /// The gateway cannot be started: the keys or the settings cannot be used.
  package struct StartProblem: Error, CustomStringConvertible {
    package var description: String
  }

  /// The connections that are open at once.
  static let mostConnections = 512
  /// A connection on which no request comes, or comes to its end, for this long is closed.
  static let idleTime = TimeAmount.seconds(60)
  /// The longest path and query, or header, in bytes, that is read at all; longer ones end the connection with 400.
  static let longestField = 40 * 1024
  /// The longest time of expiry where one is required, in seconds: that of CloudStack.
  static let longestExpiry: Int64 = 900

  private let group: ServiceGroup

  /// A gateway.
  /// - Parameter isListening: Is told the port when requests are taken.
  /// - Throws: ``StartProblem`` where the keys or the settings cannot be used.
  package init(
    _ options: Options, link settings: LinkSettings, isListening: @escaping @Sendable (Int) -> Void
  ) throws(StartProblem) {
    let keys: [String: AccessKey]
    do {
      keys = try KeyFile.read(options.keyFile).keys
    } catch {
      throw StartProblem(description: error.description)
    }
    var logger = Logger(label: "longshore.gateway") { StreamLogHandler.standardError(label: $0) }
    logger.logLevel = settings.isVerbose ? .debug : .notice
    let now: @Sendable () -> Timestamp = { Timestamp(milliseconds: Int64((Date().timeIntervalSince1970 * 1000).rounded())) }
    let state = ClusterState(ClusterModel(cluster: settings.cluster, limits: Self.limits), now: now)
    var times = ClusterFeed.Times()
    times.history = options.history
    let bridge: EventBridge?
    do throws(LinkError) {
      bridge = options.publishesEvents ? try EventBridge(settings, startedAt: now(), logger: logger) : nil
    } catch {
      throw StartProblem(description: error.description)
    }
    var heard: (@Sendable (MigrationEvent) async -> Void)?
    if let bridge { heard = { event in await bridge.hear(event) } }
    let feed = ClusterFeed(
      state, settings: settings, questions: [.describe, .list(includeEnded: false)], times: times, logger: logger, now: now,
      open: AMQPOrchestratorLink.open, heard: heard)
    let runner = CommandRunner(
      cluster: settings.cluster, state: state, bus: feed, keeper: InventoryKeeper(settings.cluster, bus: feed, state: state, now: now),
      logger: logger)
    let rules = Verifier.Rules(
      acceptsSHA1: options.acceptsSHA1, longestExpiry: options.requiresExpiry ? Self.longestExpiry : nil)
    let server = try Self.server(
      GatewayResponder(verifier: Verifier(keys: keys, rules: rules), runner: runner, now: now), host: options.host, port: options.port,
      tls: options.tls, isListening: isListening)
    // The last ends first: the server, then what hears, then what tells.
    let services: [any Service] = (bridge.map { [$0] } ?? []) + [feed, server]
    var configuration = ServiceGroupConfiguration(services: services, gracefulShutdownSignals: [.sigterm, .sigint], logger: logger)
    configuration.maximumGracefulShutdownDuration = Self.shutdownTime
    group = ServiceGroup(configuration: configuration)
  }

  /// Clients ask for jobs that have ended: their stories are kept for longer than a page needs them.
  static let limits = ClusterModel.Limits(stories: 2_000)

  /// How long clients that do not read or send, and a broker that is away, may hold the end up. The unit's own limit is 20 s.
  private static let shutdownTime = Duration.seconds(10)

  /// Runs until a signal comes.
  package func run() async throws { try await group.run() }

  /// The server alone.
  /// - Throws: ``StartProblem`` where the certificate cannot be used.
  static func server(
    _ responder: GatewayResponder, host: String, port: Int, tls: (certificate: String, key: String)? = nil,
    isListening: @escaping @Sendable (Int) -> Void
  ) throws(StartProblem) -> any Service {
    let channel = HTTP1Channel(
      responder: { request, writer, _ in
        let response = await responder.respond(to: request)
        let head = request.method == .head ? response.createHeadResponse() : response
        try await writer.write(response: head.head, body: head.body)
      },
      configuration: HTTP1Channel.Configuration(
        idleTimeout: idleTime,
        httpDecoderConfiguration: HTTP1Channel.Configuration.DecoderConfiguration(
          maxHeaderFieldSize: longestField, maxHeaderListSize: 2 * longestField, maxHeaderFieldCount: 100)))
    guard let tls else { return server(channel, host: host, port: port, isListening: isListening) }
    let secured: TLSChannel<HTTP1Channel>
    do {
      secured = try TLSChannel(channel, tlsConfiguration: configuration(certificate: tls.certificate, key: tls.key))
    } catch let problem as StartProblem {
      throw problem
    } catch {
      throw StartProblem(description: "the key \(tls.key) is not that of \(tls.certificate): \(error)")
    }
    return server(secured, host: host, port: port, isListening: isListening)
  }

  /// TLS 1.2 and later with a certificate, followed in its PEM file by those between it and its authority, and its key without a password.
  private static func configuration(certificate: String, key: String) throws(StartProblem) -> TLSConfiguration {
    let chain: [NIOSSLCertificate]
    do {
      chain = try NIOSSLCertificate.fromPEMFile(certificate)
    } catch {
      throw StartProblem(description: "the certificate \(certificate) cannot be read: \(error)")
    }
    let secret: NIOSSLPrivateKey
    do {
      // Nobody is there to type a password.
      secret = try NIOSSLPrivateKey(file: key, format: .pem) { $0([]) }
    } catch {
      throw StartProblem(description: "the key \(key) cannot be read: \(error)")
    }
    var configuration = TLSConfiguration.makeServerConfiguration(
      certificateChain: chain.map { .certificate($0) }, privateKey: .privateKey(secret))
    configuration.minimumTLSVersion = .tlsv12
    return configuration
  }

  private static func server(
    _ channel: some ServerChildChannel, host: String, port: Int, isListening: @escaping @Sendable (Int) -> Void
  ) -> some Service {
    // It says what is said here.
    let quiet = Logger(label: "server") { _ in SwiftLogNoOpLogHandler() }
    return Server(
      childChannelSetup: channel,
      configuration: ServerConfiguration(
        address: .hostname(host, port: port),
        availableConnectionsDelegate: MaximumAvailableConnections(mostConnections, logger: quiet)),
      onServerRunning: { channel in isListening(channel.localAddress?.port ?? port) },
      eventLoopGroup: MultiThreadedEventLoopGroup.singleton, logger: quiet)
  }
}
