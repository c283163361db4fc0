import HTTPTestClient
import LongshoreClient
import LongshoreMessages
import ServiceLifecycle
import Synchronization

@testable import LongshoreDashboard

/// A server over a state that the test fills, without a broker.
struct RunningDashboard: Sendable {
  static let token = "0123456789abcdef"

  /// Notes what was asked for.
  final class Actions: DashboardActions {
    /// Something that was asked for.
    enum Asked: Sendable, Hashable {
      case cancel(MigrationID), tune(MigrationID, TransferLimits), check(MigrateCommand), migrate(MigrateCommand, MigrationID)
    }

    private let log = Mutex<[Asked]>([])
    private let refusal: ActionRefusal?
    private let checks: [Check]

    /// - Parameter checks: What the checks of a move find.
    init(refusal: ActionRefusal? = nil, checks: [Check] = []) {
      self.refusal = refusal
      self.checks = checks
    }

    var asked: [Asked] { log.withLock { $0 } }

    func cancel(_ migration: MigrationID, at source: HostAddress) async throws { try note(.cancel(migration)) }

    func tune(_ migration: MigrationID, _ limits: TransferLimits, at source: HostAddress) async throws -> [LimitChange] {
      try note(.tune(migration, limits))
      return [LimitChange(.maxDowntimeMs, from: 300, to: limits.maxDowntimeMs ?? 0)]
    }

    func check(_ order: MigrateCommand, at source: HostAddress) async throws -> CheckedMove {
      try note(.check(order))
      return CheckedMove(checks: checks, estimate: nil)
    }

    func migrate(_ order: MigrateCommand, as id: MigrationID, at source: HostAddress) async throws { try note(.migrate(order, id)) }

    private func note(_ asked: Asked) throws {
      log.withLock { $0.append(asked) }
      if let refusal { throw refusal }
    }
  }

  let state: ClusterState
  let hub: LiveHub
  let actions: Actions
  let port: Int

  /// Listens on a free port, lets the server be used, and ends it. Pages are told anew only when the test calls `hub.tick()`.
  static func with(
    _ model: ClusterModel = ClusterModel(cluster: Sample.cluster), hasToken: Bool = false, limits: LiveHub.Limits = LiveHub.Limits(),
    actions: Actions = Actions(), _ use: @Sendable (RunningDashboard) async throws -> Void
  ) async throws {
    let now: @Sendable () -> Timestamp = { Sample.time(100) }
    let state = ClusterState(model, now: now)
    let gate = hasToken ? ActionGate(token: token, now: now) : nil
    let hub = LiveHub(state, limits: limits, canAct: hasToken, now: now)
    let (ports, teller) = AsyncStream.makeStream(of: Int.self)
    let server = Dashboard.server(
      DashboardResponder(state: state, hub: hub, gate: gate, actions: actions, now: now), host: "127.0.0.1", port: 0
    ) { teller.yield($0) }
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { try await server.run() }
      var found: Int?
      for await port in ports {
        found = port
        break
      }
      guard let found else { preconditionFailure("the server does not listen") }
      try await use(RunningDashboard(state: state, hub: hub, actions: actions, port: found))
      group.cancelAll()
    }
  }

  func get(_ target: String, headers: [(String, String)] = []) async throws -> HTTPConnection.Answer {
    try await HTTPConnection.send("GET", target, to: port, headers: headers)
  }

  /// Sends a form as a page of this server does.
  func post(
    _ target: String, _ body: String, cookie: String? = nil, origin: String? = nil
  ) async throws -> HTTPConnection.Answer {
    var headers = [("Origin", origin ?? "http://127.0.0.1:\(port)")]
    if let cookie { headers.append(("Cookie", cookie)) }
    return try await HTTPConnection.send("POST", target, to: port, headers: headers, body: body)
  }
}
