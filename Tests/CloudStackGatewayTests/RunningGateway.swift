import Digests
import Logging
import LongshoreClient
import LongshoreMessages
import ServiceLifecycle
import Synchronization

@testable import CloudStackGateway

/// A gateway over hosts that a test makes up, asked as clients ask it.
struct RunningGateway: Sendable {
  /// A clock that a test moves.
  final class Clock: Sendable {
    private let time = Mutex(Sample.time(60))

    var now: Timestamp { time.withLock { $0 } }
    func advance(seconds: Double) { time.withLock { $0 = $0.adding(milliseconds: Int64(seconds * 1000)) } }
  }

  let cluster = FakeCluster()
  let state: ClusterState
  let responder: GatewayResponder
  let clock = Clock()
  let keys: [AccessKey]

  /// A gateway that has read the history.
  init(
    keys: [AccessKey] = [Sample.key()], rules: Verifier.Rules = Verifier.Rules(), hasRead: Bool = true,
    limits: ClusterModel.Limits = Gateway.limits, times: CommandRunner.Times = CommandRunner.Times()
  ) async {
    self.keys = keys
    let clock = clock
    let now: @Sendable () -> Timestamp = { clock.now }
    state = ClusterState(ClusterModel(cluster: Sample.cluster, limits: limits), now: now)
    let runner = CommandRunner(
      cluster: Sample.cluster, state: state, bus: cluster, keeper: InventoryKeeper(Sample.cluster, bus: cluster, state: state, now: now),
      times: times, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    responder = GatewayResponder(
      verifier: Verifier(keys: Dictionary(uniqueKeysWithValues: keys.map { ($0.key, $0) }), rules: rules), runner: runner, now: now)
    await state.apply(.brokerBack)
    if hasRead { await state.apply(.replayed) }
  }

  /// Asks a command as a key.
  func ask(_ command: String, _ query: String = "", as key: AccessKey? = nil) async throws -> Answer {
    let key = key ?? keys[0]
    let signed = Sample.signed("command=\(command)&response=json&apiKey=\(key.key)" + (query.isEmpty ? "" : "&\(query)"), key)
    return await responder.answer(try Parameters(query: signed))
  }

  /// The objects of a list.
  func list(_ command: String, _ query: String = "", as key: AccessKey? = nil) async throws -> [ResponseObject] {
    let answer = try await ask(command, query, as: key)
    guard let spec = CommandTable.byName[command], let name = spec.response.key, case .list(let rows)? = answer.content[name] else {
      return []
    }
    return rows.compactMap { if case .object(let row) = $0 { row } else { nil } }
  }

  /// Hears events.
  func hear(_ events: MigrationEvent...) async { for event in events { await state.apply(.event(event)) } }
}

extension ResponseObject {
  /// The text of a field.
  func text(_ name: String) -> String? { if case .text(let value)? = self[name] { value } else { nil } }
  /// The number of a field.
  func number(_ name: String) -> Int64? { if case .integer(let value)? = self[name] { value } else { nil } }
  /// The truth of a field.
  func flag(_ name: String) -> Bool? { if case .flag(let value)? = self[name] { value } else { nil } }
  /// The object of a field.
  func object(_ name: String) -> ResponseObject? { if case .object(let value)? = self[name] { value } else { nil } }
}

extension Answer {
  /// The code of an error.
  var errorCode: Int64? { content.number("errorcode") }
}
