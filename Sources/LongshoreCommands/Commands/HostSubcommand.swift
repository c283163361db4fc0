import ArgumentParser
import LongshoreClient
import LongshoreMessages

/// `longshore host`: what one host is and has.
struct HostSubcommand: OperatorCommand {
  static let configuration = CommandConfiguration(
    commandName: "host",
    abstract: "Show what a host is and has: machine, pools, guests with their disks and networks.",
    discussion: """
      It is what the host's libvirt says now. Disks keep their ids when their guests move.

      EXAMPLES:
        longshore host alpha
        longshore host alpha --guest web-1
        longshore host alpha --format json | jq -r '.guests[] | .name as $g | .disks[] | "\\($g) \\(.target) \\(.id)"'

      \(CommandExit.help([.done, .refused, .notPermitted, .usage, .brokerUnreachable, .noAnswer]))
      """)

  @Argument(help: "The host.", transform: NameArgument.node)
  var host: NodeName

  @Option(help: ArgumentHelp("Show this guest alone, by name or UUID.", valueName: "guest"), transform: NameArgument.resource)
  var guest: ResourceName?

  @Option(
    help: ArgumentHelp("How long the host may take for each answer (default: 10s).", valueName: "duration"),
    transform: DurationArgument.parse)
  var timeout: Duration = .seconds(10)

  @OptionGroup(title: "Connection options") var connection: ConnectionOptions
  @OptionGroup(title: "Output options") var output: OutputOptions

  func perform(_ session: CommandSession) async throws -> CommandExit {
    try await session.withLink(.nothing) { [host, guest, timeout] link in
      let question = HostQuestion(session: session, link: link, time: timeout)
      let address = HostAddress(cluster: session.cluster, host: host)
      let answer = try await link.inventory(of: address, guest: guest, within: timeout) {
        session.request(.inventory($0), host: address, within: question.time)
      }
      guard let inventory = answer.inventory else { return session.refused(answer.reply, "\(host) does not tell") }
      switch session.options.format {
      case .json, .yaml: session.writeValue(inventory)
      case .table where session.options.quiet: session.write(inventory.guests.map(\.name.printable))
      case .table:
        session.write(InventoryText.host(inventory, of: host, zone: session.environment.zone, style: session.policy.result))
      }
      if let guest, inventory.guests.isEmpty {
        session.complain(["\(host) has no guest \(guest)."])
        return .refused
      }
      return .done
    }
  }
}
