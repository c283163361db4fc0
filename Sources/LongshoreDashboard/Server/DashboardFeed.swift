import FoundationEssentials
import Logging
import LongshoreClient
import LongshoreMessages
import ServiceLifecycle
import Synchronization

/// Hears what happens, and asks the hosts what they are, as long as the dashboard runs. Where the broker is away it goes on trying.
actor DashboardFeed: Service, DashboardActions {
  /// Opens a link, lets it be used, and closes it.
  typealias LinkOpener =
    @Sendable (LinkSettings, Subscription, _ use: @escaping @Sendable (any OrchestratorLink) async throws -> Void) async throws -> Void

  /// Times.
  struct Times: Sendable {
    /// How far back events are read.
    var history = Duration.seconds(7 * 86_400)
    /// How often hosts are asked.
    var interval = Duration.seconds(10)
    /// How long hosts may take to answer.
    var answer = Duration.seconds(3)
    /// The history has been read when nothing of it came for this long.
    var quiet = Duration.seconds(1)
    /// How long to wait before the broker is tried again, at first.
    var retry = Duration.seconds(1)
    /// How long to wait at most.
    var longestRetry = Duration.seconds(15)
    /// How long a host may take to take an order.
    var order = Duration.seconds(10)
  }

  private let state: DashboardState
  private let settings: LinkSettings
  private let times: Times
  private let open: LinkOpener
  private let now: @Sendable () -> Timestamp
  private let logger: Logger
  private var link: (any OrchestratorLink)?
  private var isConnected = false

  init(
    _ state: DashboardState, settings: LinkSettings, times: Times = Times(), logger: Logger, now: @escaping @Sendable () -> Timestamp,
    open: @escaping LinkOpener
  ) {
    self.state = state
    self.settings = settings
    self.times = times
    self.logger = logger
    self.now = now
    self.open = open
  }

  func run() async throws {
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
    let (state, times, startedAt) = (state, times, now())
    let watch = HistoryWatch(startedAt: startedAt)
    await withTaskGroup(of: Void.self) { group in
      // A stream does not say where its end is: what comes late is of the present.
      group.addTask {
        while !Task.isCancelled {
          try? await Task.sleep(for: times.quiet / 4)
          if watch.isRead(after: times.quiet) { break }
        }
        await state.apply(.replayed)
      }
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
        case .drain(let event):
          watch.heard(at: event.time)
          await state.apply(.drain(event))
        case .progress(let progress): await state.apply(.progress(progress))
        case .lost(let reason): await state.apply(.brokerLost(reason: reason))
        case .restored: await state.apply(.brokerBack)
        }
      }
      group.cancelAll()
    }
  }

  /// Asks all hosts what they are and do.
  /// - Returns: How many have answered.
  private func ask(_ link: any OrchestratorLink) async -> Int {
    let start = now()
    let questions: [Request.Command] = [.describe, .list(includeEnded: false), .queue, .listDrains(includeEnded: true)]
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
      await state.noteAsked()
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

  func cancel(_ migration: MigrationID, at source: HostAddress) async throws {
    guard let link else { throw ActionRefusal(reasons: [], message: "The broker is away; nothing was asked.") }
    let reply: Reply
    do {
      reply = try await link.ask(request(.cancel(migration: migration), host: source, within: times.order), of: source, within: times.order)
    } catch {
      throw ActionRefusal(reasons: [], message: "\(error.message). Whether the host has taken it is not known: look again.")
    }
    if case .rejected(let reasons) = reply.body { throw ActionRefusal(reasons: reasons, message: nil) }
    logger.notice("A migration is cancelled from the dashboard", metadata: ["migration.id": .string(migration.text)])
  }
}

/// Sees when the history of events has been read. A stream does not say where its end is.
private final class HistoryWatch: Sendable {
  private let startedAt: Timestamp
  private let heard = Mutex((last: ContinuousClock.now, isPresent: false))

  init(startedAt: Timestamp) { self.startedAt = startedAt }

  /// An event of this time was read.
  func heard(at time: Timestamp) {
    heard.withLock { $0 = (.now, $0.isPresent || time >= startedAt) }
  }

  /// Whether an event of the present was read, or none at all for a time.
  func isRead(after quiet: Duration) -> Bool {
    heard.withLock { $0.isPresent || ContinuousClock.now - $0.last > quiet }
  }
}
