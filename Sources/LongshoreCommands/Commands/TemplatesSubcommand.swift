import ArgumentParser
import LongshoreClient
import LongshoreMessages

/// `longshore templates`: the images that others lie on.
struct TemplatesSubcommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "templates",
    abstract: "List templates, verify them, and put them in place ahead of a move.",
    discussion: """
      Without a subcommand it lists.

      EXAMPLES:
        longshore templates
        longshore templates verify --host alpha
        longshore templates prefetch debian-12.qcow2 --from alpha --to beta
      """,
    subcommands: [
      TemplatesListSubcommand.self, TemplatesVerifySubcommand.self, TemplatesPrefetchSubcommand.self, TemplatesCancelSubcommand.self,
    ],
    defaultSubcommand: TemplatesListSubcommand.self)
}

/// `longshore templates list`: the templates in pools.
struct TemplatesListSubcommand: OperatorCommand {
  static let configuration = CommandConfiguration(
    commandName: "list",
    abstract: "List the templates in the pools of hosts.",
    discussion: """
      A template is a file that images have as their backing file. IMAGES counts those in all pools of its host that lie on it directly. \
      DIGEST is the beginning of the SHA-256 that identifies its content, where that is known: nothing is read for the list.

      EXAMPLES:
        longshore templates list --host alpha
        longshore templates list --pool primary
        longshore templates list --format json | jq '.[].templates[] | select(.copied)'

      \(CommandExit.help([.done, .refused, .notPermitted, .usage, .brokerUnreachable, .noAnswer]))
      """)

  @Option(
    help: ArgumentHelp("Ask this host alone.", valueName: "host"),
    completion: BusCompletion.of(.host), transform: NameArgument.node)
  var host: NodeName?

  @Option(
    help: ArgumentHelp("The templates in this pool alone.", valueName: "pool"),
    completion: BusCompletion.of(.pool), transform: NameArgument.resource)
  var pool: ResourceName?

  @Option(
    help: ArgumentHelp("How long hosts may take to answer (default: 5s).", valueName: "duration"), transform: DurationArgument.parse)
  var timeout: Duration = .seconds(5)

  @OptionGroup(title: "Connection options") var connection: ConnectionOptions
  @OptionGroup(title: "Output options") var output: OutputOptions

  func perform(_ session: CommandSession) async throws -> CommandExit {
    try await session.withLink(.nothing) { [host, pool, timeout] link in
      let replies = try await HostQuestion(session: session, link: link, time: timeout).all(.listTemplates(pool: pool), of: host)
      let refused = session.complainOfRefusals(in: replies)
      let all = replies.flatMap { reply -> [(host: NodeName, template: TemplateFile)] in
        guard case .templates(let templates) = reply.body else { return [] }
        return templates.map { (reply.from.host, $0) }
      }
      switch session.options.format {
      case .json, .yaml: session.writeValue(replies.filter { $0.typeName == "templates" })
      case .table where session.options.quiet: session.write(all.map { "\($0.template.pool)/\($0.template.volume)".printable })
      case .table where all.isEmpty:
        if !refused { session.complain(["No templates; \(Quantity.count(replies.count, "host")) answered."]) }
      case .table: session.write(TemplateText.templates(all, zone: session.environment.zone, style: session.policy.result))
      }
      return refused ? .refused : .done
    }
  }
}

/// `longshore templates verify`: reads templates, and compares them.
struct TemplatesVerifySubcommand: OperatorCommand {
  static let configuration = CommandConfiguration(
    commandName: "verify",
    abstract: "Read templates of a host now, and compare them with what was remembered of them.",
    discussion: """
      Each is read as a whole, which takes as long as its storage needs; all of the host without TEMPLATE. A file that differs was written \
      to, exchanged or damaged since it was read last. With --against another host reads its files of the same pools and names as well, \
      and both are compared. Ctrl-C ends the reading.

      EXAMPLES:
        longshore templates verify --host beta
        longshore templates verify debian-12.qcow2 --host beta --against alpha
        longshore templates verify primary/debian-12.qcow2 --host beta --format json

      \(CommandExit.help(
        [.done, .failed, .cancelled, .refused, .notPermitted, .unknownOutcome, .usage, .brokerUnreachable, .noAnswer, .interrupted],
        meanings: [
          .done: "all is as it was remembered, and as on the other host", .failed: "a template differs or cannot be read",
          .cancelled: "a host has not read all, because somebody has stopped it or it cannot",
          .refused: "refused (an unknown host, pool or template)", .unknownOutcome: "the agent was restarted meanwhile; order it again",
          .interrupted: "Ctrl-C; nothing is read any more",
        ]))
      """)

  @Argument(
    help: ArgumentHelp("The template, or POOL/TEMPLATE; all of the host where it is left away.", valueName: "template"),
    transform: NameArgument.template)
  var template: TemplateSelection?

  @Option(
    help: ArgumentHelp("The host whose templates are read.", valueName: "host"),
    completion: BusCompletion.of(.host), transform: NameArgument.node)
  var host: NodeName

  @Option(
    help: ArgumentHelp("The templates in this pool alone.", valueName: "pool"),
    completion: BusCompletion.of(.pool), transform: NameArgument.resource)
  var pool: ResourceName?

  @Option(
    help: ArgumentHelp("Compare with the templates of this host.", valueName: "host"),
    completion: BusCompletion.of(.host), transform: NameArgument.node)
  var against: NodeName?

  @Option(
    help: ArgumentHelp("How long hosts may take to answer (default: 10s).", valueName: "duration"), transform: DurationArgument.parse)
  var timeout: Duration = .seconds(10)

  @OptionGroup(title: "Connection options") var connection: ConnectionOptions
  @OptionGroup(title: "Output options") var output: OutputOptions

  func validate() throws {
    if template?.pool != nil, pool != nil { throw ValidationError("Give the pool either before the template or with --pool.") }
    if against == host { throw ValidationError("Compare with another host.") }
  }

  func perform(_ session: CommandSession) async throws -> CommandExit {
    let selection = TemplateSelection(template: template?.template, pool: template?.pool ?? pool)
    return try await session.withLink(.nothing) { [host, against, timeout] link in
      let question = HostQuestion(session: session, link: link, time: timeout)
      var readings: [Reading] = []
      // Ctrl-C while the hosts are told waits for their answers: only what they have taken can be stopped for certain.
      let signals = session.environment.signals()
      do {
        var begun: [WorkFollower.Followed] = []
        for host in [host, against].compactMap(\.self) {
          let address = HostAddress(cluster: session.cluster, host: host)
          let request = session.request(.verifyTemplates(selection), host: address, within: timeout)
          let reply: Reply
          do throws(LinkError) {
            reply = try await link.ask(request, of: address, within: timeout)
          } catch {
            if error.code == .noAnswer { readings.append(Reading(host: host, id: request.id, isTaken: false)) }
            throw error
          }
          guard let work = session.work(in: reply) else {
            _ = await Self.stop(readings, question)
            return .refused
          }
          readings.append(Reading(host: host, id: work.id, isTaken: true))
          begun.append(WorkFollower.Followed(host: host, work: work))
        }
        switch try await WorkFollower(session: session, question: question).follow(begun, signals: signals) {
        case .ended(let followed): return tell(followed, session)
        case .interrupted(let followed):
          let running = followed.filter { !$0.work.phase.isTerminal }
          let isStopped = await Self.stop(running.map { Reading(host: $0.host, id: $0.work.id, isTaken: true) }, question)
          session.complain([isStopped ? "Interrupted; nothing is read any more." : "Interrupted."])
          return .interrupted
        }
      } catch {
        _ = await Self.stop(readings, question)
        throw error
      }
    }
  }

  /// What a host was told to read.
  private struct Reading {
    var host: NodeName
    var id: MigrationID
    /// Whether the host has said that it reads; one that has not answered may still begin.
    var isTaken: Bool
  }

  /// Stops what hosts read, and names those that may read on.
  /// - Returns: Whether nothing is read any more.
  private static func stop(_ readings: [Reading], _ question: HostQuestion) async -> Bool {
    var isStopped = true
    for reading in readings {
      switch (try? await question.ask(.cancel(migration: reading.id), of: reading.host))?.body {
      case .accepted: continue
      // A host that was started again meanwhile reads nothing of it.
      case .rejected(let reasons) where reading.isTaken && reasons.contains(where: { $0.code == .unknownMigration }): continue
      default: break
      }
      isStopped = false
      question.session.complain([
        "\(reading.host) may read on; `longshore templates cancel \(reading.id) --host \(reading.host)` stops it."
      ])
    }
    return isStopped
  }

  private func tell(_ followed: [WorkFollower.Followed], _ session: CommandSession) -> CommandExit {
    guard let first = followed.first else { return .unknownOutcome }
    let other = followed.dropFirst().first.map { (host: $0.host, work: $0.work) }
    switch session.options.format {
    case .json, .yaml: session.writeValue(followed.map(\.work))
    case .table where session.options.quiet:
      session.write(first.work.files.filter { $0.state == .differs || $0.state == .unreadable }.map(\.name.printable))
    case .table where first.work.files.isEmpty: session.complain(["\(first.host) has no templates."])
    case .table: session.write(TemplateText.verified(first.work, against: other, style: session.policy.result))
    }
    for one in followed where one.work.phase != .done {
      session.complain(["\(one.host) has not read all: \(one.work.reason?.words ?? one.work.phase.rawValue)"])
      return .cancelled
    }
    let isSame = first.work.files.allSatisfy { file in
      guard let other else { return true }
      switch TemplateText.Comparison(file, in: other.work) {
      case .same, .absent: return true
      case .differs, .unknown: return false
      }
    }
    return isSame && followed.allSatisfy(\.work.isClean) ? .done : .failed
  }
}

/// `longshore templates prefetch`: puts a template in place ahead of a move.
struct TemplatesPrefetchSubcommand: OperatorCommand {
  static let configuration = CommandConfiguration(
    commandName: "prefetch",
    abstract: "Copy a template, with the layers below it, to another host ahead of the guests that need it.",
    discussion: """
      As a migration does it: compared by SHA-256, published read-only, never over another file. A file that is there already and is the \
      same is kept; one that differs refuses it. A copy that is cut goes on where it stopped. Ctrl-C leaves the copying on; the same \
      command follows it again, and `longshore templates cancel` stops it.

      EXAMPLES:
        longshore templates prefetch debian-12.qcow2 --from alpha --to beta
        longshore templates prefetch templates/debian-12.qcow2 --from alpha --to beta --pool fast

      \(CommandExit.help(
        [.done, .failed, .cancelled, .refused, .notPermitted, .unknownOutcome, .usage, .brokerUnreachable, .noAnswer, .interrupted],
        meanings: [
          .done: "the template is in place", .failed: "failed; nothing of it is left but layers that were copied completely",
          .cancelled: "cancelled; nothing of it is left but layers that were copied completely",
          .refused: "refused by the host (not one of its users, wrong host)", .unknownOutcome: "the host tells nothing of it any more",
          .interrupted: "Ctrl-C; the copying goes on",
        ]))
      """)

  @Argument(help: ArgumentHelp("The template, or POOL/TEMPLATE.", valueName: "template"), transform: NameArgument.template)
  var template: TemplateSelection

  @Option(
    help: ArgumentHelp("The host that has the template.", valueName: "host"),
    completion: BusCompletion.of(.host), transform: NameArgument.node)
  var from: NodeName

  @Option(
    help: ArgumentHelp("The host that gets it.", valueName: "host"),
    completion: BusCompletion.of(.host), transform: NameArgument.node)
  var to: NodeName

  @Option(
    help: ArgumentHelp(
      "The pool there that it goes into, with the layers in its own pool (default: the pool of the same name).", valueName: "pool"),
    completion: BusCompletion.of(.pool), transform: NameArgument.resource)
  var pool: ResourceName?

  @Option(
    help: ArgumentHelp(
      "The pool there for layers below it that are in other pools (default: the pools of the same names).", valueName: "pool"),
    completion: BusCompletion.of(.pool), transform: NameArgument.resource)
  var templatePool: ResourceName?

  @Option(
    help: ArgumentHelp("How long hosts may take to answer (default: 10s).", valueName: "duration"), transform: DurationArgument.parse)
  var timeout: Duration = .seconds(10)

  @OptionGroup(title: "Connection options") var connection: ConnectionOptions
  @OptionGroup(title: "Output options") var output: OutputOptions

  func validate() throws {
    if from == to { throw ValidationError("The template is on \(to) already: name two hosts.") }
  }

  func perform(_ session: CommandSession) async throws -> CommandExit {
    guard let name = template.template else { return .usage }
    let order = PrefetchOrder(template: name, from: from, pool: template.pool, destinationPool: pool, layerPool: templatePool)
    return try await session.withLink(.nothing) { [to, timeout] link in
      let question = HostQuestion(session: session, link: link, time: timeout)
      let address = HostAddress(cluster: session.cluster, host: to)
      let request = session.request(.prefetchTemplate(order), host: address, within: timeout)
      let reply: Reply
      do throws(LinkError) {
        reply = try await link.ask(request, of: address, within: timeout)
      } catch {
        var failure = CommandFailure(error)
        if error.code == .noAnswer {
          failure.advice =
            "the order may still be taken for a minute: the same command follows it; `longshore templates cancel \(request.id) --host \(to)` stops it."
        }
        throw failure
      }
      guard let begun = session.work(in: reply) else { return .refused }
      switch try await WorkFollower(session: session, question: question).follow([.init(host: to, work: begun)]) {
      case .interrupted:
        session.complain([
          "The copying goes on at \(to). The same command follows it again.",
          "`longshore templates cancel \(begun.id) --host \(to)` stops it.",
        ])
        return .interrupted
      case .ended(let followed): return tell(followed.first?.work ?? begun, name, session)
      }
    }
  }

  private func tell(_ work: TemplateWork, _ name: ResourceName, _ session: CommandSession) -> CommandExit {
    if session.options.format.isForPrograms { session.writeValue(work) }
    let style = session.policy.progress
    switch work.phase {
    case .done:
      switch session.options.format {
      case .json, .yaml: break
      case .table where session.options.quiet: session.write(work.files.map(\.name.printable))
      case .table: session.write(TemplateText.placed(work, name, on: to, style: session.policy.result))
      }
      return .done
    case .cancelled:
      session.complain([style.yellow("Cancelled:") + " \(name.text.printable) is not on \(to)."])
      return .cancelled
    case .failed, .queued, .working:
      session.complain(
        [style.red("Failed:") + " \(name.text.printable) is not on \(to)."] + (work.reason.map { ["  - \($0.words)"] } ?? []))
      return .failed
    }
  }
}

/// `longshore templates cancel`: stops a prefetch or a verification.
struct TemplatesCancelSubcommand: OperatorCommand {
  static let configuration = CommandConfiguration(
    commandName: "cancel",
    abstract: "Stop a prefetch or a verification.",
    discussion: """
      What was copied in part is removed; layers that were copied completely stay.

      EXAMPLES:
        longshore templates cancel 6f1c5a52-2b0e-4c6e-9d0a-0c3a1f6f7a11 --host beta

      \(CommandExit.help([.done, .refused, .notPermitted, .usage, .brokerUnreachable, .noAnswer]))
      """)

  @Argument(help: "The id, as the command that ordered it has told.", transform: NameArgument.migration)
  var id: MigrationID

  @Option(
    help: ArgumentHelp("The host that does it.", valueName: "host"),
    completion: BusCompletion.of(.host), transform: NameArgument.node)
  var host: NodeName

  @Option(
    help: ArgumentHelp("How long the host may take to answer (default: 10s).", valueName: "duration"), transform: DurationArgument.parse)
  var timeout: Duration = .seconds(10)

  @OptionGroup(title: "Connection options") var connection: ConnectionOptions
  @OptionGroup(title: "Output options") var output: OutputOptions

  func perform(_ session: CommandSession) async throws -> CommandExit {
    try await session.withLink(.nothing) { [id, host, timeout] link in
      let question = HostQuestion(session: session, link: link, time: timeout)
      // What is cancelled here is no migration.
      guard session.work(in: try await question.ask(.templateWork(id: id), of: host)) != nil else { return .refused }
      let reply = try await question.ask(.cancel(migration: id), of: host)
      if session.options.format.isForPrograms { session.writeValue(reply) }
      if session.complainOfRefusal(reply) { return .refused }
      if session.options.format == .table { session.write([session.options.quiet ? id.text : "\(host) is cancelling \(id)."]) }
      return .done
    }
  }
}

extension CommandSession {
  /// The work that a reply tells of; nil where it refuses, which is said.
  fileprivate func work(in reply: Reply) -> TemplateWork? {
    if case .templateWork(let work) = reply.body { return work }
    if !complainOfRefusal(reply) { complain(["\(reply.from.host) answers something else: use a `longshore` of its version."]) }
    return nil
  }

  /// Says why a host refuses. Returns whether it does.
  fileprivate func complainOfRefusal(_ reply: Reply) -> Bool {
    guard case .rejected(let reasons) = reply.body else { return false }
    complain([policy.progress.red("Refused by \(reply.from.host):")] + reasons.map { "  - \($0.words)" })
    return true
  }
}
