internal import Glibc
internal import HTTPTypes
internal import HummingbirdCore
internal import Logging
internal import LongshoreMessages
internal import MigrationCore
internal import NIOCore
internal import NIOPosix
internal import PrometheusMetrics

/// The agent's HTTP endpoint for those who watch it: `/metrics`, `/healthz` and `/readyz`. It tells, and takes no orders.
///
/// It has one thread of its own, at most ``maximumConnections`` connections, and reads neither large headers nor bodies.
struct MonitoringEndpoint: Sendable {
  /// How many connections it has at once; more wait until one ends.
  private static let maximumConnections = 16
  /// After how many seconds a connection is closed that does not ask anything.
  private static let idleSeconds: Int64 = 30
  /// How long an answer waits for what has to be asked for it, in milliseconds. What is not known by then is told as it was last.
  private static let patience: Int64 = 3000

  /// An answer.
  struct Answer: Sendable, Hashable {
    /// The HTTP status code.
    var status: Int
    var contentType: String
    var body: String
  }

  /// A request that is answered, and after which the connection is closed: its body is not read.
  private struct Unwanted: Error {}

  let address: AgentConfiguration.ListenAddress
  let health: AgentHealth
  let registry: PrometheusRegistry
  let gate: SampleGate
  let clock: any HostClock
  let logger: Logger

  /// Listens, and goes on until ``Running/stop()``. What goes wrong later is logged and tried again, and stops nothing else.
  ///
  /// - Throws: ``ConfigurationError`` where nobody can listen there.
  func start() async throws -> Running {
    let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    let (beginnings, beginning) = AsyncStream<Result<Void, any Error>>.makeStream(bufferingPolicy: .bufferingOldest(1))
    let serving = Task {
      var waits = BackOffSteps()
      var hasBegun = false
      while !Task.isCancelled {
        do {
          try await server(on: group) { beginning.yield(.success(())) }.run()
        } catch {
          guard hasBegun else {
            beginning.yield(.failure(error))
            return
          }
          if !Task.isCancelled { logger.debug("The endpoint for metrics has failed", metadata: [LogKeys.error: "\(error)"]) }
        }
        hasBegun = true
        guard !Task.isCancelled else { break }
        logger.error("The endpoint for metrics has ended, and is tried again", metadata: ["address": "\(address)"])
        try? await clock.wait(milliseconds: waits.step())
      }
    }
    for await result in beginnings {
      switch result {
      case .success: return Running(serving: serving, group: group)
      case .failure(let error):
        serving.cancel()
        await serving.value
        try? await group.shutdownGracefully()
        throw ConfigurationError(place: address.place, key: Setting.metricsListen.rawValue, message: refusal(error))
      }
    }
    throw CancellationError()
  }

  /// An endpoint that listens.
  struct Running: Sendable {
    fileprivate let serving: Task<Void, Never>
    fileprivate let group: MultiThreadedEventLoopGroup

    /// Ends it.
    func stop() async {
      serving.cancel()
      await serving.value
      try? await group.shutdownGracefully()
    }
  }

  private func refusal(_ error: any Error) -> String {
    guard let error = error as? IOError else { return "nobody can listen on \(address): \(error)" }
    switch error.errnoCode {
    case EADDRINUSE: return "\(address) is in use by another program: give another port, or end that one (`ss -ltnp`)"
    case EADDRNOTAVAIL: return "\(address) is no address of this host: give one that `ip address` shows, or 0.0.0.0 or [::] for all"
    case EACCES: return "this user may not listen on \(address): give a port above 1023"
    default: return "nobody can listen on \(address): \(error)"
    }
  }

  private func server(on group: MultiThreadedEventLoopGroup, _ began: @escaping @Sendable () -> Void) -> Server<HTTP1Channel> {
    // It says what is said here.
    let quiet = Logger(label: "endpoint") { _ in SwiftLogNoOpLogHandler() }
    let channel = HTTP1Channel(
      responder: { request, writer, _ in try await respond(to: request, writer) },
      configuration: HTTP1Channel.Configuration(
        idleTimeout: .seconds(Self.idleSeconds),
        httpDecoderConfiguration: HTTP1Channel.Configuration.DecoderConfiguration(
          maxHeaderFieldSize: 8192, maxHeaderListSize: 16_384, maxHeaderFieldCount: 64)))
    return Server(
      childChannelSetup: channel,
      configuration: ServerConfiguration(
        address: .hostname(address.host, port: Int(address.port)), backlog: 64,
        availableConnectionsDelegate: MaximumAvailableConnections(Self.maximumConnections, logger: quiet)),
      onServerRunning: { _ in began() }, eventLoopGroup: group, logger: quiet)
  }

  @concurrent private func respond(to request: HummingbirdCore.Request, _ writer: consuming ResponseWriter) async throws {
    let isReading = request.method == .get || request.method == .head
    let hasBody = request.headers[.contentLength].map { $0 != "0" } ?? false || request.headers[.transferEncoding] != nil
    let answer =
      isReading && !hasBody
      ? await answer(request.uri.path, accept: request.headers[.accept])
      : Answer(status: 405, contentType: Self.text, body: "This endpoint is only read: use GET or HEAD.\n")
    var headers: HTTPFields = [.contentType: answer.contentType, .cacheControl: "no-store"]
    if answer.status == 405 { headers[.allow] = "GET, HEAD" }
    headers[.contentLength] = "\(answer.body.utf8.count)"
    let buffer = ByteBuffer(string: request.method == .head ? "" : answer.body)
    try await writer.write(
      response: HTTPResponse(status: HTTPResponse.Status(code: answer.status), headerFields: headers),
      body: ResponseBody(byteBuffer: buffer))
    if !isReading || hasBody { throw Unwanted() }
  }

  private static let text = "text/plain; charset=utf-8"

  /// The answer to a question.
  func answer(_ path: String, accept: String?) async -> Answer {
    switch path {
    case "/metrics":
      await sample()
      let format = ExpositionFormat(accept: accept)
      return Answer(status: 200, contentType: format.contentType, body: registry.exposition(format))
    case "/healthz": return answer(health.stuck, word: "alive")
    case "/readyz": return answer(health.faults, word: "ready")
    case "/":
      return Answer(
        status: 200, contentType: Self.text,
        body:
          "Longshore agent \(LongshoreVersion.current)\n/metrics  what it measures\n/healthz  whether it is alive\n/readyz   whether it can do its work\n"
      )
    default: return Answer(status: 404, contentType: Self.text, body: "There are /metrics, /healthz and /readyz.\n")
    }
  }

  private func answer(_ faults: [AgentHealth.Fault], word: String) -> Answer {
    let missing = faults.map { "{\"part\":\(Self.json($0.part)),\"message\":\(Self.json($0.message))}" }.joined(separator: ",")
    return Answer(
      status: faults.isEmpty ? 200 : 503, contentType: "application/json",
      body: "{\"\(word)\":\(faults.isEmpty),\"missing\":[\(missing)]}\n")
  }

  private static func json(_ text: String) -> String { String(decoding: MessageCoding.encode(text), as: UTF8.self) }

  /// Lets what is measured be taken, but waits for it no longer than those who ask will.
  private func sample() async {
    let (ends, end) = AsyncStream<Void>.makeStream()
    let sampling = Task {
      await gate.sample()
      end.finish()
    }
    let waiting = Task {
      try? await clock.wait(milliseconds: Self.patience)
      end.finish()
    }
    for await _ in ends {}
    waiting.cancel()
    // Where it hangs it ends by itself, or with the process.
    _ = sampling
  }
}

/// Takes samples one at a time: where one hangs, the next do not pile up behind it.
actor SampleGate {
  private let take: @Sendable () async -> Void
  private var isTaking = false

  init(_ take: @escaping @Sendable () async -> Void) { self.take = take }

  /// Takes a sample, unless one is being taken.
  func sample() async {
    guard !isTaking else { return }
    isTaking = true
    await take()
    isTaking = false
  }
}
