import ArgumentParser
import LongshoreClient
import LongshoreMessages

/// `longshore orphans`: what belongs to no migration that runs.
struct OrphansSubcommand: OperatorCommand {
  static let configuration = CommandConfiguration(
    commandName: "orphans",
    abstract: "List what migrations have left on hosts, and remove it.",
    discussion: """
      Listed is what belongs to no migration that runs: stubs, parts of templates, disks set aside whose time is over, work folders, \
      servers of templates, domains, and entries of the journal without a file. Without --remove nothing is changed. With it, each host \
      removes what it can prove to be its own and unused, and says of everything else why it stays. Disks in their time of grace \
      are not orphans: `longshore grace list` shows them.

      EXAMPLES:
        longshore orphans
        longshore orphans --host beta --remove
        longshore orphans --format json | jq '.[].orphans[] | select(.state == "kept")'

      \(CommandExit.help([.done, .refused, .notPermitted, .usage, .brokerUnreachable, .noAnswer]))
      """)

  @Option(
    help: ArgumentHelp("Ask this host alone.", valueName: "host"),
    completion: BusCompletion.of(.host), transform: NameArgument.node)
  var host: NodeName?

  @Flag(help: "Remove what is proven to be Longshore's own and unused.")
  var remove = false

  @Option(
    help: ArgumentHelp("How long hosts may take to answer (default: 5s, to remove 1m).", valueName: "duration"),
    transform: DurationArgument.parse)
  var timeout: Duration?

  @OptionGroup(title: "Connection options") var connection: ConnectionOptions
  @OptionGroup(title: "Output options") var output: OutputOptions

  func perform(_ session: CommandSession) async throws -> CommandExit {
    try await session.withLink(.nothing) { [host, remove, timeout] link in
      // Looking into all pools takes longer than telling what is known.
      let question = HostQuestion(session: session, link: link, time: timeout ?? .seconds(5))
      var replies = try await question.all(.listOrphans, of: host)
      var failure: LinkError?
      if remove {
        let removal = HostQuestion(session: session, link: link, time: timeout ?? .seconds(60))
        for (index, reply) in replies.enumerated() {
          let ids = orphans(in: reply).filter { $0.state == .removable }.map(\.id)
          guard !ids.isEmpty else { continue }
          do throws(LinkError) {
            replies[index] = merge(reply, with: try await removal.ask(.removeOrphans(ids: ids), of: reply.from.host))
          } catch {
            failure = failure ?? error
          }
        }
      }
      let exit = tell(replies, removed: remove, session)
      // What other hosts have done is told all the same.
      if let failure { throw failure }
      return exit
    }
  }

  private func orphans(in reply: Reply) -> [Orphan] {
    if case .orphans(let orphans) = reply.body { orphans } else { [] }
  }

  /// The list of a host with what has become of each.
  private func merge(_ list: Reply, with removal: Reply) -> Reply {
    guard case .orphans(let after) = removal.body else { return removal }
    let byID = Dictionary(after.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
    var merged = list
    merged.body = .orphans(
      orphans(in: list).map { orphan in
        if let now = byID[orphan.id] { return now }
        var gone = orphan
        if gone.state == .removable {
          gone.state = .removed
          gone.why = "it is gone"
        }
        return gone
      })
    return merged
  }

  private func tell(_ replies: [Reply], removed: Bool, _ session: CommandSession) -> CommandExit {
    let refused = session.complainOfRefusals(in: replies)
    let all = replies.flatMap { reply in orphans(in: reply).map { (host: reply.from.host, orphan: $0) } }
    let now = session.environment.now()
    switch session.options.format {
    case .json, .yaml: session.writeValue(replies.filter { $0.typeName == "orphans" })
    case .table where session.options.quiet: session.write(all.map(\.orphan.name.printable))
    case .table where all.isEmpty && !refused:
      session.complain(["No orphans; \(Quantity.count(replies.count, "host")) answered."])
    case .table where all.isEmpty: break
    case .table:
      let style = session.policy.result
      session.write(
        removed
          ? LeftoverText.removed(all, at: now, style: style)
          : LeftoverText.orphans(all, answered: replies.count, at: now, style: style))
    }
    return refused ? .refused : .done
  }
}
