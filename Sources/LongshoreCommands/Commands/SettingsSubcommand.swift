import ArgumentParser
import LongshoreClient
import LongshoreMessages

/// `longshore settings`: the settings of hosts that can be changed over the bus.
struct SettingsSubcommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "settings",
    abstract: "Show the settings of hosts that can be changed from here, or change them for good.",
    discussion: """
      Without a subcommand it shows them. What is changed outlives restarts, whatever the host's configuration says, until it is changed \
      again or reset.

      EXAMPLES:
        longshore settings
        longshore settings alpha
        longshore settings set alpha beta --deadline 2d
        longshore settings reset alpha --deadline
      """,
    subcommands: [SettingsShowSubcommand.self, SettingsSetSubcommand.self, SettingsResetSubcommand.self],
    defaultSubcommand: SettingsShowSubcommand.self)
}

/// `longshore settings show`: the settings of hosts.
struct SettingsShowSubcommand: OperatorCommand {
  static let configuration = CommandConfiguration(
    commandName: "show",
    abstract: "Show the settings of all hosts, or of one.",
    discussion: """
      EXAMPLES:
        longshore settings
        longshore settings alpha --format json

      \(CommandExit.help([.done, .refused, .notPermitted, .usage, .brokerUnreachable, .noAnswer]))
      """)

  @Argument(help: "The host (default: all).", transform: NameArgument.node)
  var host: NodeName?

  @Option(
    help: ArgumentHelp("How long hosts may take to answer (default: 2s).", valueName: "duration"), transform: DurationArgument.parse)
  var timeout: Duration = HostQuestion.defaultTime

  @OptionGroup(title: "Connection options") var connection: ConnectionOptions
  @OptionGroup(title: "Output options") var output: OutputOptions

  func perform(_ session: CommandSession) async throws -> CommandExit {
    try await session.withLink(.nothing) { [host, timeout] link in
      let question = HostQuestion(session: session, link: link, time: timeout)
      // The settings alone are wanted: no guest comes after the last possible UUID.
      let replies = try await question.all(.inventory(InventoryQuestion(after: InventoryQuestion.lastGuest)), of: host)
      let refused = session.complainOfRefusals(in: replies)
      let told = replies.compactMap { reply -> (host: NodeName, settings: HostSettings)? in
        guard case .inventory(let inventory) = reply.body else { return nil }
        return (reply.from.host, inventory.settings)
      }
      session.tell(told)
      return refused ? .refused : .done
    }
  }
}

/// `longshore settings set`: changes settings of hosts.
struct SettingsSetSubcommand: OperatorCommand {
  static let configuration = CommandConfiguration(
    commandName: "set",
    abstract: "Change settings of hosts for good.",
    discussion: """
      EXAMPLES:
        longshore settings set alpha beta --deadline 2d

      \(CommandExit.help([.done, .refused, .notPermitted, .usage, .brokerUnreachable, .noAnswer]))
      """)

  @Argument(help: "The hosts.", transform: NameArgument.node)
  var hosts: [NodeName]

  @Option(
    help: ArgumentHelp("How long a migration may take in all where its order does not say it, such as 90s, 2h, 1d.", valueName: "duration"),
    transform: DurationArgument.parse)
  var deadline: Duration

  @OptionGroup var wait: SettingsWait
  @OptionGroup(title: "Connection options") var connection: ConnectionOptions
  @OptionGroup(title: "Output options") var output: OutputOptions

  func validate() throws {
    if !Request.deadlineRange.contains(deadline.components.seconds) { throw ValidationError("--deadline is at most 30d.") }
  }

  func perform(_ session: CommandSession) async throws -> CommandExit {
    try await session.configure(hosts, HostSettingsChange(deadlineSeconds: deadline.components.seconds), within: wait.timeout)
  }
}

/// `longshore settings reset`: lets the configuration of hosts count again.
struct SettingsResetSubcommand: OperatorCommand {
  static let configuration = CommandConfiguration(
    commandName: "reset",
    abstract: "Let the configuration of hosts count again.",
    discussion: """
      EXAMPLES:
        longshore settings reset alpha beta --deadline

      \(CommandExit.help([.done, .refused, .notPermitted, .usage, .brokerUnreachable, .noAnswer]))
      """)

  @Argument(help: "The hosts.", transform: NameArgument.node)
  var hosts: [NodeName]

  @Flag(help: "How long a migration may take in all where its order does not say it.")
  var deadline = false

  @OptionGroup var wait: SettingsWait
  @OptionGroup(title: "Connection options") var connection: ConnectionOptions
  @OptionGroup(title: "Output options") var output: OutputOptions

  func validate() throws {
    if !deadline { throw ValidationError("Nothing is to be reset: give --deadline.") }
  }

  func perform(_ session: CommandSession) async throws -> CommandExit {
    try await session.configure(hosts, HostSettingsChange(reset: [.deadlineSeconds]), within: wait.timeout)
  }
}

/// How long a host that is changed is waited for.
struct SettingsWait: ParsableArguments {
  @Option(
    help: ArgumentHelp("How long each host may take to answer (default: 10s).", valueName: "duration"), transform: DurationArgument.parse)
  var timeout: Duration = .seconds(10)
}

/// The settings of a host, for programs.
private struct ToldSettings: Encodable {
  var host: NodeName
  var settings: HostSettings
  var changes: [HostSettingChange]?
}

extension CommandSession {
  /// Changes settings of hosts, one after the other. A host that refuses or does not answer ends it.
  fileprivate func configure(_ hosts: [NodeName], _ change: HostSettingsChange, within time: Duration) async throws -> CommandExit {
    try await withLink(.nothing) { link in
      let question = HostQuestion(session: self, link: link, time: time)
      var told: [ToldSettings] = []
      // What is changed is told, whatever became of the rest.
      func tellProgram() { if options.format.isForPrograms, !told.isEmpty { writeValue(told) } }
      for host in hosts {
        let reply: Reply
        do throws(LinkError) {
          reply = try await question.ask(.configure(change), of: host)
        } catch {
          tellProgram()
          throw error
        }
        guard case .configured(let settings, let changes) = reply.body else {
          tellProgram()
          return refused(reply, "\(host) stays as it was")
        }
        told.append(ToldSettings(host: host, settings: settings, changes: changes))
        guard case .table = options.format else { continue }
        write(options.quiet ? [host.text] : InventoryText.changes(changes).map { "\(host): \($0)" })
      }
      tellProgram()
      return .done
    }
  }

  fileprivate func tell(_ told: [(host: NodeName, settings: HostSettings)]) {
    switch options.format {
    case .json, .yaml: writeValue(told.map { ToldSettings(host: $0.host, settings: $0.settings) })
    case .table where options.quiet: write(told.map(\.host.text))
    case .table:
      for (host, settings) in told { write(InventoryText.settings(settings, zone: environment.zone).map { "\(host): \($0)" }) }
    }
  }
}
