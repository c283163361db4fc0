import LongshoreClient
import LongshoreMessages

/// One run of a command: the world, the settings, and how to answer.
struct CommandSession: Sendable {
  /// The world.
  let environment: CommandEnvironment
  /// Where the broker is.
  let settings: LinkSettings
  /// How the streams look.
  let policy: OutputPolicy
  /// How to answer.
  let options: OutputOptions

  /// The cluster whose hosts are asked.
  var cluster: NodeName { settings.cluster }

  /// Opens a link, lets it be used, and closes it.
  func withLink(
    _ subscription: Subscription, _ use: @escaping @Sendable (any OrchestratorLink) async throws -> CommandExit
  ) async throws -> CommandExit {
    try await environment.openLink(settings, subscription, use)
  }

  /// Refuses settings with which no connection can be made, for commands that serve while the broker is away: they would try for ever.
  /// - Throws: ``CommandFailure``.
  func requireBrokerSettings() throws(CommandFailure) {
    do throws(LinkError) {
      try settings.validate()
    } catch {
      throw CommandFailure(error)
    }
  }

  /// A request of this moment that hosts refuse once nobody waits for its answer any more.
  func request(_ command: Request.Command, host: HostAddress? = nil, within time: Duration) -> Request {
    Request(id: environment.makeID(), host: host, notAfter: deadline(after: time), command: command, trace: environment.trace)
  }

  /// The time until which a request may be taken whose answer is waited for this long. A minute is for clocks that differ.
  func deadline(after time: Duration) -> Timestamp {
    environment.now().adding(milliseconds: (time.components.seconds + 60) * 1000)
  }

  /// Writes the result: lines for people.
  func write(_ lines: [String]) { environment.writeResult(lines.map { $0 + "\n" }.joined()) }

  /// Writes the result: a value for programs, in JSON or in YAML.
  func writeValue(_ value: some Encodable) { environment.writeResult(text(of: value)) }

  /// A value for programs, in JSON or in YAML.
  func text(of value: some Encodable) -> String { options.format == .yaml ? ValueOutput.yaml(value) : ValueOutput.json(value) }

  /// Writes what went wrong.
  func complain(_ lines: [String]) { environment.writeProgress(lines.map { $0 + "\n" }.joined()) }

  /// Tells of the hosts that refused to answer.
  /// - Returns: Whether any did.
  func complainOfRefusals(in replies: [Reply]) -> Bool {
    var refused = false
    for reply in replies {
      guard case .rejected(let reasons) = reply.body else { continue }
      refused = true
      complain(["\(reply.from.host) does not tell: \(reasons.map(\.words).joined(separator: "; "))"])
    }
    return refused
  }

  /// Whether all migrations are shown on a board that is drawn over: to somebody at a terminal, where results go to the same one.
  var showsBoard: Bool {
    policy.progressMode == .tty && environment.outputIsTerminal && environment.errorIsTerminal && options.format == .table
  }

  /// What shows a migration's progress.
  func presenter(for state: FollowedState) -> any ProgressPresenter {
    switch policy.progressMode {
    case .tty:
      LivePresenter(state: state, zone: environment.zone, style: policy.progress, columns: environment.columns)
    case .json: JSONPresenter()
    case .none: SilentPresenter()
    case .auto, .plain: PlainPresenter(state: state, zone: environment.zone, style: policy.progress)
    }
  }

  /// Follows a migration and tells how it ended.
  /// - Parameters:
  ///   - heard: What has been heard before.
  ///   - order: The order that starts it, if it is still to be given.
  func follow(
    _ machine: FollowMachine, over link: any OrchestratorLink, state: FollowedState, heard: [FollowMachine.Input] = [],
    order: Follower.Order? = nil
  ) async -> CommandExit {
    let follower = Follower(
      link: link,
      question: Follower.StatusQuestion(
        cluster: cluster, time: HostQuestion.defaultTime, deadline: deadline, makeID: environment.makeID),
      signals: environment.signals(), now: environment.now, write: environment.writeProgress)
    var presenter = presenter(for: state)
    let outcome = await follower.run(machine, heard: heard, order: order, presenter: &presenter)
    tell(outcome, guest: state.guest, migration: machine.migration)
    return outcome.exit
  }

  private func tell(_ outcome: FollowOutcome, guest: String, migration: MigrationID) {
    var lines = OutcomeText.lines(outcome, guest: guest, migration: migration, style: policy.progress)
    if !lines.result.isEmpty {
      lines.result = OutcomeText.lines(outcome, guest: guest, migration: migration, style: policy.result).result
    }
    switch options.format {
    case .json, .yaml:
      switch outcome {
      case .ended(let event), .needsAttention(let event): writeValue(event)
      case .endedBefore(let status): writeValue(status)
      case .refused(let reply), .checked(let reply), .accepted(let reply): writeValue(reply)
      case .detached, .unheard: break
      }
    case .table where options.quiet:
      if outcome.exit == .done { write([migration.text]) }
    case .table: write(lines.result)
    }
    complain(lines.problem)
  }

  /// Refuses to go on where the operator would have to be asked and cannot be.
  /// - Throws: ``CommandFailure`` where standard input is no terminal and `yes` is not given.
  func requireTerminal(unless yes: Bool, while operation: String) throws(CommandFailure) {
    guard yes || environment.inputIsTerminal else {
      throw CommandFailure(
        .usage, "standard input is not a terminal, so that nobody can be asked", while: operation, advice: "Give --yes.")
    }
  }

  /// Asks the operator. Only a yes is one.
  func confirms(_ question: String) -> Bool {
    environment.writeProgress(question)
    let answer = environment.readAnswer()?.lowercased() ?? ""
    return answer == "y" || answer == "yes"
  }
}
