import ArgumentParser
import LongshoreClient
import LongshoreMessages

/// `longshore watch`: follows one migration, or shows the events of all.
struct WatchSubcommand: OperatorCommand {
  static let configuration = CommandConfiguration(
    commandName: "watch",
    abstract: "Follow one migration to its end, or show the events of all.",
    discussion: """
      With an id the command ends when the migration ends. Without one it prints each event as a line (with --format json as a \
      CloudEvent) until Ctrl-C; on a terminal the migrations that run stand below, one a line.

      EXAMPLES:
        longshore watch 6f1c5a52-2b0e-4c6e-9d0a-0c3a1f6f7a11
        longshore watch --since 1h
        longshore watch --format json | jq .type

      \(CommandExit.help([
        .done, .failed, .cancelled, .refused, .notPermitted, .unknownOutcome, .notVerified, .contentDiffers, .usage,
        .brokerUnreachable, .noAnswer, .interrupted,
      ]))
      """)

  @Argument(
    help: "The migration's id (default: all migrations).", completion: BusCompletion.of(.migration),
    transform: NameArgument.migration)
  var id: MigrationID?

  @Option(
    help: ArgumentHelp("Begin with the events of this time past, from the history.", valueName: "duration"),
    transform: DurationArgument.parse)
  var since: Duration?

  @Option(
    help: ArgumentHelp("How long hosts may take to answer (default: 2s).", valueName: "duration"), transform: DurationArgument.parse)
  var timeout: Duration = HostQuestion.defaultTime

  @OptionGroup(title: "Connection options") var connection: ConnectionOptions
  @OptionGroup(title: "Output options") var output: OutputOptions

  func validate() throws {
    if id != nil, since != nil {
      throw ValidationError("--since is for the events of all migrations; `longshore status ID` tells those of one.")
    }
  }

  func perform(_ session: CommandSession) async throws -> CommandExit {
    let subscription = Subscription(.cluster(session.cluster), history: since)
    return try await session.withLink(subscription) { [id, timeout] link in
      guard let id else {
        return session.showsBoard ? await Self.showBoard(session, link, time: timeout) : await Self.showAll(session, link)
      }
      let status = try await HostQuestion(session: session, link: link, time: timeout).status(of: id)
      let state = FollowedState(
        guest: status.guest.name, source: status.sourceHost.text, destination: status.destinationHost.text,
        phase: status.phase.words, acceptedAt: status.acceptedAt, heardAt: session.environment.now())
      return await session.follow(
        FollowMachine(attachingTo: id), over: link, state: state, heard: [.status(status)])
    }
  }

  /// How often the hosts are asked which migrations there are.
  private static let listInterval = Duration.seconds(60)

  private enum Happening: Sendable {
    case notice(LinkNotice)
    case signal(FollowSignal)
    case status(MigrationStatus)
  }

  /// Prints events above a board of all migrations, until Ctrl-C.
  private static func showBoard(_ session: CommandSession, _ link: any OrchestratorLink, time: Duration) async -> CommandExit {
    let (happenings, source) = AsyncStream.makeStream(of: Happening.self)
    return await withTaskGroup(of: Void.self) { group in
      defer { group.cancelAll() }
      group.addTask { for await notice in link.notices { source.yield(.notice(notice)) } }
      group.addTask { for await signal in session.environment.signals() { source.yield(.signal(signal)) } }
      group.addTask {
        // Where no host answers the board begins empty, and events fill it. What only waits is not told of again: it is asked for.
        repeat {
          let replies = try? await HostQuestion(session: session, link: link, time: time).all(.list(includeEnded: false))
          for status in ListSubcommand.migrations(in: replies ?? []) { source.yield(.status(status)) }
        } while (try? await Task.sleep(for: Self.listInterval)) != nil
      }
      var board = WatchBoard()
      var block = LiveBlock()
      for await happening in happenings {
        let now = session.environment.now()
        let width = session.environment.columns()
        switch happening {
        case .signal(.interrupt):
          session.environment.writeProgress(block.erase(width: width))
          return .interrupted
        case .signal(.redraw), .signal(.second): break
        case .status(let status): board.apply(status, at: now)
        case .notice(let notice):
          board.apply(notice, at: now)
          if notice.isProgress { break }
          session.environment.writeProgress(block.erase(width: width))
          show(notice, session)
        }
        let lines = board.lines(at: now, width: max(1, width - 1), style: session.policy.progress)
        session.environment.writeProgress(block.draw(lines, width: width))
      }
      return .interrupted
    }
  }

  /// Prints events until Ctrl-C.
  private static func showAll(_ session: CommandSession, _ link: any OrchestratorLink) async -> CommandExit {
    await withTaskGroup(of: Void.self) { group in
      group.addTask {
        for await notice in link.notices { show(notice, session) }
      }
      group.addTask {
        for await signal in session.environment.signals() where signal == .interrupt { return }
      }
      await group.next()
      group.cancelAll()
      return .interrupted
    }
  }

  private static func show(_ notice: LinkNotice, _ session: CommandSession) {
    switch notice {
    case .event(let event):
      switch session.options.format {
      case .json, .yaml: session.writeValue(event)
      case .table where session.options.quiet: session.write([event.subject.text])
      case .table:
        let (zone, style) = (session.environment.zone, session.policy.result)
        session.write([
          session.showsBoard ? EventLine.brief(event, zone: zone, style: style) : EventLine.watched(event, zone: zone, style: style)
        ])
      }
    case .progress, .drain: return
    case .lost(let reason): session.complain(["The broker is away (\(reason.printable)); trying again."])
    case .restored: session.complain(["The broker is back. Events of the meantime may be missing."])
    }
  }
}

extension LinkNotice {
  fileprivate var isProgress: Bool { if case .progress = self { true } else { false } }
}
