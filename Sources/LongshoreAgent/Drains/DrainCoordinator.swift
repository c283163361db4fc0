internal import Logging
internal import LongshoreMessages
internal import MigrationCore
internal import MigrationJournal

/// Carries out what a ``Drain`` decides: journals each step, then takes it over, and keeps the effects running that it needs. A host has
/// one drain at most that has not ended.
///
/// Between a decision and its storing there is no suspension: the actor's state and the journal never disagree.
actor DrainCoordinator {
  /// How often it is told how far a drain is, in milliseconds.
  private static let reportInterval: Int64 = 60_000

  private let here: HostAddress
  private let journal: Journal
  private let clock: any HostClock
  private let runner: any DrainRunner
  /// What part of its bytes a migration still has to move, from 0 to 1; nil where that is not known.
  private let left: @Sendable (MigrationID) async -> Double?
  private let outboxChanged: @Sendable () -> Void
  private let logger: Logger

  private var drains: HostDrains
  /// A drain in the journal that has not ended and that this version cannot read.
  private var unreadable: MigrationID?
  private var tasks = EffectTasks<DrainEffect>()
  private var isStopped = false

  init(
    here: HostAddress, journal: Journal, clock: any HostClock, runner: any DrainRunner,
    left: @escaping @Sendable (MigrationID) async -> Double?, outboxChanged: @escaping @Sendable () -> Void, logger: Logger
  ) {
    self.here = here
    self.journal = journal
    self.clock = clock
    self.runner = runner
    self.left = left
    self.outboxChanged = outboxChanged
    self.logger = logger
    drains = HostDrains(here: here)
  }

  // MARK: - Life

  /// Takes up what the journal holds: a drain that has not ended goes on.
  func resume() throws(JournalError) {
    let found = try journal.drains(includeEnded: false)
    for unreadable in found.unreadable {
      logger.error(
        "A drain in the journal cannot be read by this version and is left alone",
        metadata: [LogKeys.migration: "\(unreadable.id)", LogKeys.error: "\(unreadable.reason)"])
    }
    unreadable = found.unreadable.first?.id
    guard let drain = found.migrations.first else { return }
    logger.info("Taking up a drain", metadata: describe(drain))
    drains = HostDrains(here: here, open: drain)
    reconcile(drain)
  }

  /// Stops all effects and waits for them to come to rest. The drain stays as journalled; its migrations go on.
  func stop() async {
    isStopped = true
    await tasks.stopAll().value
  }

  /// How many drains have not ended: none or one.
  var openCount: Int { drains.open == nil ? 0 : 1 }

  // MARK: - Requests

  /// Takes an order, and tells how the drain stands.
  ///
  /// - Parameter trace: The trace that the order belongs to; nil where it is in none.
  func order(_ order: DrainOrder, key: RequestKey, trace: TraceContext? = nil) async throws(JournalError) -> Reply.Body {
    let known = try drain(key.id)
    if known == nil, let refusal = refusal(of: order) { return .rejected([refusal]) }
    if known == nil, let unreadable {
      return .rejected([
        Reason(
          .drainRuns,
          "\(here.host) is being drained already by \(unreadable), which this version of the agent cannot read: start the version that began it"
        )
      ])
    }
    switch drains.accept(order, key, known: known, trace: trace, at: clock.now()) {
    case .known(let drain): return .drain(await status(of: drain))
    case .rejected(let reason): return .rejected([reason])
    case .begins(let step):
      CrashPoint.drainUnstored.reached()
      switch try journal.begin(step.drain, request: key, outbox: messages(of: step), at: step.at) {
      case .committed:
        CrashPoint.drainStored.reached()
        logger.info("Accepted a drain: no new guests come to this host", metadata: describe(step.drain))
        outboxChanged()
        drains.adopt(step)
        reconcile(step.drain)
        return .drain(await status(of: step.drain))
      case .duplicateRequest, .requestReused, .stale: return .rejected([HostMigrations.idReused(key.id)])
      }
    }
  }

  /// The plan that a drain would begin with. Changes nothing.
  func plan(_ order: DrainOrder, id: MigrationID) async -> Reply.Body {
    if let refusal = refusal(of: order) { return .rejected([refusal]) }
    do {
      let plan = Drain.plan(id: id, order: order, host: here.host, survey: try await runner.survey(id, order), at: clock.now())
      return .drain(DrainStatus.fitting([plan])[0])
    } catch {
      let why = Reason.of(error, "make the survey").message
      return .rejected([Reason(.unavailable, "\(here.host) cannot plan the drain at present (\(why)): ask again later")])
    }
  }

  /// What can be refused without looking at anything.
  private func refusal(of order: DrainOrder) -> Reason? {
    drains.refusal(of: order) ?? order.options.flatMap { OrderDoor.refusals(of: $0).first }
  }

  /// How a drain stands, or how it ended; nil where none of the id is known.
  func status(_ id: MigrationID) async throws(JournalError) -> DrainStatus? {
    guard let drain = try drain(id) else { return nil }
    return await status(of: drain)
  }

  /// The drains of this host, the newest first.
  func list(includeEnded: Bool) async throws(JournalError) -> [DrainStatus] {
    var all: [DrainStatus] = []
    for drain in try journal.drains(includeEnded: includeEnded).migrations { all.append(await status(of: drain)) }
    return DrainStatus.fitting(all)
  }

  /// Does what somebody wants of a drain.
  ///
  /// - Parameter reason: That somebody wants it.
  func steer(_ steering: DrainSteering, reason: Reason) async throws(JournalError) -> Reply.Body {
    guard let drain = try drain(steering.drain) else {
      return .rejected([Reason(.unknownDrain, "no drain \(steering.drain) is known at \(here.host)")])
    }
    let occurrence: DrainOccurrence
    do throws(Rejected) {
      occurrence = try drain.occurrence(steering, reason: reason)
    } catch {
      return .rejected([error.reason])
    }
    try apply(occurrence)
    return .drain(await status(of: try self.drain(steering.drain) ?? drain))
  }

  /// Puts the host into maintenance, or takes it out of it.
  func setMaintenance(_ on: Bool, takesGuests: Bool) throws(JournalError) -> Reply.Body {
    if !on, let refusal = drains.refusalToEndMaintenance { return .rejected([refusal]) }
    if !on, !takesGuests {
      return .rejected([Reason(.contradicted, "the configuration of \(here.host) keeps it in maintenance (`incoming.allowed: false`)")])
    }
    try journal.setMaintenance(on, at: clock.now())
    logger.notice(on ? "In maintenance: no new guests come to this host" : "Out of maintenance: guests may come to this host")
    return .maintenance(try journal.maintenance() ?? Maintenance(isOn: false))
  }

  private func drain(_ id: MigrationID) throws(JournalError) -> Drain? {
    if let open = drains.open, open.id == id { return open }
    return try journal.drain(id)
  }

  private func status(of drain: Drain) async -> DrainStatus {
    DrainStatus.fitting([drain.status(left: await left(of: drain), at: clock.now())])[0]
  }

  private func left(of drain: Drain) async -> [MigrationID: Double] {
    var parts: [MigrationID: Double] = [:]
    for case .move(let move) in drain.outstanding(at: clock.now()) { parts[move.migration] = await left(move.migration) }
    return parts
  }

  // MARK: - Steps

  private func apply(_ occurrence: DrainOccurrence) throws(JournalError) {
    guard let step = drains.step(of: occurrence, at: clock.now()) else { return }
    guard try journal.commit(step.drain, outbox: messages(of: step), at: step.at) == .committed else {
      logger.critical(
        "The journal holds another revision of a drain than this agent: is a second agent running?", metadata: describe(step.drain))
      return
    }
    CrashPoint(after: step.drain).reached()
    if !step.events.isEmpty { outboxChanged() }
    log(step)
    drains.adopt(step)
    reconcile(step.drain)
  }

  private func messages(of step: DrainStep) -> [OutboxMessage] { step.events.map { .event($0, host: here) } }

  /// Applies what an effect reported. While the journal cannot be written it is tried again: a result is never dropped.
  private func report(_ occurrence: DrainOccurrence) async {
    var waits = BackOffSteps()
    while !Task.isCancelled {
      do {
        return try apply(occurrence)
      } catch {
        logger.error("The journal cannot be written", metadata: [LogKeys.error: "\(error)"])
        try? await clock.wait(milliseconds: waits.step())
      }
    }
  }

  // MARK: - Effects

  private func reconcile(_ drain: Drain) {
    guard !isStopped else { return }
    let all = drain.outstanding(at: clock.now())
    let effects = Dictionary(all.map { ($0.key, $0) }, uniquingKeysWith: { first, _ in first })
    tasks.reconcile(all.map(\.key)) { key in
      let effect = effects[key] ?? key
      return { await self.run(effect) }
    }
  }

  private func run(_ effect: DrainEffect) async {
    guard let drain = drains.open else { return }
    switch effect {
    case .awaitDeadline(let milliseconds):
      guard (try? await clock.wait(milliseconds: milliseconds)) != nil else { return }
      await report(.deadlinePassed)
    case .report:
      while (try? await clock.wait(milliseconds: Self.reportInterval)) != nil {
        guard let drain = drains.open else { return }
        await report(.reportDue(expectedSeconds: drain.forecast(left: await left(of: drain))?.seconds))
      }
    // It lasts as long as the migration, which has spans of its own.
    case .move:
      await withWork(of: drain.id, in: drain.trace) {
        await runner.run(effect, of: drain) { await self.report($0) }
      }
    default:
      await withEffectSpan(effect.word, of: drain.id, in: drain.trace) {
        await runner.run(effect, of: drain) { await self.report($0) }
      }
    }
  }

  // MARK: - Log

  private func log(_ step: DrainStep) {
    for event in step.events.map(\.data) {
      var metadata = describe(step.drain)
      if let guest = event.guest {
        metadata[LogKeys.guestName] = "\(guest.guest.name)"
        metadata["outcome"] = "\(guest.state.rawValue)"
      }
      let reasons = event.reasons ?? event.guest?.reasons ?? []
      if !reasons.isEmpty { metadata[LogKeys.reason] = "\(reasons.map(\.description).joined(separator: "; "))" }
      switch event.kind {
      case .finished: logger.notice("A drain has ended; the host stays in maintenance", metadata: metadata)
      case .guest: logger.info("A guest of a drain", metadata: metadata)
      default: logger.info("A drain goes on", metadata: metadata)
      }
    }
  }

  private func describe(_ drain: Drain) -> Logger.Metadata {
    ["drain": "\(drain.id)", LogKeys.phase: "\(drain.publicPhase.rawValue)"]
  }
}

extension CrashPoint {
  /// The point after a step of a drain was stored.
  fileprivate init(after drain: Drain) {
    self =
      switch drain.phase {
      case .surveying: .drainFound
      case .moving: .drainMoving
      case .looking: .drainLooking
      case .ended: .drainEnded
      }
  }
}
