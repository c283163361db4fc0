import FoundationEssentials
import LongshoreClient
import LongshoreMessages

/// What commands use of the world, so that tests can be the world.
struct CommandEnvironment: Sendable {
  /// Opens a link, lets it be used, and closes it.
  typealias LinkOpener =
    @Sendable (
      LinkSettings, Subscription, _ use: @escaping @Sendable (any OrchestratorLink) async throws -> CommandExit
    ) async throws -> CommandExit

  /// The variables of the environment.
  var variables: [String: String]
  /// Writes to standard output.
  var writeResult: @Sendable (String) -> Void
  /// Writes to the standard error stream.
  var writeProgress: @Sendable (String) -> Void
  /// Whether standard input is a terminal.
  var inputIsTerminal: Bool
  /// Reads a line of standard input; nil at its end.
  var readAnswer: @Sendable () -> String?
  /// Whether standard output is a terminal.
  var outputIsTerminal: Bool
  /// Whether the standard error stream is one.
  var errorIsTerminal: Bool
  /// The present width of the terminal, in columns.
  var columns: @Sendable () -> Int
  /// Where the operator's clock is.
  var zone: TimeZoneOffset
  /// What the time is.
  var now: @Sendable () -> Timestamp
  /// Makes an id that nobody has used.
  var makeID: @Sendable () -> MigrationID
  /// Ctrl-C and redraws, from the call on.
  var signals: @Sendable () -> AsyncStream<FollowSignal>
  /// Opens a link.
  var openLink: LinkOpener
  /// The certificates on the way to the broker.
  var certificates: @Sendable (LinkSettings) async -> [CertificateDates]

  /// The trace that the command belongs to, by `TRACEPARENT` and `TRACESTATE` as OpenTelemetry names them; nil where it is in none.
  var trace: TraceContext? {
    variables["TRACEPARENT"].flatMap { TraceContext(traceparent: $0, tracestate: variables["TRACESTATE"]) }
  }

  /// The process's own environment.
  static var live: CommandEnvironment {
    CommandEnvironment(
      variables: ProcessInfo.processInfo.environment,
      writeResult: { StandardStream.output.write($0) },
      writeProgress: { StandardStream.error.write($0) },
      inputIsTerminal: StandardStream.input.isTerminal,
      readAnswer: { readLine() },
      outputIsTerminal: StandardStream.output.isTerminal,
      errorIsTerminal: StandardStream.error.isTerminal,
      columns: { StandardStream.error.columns },
      zone: .local,
      now: { Timestamp(milliseconds: Int64((Date().timeIntervalSince1970 * 1000).rounded())) },
      makeID: makeUUID,
      signals: FollowSignals.stream,
      openLink: AMQPOrchestratorLink.open,
      certificates: { await $0.certificates() })
  }

  @Sendable private static func makeUUID() -> MigrationID {
    guard let id = MigrationID(UUID().uuidString.lowercased()) else { preconditionFailure("a UUID is a migration's id") }
    return id
  }
}
