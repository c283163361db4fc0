import ArgumentParser
import LongshoreMessages

/// `longshore cancel`: stops a migration that has not switched yet.
struct CancelSubcommand: OperatorCommand {
  static let configuration = CommandConfiguration(
    commandName: "cancel",
    abstract: "Stop a migration; the guest stays where it is.",
    discussion: """
      A migration whose guest has already switched to the destination cannot be cancelled any more: that is refused. The command \
      ends when the source host has taken the cancellation; `longshore watch ID` shows how the migration ends.

      EXAMPLES:
        longshore cancel 6f1c5a52-2b0e-4c6e-9d0a-0c3a1f6f7a11

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
    try await session.steer(id, by: .cancel(migration: id), refusal: "\(id) is not cancelled", within: timeout) { [id] _, status in
      [
        "\(status.sourceHost) is cancelling \(id); \(status.guest.name.printable) stays at \(status.sourceHost).",
        "`longshore watch \(id)` shows how it ends.",
      ]
    }
  }
}
