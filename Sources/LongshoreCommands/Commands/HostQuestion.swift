import LongshoreClient
import LongshoreMessages

/// Questions to all hosts of a cluster.
struct HostQuestion {
  /// How long hosts may take to answer.
  static let defaultTime = Duration.seconds(2)

  /// How long hosts may take to answer which of them is to be asked for more, where that one may take so long: a thirtieth of it, and the
  /// usual time at least.
  static func time(toFindWhoMayTake time: Duration) -> Duration { max(defaultTime, time / 30) }

  /// The run of the command that asks.
  let session: CommandSession
  /// The way to the hosts.
  let link: any OrchestratorLink
  /// How long hosts may take to answer.
  let time: Duration

  /// The answers of all hosts that give one in time.
  /// - Parameter isEnough: Whether there is nothing to wait for any more after an answer.
  /// - Throws: ``LinkError``; ``CommandFailure`` where no host answers.
  func all(_ command: Request.Command, until isEnough: (Reply) -> Bool = { _ in false }) async throws -> [Reply] {
    var replies: [Reply] = []
    for try await reply in link.askAll(session.request(command, within: time), in: session.cluster, within: time) {
      replies.append(reply)
      if isEnough(reply) { break }
    }
    guard !replies.isEmpty else { throw nobodyAnswered }
    return replies
  }

  /// The answers of all hosts that give one in time, or of one host alone, by the hosts' names.
  /// - Throws: ``LinkError``; ``CommandFailure`` where no host answers.
  func all(_ command: Request.Command, of host: NodeName?) async throws -> [Reply] {
    guard let host else { return try await all(command).sorted { $0.from.host.text < $1.from.host.text } }
    return [try await ask(command, of: host)]
  }

  /// The answer of one host.
  /// - Throws: ``LinkError``.
  func ask(_ command: Request.Command, of host: NodeName) async throws(LinkError) -> Reply {
    let address = HostAddress(cluster: session.cluster, host: host)
    return try await link.ask(session.request(command, host: address, within: time), of: address, within: time)
  }

  /// The status of a migration, from the host that has it, as soon as that host answers.
  /// - Throws: ``LinkError``; ``CommandFailure`` where no host that answers knows the migration.
  func status(of migration: MigrationID) async throws -> MigrationStatus {
    var answered: Set<String> = []
    var refusals: [Reply] = []
    let request = session.request(.status(migration: migration), within: time)
    for try await reply in link.askAll(request, in: session.cluster, within: time) {
      if case .status(let status) = reply.body { return status }
      answered.insert(reply.from.host.text)
      // That it knows nothing of it is an answer; that it does not tell is none.
      if case .rejected(let reasons) = reply.body, !reasons.contains(where: { $0.code == .unknownMigration }) { refusals.append(reply) }
    }
    guard !answered.isEmpty else { throw nobodyAnswered }
    if session.complainOfRefusals(in: refusals) {
      throw CommandFailure(.refused, "whether the migration \(migration) is known is not told", while: operation, advice: nil)
    }
    throw CommandFailure(
      .refused, "no host that answered knows the migration \(migration) (\(answered.sorted().joined(separator: ", ")))",
      while: operation, advice: "`longshore list --all` shows the migrations that are known.")
  }

  /// That no host has answered.
  var nobodyAnswered: CommandFailure {
    CommandFailure(
      .noAnswer, "no host answered within \(Quantity.seconds(Double(time.components.seconds)))", while: operation,
      advice: "Give them more time with --timeout; check that longshored runs on the hosts.")
  }

  private var operation: String { "asking the hosts of cluster \(session.cluster)" }
}
