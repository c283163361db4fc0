import ArgumentParser
import LongshoreClient
import LongshoreMessages

/// `longshore resolve`: names the host that has a guest whose migration needs attention.
struct ResolveSubcommand: OperatorCommand {
  static let configuration = CommandConfiguration(
    commandName: "resolve",
    abstract: "Say which host has the guest of a migration that needs attention.",
    discussion: """
      For a host that stays away. The agents settle a migration by themselves as soon as both hosts answer; with this command they need \
      not wait for that. What the host that answers can see goes before your word: it refuses what that contradicts. For the rest \
      you answer, so look at the other host first, or see to it that it is off. Asks before, on a terminal; elsewhere --yes is needed.

      Where the migration's source is gone, tell the destination with --at. Its agent looks at the source's libvirt too, where that \
      answers, and the source's agent learns of your word when it is back.

      EXAMPLES:
        longshore resolve 6f1c5a52-2b0e-4c6e-9d0a-0c3a1f6f7a11 --owner alpha
        longshore resolve 6f1c5a52-2b0e-4c6e-9d0a-0c3a1f6f7a11 --owner beta --at beta --yes

      \(CommandExit.help([.done, .refused, .notPermitted, .usage, .brokerUnreachable, .noAnswer]))
      """)

  @Argument(help: "The migration's id.", completion: BusCompletion.of(.openMigration), transform: NameArgument.migration)
  var id: MigrationID

  @Option(
    help: ArgumentHelp("The host that has the guest.", valueName: "host"),
    completion: BusCompletion.of(.host), transform: NameArgument.node)
  var owner: NodeName

  @Option(
    help: ArgumentHelp("The host whose agent is told (default: the migration's source).", valueName: "host"),
    completion: BusCompletion.of(.host), transform: NameArgument.node)
  var at: NodeName?

  @Flag(name: .shortAndLong, help: "Do not ask.")
  var yes = false

  @Option(
    help: ArgumentHelp("How long hosts may take to answer (default: 1m).", valueName: "duration"), transform: DurationArgument.parse)
  var timeout: Duration = .seconds(60)

  @OptionGroup(title: "Connection options") var connection: ConnectionOptions
  @OptionGroup(title: "Output options") var output: OutputOptions

  func perform(_ session: CommandSession) async throws -> CommandExit {
    try session.requireTerminal(unless: yes, while: "naming the owner")
    return try await session.withLink(.nothing) { [id, owner, at, yes, timeout] link in
      let question = HostQuestion(session: session, link: link, time: HostQuestion.time(toFindWhoMayTake: timeout))
      let told = if let at { at } else { try await question.status(of: id).sourceHost }
      let host = HostAddress(cluster: session.cluster, host: told)
      guard yes || session.confirms(Self.question(id, owner: owner)) else {
        session.complain(["Nothing is changed."])
        return .refused
      }
      let reply = try await link.ask(
        session.request(.resolve(migration: id, owner: owner), host: host, within: timeout), of: host, within: timeout)
      if session.options.format.isForPrograms { session.writeValue(reply) }
      if case .rejected(let reasons) = reply.body {
        let head = session.policy.progress.red("Refused by \(host.host):") + " \(owner) is not taken for the owner."
        session.complain([head] + reasons.map { "  - \($0.words)" } + ["Next: `longshore status \(id)` tells its state."])
        return .refused
      }
      switch session.options.format {
      case .json, .yaml: break
      case .table where session.options.quiet: session.write([id.text])
      case .table:
        session.write([
          "\(host.host) goes on with \(owner) as the owner of the guest.", "`longshore watch \(id)` shows how it ends.",
        ])
      }
      return .done
    }
  }

  /// What is asked on a terminal: what is risked.
  static func question(_ id: MigrationID, owner: NodeName) -> String {
    """
    If the other host runs the guest of \(id) after all, two copies run until that host is back and its copy is ended; what that copy \
    wrote is lost then. Is the guest at \(owner)? [y/N]\u{20}
    """
  }
}
