import LongshoreClient
import LongshoreMessages

/// Follows a drain at its host, by asking once a second how it stands.
struct DrainFollower {
  /// How the following ended.
  enum Outcome: Sendable, Hashable {
    /// The drain has ended.
    case ended(DrainStatus)
    /// The operator pressed Ctrl-C while it went on.
    case interrupted(DrainStatus)
  }

  /// How often a host that does not answer is asked again: its agent may be restarted, and so may the broker.
  private static let patience = 60

  let session: CommandSession
  let question: HostQuestion

  /// Follows until the drain has ended.
  ///
  /// - Throws: ``LinkError`` where the host does not answer for long; ``CommandFailure`` where it knows nothing of the drain any more.
  func follow(_ begun: DrainStatus) async throws -> Outcome {
    var drain = begun
    var presenter = DrainPresenter(session: session)
    var failures = 0
    var heardAt = session.environment.now()
    session.environment.writeProgress(presenter.present(drain, at: session.environment.now()))
    defer { session.environment.writeProgress(presenter.end()) }
    guard !drain.phase.isTerminal else { return .ended(drain) }
    let outcome: Outcome? = try await RepeatedQuestion<Result<DrainStatus, any Error>>.run(
      session.environment.signals(),
      question: {
        let asked = drain
        return { await answer(asked) }
      },
      hear: { happening -> Outcome? in
        switch happening {
        case .signal(.interrupt): return .interrupted(drain)
        case .signal(.second): return nil
        case .signal(.redraw): break
        case .answer(.success(let status)):
          drain = status
          failures = 0
          heardAt = session.environment.now()
        case .answer(.failure(let error)):
          guard error is LinkError else { throw error }
          failures += 1
          guard failures < Self.patience else { throw error }
        }
        let silence = failures > 0 ? session.environment.now().milliseconds - heardAt.milliseconds : nil
        session.environment.writeProgress(presenter.present(drain, at: session.environment.now(), silentFor: silence))
        return drain.phase.isTerminal ? .ended(drain) : nil
      })
    return outcome ?? .interrupted(drain)
  }

  private func answer(_ drain: DrainStatus) async -> Result<DrainStatus, any Error> {
    do {
      return .success(try await ask(drain))
    } catch {
      return .failure(error)
    }
  }

  private func ask(_ drain: DrainStatus) async throws -> DrainStatus {
    let reply = try await question.ask(.drainStatus(drain: drain.id), of: drain.host)
    switch reply.body {
    case .drain(let status): return status
    case .rejected(let reasons):
      throw CommandFailure(
        .unknownOutcome, "\(drain.host) does not tell: \(reasons.map(\.words).joined(separator: "; "))", while: "following the drain",
        advice: "`longshore list --all` shows the migrations that are known.")
    default: throw CommandFailure(.unknownOutcome, "\(drain.host) answers something else", while: "following the drain")
    }
  }
}

/// Shows a drain as the operator wants it.
struct DrainPresenter {
  /// Milliseconds between two lines for a log where nothing happens.
  private static let interval: Int64 = 30_000

  private let session: CommandSession
  private var block = LiveBlock()
  private var shown: DrainStatus?
  private var shownAt: Timestamp?

  init(session: CommandSession) { self.session = session }

  /// The text that shows how the drain stands.
  /// - Parameter silence: For how long its host has not answered, in milliseconds; nil where it has.
  mutating func present(_ drain: DrainStatus, at now: Timestamp, silentFor silence: Int64? = nil) -> String {
    let style = session.policy.progress
    // What was predicted before says nothing of now.
    let silent = silence.map { "\(drain.host) has not answered for \(Quantity.seconds(Double($0 / 1000))); trying again" }
    switch session.policy.progressMode {
    case .none: return ""
    case .json:
      defer { shown = drain }
      return shown?.updatedAt == drain.updatedAt && shown?.phase == drain.phase ? "" : ValueOutput.json(drain)
    case .tty:
      let width = session.environment.columns()
      // What has happened stays above what is drawn over.
      let news = lines(drain, now, style)
      let old = news.isEmpty ? "" : block.erase(width: width) + news
      defer { shown = drain }
      let room = max(1, width - 1)
      if let silent { return old + block.draw([style.yellow(silent.truncated(to: room))], width: width) }
      return old + block.draw(drain.phase.isTerminal ? [] : DrainText.progress(drain, width: room, style: style), width: width)
    case .auto, .plain:
      var text = lines(drain, now, style)
      let summary = silent ?? (DrainText.summary(drain).isEmpty ? nil : "\(drain.host): \(DrainText.summary(drain))")
      if text.isEmpty, !drain.phase.isTerminal, let summary, let shownAt, now.milliseconds - shownAt.milliseconds >= Self.interval {
        text = "\(session.environment.zone.time(of: now)) \(summary)\n"
      }
      if !text.isEmpty { shownAt = now }
      shown = drain
      return text
    }
  }

  private func lines(_ drain: DrainStatus, _ now: Timestamp, _ style: Style) -> String {
    DrainText.changes(from: shown, to: drain, style: style).map { line in
      line.hasPrefix(" ") ? "         \(line)\n" : "\(session.environment.zone.time(of: now)) \(line)\n"
    }.joined()
  }

  /// The text that takes away what is drawn over.
  mutating func end() -> String { block.erase(width: session.environment.columns()) }
}
