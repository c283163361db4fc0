import LongshoreClient
import LongshoreMessages
import Synchronization

@testable import CloudStackGateway

/// Hosts that answer as a test wants it.
final class FakeCluster: ClusterBus {
  /// What was asked of one host.
  struct Question: Sendable {
    var command: Request.Command
    var host: NodeName
    var id: MigrationID?
    var trace: TraceContext?
  }

  private struct State {
    var inventories = Sample.inventories
    var silent: Set<NodeName> = []
    var isAway = false
    var questions: [Question] = []
    var rounds: [Request.Command] = []
    var answer: @Sendable (Question) -> Reply.Body? = { _ in nil }
    var statuses: [MigrationID: MigrationStatus] = [:]
    var commands: [MigrationID: MigrateCommand] = [:]
  }

  private let state = Mutex(State())

  /// What each host has.
  func edit(_ change: (inout [NodeName: HostInventory]) -> Void) { state.withLock { change(&$0.inventories) } }
  /// Hosts that do not answer.
  func silence(_ hosts: NodeName...) { state.withLock { $0.silent = Set(hosts) } }
  /// The broker comes or goes.
  func isAway(_ isAway: Bool) { state.withLock { $0.isAway = isAway } }
  /// What a host answers; nil for what it answers by itself.
  func answer(_ answer: @escaping @Sendable (Question) -> Reply.Body?) { state.withLock { $0.answer = answer } }
  /// What hosts know of a migration.
  func know(_ status: MigrationStatus) { state.withLock { $0.statuses[status.id] = status } }

  /// What single hosts were asked.
  var questions: [Question] { state.withLock { $0.questions } }
  /// What all hosts were asked.
  var rounds: [Request.Command] { state.withLock { $0.rounds } }

  /// The orders to move guests that were given, without dry runs.
  var orders: [(id: MigrationID?, host: NodeName, command: MigrateCommand)] {
    questions.compactMap { question in
      guard case .migrate(let command) = question.command, command.dryRun != true else { return nil }
      return (question.id, question.host, command)
    }
  }

  func ask(
    _ command: Request.Command, of host: NodeName, id: MigrationID?, in trace: TraceContext?, within time: Duration
  ) async throws(LinkError) -> Reply {
    let question = Question(command: command, host: host, id: id, trace: trace)
    let (body, error): (Reply.Body?, LinkError?) = state.withLock { state in
      state.questions.append(question)
      if state.isAway { return (nil, LinkError(.unreachable, "the broker is away; nothing was asked", while: "asking")) }
      if state.silent.contains(host) { return (nil, LinkError(.noAnswer, "no answer within 8 s", while: "asking \(host)")) }
      return (state.answer(question) ?? Self.usual(question, &state), nil)
    }
    if let error { throw error }
    return Reply(to: id, from: HostAddress(cluster: Sample.cluster, host: host), body: body ?? .rejected([Reason(.malformed, "what?")]))
  }

  private static func usual(_ question: Question, _ state: inout State) -> Reply.Body? {
    switch question.command {
    case .migrate(let command) where command.dryRun == true: return .checked([], disks: [])
    case .migrate(let command):
      guard let id = question.id else { return nil }
      if let known = state.commands.updateValue(command, forKey: id) {
        state.commands[id] = known
        return known == command ? .accepted : .rejected([Reason(.idReused, "the id was used before")])
      }
      state.statuses[id] = Sample.status(id.text)
      return .accepted
    case .status(let id): return state.statuses[id].map { .status($0) } ?? .rejected([Reason(.unknownMigration, "no such migration")])
    case .cancel: return .accepted
    case .configure(let change):
      let told = HostSettings.Value(change.deadlineSeconds ?? 86_400, since: Sample.start)
      state.inventories[question.host]?.settings.deadlineSeconds = told
      return .configured(HostSettings(deadlineSeconds: told), changes: [])
    default: return nil
    }
  }

  func askAll(
    _ command: Request.Command, within time: Duration, until enough: @Sendable ([Reply]) -> Bool
  ) async throws -> [Reply] {
    let (bodies, error): ([NodeName: Reply.Body], LinkError?) = state.withLock { state in
      state.rounds.append(command)
      if state.isAway { return ([:], LinkError(.unreachable, "the broker is away; nothing was asked", while: "asking")) }
      var bodies: [NodeName: Reply.Body] = [:]
      for (host, inventory) in state.inventories where !state.silent.contains(host) {
        switch command {
        case .inventory: bodies[host] = .inventory(inventory)
        case .status(let id):
          bodies[host] =
            state.statuses[id].map { $0.sourceHost == host ? .status($0) : nil } ?? .rejected([Reason(.unknownMigration, "no")])
        // An order goes to one host.
        case .configure: bodies[host] = .rejected([Reason(.wrongHost, "an order goes to one host")])
        default: break
        }
      }
      return (bodies, nil)
    }
    if let error { throw error }
    var replies: [Reply] = []
    for (host, body) in bodies.sorted(by: { $0.key.text < $1.key.text }) {
      replies.append(Reply(to: nil, from: HostAddress(cluster: Sample.cluster, host: host), body: body))
      if enough(replies) { break }
    }
    return replies
  }
}
