import ArgumentParser
import LongshoreClient
import LongshoreMessages

/// `longshore hosts`: the hosts that answer, with their pools and guests.
struct HostsSubcommand: OperatorCommand {
  static let configuration = CommandConfiguration(
    commandName: "hosts",
    abstract: "List the hosts that answer, with their pools and guests.",
    discussion: """
      EXAMPLES:
        longshore hosts
        longshore hosts --timeout 10s
        longshore hosts --format json | jq -r '.[] | .from.host as $h | .host.guests[] | "\\($h) \\(.name)"'

      \(CommandExit.help([.done, .refused, .notPermitted, .usage, .brokerUnreachable, .noAnswer]))
      """)

  @Option(
    help: ArgumentHelp("How long hosts may take to answer (default: 2s).", valueName: "duration"), transform: DurationArgument.parse)
  var timeout: Duration = HostQuestion.defaultTime

  @OptionGroup(title: "Connection options") var connection: ConnectionOptions
  @OptionGroup(title: "Output options") var output: OutputOptions

  func perform(_ session: CommandSession) async throws -> CommandExit {
    try await session.withLink(.nothing) { [timeout] link in
      let replies = try await HostQuestion(session: session, link: link, time: timeout).all(.describe)
        .sorted { $0.from.host.text < $1.from.host.text }
      let hosts = replies.compactMap { reply -> (from: HostAddress, host: HostDescription)? in
        guard case .host(let host) = reply.body else { return nil }
        return (reply.from, host)
      }
      for reply in replies {
        guard case .rejected(let reasons) = reply.body else { continue }
        session.complain(["\(reply.from.host) does not tell: \(reasons.map(\.words).joined(separator: "; "))"])
      }
      switch session.options.format {
      case .json, .yaml: session.writeValue(replies.filter { $0.typeName == "host" })
      case .table where session.options.quiet: session.write(hosts.map(\.from.host.text))
      case .table: session.write(ResultText.hosts(hosts, style: session.policy.result))
      }
      return .done
    }
  }
}
