import ArgumentParser
import LongshoreClient
import LongshoreMessages

/// `longshore grace`: the source's disks that are kept for a time after a migration.
struct GraceSubcommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "grace",
    abstract: "List, keep longer or delete the disks that moved guests have left at their sources.",
    discussion: """
      Without a subcommand it lists.

      EXAMPLES:
        longshore grace
        longshore grace extend 6f1c5a52-2b0e-4c6e-9d0a-0c3a1f6f7a11 --by 24h
        longshore grace purge 6f1c5a52-2b0e-4c6e-9d0a-0c3a1f6f7a11
      """,
    subcommands: [GraceListSubcommand.self, GraceExtendSubcommand.self, GracePurgeSubcommand.self],
    defaultSubcommand: GraceListSubcommand.self)
}

/// `longshore grace list`: the disks that are set aside.
struct GraceListSubcommand: OperatorCommand {
  static let configuration = CommandConfiguration(
    commandName: "list",
    abstract: "List the disks that are set aside, the one that is deleted first first.",
    discussion: """
      EXAMPLES:
        longshore grace list
        longshore grace list --host alpha
        longshore grace list --format json | jq '[.[].grace[].size] | add'

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
      let replies = try await HostQuestion(session: session, link: link, time: timeout).all(.listGrace, of: host)
      let refused = session.complainOfRefusals(in: replies)
      if replies.allSatisfy({ if case .grace(let disks) = $0.body { disks.isEmpty } else { true } }), session.isForPeople, !refused {
        session.complain(["No disk is set aside; \(Quantity.count(replies.count, "host")) answered."])
      } else {
        session.tellGrace(replies)
      }
      return refused ? .refused : .done
    }
  }
}

/// `longshore grace extend`: keeps disks until another time.
struct GraceExtendSubcommand: OperatorCommand {
  static let configuration = CommandConfiguration(
    commandName: "extend",
    abstract: "Keep disks that are set aside until another time.",
    discussion: """
      All disks of a migration, or one by its path. --by adds to the time at which the last of them is deleted now.

      EXAMPLES:
        longshore grace extend 6f1c5a52-2b0e-4c6e-9d0a-0c3a1f6f7a11 --by 24h
        longshore grace extend /srv/pools/primary/web-1.qcow2 --until 2026-02-28T12:00:00Z

      \(CommandExit.help([.done, .refused, .notPermitted, .usage, .brokerUnreachable, .noAnswer]))
      """)

  @Argument(
    help: ArgumentHelp("The migration's id, or a disk's path, present or original.", valueName: "id|path"),
    transform: DiskSelection.parse)
  var selection: DiskSelection

  @Option(help: ArgumentHelp("How much longer, such as 24h.", valueName: "duration"), transform: DurationArgument.parse)
  var by: Duration?

  @Option(help: ArgumentHelp("Until when, such as 2026-02-28T12:00:00Z.", valueName: "time"), transform: DiskSelection.time)
  var until: Timestamp?

  @Option(
    help: ArgumentHelp("How long hosts may take to answer (default: 2s).", valueName: "duration"), transform: DurationArgument.parse)
  var timeout: Duration = HostQuestion.defaultTime

  @OptionGroup(title: "Connection options") var connection: ConnectionOptions
  @OptionGroup(title: "Output options") var output: OutputOptions

  func validate() throws {
    if (by == nil) == (until == nil) { throw ValidationError("Give either --by or --until.") }
  }

  func perform(_ session: CommandSession) async throws -> CommandExit {
    try await session.withLink(.nothing) { [selection, by, until, timeout] link in
      let question = HostQuestion(session: session, link: link, time: timeout)
      var replies: [Reply] = []
      var failure: LinkError?
      for (host, disks) in try await question.disks(selection) {
        let last = disks.map(\.deleteAt).max() ?? session.environment.now()
        // A time and not a difference is sent: what is sent twice extends once.
        let end = until ?? last.adding(milliseconds: (by?.components.seconds ?? 0) * 1000)
        for part in GraceSelection.parts(of: disks) {
          do throws(LinkError) {
            replies.append(try await question.ask(.extendGrace(part, until: end), of: host))
          } catch {
            failure = failure ?? error
          }
        }
      }
      let refused = session.complainOfRefusals(in: replies)
      if !replies.isEmpty { session.tellGrace(replies) }
      if let failure { throw failure }
      return refused ? .refused : .done
    }
  }
}

/// `longshore grace purge`: deletes disks at once.
struct GracePurgeSubcommand: OperatorCommand {
  static let configuration = CommandConfiguration(
    commandName: "purge",
    abstract: "Delete disks that are set aside at once.",
    discussion: """
      All disks of a migration, or one by its path. There is no way back: the guest at its new host has the only copy then. Disks in \
      use stay. Asks before, on a terminal; elsewhere --yes is needed.

      EXAMPLES:
        longshore grace purge 6f1c5a52-2b0e-4c6e-9d0a-0c3a1f6f7a11
        longshore grace purge /srv/pools/primary/web-1.qcow2 --yes

      \(CommandExit.help([.done, .refused, .notPermitted, .usage, .brokerUnreachable, .noAnswer]))
      """)

  @Argument(
    help: ArgumentHelp("The migration's id, or a disk's path, present or original.", valueName: "id|path"),
    transform: DiskSelection.parse)
  var selection: DiskSelection

  @Flag(name: .shortAndLong, help: "Do not ask.")
  var yes = false

  @Option(
    help: ArgumentHelp("How long hosts may take to delete (default: 1m).", valueName: "duration"), transform: DurationArgument.parse)
  var timeout: Duration = .seconds(60)

  @OptionGroup(title: "Connection options") var connection: ConnectionOptions
  @OptionGroup(title: "Output options") var output: OutputOptions

  func perform(_ session: CommandSession) async throws -> CommandExit {
    try session.requireTerminal(unless: yes, while: "deleting disks")
    return try await session.withLink(.nothing) { [selection, yes, timeout] link in
      let finding = HostQuestion(session: session, link: link, time: HostQuestion.time(toFindWhoMayTake: timeout))
      let found = try await finding.disks(selection)
      let question = HostQuestion(session: session, link: link, time: timeout)
      var replies: [Reply] = []
      var isDeclined = false
      var failure: LinkError?
      for (host, disks) in found {
        guard yes || session.confirms(LeftoverText.question(disks, host: host)) else {
          session.complain(["Nothing is deleted on \(host)."])
          isDeclined = true
          continue
        }
        for part in GraceSelection.parts(of: disks) {
          do throws(LinkError) {
            replies.append(try await question.ask(.purgeGrace(part), of: host))
          } catch {
            failure = failure ?? error
          }
        }
      }
      let refused = session.complainOfRefusals(in: replies)
      // What is deleted is told, whatever became of the rest.
      let isDone = replies.isEmpty || session.tellPurged(replies)
      if let failure { throw failure }
      return isDone && !refused && !isDeclined ? .done : .refused
    }
  }
}

extension GraceSelection {
  /// The requests that name these disks of a host and no others: one for each migration.
  fileprivate static func parts(of disks: [SetAsideDisk]) -> [GraceSelection] {
    Dictionary(grouping: disks, by: \.migration).map { GraceSelection(migration: $0, disks: $1.map(\.id)) }
      .sorted { $0.migration.text < $1.migration.text }
  }
}

extension HostQuestion {
  /// The disks of all hosts that a selection means.
  /// - Throws: ``LinkError``; ``CommandFailure`` where no host answers, or none has such a disk.
  fileprivate func disks(_ selection: DiskSelection) async throws -> [(host: NodeName, disks: [SetAsideDisk])] {
    let replies = try await all(.listGrace, of: nil)
    let found = selection.disks(in: replies)
    guard !found.isEmpty else {
      throw CommandFailure(
        .refused, "no host that answered has set aside \(selection.text) (\(replies.map(\.from.host.text).joined(separator: ", ")))",
        while: "looking for disks that are set aside", advice: "`longshore grace list` shows those that are.")
    }
    return found
  }
}

extension CommandSession {
  /// Whether the result is a text for people.
  fileprivate var isForPeople: Bool { options.format == .table && !options.quiet }

  /// Writes the disks that hosts have told.
  fileprivate func tellGrace(_ replies: [Reply]) {
    let disks = replies.flatMap { reply -> [(host: NodeName, disk: SetAsideDisk)] in
      guard case .grace(let disks) = reply.body else { return [] }
      return disks.map { (reply.from.host, $0) }
    }.sorted { ($0.disk.deleteAt, $0.disk.path) < ($1.disk.deleteAt, $1.disk.path) }
    switch options.format {
    case .json, .yaml: writeValue(replies.filter { $0.typeName == "grace" })
    case .table where options.quiet: write(disks.map(\.disk.path.printable))
    case .table where disks.isEmpty: break
    case .table: write(LeftoverText.grace(disks, at: environment.now(), zone: environment.zone, style: policy.result))
    }
  }

  /// Writes what became of the disks that were to be deleted.
  /// - Returns: Whether all were.
  fileprivate func tellPurged(_ replies: [Reply]) -> Bool {
    if options.format.isForPrograms { writeValue(replies.filter { $0.typeName == "grace" }) }
    var areAllDeleted = true
    for reply in replies {
      guard case .grace(let disks) = reply.body else { continue }
      areAllDeleted = areAllDeleted && disks.allSatisfy { $0.state == .deleted }
      switch options.format {
      case .json, .yaml: break
      case .table where options.quiet: write(disks.filter { $0.state == .deleted }.map(\.path.printable))
      case .table: write(LeftoverText.purged(disks, host: reply.from.host, style: policy.result))
      }
      complain(LeftoverText.notPurged(disks, host: reply.from.host, style: policy.progress))
    }
    return areAllDeleted
  }
}
