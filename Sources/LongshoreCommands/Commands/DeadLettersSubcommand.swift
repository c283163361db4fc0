import ArgumentParser
import LongshoreClient
import LongshoreMessages

/// `longshore dead-letters`: messages that no agent could use.
struct DeadLettersSubcommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "dead-letters",
    abstract: "List, show, send again or drop messages that no agent could use.",
    discussion: """
      An agent that cannot use a message, and cannot tell its sender so, puts it aside with the reason. Nothing waits for these letters; \
      the broker deletes them after 30 days. The broker's user must be allowed to read them (`contrib/rabbitmq/setup operator`).

      Without a subcommand it lists.

      EXAMPLES:
        longshore dead-letters
        longshore dead-letters show 3f9a12bc77d0
        longshore dead-letters drop --all --yes
      """,
    subcommands: [DeadLettersList.self, DeadLettersShow.self, DeadLettersRequeue.self, DeadLettersDrop.self],
    defaultSubcommand: DeadLettersList.self)
}

private let exitCodes = CommandExit.help([.done, .refused, .notPermitted, .usage, .brokerUnreachable])

/// `longshore dead-letters list`.
struct DeadLettersList: OperatorCommand {
  static let configuration = CommandConfiguration(
    commandName: "list",
    abstract: "List the dead letters, the oldest first.",
    discussion: """
      EXAMPLES:
        longshore dead-letters
        longshore dead-letters list --format json | jq -r '.[].reason'

      \(exitCodes)
      """)

  @OptionGroup(title: "Connection options") var connection: ConnectionOptions
  @OptionGroup(title: "Output options") var output: OutputOptions

  func perform(_ session: CommandSession) async throws -> CommandExit {
    try await session.withLink(.nothing) { link in
      _ = try await link.sortDeadLetters { letters in
        switch session.options.format {
        case .json, .yaml: session.writeValue(letters)
        case .table where session.options.quiet: session.write(letters.map(\.id))
        case .table where letters.isEmpty: session.complain(["No dead letters."])
        case .table:
          session.write(DeadLetterText.list(letters, zone: session.environment.zone, style: session.policy.result))
        }
        session.complainOfMore(than: letters)
        return []
      }
      return .done
    }
  }
}

/// `longshore dead-letters show`.
struct DeadLettersShow: OperatorCommand {
  static let configuration = CommandConfiguration(
    commandName: "show",
    abstract: "Show dead letters whole.",
    discussion: """
      EXAMPLES:
        longshore dead-letters show 3f9a12bc77d0
        longshore dead-letters show 3f9a12bc77d0 --format json | jq -r '.[].body | fromjson'

      \(exitCodes)
      """)

  @Argument(help: "The letters' ids, as the list shows them.")
  var ids: [String]

  @OptionGroup(title: "Connection options") var connection: ConnectionOptions
  @OptionGroup(title: "Output options") var output: OutputOptions

  func perform(_ session: CommandSession) async throws -> CommandExit {
    try await session.withLink(.nothing) { [ids] link in
      _ = try await link.sortDeadLetters { letters in
        let chosen = try LetterSelection.choose(ids, from: letters)
        switch session.options.format {
        case .json, .yaml: session.writeValue(chosen)
        case .table where session.options.quiet: session.write(chosen.map(\.id))
        case .table:
          let texts = chosen.map { DeadLetterText.letter($0, zone: session.environment.zone, style: session.policy.result) }
          session.write(Array(texts.joined(separator: [""])))
        }
        session.complainOfMore(than: letters)
        return []
      }
      return .done
    }
  }
}

/// `longshore dead-letters requeue`.
struct DeadLettersRequeue: OperatorCommand {
  static let configuration = CommandConfiguration(
    commandName: "requeue",
    abstract: "Send requests among the dead letters again.",
    discussion: """
      A request goes to the host that it was for, as a request of the broker's user who sends it again. One that was carried out \
      meanwhile is not done twice: its host knows its id. Messages between agents are not sent again, which agents do themselves.

      EXAMPLES:
        longshore dead-letters requeue 3f9a12bc77d0
        longshore dead-letters requeue --all

      \(exitCodes)
      """)

  @OptionGroup var letters: LetterSelection
  @OptionGroup(title: "Connection options") var connection: ConnectionOptions
  @OptionGroup(title: "Output options") var output: OutputOptions

  func perform(_ session: CommandSession) async throws -> CommandExit {
    try await session.withLink(.nothing) { [selection = letters] link in
      let sorted = try await link.sortDeadLetters { letters in
        let chosen = Set(try selection.choose(from: letters).filter { selection.all ? $0.isRequest : true }.map(\.id))
        if let other = letters.first(where: { chosen.contains($0.id) && !$0.isRequest }) {
          throw CommandFailure(
            .refused, "the letter \(other.id) is no request but a message between agents", while: "sending dead letters again",
            advice: "`longshore dead-letters drop \(other.id)`: agents repeat what matters by themselves.")
        }
        session.complainOfMore(than: letters)
        return letters.map { chosen.contains($0.id) ? .sendAgain : .keep }
      }
      let chosen = sorted.filter { $0.fate == .sendAgain }
      let failures = chosen.compactMap(\.failure)
      if failures.isEmpty || failures.count < chosen.count { session.tell(chosen.filter { $0.failure == nil }.map(\.letter), "sent again") }
      for failure in failures { session.complain(["\(failure.message.printable): the letter is kept."]) }
      return failures.isEmpty ? .done : .refused
    }
  }
}

/// `longshore dead-letters drop`.
struct DeadLettersDrop: OperatorCommand {
  static let configuration = CommandConfiguration(
    commandName: "drop",
    abstract: "Delete dead letters.",
    discussion: """
      There is no way back. Asks before, on a terminal; elsewhere --yes is needed.

      EXAMPLES:
        longshore dead-letters drop 3f9a12bc77d0
        longshore dead-letters drop --all --yes

      \(exitCodes)
      """)

  @OptionGroup var letters: LetterSelection
  @Flag(help: "Do not ask.")
  var yes = false
  @OptionGroup(title: "Connection options") var connection: ConnectionOptions
  @OptionGroup(title: "Output options") var output: OutputOptions

  func perform(_ session: CommandSession) async throws -> CommandExit {
    try session.requireTerminal(unless: yes, while: "dropping dead letters")
    return try await session.withLink(.nothing) { [selection = letters, yes] link in
      let sorted = try await link.sortDeadLetters { letters in
        let chosen = try selection.choose(from: letters)
        session.complainOfMore(than: letters)
        let ids = Set(chosen.map(\.id))
        guard !chosen.isEmpty else { return [] }
        let what = Quantity.count(chosen.count, "dead letter")
        guard yes || session.confirms("Drop \(what)? [y/N] ") else {
          throw CommandFailure(.refused, "nothing is dropped", while: "dropping \(what)")
        }
        return letters.map { ids.contains($0.id) ? .drop : .keep }
      }
      session.tell(sorted.filter { $0.fate == .drop }.map(\.letter), "dropped")
      return .done
    }
  }
}

/// Which dead letters are meant.
struct LetterSelection: ParsableArguments {
  @Argument(help: "The letters' ids, as the list shows them.")
  var ids: [String] = []

  @Flag(help: "All letters.")
  var all = false

  func validate() throws {
    if ids.isEmpty != all { throw ValidationError("Give the ids of letters, or --all.") }
  }

  /// The letters that are meant.
  /// - Throws: ``CommandFailure`` where an id is of no letter, or begins those of several.
  func choose(from letters: [DeadLetter]) throws(CommandFailure) -> [DeadLetter] {
    all ? letters : try Self.choose(ids, from: letters)
  }

  /// The letters of these ids, or of their beginnings.
  /// - Throws: ``CommandFailure`` where an id is of no letter, or begins those of several.
  static func choose(_ ids: [String], from letters: [DeadLetter]) throws(CommandFailure) -> [DeadLetter] {
    var chosen: Set<String> = []
    for id in ids {
      let found = Set(letters.map(\.id).filter { $0.hasPrefix(id) })
      guard found.count == 1, let one = found.first else {
        throw CommandFailure(
          .refused, found.isEmpty ? "no dead letter has the id \(id)" : "\(found.count) dead letters have ids that begin with \(id)",
          while: "reading the dead letters",
          advice: letters.count < DeadLetter.mostAtOnce
            ? "`longshore dead-letters list` shows them."
            : "The first \(DeadLetter.mostAtOnce) were looked at, and more may be there: run it again when those are gone.")
      }
      chosen.insert(one)
    }
    return letters.filter { chosen.contains($0.id) }
  }
}

extension CommandSession {
  /// Says that there may be more letters, where so many were read as are read at once.
  fileprivate func complainOfMore(than letters: [DeadLetter]) {
    guard letters.count >= DeadLetter.mostAtOnce else { return }
    complain([
      "The first \(letters.count) dead letters were looked at, and more may be there: run it again when those are gone."
    ])
  }

  /// Tells what becomes of letters.
  fileprivate func tell(_ letters: [DeadLetter], _ fate: String) {
    switch options.format {
    case .json, .yaml: writeValue(letters.map(\.id))
    case .table where options.quiet: write(letters.map(\.id))
    case .table where letters.isEmpty: complain(["No such dead letters."])
    case .table: write(letters.map { "\($0.id) \(fate)" })
    }
  }
}
