import ArgumentParser
import LongshoreClient
import LongshoreMessages

/// `longshore list`: the migrations that the hosts know.
struct ListSubcommand: OperatorCommand {
  static let configuration = CommandConfiguration(
    commandName: "list",
    abstract: "List the migrations that run.",
    discussion: """
      All hosts of the cluster are asked; those that do not answer in time are missing.

      EXAMPLES:
        longshore list
        longshore list --all --format json | jq '.[] | select(.phase == "failed")'
        longshore list --quiet | xargs -n 1 longshore cancel

      \(CommandExit.help([.done, .refused, .notPermitted, .usage, .brokerUnreachable, .noAnswer]))
      """)

  @Flag(help: "List those that have ended as well.")
  var all = false

  @Option(
    help: ArgumentHelp("How long hosts may take to answer (default: 2s).", valueName: "duration"), transform: DurationArgument.parse)
  var timeout: Duration = HostQuestion.defaultTime

  @OptionGroup(title: "Connection options") var connection: ConnectionOptions
  @OptionGroup(title: "Output options") var output: OutputOptions

  func perform(_ session: CommandSession) async throws -> CommandExit {
    try await session.withLink(.nothing) { [all, timeout] link in
      let replies = try await HostQuestion(session: session, link: link, time: timeout).all(.list(includeEnded: all))
      let refused = session.complainOfRefusals(in: replies)
      let migrations = Self.migrations(in: replies)
      switch session.options.format {
      case .json, .yaml: session.writeValue(migrations)
      case .table where session.options.quiet: session.write(migrations.map(\.id.text))
      case .table where migrations.isEmpty:
        if !refused { session.complain(["No migrations; \(Quantity.count(replies.count, "host")) answered."]) }
      case .table:
        session.write(
          ResultText.migrations(migrations, zone: session.environment.zone, style: session.policy.result))
      }
      return refused ? .refused : .done
    }
  }

  /// All migrations in answers, each once, the oldest first.
  static func migrations(in replies: [Reply]) -> [MigrationStatus] {
    var byID: [MigrationID: MigrationStatus] = [:]
    for case .migrations(let migrations) in replies.map(\.body) {
      for migration in migrations { byID[migration.id] = migration }
    }
    return byID.values.sorted { ($0.acceptedAt, $0.id.text) < ($1.acceptedAt, $1.id.text) }
  }
}
