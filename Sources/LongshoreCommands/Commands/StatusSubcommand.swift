import ArgumentParser
import LongshoreClient
import LongshoreMessages

/// `longshore status`: the story of one migration.
struct StatusSubcommand: OperatorCommand {
  static let configuration = CommandConfiguration(
    commandName: "status",
    abstract: "Tell the story of one migration.",
    discussion: """
      The exit code is 0 for every migration that is known, however it ended.

      EXAMPLES:
        longshore status 6f1c5a52-2b0e-4c6e-9d0a-0c3a1f6f7a11
        longshore status 6f1c5a52-2b0e-4c6e-9d0a-0c3a1f6f7a11 --format json | jq -r .phase

      \(CommandExit.help([.done, .refused, .notPermitted, .usage, .brokerUnreachable, .noAnswer]))
      """)

  @Argument(help: "The migration's id.", completion: BusCompletion.of(.migration), transform: NameArgument.migration)
  var id: MigrationID

  @Option(
    help: ArgumentHelp("How long hosts may take to answer (default: 2s).", valueName: "duration"), transform: DurationArgument.parse)
  var timeout: Duration = HostQuestion.defaultTime

  @OptionGroup(title: "Connection options") var connection: ConnectionOptions
  @OptionGroup(title: "Output options") var output: OutputOptions

  func perform(_ session: CommandSession) async throws -> CommandExit {
    try await session.withLink(.nothing) { [id, timeout] link in
      let status = try await HostQuestion(session: session, link: link, time: timeout).status(of: id)
      switch session.options.format {
      case .json, .yaml: session.writeValue(status)
      case .table where session.options.quiet: session.write([status.phase.rawValue])
      case .table:
        session.write(ResultText.status(status, zone: session.environment.zone, style: session.policy.result))
      }
      return .done
    }
  }
}
