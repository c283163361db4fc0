import LongshoreClient
import LongshoreMessages

/// What can be done from the dashboard. All of it throws ``ActionRefusal`` where the host refuses or cannot be asked.
protocol DashboardActions: Sendable {
  /// Asks a migration's source to stop it.
  func cancel(_ migration: MigrationID, at source: HostAddress) async throws

  /// Asks a migration's source to change its limits; returns what was changed.
  func tune(_ migration: MigrationID, _ limits: TransferLimits, at source: HostAddress) async throws -> [LimitChange]

  /// Has both hosts make all checks of a move, which changes nothing.
  func check(_ order: MigrateCommand, at source: HostAddress) async throws -> CheckedMove

  /// Orders a move. The same order with the same id again is the same migration.
  func migrate(_ order: MigrateCommand, as id: MigrationID, at source: HostAddress) async throws
}

/// What the checks of a move have found.
struct CheckedMove: Sendable, Hashable {
  /// The checks of both hosts.
  var checks: [Check]
  /// What the move is expected to take; nil where it is refused before that, or the destination does not say.
  var estimate: MigrationEstimate?

  /// Whether the move would be made.
  var isPossible: Bool { !checks.contains { $0.outcome == .refused } }
}

/// Why something was not done.
struct ActionRefusal: Error, Hashable {
  /// The host's reasons.
  var reasons: [Reason]
  /// What happened where no host gave a reason.
  var message: String?
  /// Whether nothing was done; else the order may have been taken.
  var isCertain: Bool { message == nil }
}

/// How long a host may take to take an order.
private let orderTime = Duration.seconds(10)
/// How long both hosts may take to make all checks, as `longshore migrate --dry-run` lets them.
private let checkTime = Duration.seconds(120)

extension ClusterFeed: DashboardActions {
  func cancel(_ migration: MigrationID, at source: HostAddress) async throws {
    _ = try await told(.cancel(migration: migration), at: source)
  }

  func tune(_ migration: MigrationID, _ limits: TransferLimits, at source: HostAddress) async throws -> [LimitChange] {
    guard case .tuned(let changes) = try await told(.tune(migration: migration, limits), at: source) else { return [] }
    return changes
  }

  func check(_ order: MigrateCommand, at source: HostAddress) async throws -> CheckedMove {
    var order = order
    order.dryRun = true
    guard case .checked(let checks, _, let estimate) = try await told(.migrate(order), at: source, within: checkTime) else {
      throw ActionRefusal(reasons: [], message: "The host has not answered with its checks.")
    }
    return CheckedMove(checks: checks, estimate: estimate)
  }

  func migrate(_ order: MigrateCommand, as id: MigrationID, at source: HostAddress) async throws {
    _ = try await told(.migrate(order), as: id, at: source)
  }

  private func told(
    _ command: Request.Command, as id: MigrationID? = nil, at source: HostAddress, within time: Duration = orderTime
  ) async throws -> Reply.Body {
    let reply: Reply
    do {
      reply = try await ask(command, of: source.host, id: id, within: time)
    } catch {
      throw ActionRefusal(reasons: [], message: "\(error.message). Whether the host has taken it is not known: look again.")
    }
    if case .rejected(let reasons) = reply.body { throw ActionRefusal(reasons: reasons, message: nil) }
    return reply.body
  }
}
