import LongshoreClient
import LongshoreMessages

/// What can be done from the dashboard.
protocol DashboardActions: Sendable {
  /// Asks a migration's source to stop it.
  /// - Throws: ``ActionRefusal`` where the host refuses or cannot be asked.
  func cancel(_ migration: MigrationID, at source: HostAddress) async throws
}

/// Why something was not done.
struct ActionRefusal: Error, Hashable {
  /// The host's reasons.
  var reasons: [Reason]
  /// What happened where no host gave a reason.
  var message: String?
}

/// How long a host may take to take an order.
private let orderTime = Duration.seconds(10)

extension ClusterFeed: DashboardActions {
  func cancel(_ migration: MigrationID, at source: HostAddress) async throws {
    let reply: Reply
    do {
      reply = try await ask(.cancel(migration: migration), of: source.host, within: orderTime)
    } catch {
      throw ActionRefusal(reasons: [], message: "\(error.message). Whether the host has taken it is not known: look again.")
    }
    if case .rejected(let reasons) = reply.body { throw ActionRefusal(reasons: reasons, message: nil) }
  }
}
