public import ArgumentParser
import LongshoreMessages

/// The operator's command, `longshore`.
public struct LongshoreCommand: AsyncParsableCommand {
  /// The command's name, help and subcommands.
  public static let configuration = CommandConfiguration(
    commandName: "longshore",
    abstract: "Moves running KVM guests with their disks to other hosts and pools.",
    discussion: """
      EXAMPLES:
        longshore hosts --cluster lab
        longshore migrate web-1 --from alpha --to beta --pool fast --dry-run
        longshore migrate web-1 --from alpha --to beta --pool fast

      Settings come from the flags, then from the environment (LONGSHORE_BROKER, LONGSHORE_CLUSTER, …), then from \
      \(SettingsReader.defaultFile). Results go to standard output, progress and errors to the standard error stream. Each \
      command's help lists its exit codes.
      """,
    version: LongshoreVersion.current,
    subcommands: [
      MigrateSubcommand.self, WatchSubcommand.self, ListSubcommand.self, StatusSubcommand.self, CancelSubcommand.self,
      QueueSubcommand.self, DrainSubcommand.self, DrainsSubcommand.self, MaintenanceSubcommand.self,
      TuneSubcommand.self, ForceCompleteSubcommand.self,
      ResolveSubcommand.self,
      DoctorSubcommand.self, ReportSubcommand.self, HostsSubcommand.self, HostSubcommand.self, SettingsSubcommand.self,
      DeadLettersSubcommand.self, GraceSubcommand.self,
      OrphansSubcommand.self, TemplatesSubcommand.self,
      DashboardSubcommand.self, GatewaySubcommand.self,
    ])

  /// Creates the command, for its parser.
  public init() {}

  /// Runs the command with the process's arguments and ends the process with its exit code.
  public static func main() async { await main(nil) }
}
