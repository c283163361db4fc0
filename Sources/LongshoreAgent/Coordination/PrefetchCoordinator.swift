internal import Logging
internal import LongshoreMessages
internal import MigrationCore
internal import MigrationJournal

/// Carries out what ``HostPrefetches`` decides: journals each step, then takes it over, and keeps the effects running that the prefetches
/// need.
///
/// Between a decision and its storing there is no suspension: the actor's state and the journal never disagree.
actor PrefetchCoordinator {
  private let here: HostAddress
  private let journal: Journal
  private let clock: any HostClock
  private let runner: any PrefetchRunner
  private let outboxChanged: @Sendable () -> Void
  private let deadlineSeconds: @Sendable () -> Int64
  private let logger: Logger

  private var prefetches: HostPrefetches
  private var tasks: [MigrationID: EffectTasks<PrefetchEffect>] = [:]
  /// The bytes of the layers that are copied now which have arrived.
  private var copied: [MigrationID: UInt64] = [:]
  private var isStopped = false

  init(
    here: HostAddress, journal: Journal, limit: Int, deadlineSeconds: @escaping @Sendable () -> Int64, clock: any HostClock,
    runner: any PrefetchRunner,
    outboxChanged: @escaping @Sendable () -> Void, logger: Logger
  ) {
    self.here = here
    self.journal = journal
    self.clock = clock
    self.runner = runner
    self.outboxChanged = outboxChanged
    self.deadlineSeconds = deadlineSeconds
    self.logger = logger
    prefetches = HostPrefetches(limit: limit)
  }

  // MARK: - Life

  /// Takes up what the journal holds: every prefetch that has not ended goes on.
  func resume() throws(JournalError) {
    let open = try journal.openPrefetches()
    for unreadable in open.unreadable {
      logger.error(
        "A prefetch in the journal cannot be read by this version and is left alone",
        metadata: [LogKeys.migration: "\(unreadable.id)", LogKeys.error: "\(unreadable.reason)"])
    }
    prefetches = HostPrefetches(limit: prefetches.limit, open: open.migrations)
    for prefetch in open.migrations {
      logger.info("Taking up a prefetch", metadata: describe(prefetch))
      reconcile(prefetch)
    }
  }

  /// Lets another number work at once from now on. Those that work already go on.
  func use(limit: Int) {
    prefetches.limit = limit
    admit()
  }

  /// How many prefetches are at work.
  var openCount: Int { tasks.count }

  /// Stops all effects and waits for them to come to rest. The prefetches stay as journalled.
  func stop() async {
    isStopped = true
    var ends: [Task<Void, Never>] = []
    for id in Array(tasks.keys) { if let end = tasks[id]?.stopAll() { ends.append(end) } }
    for end in ends { await end.value }
  }

  // MARK: - Requests

  /// Takes an order, and tells how the prefetch stands that does it: a new one, or one that is under way.
  ///
  /// - Parameter trace: The trace that the order belongs to; nil where it is in none.
  func order(_ order: PrefetchOrder, key: RequestKey, trace: TraceContext? = nil) throws(JournalError) -> Reply.Body {
    if let known = try prefetch(key.id) {
      return known.order == order ? .templateWork(work(of: known)) : .rejected([HostMigrations.idReused(key.id)])
    }
    guard order.from != here.host else {
      return .rejected([Reason(.sameHost, "the template is on \(here.host) already: name another host")])
    }
    let now = clock.now()
    let source = HostAddress(cluster: here.cluster, host: order.from)
    switch prefetches.accept(order, id: key.id, source: source, deadlineSeconds: deadlineSeconds(), trace: trace, at: now) {
    case .joins(let earlier): return .templateWork(work(of: earlier))
    case .begins(let prefetch):
      CrashPoint.prefetchUnstored.reached()
      switch try journal.begin(prefetch, request: key, at: now) {
      case .committed:
        CrashPoint.prefetchStored.reached()
        logger.info("Accepted a prefetch", metadata: describe(prefetch))
        adopt(prefetch)
        return .templateWork(work(of: prefetch))
      case .duplicateRequest, .requestReused, .stale: return .rejected([HostMigrations.idReused(key.id)])
      }
    }
  }

  /// How a prefetch stands, or how it ended; nil where none of the id is known.
  func work(_ id: MigrationID) throws(JournalError) -> TemplateWork? { try prefetch(id).map(work) }

  /// Stops a prefetch.
  ///
  /// - Returns: Why it cannot be stopped; nil inside where it is. Nil where none of the id is known.
  func cancel(_ id: MigrationID, reason: Reason) throws(JournalError) -> Reason?? {
    guard let prefetch = try prefetch(id) else { return nil }
    if let refusal = prefetch.refusalToCancel { return .some(refusal) }
    try apply(.cancel(reason), to: id)
    return .some(nil)
  }

  private func prefetch(_ id: MigrationID) throws(JournalError) -> TemplatePrefetch? {
    if let open = prefetches.open[id] { return open }
    return try journal.prefetch(id)
  }

  private func work(of prefetch: TemplatePrefetch) -> TemplateWork { prefetch.work(copied: copied[prefetch.id] ?? 0) }

  // MARK: - Steps

  private func apply(_ event: PrefetchEvent, to id: MigrationID) throws(JournalError) {
    guard let prefetch = prefetches.step(of: event, for: id) else { return }
    let messages = messages(of: prefetch)
    guard try journal.commit(prefetch, outbox: messages, at: clock.now()) == .committed else {
      logger.critical(
        "The journal holds another revision of a prefetch than this agent: is a second agent running?", metadata: describe(prefetch))
      return
    }
    CrashPoint(after: prefetch).reached()
    if !messages.isEmpty { outboxChanged() }
    adopt(prefetch)
  }

  /// What goes out with a step: at the end the source is told that its offer is not wanted any more.
  private func messages(of prefetch: TemplatePrefetch) -> [OutboxMessage] {
    guard prefetch.isTerminal, !prefetch.layers.isEmpty else { return [] }
    return [
      .peer(
        PeerMessage(
          migration: prefetch.id, from: here, to: prefetch.source, journal: journal.id, body: .templateDone, trace: prefetch.trace))
    ]
  }

  private func adopt(_ prefetch: TemplatePrefetch) {
    if prefetch.layerPaths != prefetches.open[prefetch.id]?.layerPaths { copied[prefetch.id] = nil }
    prefetches.adopt(prefetch)
    reconcile(prefetch)
    if prefetch.isTerminal {
      tasks[prefetch.id] = nil
      copied[prefetch.id] = nil
      log(prefetch)
      admit()
    }
  }

  /// Applies what an effect reported. While the journal cannot be written it is tried again: a result is never dropped.
  private func report(_ event: PrefetchEvent, id: MigrationID) async {
    var waits = BackOffSteps()
    while !Task.isCancelled {
      do {
        return try apply(event, to: id)
      } catch {
        logger.error("The journal cannot be written", metadata: [LogKeys.migration: "\(id)", LogKeys.error: "\(error)"])
        try? await clock.wait(milliseconds: waits.step())
      }
    }
  }

  private func note(_ bytes: UInt64, of id: MigrationID) { copied[id] = max(copied[id] ?? 0, bytes) }

  // MARK: - Effects

  private func reconcile(_ prefetch: TemplatePrefetch) {
    guard !isStopped else { return }
    let id = prefetch.id
    let effects = Dictionary(prefetch.outstanding(at: clock.now()).map { ($0.key, $0) }, uniquingKeysWith: { first, _ in first })
    tasks[id, default: EffectTasks()].reconcile(prefetch.outstanding(at: clock.now()).map(\.key)) { key in
      let effect = effects[key] ?? key
      return { await self.run(effect, of: id) }
    }
  }

  private func run(_ effect: PrefetchEffect, of id: MigrationID) async {
    guard let prefetch = prefetches.open[id] else { return }
    if effect == .awaitAdmission { return admit() }
    await withEffectSpan(effect.word, of: id, in: prefetch.trace) {
      await runner.run(effect, of: prefetch) { [weak self] in
        await self?.note($0, of: id)
      } report: { [weak self] in
        await self?.report($0, id: id)
      }
    }
  }

  /// Lets those begin whose turn it is. One whose turn cannot be journalled tries again.
  private func admit() {
    for id in prefetches.admissible {
      Task { await report(.admitted, id: id) }
    }
  }

  // MARK: - Log

  private func log(_ prefetch: TemplatePrefetch) {
    switch prefetch.phase {
    case .failed(let reason):
      var metadata = describe(prefetch)
      metadata[LogKeys.reason] = "\(reason)"
      logger.warning("A prefetch failed, and nothing of it is left", metadata: metadata)
    case .cancelled: logger.info("A prefetch is cancelled", metadata: describe(prefetch))
    default: logger.info("A prefetched template is in place", metadata: describe(prefetch))
    }
  }

  private func describe(_ prefetch: TemplatePrefetch) -> Logger.Metadata {
    [LogKeys.migration: "\(prefetch.id)", "template": "\(prefetch.order.template)", LogKeys.peer: "\(prefetch.source.host)"]
  }
}

extension CrashPoint {
  /// The point after a step of a prefetch was stored.
  fileprivate init(after prefetch: TemplatePrefetch) {
    self =
      switch prefetch.phase {
      case .queued: .prefetchStored
      case .asking: .prefetchAsking
      case .checking: .prefetchChecking
      case .placing: .prefetchPlacing
      case .finishing: .prefetchFinishing
      case .removing: .prefetchRemoving
      case .placed: .prefetchPlaced
      case .failed, .cancelled: .prefetchFailed
      }
  }
}
