import FoundationEssentials
package import Logging
package import LongshoreMessages
import ServiceLifecycle
import Synchronization

/// Hears what happens, and asks the hosts what they are, as long as it runs. Where the broker is away it goes on trying.
package actor ClusterFeed: Service {
  /// Opens a link, lets it be used, and closes it.
  package typealias LinkOpener =
    @Sendable (LinkSettings, Subscription, _ use: @escaping @Sendable (any OrchestratorLink) async throws -> Void) async throws -> Void

  /// Times.
  package struct Times: Sendable {
    /// How far back events are read.
    package var history = Duration.seconds(7 * 86_400)
    /// How often hosts are asked.
    package var interval = Duration.seconds(10)
    /// How long hosts may take to answer.
    package var answer = Duration.seconds(3)
    /// The history has been read when nothing of it came for this long.
    package var quiet = Duration.seconds(1)
    /// How long to wait before the broker is tried again, at first.
    package var retry = Duration.seconds(1)
    /// How long to wait at most.
    package var longestRetry = Duration.seconds(15)

    /// Times as they are unless they are changed.
    package init() {}
  }

  /// What a page of all migrations, queues and drains asks.
  package static let allQuestions: [Request.Command] = [.describe, .list(includeEnded: false), .queue, .listDrains(includeEnded: true)]

  private let state: ClusterState
  private let settings: LinkSettings
  private let questions: [Request.Command]
  private let times: Times
  private let open: LinkOpener
  private let now: @Sendable () -> Timestamp
  private let logger: Logger
  private let heard: (@Sendable (MigrationEvent) async -> Void)?
  private var link: (any OrchestratorLink)?
  private var isConnected = false

  /// A feed of a state.
  /// - Parameters:
  ///   - questions: What all hosts are asked at each round.
  ///   - heard: Is told each numbered event of a migration, also those of the past.
  package init(
    _ state: ClusterState, settings: LinkSettings, questions: [Request.Command] = ClusterFeed.allQuestions, times: Times = Times(),
    logger: Logger, now: @escaping @Sendable () -> Timestamp, open: @escaping LinkOpener,
    heard: (@Sendable (MigrationEvent) async -> Void)? = nil
  ) {
    self.state = state
    self.questions = questions
    self.heard = heard
    self.settings = settings
    self.times = times
    self.logger = logger
    self.now = now
    self.open = open
  }

  package func run() async throws {
    await cancelWhenGracefulShutdown { await self.hearUntilCancelled() }
  }

  private func hearUntilCancelled() async {
    var wait = times.retry
    while !Task.isCancelled {
      isConnected = false
      let reason: String
      do {
        try await open(settings, Subscription(.cluster(settings.cluster), history: times.history)) { link in
          await self.use(link)
        }
        reason = "the connection was closed"
      } catch let error as LinkError {
        reason = error.description
      } catch {
        reason = "\(error)"
      }
      link = nil
      guard !Task.isCancelled else { return }
      logger.warning("The broker is away", metadata: ["error": .string(reason)])
      await state.apply(.brokerLost(reason: reason))
      if isConnected { wait = times.retry }
      try? await Task.sleep(for: wait)
      wait = min(wait * 2, times.longestRetry)
    }
  }

  /// Hears and asks over a link, as long as it is there.
  private func use(_ link: any OrchestratorLink) async {
    self.link = link
    isConnected = true
    await state.apply(.brokerBack)
    let (state, times) = (state, times)
    await withTaskGroup(of: Void.self) { group in
      var watch = await beginReading(in: &group)
      group.addTask {
        while !Task.isCancelled {
          let count = await self.ask(link)
          // Many hosts are asked less often.
          try? await Task.sleep(for: max(times.interval, .milliseconds(100 * count)))
        }
      }
      // The notices end with the link.
      for await notice in link.notices {
        switch notice {
        case .event(let event):
          watch.heard(at: event.time)
          await state.apply(.event(event))
          await heard?(event)
        case .drain(let event):
          watch.heard(at: event.time)
          await state.apply(.drain(event))
        case .progress(let progress): await state.apply(.progress(progress))
        case .lost(let reason): await state.apply(.brokerLost(reason: reason))
        case .restored:
          await state.apply(.brokerBack)
          // The stream is read from its beginning again.
          watch.abandon()
          watch = await beginReading(in: &group)
        }
      }
      group.cancelAll()
    }
  }

  /// The history of events is read from now on: sees when that comes to its end.
  private func beginReading(in group: inout TaskGroup<Void>) async -> HistoryWatch {
    let (state, times, startedAt) = (state, times, now())
    let watch = HistoryWatch(startedAt: startedAt)
    await state.apply(.replaying(since: startedAt.adding(milliseconds: -times.history.components.seconds * 1000)))
    // A stream does not say where its end is: what comes late is of the present.
    group.addTask {
      while !Task.isCancelled, !watch.isRead(after: times.quiet) {
        try? await Task.sleep(for: times.quiet / 4)
      }
      if !Task.isCancelled, !watch.isAbandoned { await state.apply(.replayed) }
    }
    return watch
  }

  /// Asks all hosts what they are and do.
  /// - Returns: How many have answered.
  private func ask(_ link: any OrchestratorLink) async -> Int {
    let start = now()
    let questions = questions
    let (replies, hasFailed) = await withTaskGroup(of: ([Reply], Bool).self) { group in
      for question in questions {
        group.addTask { await self.all(question, over: link) }
      }
      var all = ([Reply](), false)
      for await some in group {
        all.0 += some.0
        all.1 = all.1 || some.1
      }
      return all
    }
    guard !Task.isCancelled else { return 0 }
    guard !replies.isEmpty, !hasFailed else {
      // What could not be asked has not stayed silent.
      await state.apply(.askedInVain)
      return 0
    }
    var round = HostRound(askedAt: start)
    for reply in replies { round.take(reply) }
    await state.apply(.round(round))
    return round.hosts.count
  }

  private func all(_ command: Request.Command, over link: any OrchestratorLink) async -> ([Reply], Bool) {
    var replies: [Reply] = []
    do {
      for try await reply in link.askAll(request(command, within: times.answer), in: settings.cluster, within: times.answer) {
        replies.append(reply)
      }
      return (replies, false)
    } catch {
      logger.debug("Hosts could not be asked", metadata: ["error": .string("\(error)")])
      return (replies, true)
    }
  }

  private func request(_ command: Request.Command, host: HostAddress? = nil, within time: Duration) -> Request {
    guard let id = MigrationID(UUID().uuidString.lowercased()) else { preconditionFailure("a UUID is a request's id") }
    // A minute is for clocks that differ.
    return Request(
      id: id, host: host, notAfter: now().adding(milliseconds: (time.components.seconds + 60) * 1000), command: command)
  }

  /// Asks one host.
  /// - Parameters:
  ///   - id: The request's id; nil for a new one.
  ///   - trace: The trace that it belongs to; nil where it is in none.
  /// - Throws: ``LinkError``, with `unreachable` where the broker is away and nothing was asked.
  package func ask(
    _ command: Request.Command, of host: NodeName, id: MigrationID? = nil, in trace: TraceContext? = nil, within time: Duration
  ) async throws(LinkError) -> Reply {
    let address = HostAddress(cluster: settings.cluster, host: host)
    guard let link else { throw Self.away("asking \(address)") }
    var request = request(command, host: address, within: time)
    if let id { request.id = id }
    request.trace = trace
    return try await link.ask(request, of: address, within: time)
  }

  /// Asks all hosts, and returns what has come when the time is over.
  /// - Parameter enough: Whether those that have answered are all that are waited for.
  /// - Throws: ``LinkError``, with `unreachable` where the broker is away and nothing was asked.
  package func askAll(
    _ command: Request.Command, within time: Duration, until enough: @Sendable ([Reply]) -> Bool = { _ in false }
  ) async throws -> [Reply] {
    guard let link else { throw Self.away("asking the hosts of cluster \(settings.cluster)") }
    var replies: [Reply] = []
    for try await reply in link.askAll(request(command, within: time), in: settings.cluster, within: time) {
      replies.append(reply)
      if enough(replies) { break }
    }
    // That nobody answers while the broker is away says nothing of the hosts.
    if replies.isEmpty, await state.model.broker.awayBecause != nil {
      throw Self.away("asking the hosts of cluster \(settings.cluster)")
    }
    return replies
  }

  private static func away(_ operation: String) -> LinkError {
    LinkError(.unreachable, "the broker is away", while: operation)
  }
}

/// Sees when the history of events has been read. A stream does not say where its end is.
private final class HistoryWatch: Sendable {
  private let startedAt: Timestamp
  private let heard = Mutex((last: ContinuousClock.now, isPresent: false, isAbandoned: false))

  init(startedAt: Timestamp) { self.startedAt = startedAt }

  /// An event of this time was read.
  func heard(at time: Timestamp) {
    heard.withLock {
      $0.last = .now
      $0.isPresent = $0.isPresent || time >= startedAt
    }
  }

  /// The history is read anew, which another one sees.
  func abandon() { heard.withLock { $0.isAbandoned = true } }

  /// Whether the history is read anew.
  var isAbandoned: Bool { heard.withLock(\.isAbandoned) }

  /// Whether an event of the present was read, or none at all for a time.
  func isRead(after quiet: Duration) -> Bool {
    heard.withLock { $0.isAbandoned || $0.isPresent || ContinuousClock.now - $0.last > quiet }
  }
}
