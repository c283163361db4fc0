import ArgumentParser
import LongshoreClient
import LongshoreMessages

/// `longshore drain`: moves all guests off a host and follows that to its end.
struct DrainSubcommand: OperatorCommand {
  static let configuration = CommandConfiguration(
    commandName: "drain",
    abstract: "Move all running guests off a host, which takes no new ones from then on.",
    discussion: """
      The host asks others what they can take, lets them make all checks, and plans so that the last guest is at its host soonest; guests \
      that no host can take are named before anything moves. The drain goes on by itself: Ctrl-C stops following it and never the drain, \
      and it outlives restarts of agents and broker. The host takes no new guests from acceptance until `longshore maintenance off HOST`.

      EXAMPLES:
        longshore drain alpha --dry-run
        longshore drain alpha
        longshore drain alpha --to beta,gamma --parallel 2 --deadline 2h
        longshore drain alpha --pool-map fast=bulk --on-failure stop

      \(CommandExit.help(
        [.done, .failed, .cancelled, .refused, .notPermitted, .unknownOutcome, .usage, .brokerUnreachable, .noAnswer, .interrupted],
        meanings: DrainExit.meanings))
      With --dry-run: 0 all guests would move, 3 some would stay.
      """)

  @Argument(help: "The host.", completion: BusCompletion.of(.host), transform: NameArgument.node)
  var host: NodeName

  @Option(
    help: ArgumentHelp("The hosts that may get guests (default: all of the cluster that offer themselves).", valueName: "host,…"),
    transform: NameArgument.nodes)
  var to: [NodeName]?

  @Option(
    help: ArgumentHelp(
      "How many migrations may be under way at once (default: auto, as many as finish soonest within the hosts' limits).",
      valueName: "auto|n"), transform: NameArgument.parallel)
  var parallel: ParallelArgument?

  @Option(
    help: ArgumentHelp("Begin nothing more after this time, such as 30m, 2h; what runs goes on.", valueName: "duration"),
    transform: DurationArgument.parse)
  var deadline: Duration?

  @Option(
    help: ArgumentHelp(
      "What follows where a guest cannot be moved: retry (default) tries another host, skip lets it stay, stop begins nothing more.",
      valueName: "what"))
  var onFailure: DrainRuleArgument?

  @Option(
    name: .customLong("pool-map"),
    help: ArgumentHelp(
      "The pool at the destinations for what is in a pool; can be repeated (default: the same name).", valueName: "old=new"),
    transform: NameArgument.diskPool)
  var pools: [DiskPool] = []

  @Option(help: ArgumentHelp("The cap on each guest's transfer, in MiB/s.", valueName: "mib/s"))
  var bandwidth: UInt64?

  @Option(
    help: ArgumentHelp("The longest pause that may be planned for a guest's switch, in milliseconds (default: 300).", valueName: "ms"))
  var maxDowntime: UInt64?

  @Flag(help: "Slow guests' CPUs where their memory changes faster than it can be copied.")
  var autoConverge = false

  @Flag(help: "Send of memory that is copied again only what has changed, where that is less.")
  var compressMemory = false

  @Option(help: ArgumentHelp("Who starts guests at their destinations: fenced (default) or direct.", valueName: "how"))
  var handover: HandoverArgument?

  @Option(
    help: ArgumentHelp("How urgent the migrations are among those that wait: lowest, low, normal, high or highest.", valueName: "level"))
  var priority: PriorityArgument?

  @Option(
    help: ArgumentHelp("The drain's id; the same id is the same order (default: a new UUID).", valueName: "id"),
    transform: NameArgument.migration)
  var id: MigrationID?

  @Flag(name: .shortAndLong, help: "Print the id as soon as the host has accepted the order, and do not follow.")
  var detach = false

  @Flag(help: "Make all checks, print the plan and what blocks it, and change nothing.")
  var dryRun = false

  @Option(
    help: ArgumentHelp("How long to wait for the host's answer (default: 30s, with --dry-run 10m).", valueName: "duration"),
    transform: DurationArgument.parse)
  var timeout: Duration?

  @OptionGroup(title: "Connection options") var connection: ConnectionOptions
  @OptionGroup(title: "Output options") var output: OutputOptions

  func validate() throws {
    if to?.contains(host) == true { throw ValidationError("--to names \(host) itself.") }
    if let deadline, !Request.deadlineRange.contains(deadline.components.seconds) { throw ValidationError("--deadline is 1s to 30d.") }
    if bandwidth == 0 { throw ValidationError("--bandwidth is at least 1; leave it out for no cap.") }
    if maxDowntime == 0 { throw ValidationError("--max-downtime is at least 1.") }
    if detach, dryRun { throw ValidationError("--detach and --dry-run exclude each other.") }
    var named: Set<ResourceName> = []
    for pool in pools where !named.insert(pool.disk).inserted { throw ValidationError("--pool-map names \(pool.disk) twice.") }
  }

  private var order: DrainOrder {
    let options = MigrationOptions(
      bandwidthMiBps: bandwidth, maxDowntimeMs: maxDowntime, autoConverge: autoConverge ? true : nil,
      compressMemory: compressMemory ? true : nil, handover: handover?.handover)
    return DrainOrder(
      to: to, parallel: parallel?.number, deadlineSeconds: deadline?.components.seconds, onFailure: onFailure?.rule,
      pools: pools.isEmpty ? nil : Dictionary(pools.map { ($0.disk, $0.pool) }, uniquingKeysWith: { _, last in last }),
      options: options == MigrationOptions() ? nil : options, priority: priority?.priority, dryRun: dryRun ? true : nil)
  }

  func perform(_ session: CommandSession) async throws -> CommandExit {
    let time = timeout ?? (dryRun ? .seconds(600) : .seconds(30))
    let address = HostAddress(cluster: session.cluster, host: host)
    let request = Request(
      id: id ?? session.environment.makeID(), host: address, notAfter: session.deadline(after: time), command: .drain(order),
      trace: session.environment.trace)
    return try await session.withLink(.nothing) { [host, dryRun, detach] link in
      let reply: Reply
      do throws(LinkError) {
        reply = try await link.ask(request, of: address, within: time)
      } catch {
        var failure = CommandFailure(error)
        if error.code == .noAnswer, !dryRun {
          let id = request.id
          failure.advice =
            "the order may still be taken for a minute: `longshore drains show \(id)` tells; repeat it with `--id \(id)`, and it is one drain."
        }
        throw failure
      }
      guard case .drain(let drain) = reply.body else { return session.refused(reply, "\(host) is not drained") }
      if dryRun { return session.tell(plan: drain) }
      if detach {
        if session.options.format.isForPrograms { session.writeValue(drain) } else { session.write([drain.id.text]) }
        return .done
      }
      return try await session.follow(drain, over: link)
    }
  }
}

/// What exit codes mean to commands on drains.
enum DrainExit {
  static let meanings: [CommandExit: String] = [
    .done: "done; no guest runs on the host", .failed: "guests are left on the host, each with its reason",
    .cancelled: "cancelled; guests that had moved stay where they are", .refused: "refused; nothing was changed",
    .unknownOutcome: "the host tells nothing of the drain any more", .interrupted: "Ctrl-C; the drain goes on",
  ]
}

/// The values of `--on-failure`.
enum DrainRuleArgument: String, CaseIterable, ExpressibleByArgument {
  case skip, stop, retry

  /// The same on the wire.
  var rule: DrainFailureRule {
    switch self {
    case .skip: .skip
    case .stop: .stop
    case .retry: .retry
    }
  }
}

/// The value of `--parallel`.
struct ParallelArgument: Sendable, Hashable {
  /// How many; nil for as many as finish soonest.
  var number: Int?
}

extension NameArgument {
  /// Reads a list of hosts.
  static func nodes(_ text: String) throws -> [NodeName] {
    var nodes: [NodeName] = []
    for part in text.split(separator: ",", omittingEmptySubsequences: false) {
      let node = try node(String(part))
      if !nodes.contains(node) { nodes.append(node) }
    }
    return nodes
  }

  /// Reads `auto` or a number.
  static func parallel(_ text: String) throws -> ParallelArgument {
    if text == "auto" { return ParallelArgument(number: nil) }
    guard let number = Int(text), DrainOrder.parallelRange.contains(number) else {
      throw ArgumentProblem("'\(text)' is neither auto nor a number from 1 to \(DrainOrder.parallelRange.upperBound)")
    }
    return ParallelArgument(number: number)
  }
}

extension CommandSession {
  /// Follows a drain and tells how it ended.
  func follow(_ begun: DrainStatus, over link: any OrchestratorLink) async throws -> CommandExit {
    let question = HostQuestion(session: self, link: link, time: .seconds(10))
    switch try await DrainFollower(session: self, question: question).follow(begun) {
    case .interrupted(let drain):
      complain([
        "Detached; the drain of \(drain.host) goes on.", "  longshore drains show \(drain.id) --follow  follows it",
        "  longshore drains cancel \(drain.id)         stops it",
      ])
      return .interrupted
    case .ended(let drain): return tell(drain)
    }
  }

  /// Tells how a drain has ended.
  func tell(_ drain: DrainStatus) -> CommandExit {
    switch options.format {
    case .json, .yaml: writeValue(drain)
    case .table where options.quiet: write(drain.guests.filter(\.isLeft).map(\.guest.name.printable))
    case .table: write(DrainText.outcome(drain, style: policy.result).result)
    }
    complain(DrainText.outcome(drain, style: policy.progress).problem)
    switch drain.phase {
    case .completed: return .done
    case .cancelled: return .cancelled
    default: return .failed
    }
  }

  /// Tells the plan of a dry run.
  fileprivate func tell(plan drain: DrainStatus) -> CommandExit {
    let blocked = drain.guests.filter(\.isLeft)
    switch options.format {
    case .json, .yaml: writeValue(drain)
    case .table where options.quiet: write(blocked.map(\.guest.name.printable))
    case .table: write(DrainText.plan(drain, style: policy.result))
    }
    return blocked.isEmpty ? .done : .refused
  }

  /// Says why a host refuses what it was asked for a drain.
  func refused(_ reply: Reply, _ what: String) -> CommandExit {
    if options.format.isForPrograms { writeValue(reply) }
    guard case .rejected(let reasons) = reply.body else {
      complain(["\(reply.from.host) answers something else: use a `longshore` of its version."])
      return .unknownOutcome
    }
    complain([policy.progress.red("Refused by \(reply.from.host):") + " \(what)."] + reasons.map { "  - \($0.words)" })
    return .refused
  }
}
