import ArgumentParser
import LongshoreClient
import LongshoreMessages

/// `longshore drains`: the drains of hosts.
struct DrainsSubcommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "drains",
    abstract: "List the drains of hosts, show one, pause, resume or cancel it.",
    discussion: """
      Without a subcommand it lists. A drain is named by its id, or by its host's name for that host's last one.

      EXAMPLES:
        longshore drains
        longshore drains show alpha --follow
        longshore drains pause alpha
        longshore drains cancel alpha --running
      """,
    subcommands: [
      DrainsListSubcommand.self, DrainsShowSubcommand.self, DrainsPauseSubcommand.self, DrainsResumeSubcommand.self,
      DrainsCancelSubcommand.self,
    ],
    defaultSubcommand: DrainsListSubcommand.self)
}

/// `longshore drains list`: the drains that go on, or all.
struct DrainsListSubcommand: OperatorCommand {
  static let configuration = CommandConfiguration(
    commandName: "list",
    abstract: "List the drains that go on, or all.",
    discussion: """
      EXAMPLES:
        longshore drains
        longshore drains --all --format json | jq '.[].guests[] | select(.state == "failed")'

      \(CommandExit.help([.done, .refused, .notPermitted, .usage, .brokerUnreachable, .noAnswer]))
      """)

  @Flag(help: "List also those that have ended.")
  var all = false

  @Option(
    help: ArgumentHelp("Ask this host alone.", valueName: "host"),
    completion: BusCompletion.of(.host), transform: NameArgument.node)
  var host: NodeName?

  @Option(
    help: ArgumentHelp("How long hosts may take to answer (default: 2s).", valueName: "duration"), transform: DurationArgument.parse)
  var timeout: Duration = HostQuestion.defaultTime

  @OptionGroup(title: "Connection options") var connection: ConnectionOptions
  @OptionGroup(title: "Output options") var output: OutputOptions

  func perform(_ session: CommandSession) async throws -> CommandExit {
    try await session.withLink(.nothing) { [all, host, timeout] link in
      let replies = try await HostQuestion(session: session, link: link, time: timeout).all(.listDrains(includeEnded: all), of: host)
      let refused = session.complainOfRefusals(in: replies)
      let drains = DrainStatus.all(in: replies)
      switch session.options.format {
      case .json, .yaml: session.writeValue(drains)
      case .table where session.options.quiet: session.write(drains.map(\.id.text))
      case .table where drains.isEmpty:
        if !refused { session.complain(["No host is being drained; \(Quantity.count(replies.count, "host")) answered."]) }
      case .table: session.write(DrainText.drains(drains, zone: session.environment.zone, style: session.policy.result))
      }
      return refused ? .refused : .done
    }
  }
}

/// `longshore drains show`: one drain with its guests.
struct DrainsShowSubcommand: OperatorCommand {
  static let configuration = CommandConfiguration(
    commandName: "show",
    abstract: "Show a drain with its guests, or follow it to its end.",
    discussion: """
      EXAMPLES:
        longshore drains show alpha
        longshore drains show 6f1c5a52-2b0e-4c6e-9d0a-0c3a1f6f7a11 --follow

      \(CommandExit.help(
        [.done, .failed, .cancelled, .refused, .notPermitted, .unknownOutcome, .usage, .brokerUnreachable, .noAnswer, .interrupted],
        meanings: DrainExit.meanings))
      Without --follow: 0 where the drain is known.
      """)

  @OptionGroup var drain: DrainArgument
  @Flag(name: .shortAndLong, help: "Follow it to its end.")
  var follow = false
  @OptionGroup(title: "Connection options") var connection: ConnectionOptions
  @OptionGroup(title: "Output options") var output: OutputOptions

  func perform(_ session: CommandSession) async throws -> CommandExit {
    try await session.withLink(.nothing) { [drain, follow] link in
      guard let found = try await drain.find(session, link) else { return .refused }
      if follow { return try await session.follow(found, over: link) }
      switch session.options.format {
      case .json, .yaml: session.writeValue(found)
      case .table where session.options.quiet: session.write([found.phase.rawValue])
      case .table: session.write(DrainText.status(found, zone: session.environment.zone, style: session.policy.result))
      }
      return .done
    }
  }
}

/// `longshore drains pause`: nothing new begins.
struct DrainsPauseSubcommand: DrainSteeringCommand {
  static let configuration = CommandConfiguration(
    commandName: "pause",
    abstract: "Let a drain begin nothing new; what runs goes on.",
    discussion: """
      EXAMPLES:
        longshore drains pause alpha

      \(CommandExit.help([.done, .refused, .notPermitted, .usage, .brokerUnreachable, .noAnswer]))
      """)

  @OptionGroup var drain: DrainArgument
  @OptionGroup(title: "Connection options") var connection: ConnectionOptions
  @OptionGroup(title: "Output options") var output: OutputOptions

  var action: DrainSteering.Action { .pause }
}

/// `longshore drains resume`: it goes on.
struct DrainsResumeSubcommand: DrainSteeringCommand {
  static let configuration = CommandConfiguration(
    commandName: "resume",
    abstract: "Let a drain that is paused go on.",
    discussion: """
      EXAMPLES:
        longshore drains resume alpha

      \(CommandExit.help([.done, .refused, .notPermitted, .usage, .brokerUnreachable, .noAnswer]))
      """)

  @OptionGroup var drain: DrainArgument
  @OptionGroup(title: "Connection options") var connection: ConnectionOptions
  @OptionGroup(title: "Output options") var output: OutputOptions

  var action: DrainSteering.Action { .resume }
}

/// `longshore drains cancel`: what waits is dropped.
struct DrainsCancelSubcommand: DrainSteeringCommand {
  static let configuration = CommandConfiguration(
    commandName: "cancel",
    abstract: "Drop what waits of a drain; what runs goes on unless --running is given.",
    discussion: """
      Guests that have moved stay where they are, and the host stays in maintenance until `longshore maintenance off HOST`.

      EXAMPLES:
        longshore drains cancel alpha
        longshore drains cancel alpha --running

      \(CommandExit.help([.done, .refused, .notPermitted, .usage, .brokerUnreachable, .noAnswer]))
      """)

  @OptionGroup var drain: DrainArgument
  @Flag(help: "Cancel also the drain's migrations that run and have not switched yet.")
  var running = false
  @OptionGroup(title: "Connection options") var connection: ConnectionOptions
  @OptionGroup(title: "Output options") var output: OutputOptions

  var action: DrainSteering.Action { .cancel }
  var cancelsRunning: Bool? { running ? true : nil }
}

/// A command that wants something of a drain.
protocol DrainSteeringCommand: OperatorCommand {
  /// Which drain.
  var drain: DrainArgument { get }
  /// What is wanted.
  var action: DrainSteering.Action { get }
  /// Whether what runs is cancelled too.
  var cancelsRunning: Bool? { get }
}

extension DrainSteeringCommand {
  var cancelsRunning: Bool? { nil }

  func perform(_ session: CommandSession) async throws -> CommandExit {
    try await session.withLink(.nothing) { [drain, action, cancelsRunning] link in
      guard let found = try await drain.find(session, link) else { return .refused }
      let question = HostQuestion(session: session, link: link, time: drain.timeout)
      let reply = try await question.ask(.steerDrain(DrainSteering(found.id, action, running: cancelsRunning)), of: found.host)
      guard case .drain(let now) = reply.body else { return session.refused(reply, "the drain of \(found.host) goes on as before") }
      switch session.options.format {
      case .json, .yaml: session.writeValue(now)
      case .table where session.options.quiet: session.write([now.id.text])
      case .table: session.write([Self.text(now, action)])
      }
      return .done
    }
  }

  private static func text(_ drain: DrainStatus, _ action: DrainSteering.Action) -> String {
    let moving = drain.guests.count { $0.state == .moving }
    let rest = moving == 0 ? "" : "; \(Quantity.count(moving, "migration")) of it \(moving == 1 ? "goes" : "go") on to the end"
    switch action {
    case .pause: return "The drain of \(drain.host) is paused\(rest)."
    case .resume: return "The drain of \(drain.host) goes on."
    case .cancel: return "The drain of \(drain.host) is cancelled\(rest). \(drain.host) stays in maintenance."
    }
  }
}

/// The argument that names a drain.
struct DrainArgument: ParsableArguments {
  @Argument(
    help: ArgumentHelp("The drain's id, or its host.", valueName: "drain"), completion: BusCompletion.of(.host),
    transform: NameArgument.migration)
  var name: MigrationID

  @Option(
    help: ArgumentHelp("How long hosts may take to answer (default: 2s).", valueName: "duration"), transform: DurationArgument.parse)
  var timeout: Duration = HostQuestion.defaultTime

  /// The drain that is meant; nil where no host knows it, which is said.
  func find(_ session: CommandSession, _ link: any OrchestratorLink) async throws -> DrainStatus? {
    let question = HostQuestion(session: session, link: link, time: timeout)
    // Only one host has a drain of that id. One that has that name may come after a host whose name it is.
    let replies = try await question.all(.listDrains(includeEnded: true)) { reply in
      DrainStatus.all(in: [reply]).contains { $0.id == name }
    }
    let drains = DrainStatus.all(in: replies)
    let found =
      drains.first { $0.id == name } ?? drains.first { $0.host.text == name.text && !$0.phase.isTerminal }
      ?? drains.first { $0.host.text == name.text }
    if found == nil {
      session.complain(["No host that answered knows a drain \(name).", "Next: `longshore drains list --all` shows those that are known."])
    }
    return found
  }
}

extension DrainStatus {
  /// The drains that hosts tell, those that go on first, then the newest.
  static func all(in replies: [Reply]) -> [DrainStatus] {
    let all = replies.flatMap { reply -> [DrainStatus] in
      guard case .drains(let drains) = reply.body else { return [] }
      return drains
    }
    return all.sorted {
      if $0.phase.isTerminal != $1.phase.isTerminal { return $1.phase.isTerminal }
      return ($1.acceptedAt.milliseconds, $0.id.text) < ($0.acceptedAt.milliseconds, $1.id.text)
    }
  }
}

/// `longshore maintenance`: whether a host takes new guests.
struct MaintenanceSubcommand: OperatorCommand {
  static let configuration = CommandConfiguration(
    commandName: "maintenance",
    abstract: "Let a host take no new guests, or let it take them again.",
    discussion: """
      It outlives restarts. Guests that run there stay; `longshore drain` moves them away and begins the maintenance by itself.

      EXAMPLES:
        longshore maintenance on alpha
        longshore maintenance off alpha

      \(CommandExit.help([.done, .refused, .notPermitted, .usage, .brokerUnreachable, .noAnswer]))
      """)

  /// The values of the first argument.
  enum Switch: String, CaseIterable, ExpressibleByArgument {
    case on, off
  }

  @Argument(help: "on or off.")
  var state: Switch

  @Argument(help: "The host.", completion: BusCompletion.of(.host), transform: NameArgument.node)
  var host: NodeName

  @Option(
    help: ArgumentHelp("How long the host may take to answer (default: 10s).", valueName: "duration"), transform: DurationArgument.parse)
  var timeout: Duration = .seconds(10)

  @OptionGroup(title: "Connection options") var connection: ConnectionOptions
  @OptionGroup(title: "Output options") var output: OutputOptions

  func perform(_ session: CommandSession) async throws -> CommandExit {
    try await session.withLink(.nothing) { [state, host, timeout] link in
      let question = HostQuestion(session: session, link: link, time: timeout)
      let reply = try await question.ask(.setMaintenance(on: state == .on), of: host)
      guard case .maintenance(let maintenance) = reply.body else { return session.refused(reply, "\(host) stays as it was") }
      switch session.options.format {
      case .json, .yaml: session.writeValue(maintenance)
      case .table where session.options.quiet: session.write([maintenance.isOn ? "on" : "off"])
      case .table: session.write([DrainText.maintenance(maintenance, of: host, zone: session.environment.zone)])
      }
      return .done
    }
  }
}
