import ArgumentParser
import LongshoreClient
import LongshoreMessages

/// `longshore migrate`: orders a migration and follows it to its end.
struct MigrateSubcommand: OperatorCommand {
  static let configuration = CommandConfiguration(
    commandName: "migrate",
    abstract: "Move a running guest with its disks to another host.",
    discussion: """
      The order goes to the source host. By default the command follows the migration to its end; Ctrl-C stops following and \
      never the migration.

      EXAMPLES:
        longshore migrate web-1 --from alpha --to beta --dry-run
        longshore migrate web-1 --from alpha --to beta --pool fast --disk vdb=bulk
        id=$(longshore migrate web-1 --from alpha --to beta --detach)

      \(CommandExit.help([
        .done, .failed, .cancelled, .refused, .notPermitted, .unknownOutcome, .notVerified, .contentDiffers, .usage,
        .brokerUnreachable, .noAnswer, .interrupted,
      ]))
      With --dry-run: 0 it would run, 3 it would be refused.
      """)

  @Argument(help: "The guest's name or UUID.", completion: BusCompletion.of(.guest), transform: NameArgument.resource)
  var guest: ResourceName

  @OptionGroup(title: "Migration options") var options: MigrateOptions
  @OptionGroup(title: "Connection options") var connection: ConnectionOptions
  @OptionGroup(title: "Output options") var output: OutputOptions

  func perform(_ session: CommandSession) async throws -> CommandExit {
    let host = HostAddress(cluster: session.cluster, host: options.from)
    let time = options.timeout ?? (options.dryRun ? .seconds(120) : .seconds(30))
    let migration = options.id ?? session.environment.makeID()
    let request = Request(
      id: migration, host: host, notAfter: session.deadline(after: time), command: .migrate(options.order(for: guest)),
      trace: session.environment.trace)
    let machine = FollowMachine(ordering: migration, until: options.detach || options.dryRun ? .answer : .attention)
    let state = FollowedState(
      guest: guest.text, source: options.from.text, destination: options.to.text, phase: options.dryRun ? "checking" : "ordered",
      heardAt: session.environment.now())
    return try await session.withLink(options.detach || options.dryRun ? .nothing : Subscription(.host(host))) { link in
      await session.follow(
        machine, over: link, state: state, order: Follower.Order(request: request, host: host, time: time))
    }
  }
}
