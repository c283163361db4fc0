import ArgumentParser
import LongshoreClient
import LongshoreMessages

/// `longshore queue`: the migrations that wait for their turn.
struct QueueSubcommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "queue",
    abstract: "List the migrations that wait for their turn, move one in its line, or cancel it.",
    discussion: """
      Without a subcommand it lists.

      EXAMPLES:
        longshore queue
        longshore queue --host alpha
        longshore queue move 6f1c5a52-2b0e-4c6e-9d0a-0c3a1f6f7a11 --first
      """,
    subcommands: [QueueListSubcommand.self, QueueMoveSubcommand.self, QueueCancelSubcommand.self],
    defaultSubcommand: QueueListSubcommand.self)
}

/// `longshore queue list`: the migrations that wait, in their order.
struct QueueListSubcommand: OperatorCommand {
  static let configuration = CommandConfiguration(
    commandName: "list",
    abstract: "List the migrations that wait, with what they wait for and when they are expected to start.",
    discussion: """
      Each host has a line for those that leave it and one for those that come to it. Of two in a line the one goes first that has waited \
      longer, where each level of priority counts as a quarter of an hour.

      EXAMPLES:
        longshore queue
        longshore queue --host alpha
        longshore queue --format json | jq '.[] | [.waiting.position, .guest.name, .waiting.limit]'

      \(CommandExit.help([.done, .refused, .notPermitted, .usage, .brokerUnreachable, .noAnswer]))
      """)

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
    try await session.withLink(.nothing) { [host, timeout] link in
      let replies = try await HostQuestion(session: session, link: link, time: timeout).all(.queue, of: host)
      let refused = session.complainOfRefusals(in: replies)
      let entries = QueueEntry.all(in: replies)
      switch session.options.format {
      case .json, .yaml: session.writeValue(entries)
      case .table where session.options.quiet: session.write(entries.map(\.id.text))
      case .table where entries.isEmpty:
        if !refused { session.complain(["No migration waits; \(Quantity.count(replies.count, "host")) answered."]) }
      case .table:
        session.write(QueueText.queue(entries, at: session.environment.now(), zone: session.environment.zone, style: session.policy.result))
      }
      return refused ? .refused : .done
    }
  }
}

/// `longshore queue move`: gives a migration that waits another place.
struct QueueMoveSubcommand: OperatorCommand {
  static let configuration = CommandConfiguration(
    commandName: "move",
    abstract: "Give a migration that waits another place in its line.",
    discussion: """
      It moves in the line of the host at which it waits, its source or its destination. A place at the source goes with it to the \
      destination.

      EXAMPLES:
        longshore queue move 6f1c5a52-2b0e-4c6e-9d0a-0c3a1f6f7a11 --first
        longshore queue move 6f1c5a52-2b0e-4c6e-9d0a-0c3a1f6f7a11 --before 0b9f5c1e-2d3a-4b5c-8d6e-7f8091a2b3c4
        longshore queue move 6f1c5a52-2b0e-4c6e-9d0a-0c3a1f6f7a11 --priority high

      \(CommandExit.help([.done, .refused, .notPermitted, .usage, .brokerUnreachable, .noAnswer]))
      """)

  @Argument(help: "The migration's id.", completion: BusCompletion.of(.openMigration), transform: NameArgument.migration)
  var id: MigrationID

  @Flag(help: "Put it before all that wait there now.")
  var first = false

  @Option(
    help: ArgumentHelp("Put it right before this migration.", valueName: "id"), completion: BusCompletion.of(.openMigration),
    transform: NameArgument.migration)
  var before: MigrationID?

  @Option(help: ArgumentHelp("Give it this priority: lowest, low, normal, high or highest.", valueName: "level"))
  var priority: PriorityArgument?

  @Option(
    help: ArgumentHelp("How long hosts may take to answer (default: 2s).", valueName: "duration"), transform: DurationArgument.parse)
  var timeout: Duration = HostQuestion.defaultTime

  @OptionGroup(title: "Connection options") var connection: ConnectionOptions
  @OptionGroup(title: "Output options") var output: OutputOptions

  func validate() throws {
    guard [first, before != nil, priority != nil].filter(\.self).count == 1 else {
      throw ValidationError("Give one of --first, --before and --priority.")
    }
    if before == id { throw ValidationError("--before names the migration itself.") }
  }

  private var place: QueueMove.Place {
    if let before { return .before(before) }
    return priority.map { .priority($0.priority) } ?? .first
  }

  func perform(_ session: CommandSession) async throws -> CommandExit {
    try await session.withLink(.nothing) { [id, place, timeout] link in
      let question = HostQuestion(session: session, link: link, time: timeout)
      guard let entry = QueueEntry.all(in: try await question.all(.queue)).first(where: { $0.id == id }) else {
        session.complain([session.policy.progress.red("Nothing is moved:") + " \(id) waits at no host that answered.", Advice.status(id)])
        return .refused
      }
      let host = entry.waiting.host
      let reply = try await question.ask(.moveQueued(QueueMove(id, to: place)), of: host)
      guard case .queue(let entries) = reply.body else { return session.refused(reply, "\(id) is not moved", id) }
      switch session.options.format {
      case .json, .yaml: session.writeValue(entries)
      case .table where session.options.quiet: session.write([id.text])
      case .table:
        let moved = entries.first { $0.id == id }
        session.write([
          moved.map { "\($0.guest.name.printable) is number \($0.waiting.position) of those that wait at \(host)." }
            ?? "\(entry.guest.name.printable) does not wait at \(host) any more: it is at work."
        ])
      }
      return .done
    }
  }
}

/// `longshore queue cancel`: stops a migration that waits.
struct QueueCancelSubcommand: OperatorCommand {
  static let configuration = CommandConfiguration(
    commandName: "cancel",
    abstract: "Stop a migration only if it waits for its turn; the guest stays where it is.",
    discussion: """
      The same as `longshore cancel`, but refused where the migration is at work.

      EXAMPLES:
        longshore queue cancel 6f1c5a52-2b0e-4c6e-9d0a-0c3a1f6f7a11

      \(CommandExit.help([.done, .refused, .notPermitted, .usage, .brokerUnreachable, .noAnswer]))
      """)

  @Argument(help: "The migration's id.", completion: BusCompletion.of(.openMigration), transform: NameArgument.migration)
  var id: MigrationID

  @Option(
    help: ArgumentHelp("How long hosts may take to answer (default: 10s).", valueName: "duration"), transform: DurationArgument.parse)
  var timeout: Duration = .seconds(10)

  @OptionGroup(title: "Connection options") var connection: ConnectionOptions
  @OptionGroup(title: "Output options") var output: OutputOptions

  func perform(_ session: CommandSession) async throws -> CommandExit {
    try await session.steer(id, by: .cancelQueued(migration: id), refusal: "\(id) is not cancelled", within: timeout) { [id] _, status in
      ["\(id) is cancelled; \(status.guest.name.printable) stays at \(status.sourceHost)."]
    }
  }
}

extension QueueEntry {
  /// All that wait, by the lines in which they do: each once, as the host tells it at which it waits, where that has answered.
  static func all(in replies: [Reply]) -> [QueueEntry] {
    var found: [MigrationID: QueueEntry] = [:]
    for reply in replies {
      guard case .queue(let entries) = reply.body else { continue }
      for entry in entries where found[entry.id] == nil || entry.waiting.host == reply.from.host { found[entry.id] = entry }
    }
    func key(_ entry: QueueEntry) -> (String, Int, Int, String) {
      (entry.waiting.host.text, entry.sourceHost == entry.waiting.host ? 0 : 1, entry.waiting.position, entry.id.text)
    }
    return found.values.sorted { key($0) < key($1) }
  }
}

/// The values of `--priority`.
enum PriorityArgument: String, CaseIterable, ExpressibleByArgument {
  case lowest, low, normal, high, highest

  /// The same on the wire.
  var priority: MigrationPriority {
    switch self {
    case .lowest: .lowest
    case .low: .low
    case .normal: .normal
    case .high: .high
    case .highest: .highest
    }
  }
}
