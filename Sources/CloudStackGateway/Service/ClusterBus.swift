import LongshoreClient
import LongshoreMessages

/// What the gateway asks hosts by.
protocol ClusterBus: Sendable {
  /// Asks one host.
  /// - Parameters:
  ///   - id: The request's id; nil for a new one.
  ///   - trace: The trace that it belongs to; nil where it is in none.
  /// - Throws: ``LinkError``.
  func ask(
    _ command: Request.Command, of host: NodeName, id: MigrationID?, in trace: TraceContext?, within time: Duration
  ) async throws(LinkError) -> Reply

  /// Asks all hosts, until the time is over or `enough` says so.
  /// - Throws: ``LinkError``.
  func askAll(
    _ command: Request.Command, within time: Duration, until enough: @Sendable ([Reply]) -> Bool
  ) async throws -> [Reply]
}

extension ClusterBus {
  /// Asks one host by a request of a new id and in no trace.
  /// - Throws: ``LinkError``.
  func ask(_ command: Request.Command, of host: NodeName, within time: Duration) async throws(LinkError) -> Reply {
    try await ask(command, of: host, id: nil, in: nil, within: time)
  }
}

extension ClusterFeed: ClusterBus {}

extension APIError {
  /// Why a host, or all of them, could not be asked.
  init(_ error: LinkError) {
    switch error.code {
    case .unknownHost, .noAnswer: self.init(.resourceUnavailable, error.message, .agentUnavailable)
    case .notPermitted: self.init(.internalError, "the broker refuses the gateway's user: \(error.message)", .cloudRuntime)
    case .unreadableReply: self.init(.internalError, error.message, .cloudRuntime)
    default: self.init(.serviceUnavailable, error.message, .agentUnavailable)
    }
  }

  /// Any error of asking hosts.
  init(any error: any Error) {
    switch error {
    case let error as APIError: self = error
    case let error as LinkError: self.init(error)
    default: self.init(.internalError, "\(error)", .cloudRuntime)
    }
  }
}
