import LongshoreClient
import LongshoreMessages

/// Follows work on templates at hosts, by asking once a second how far it is: the work tells nobody by itself.
struct WorkFollower {
  /// A host and the work that it does.
  struct Followed: Sendable, Hashable {
    var host: NodeName
    var work: TemplateWork
  }

  /// How the following ended.
  enum Outcome: Sendable, Hashable {
    /// All work has ended.
    case ended([Followed])
    /// The operator pressed Ctrl-C while some of it went on.
    case interrupted([Followed])
  }

  /// What the hosts have answered together.
  private struct Answer: Sendable {
    /// The work, as new as it was told.
    var followed: [Followed]
    /// Why not all was told.
    var failure: (any Error)?
  }

  /// How long a host that does not answer is asked again, in questions.
  private static let patience = 12

  let session: CommandSession
  let question: HostQuestion

  /// Follows until all has ended.
  ///
  /// - Parameters:
  ///   - begun: The work as its hosts have taken it.
  ///   - signals: The operator's side, from before the work was ordered where Ctrl-C is to end it; nil from now on.
  /// - Throws: ``LinkError`` where a host does not answer for long; ``CommandFailure`` where one knows nothing of the work any more.
  func follow(_ begun: [Followed], signals: AsyncStream<FollowSignal>? = nil) async throws -> Outcome {
    var followed = begun
    var presenter = WorkPresenter(session: session)
    var failures = 0
    session.environment.writeProgress(presenter.present(followed, at: session.environment.now()))
    defer { session.environment.writeProgress(presenter.end()) }
    guard followed.contains(where: { !$0.work.phase.isTerminal }) else { return .ended(followed) }
    let outcome: Outcome? = try await RepeatedQuestion<Answer>.run(
      signals ?? session.environment.signals(),
      question: {
        let asked = followed
        return { await answer(asked) }
      },
      hear: { happening -> Outcome? in
        switch happening {
        case .signal(.interrupt): return .interrupted(followed)
        case .signal(.second): return nil
        case .signal(.redraw): break
        case .answer(let answer):
          followed = answer.followed
          failures = answer.failure == nil ? 0 : failures + 1
          if let failure = answer.failure, !(failure is LinkError) || failures >= Self.patience { throw failure }
        }
        session.environment.writeProgress(presenter.present(followed, at: session.environment.now()))
        return followed.allSatisfy(\.work.phase.isTerminal) ? .ended(followed) : nil
      })
    return outcome ?? .interrupted(followed)
  }

  private func answer(_ followed: [Followed]) async -> Answer {
    var answer = Answer(followed: followed)
    do {
      for index in followed.indices where !followed[index].work.phase.isTerminal {
        answer.followed[index].work = try await ask(followed[index])
      }
    } catch {
      answer.failure = error
    }
    return answer
  }

  private func ask(_ followed: Followed) async throws -> TemplateWork {
    let reply = try await question.ask(.templateWork(id: followed.work.id), of: followed.host)
    switch reply.body {
    case .templateWork(let work): return work
    case .rejected(let reasons):
      throw CommandFailure(
        .unknownOutcome, "\(followed.host) does not tell: \(reasons.map(\.words).joined(separator: "; "))", while: "following the work",
        advice: "Order it again: what is done already is not done twice.")
    default: throw CommandFailure(.unknownOutcome, "\(followed.host) answers something else", while: "following the work")
    }
  }
}

/// Shows work on templates as the operator wants it.
struct WorkPresenter {
  /// Milliseconds between two lines for a log.
  private static let interval: Int64 = 10_000

  private let session: CommandSession
  private var block = LiveBlock()
  private var shownAt: Timestamp?
  private var shown: [WorkFollower.Followed] = []

  init(session: CommandSession) { self.session = session }

  /// The text that shows how the work stands.
  mutating func present(_ followed: [WorkFollower.Followed], at now: Timestamp) -> String {
    let style = session.policy.progress
    switch session.policy.progressMode {
    case .none: return ""
    case .json:
      defer { shown = followed }
      return followed.filter { !shown.contains($0) }.map { ValueOutput.json($0.work) }.joined()
    case .tty:
      let width = session.environment.columns()
      let lines = followed.filter { !$0.work.phase.isTerminal }
        .flatMap { TemplateText.progress($0.work, on: $0.host, width: max(1, width - 1), style: style) }
      return block.draw(lines, width: width)
    case .auto, .plain:
      let states = { (all: [WorkFollower.Followed]) in all.map { [$0.work.phase.rawValue] + $0.work.files.map(\.state.rawValue) } }
      if let shownAt, now.milliseconds - shownAt.milliseconds < Self.interval, states(shown) == states(followed) { return "" }
      defer {
        shown = followed
        shownAt = now
      }
      return followed.filter { !$0.work.phase.isTerminal && !shown.contains($0) }
        .map { "\(session.environment.zone.time(of: now)) \(TemplateText.line($0.work, on: $0.host, style: style))\n" }.joined()
    }
  }

  /// The text that takes away what is drawn over.
  mutating func end() -> String { block.erase(width: session.environment.columns()) }
}
