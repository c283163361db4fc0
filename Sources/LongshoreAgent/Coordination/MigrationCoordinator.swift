internal import Logging
internal import LongshoreMessages
internal import MigrationCore
internal import MigrationJournal

/// Carries out what ``HostMigrations`` decides: journals each step, then takes it over, publishes, and keeps the effects running
/// that the machines need.
///
/// Between a decision and its storing there is no suspension: the actor's state and the journal never disagree.
actor MigrationCoordinator {
  /// How long after a failed admission it is tried again, in milliseconds.
  private static let admissionRetryInterval: Int64 = 1000

  private let here: HostAddress
  private let journal: Journal
  private let clock: any HostClock
  private let sourceRunner: any SourceEffectRunner
  private let destinationRunner: any DestinationEffectRunner
  private let peers: any PeerLink
  private let outboxChanged: @Sendable () -> Void
  private let ended: @Sendable (SourceMigration) -> Void
  private let left: @Sendable (MigrationPhase, Int64) -> Void
  private let calledOperator: @Sendable (Reason.Code) -> Void
  private let logger: Logger

  private var migrations: HostMigrations
  private var sourceTasks: [MigrationID: EffectTasks<SourceEffect>] = [:]
  private var destinationTasks: [MigrationID: EffectTasks<DestinationEffect>] = [:]
  /// When migrations out of this host came into their phases, of those that did so since the agent was started.
  private var inPhaseSince: [MigrationID: Now] = [:]
  /// When the destination of a migration out of this host was heard last.
  private var heardAt: [MigrationID: Now] = [:]
  /// Since when the broker takes what is asked of the destinations of running migrations; absent while it does not.
  private var askedAt: [MigrationID: Now] = [:]
  /// Waits to admit migrations whose admission could not be journalled.
  private var admissionRetry: Task<Void, Never>?
  private var isStopped = false

  init(
    here: HostAddress, journal: Journal, limits: HostMigrations.Limits, clock: any HostClock, sourceRunner: any SourceEffectRunner,
    destinationRunner: any DestinationEffectRunner, peers: any PeerLink, outboxChanged: @escaping @Sendable () -> Void,
    ended: @escaping @Sendable (SourceMigration) -> Void = { _ in },
    left: @escaping @Sendable (MigrationPhase, _ milliseconds: Int64) -> Void = { _, _ in },
    calledOperator: @escaping @Sendable (Reason.Code) -> Void = { _ in }, logger: Logger
  ) {
    self.here = here
    self.journal = journal
    self.clock = clock
    self.sourceRunner = sourceRunner
    self.destinationRunner = destinationRunner
    self.peers = peers
    self.outboxChanged = outboxChanged
    self.ended = ended
    self.left = left
    self.calledOperator = calledOperator
    self.logger = logger
    migrations = HostMigrations(here: here, journal: journal.id, limits: limits)
  }

  // MARK: - Life

  /// Takes up what the journal holds: every migration that has not ended goes on.
  func resume() throws(JournalError) {
    let open = try journal.openSources()
    let incoming = try journal.openDestinations()
    for unreadable in open.unreadable + incoming.unreadable {
      logger.error(
        "A migration in the journal cannot be read by this version and is left alone",
        metadata: [LogKeys.migration: "\(unreadable.id)", LogKeys.error: "\(unreadable.reason)"])
    }
    for migration in open.migrations { logger.info("Taking up a migration", metadata: describe(migration)) }
    for migration in incoming.migrations { logger.info("Taking up an incoming migration", metadata: describe(migration)) }
    migrations = HostMigrations(
      here: here, journal: journal.id, limits: migrations.limits, sources: open.migrations, destinations: incoming.migrations)
    for migration in open.migrations { reconcile(migration) }
    for migration in incoming.migrations { reconcile(migration) }
    admit(to: .source)
    admit(to: .destination)
  }

  /// Stops all effects and waits for them to come to rest. The machines stay as journalled; libvirt's migrations go on.
  func stop() async {
    isStopped = true
    admissionRetry?.cancel()
    var tasks = [admissionRetry].compactMap(\.self)
    for id in Array(sourceTasks.keys) { if let end = sourceTasks[id]?.stopAll() { tasks.append(end) } }
    for id in Array(destinationTasks.keys) { if let end = destinationTasks[id]?.stopAll() { tasks.append(end) } }
    for task in tasks { await task.value }
  }

  // MARK: - Requests

  /// Takes orders, in their order, and journals in one write what becomes of them: the new migrations with their first events, whose turn
  /// it is, and the answers.
  ///
  /// - Returns: What became of each.
  @discardableResult
  func take(_ orders: [JudgedOrder]) throws(JournalError) -> [HostMigrations.Acceptance] {
    let now = clock.now()
    var draft = migrations
    var taken: [MigrationID: String] = [:]
    var steps: [HostStep] = []
    var acceptances: [HostMigrations.Acceptance] = []
    for order in orders {
      if let key = order.key {
        let digest = if let digest = taken[key.id] { digest } else { try journal.digest(ofRequest: key.id) }
        if let earlier = HostMigrations.earlierOrder(key, digest: digest) {
          acceptances.append(earlier)
          continue
        }
      }
      switch order.begin(in: draft, at: now) {
      case .success(let step):
        draft.adopt(step)
        steps.append(step)
        if let key = step.request { taken[key.id] = key.digest }
        acceptances.append(.accepted)
      case .failure(let refusal): acceptances.append(.rejected(refusal.reasons))
      }
    }
    if !steps.isEmpty { steps = draft.admission(following: steps, at: now) }
    do throws(JournalError) {
      let outcome = try commit(steps, answers: zip(orders, acceptances).compactMap { order, acceptance in order.answer(acceptance) })
      guard outcome == .committed else {
        // All was read in the same instant: somebody else writes to the journal. What is not stored is not taken.
        throw JournalError(.invalidStep, operation: "accept orders", message: "the journal has changed meanwhile: \(outcome)")
      }
      return acceptances
    } catch  where error.code == .guestBusy {
      // A migration that this version cannot read still has the guest of one of them: nothing is stored yet.
      guard orders.count > 1 else { return try take(orders.map { $0.refused([Reason(.guestBusy, error.message)]) }) }
      acceptances = []
      for order in orders { acceptances += try take([order]) }
      return acceptances
    }
  }

  /// Why the guest cannot be taken by a new migration; nil where it can.
  func lock(onGuest uuid: String) -> Reason? { migrations.lock(onGuest: uuid) }

  /// Stops a migration.
  ///
  /// - Throws: ``Rejected`` where it cannot be stopped any more, or is not known here.
  func cancel(_ id: MigrationID, reason: Reason) throws {
    guard migrations.sources[id] != nil else { throw try refusalToCancel(id) }
    try applyToSource(.cancel(reason), id: id)
  }

  /// Stops a migration out of this host, only if it waits for its turn, here or at its destination.
  ///
  /// - Throws: ``Rejected`` where it does not.
  func cancelQueued(_ id: MigrationID, reason: Reason) throws {
    if migrations.sources[id]?.waiting == nil, let refusal = migrations.refusal(toTreatAsQueued: id, in: .source) {
      throw Rejected(refusal)
    }
    try applyToSource(.cancel(reason), id: id)
  }

  /// Gives a migration that waits here another place.
  ///
  /// - Throws: ``Rejected`` where it does not wait here.
  func move(_ move: QueueMove) throws {
    for (id, side, place) in try migrations.places(for: move, at: clock.now()) {
      switch side {
      case .source: try applyToSource(.placed(place), id: id)
      case .destination: try applyToDestination(.placed(place), id: id)
      }
    }
    admit(to: .source)
    admit(to: .destination)
  }

  /// The migrations that wait.
  ///
  /// - Parameter ends: In how many milliseconds migrations out of this host are predicted to end, as far as that is known.
  func queue(ends: [MigrationID: Int64]) -> [QueueEntry] { migrations.queue(ends: ends, at: clock.now()) }

  /// The migrations out of this host that are at work.
  var sourcesAtWork: [MigrationID] { migrations.sources.compactMap { $0.isQueued ? nil : $0.id } }

  /// What the migrations out of this host that are at work claim of its bandwidth budgets.
  var bandwidthClaims: [BandwidthClaim] { migrations.sources.values.filter { $0.phase != .queued }.map(\.bandwidthClaim) }

  /// What of a budget for what comes into this host each of the migrations into it gets.
  func incomingShares(of budget: UInt64?) -> [IncomingShare] { migrations.incomingShares(of: budget) }

  /// How many migrations may work at once.
  var limits: HostMigrations.Limits { migrations.limits }

  /// Lets another number of migrations work at once from now on. Those that work already go on.
  func use(limits: HostMigrations.Limits) {
    guard limits != migrations.limits else { return }
    migrations.limits = limits
    admit(to: .source)
    admit(to: .destination)
  }

  /// Whether the number of migrations out of one pool is limited more narrowly than that of all.
  var limitsPools: Bool { migrations.limits.pool < migrations.limits.outgoing }

  /// Changes limits of a migration.
  ///
  /// - Returns: What was changed.
  /// - Throws: ``Rejected`` where it cannot be changed any more, or is not known here.
  func tune(_ id: MigrationID, _ limits: TransferLimits, reason: Reason) throws -> [LimitChange] {
    guard let migration = migrations.sources[id] else { throw try refusalToCancel(id) }
    let changes = migration.changes(by: limits)
    try applyToSource(.tuned(limits, reason), id: id)
    return changes
  }

  /// Decides to suspend the guest of a migration until it has moved.
  ///
  /// - Returns: Why the guest is suspended: this, or what came before.
  /// - Throws: ``Rejected`` where nothing is transferred, or the migration is not known here.
  func forceCompletion(of id: MigrationID, reason: Reason) throws -> Reason {
    guard migrations.sources[id] != nil else { throw try refusalToCancel(id) }
    try applyToSource(.completionForced(reason), id: id)
    return migrations.sources[id]?.steering?.suspension?.reason ?? reason
  }

  /// Names the owner of the guest of a migration out of this host that needs attention.
  ///
  /// - Throws: ``Rejected`` where it needs none, or the hosts contradict it.
  func nameOwner(_ owner: Owner, of id: MigrationID, seeing observation: Observation) throws {
    try applyToSource(.ownerNamed(owner, observation), id: id)
  }

  /// Names the owner of the guest of a migration into this host whose source is away.
  ///
  /// - Returns: Why it cannot be named; nil where it was.
  func nameOwner(
    _ owner: Owner, ofIncoming id: MigrationID, seeing observation: Observation, reason: Reason
  ) throws(JournalError) -> Reason? {
    guard let migration = migrations.destinations[id] else {
      return Reason(.unknownMigration, "no migration \(id) is known at \(here.host)")
    }
    if let refusal = migration.refusal(toName: owner, seeing: observation) { return refusal }
    try applyToDestination(.ownerNamed(owner, reason), id: id)
    return nil
  }

  /// The machine of a migration into this host that runs.
  func incoming(_ id: MigrationID) -> DestinationMigration? { migrations.destinations[id] }

  /// Why a migration that does not run cannot be cancelled.
  private func refusalToCancel(_ id: MigrationID) throws(JournalError) -> Rejected {
    do throws(JournalError) {
      return migrations.refusalToStop(id, ended: try journal.source(id))
    } catch {
      guard error.isOfOneRecord else { throw error }
      return Rejected(.operationFailed, error.message)
    }
  }

  /// The machine of a migration, running or ended.
  func source(_ id: MigrationID) throws(JournalError) -> SourceMigration? {
    if let running = migrations.sources[id] { return running }
    return try journal.source(id)
  }

  /// All migrations out of this host, newest first.
  func allSources(includeEnded: Bool) throws(JournalError) -> [SourceMigration] {
    includeEnded
      ? try journal.sources(includeEnded: true, limit: 1000).migrations
      : migrations.sources.values.sorted { $0.acceptedAt.wall > $1.acceptedAt.wall }
  }

  /// How many migrations into this host have not ended.
  var incomingCount: Int { migrations.destinations.count }

  /// Whether a guest is still on its way here.
  func isArriving(_ uuid: String) -> Bool { migrations.destinations.keeper(ofGuest: uuid) != nil }

  /// The migration that moves a guest out of this host; nil where none does.
  func outgoing(_ uuid: String) -> SourceMigration? { migrations.sources.keeper(ofGuest: uuid) }

  /// The migrations that guests are in, by the guests' UUIDs.
  var motions: [String: HostInventory.Guest.Motion] {
    var motions: [String: HostInventory.Guest.Motion] = [:]
    for migration in migrations.destinations.values where migration.locksGuest {
      if let guest = migration.plan?.guest.uuid { motions[guest] = HostInventory.Guest.Motion(migration.id, incoming: true) }
    }
    for migration in migrations.sources.values {
      motions[migration.guest.uuid] = HostInventory.Guest.Motion(migration.id, incoming: false)
    }
    return motions
  }

  /// Whether a migration out of this host has copied all, and only has to be settled.
  func hasTransferred(_ id: MigrationID) -> Bool {
    switch migrations.sources[id]?.phase {
    case .deciding, .settling, .confirming, .verifying, .retiring, .releasing: true
    default: false
    }
  }

  /// How many migrations run, out of and into this host.
  var running: Int { migrations.count }

  /// The hosts to which migrations out of this host go.
  var destinations: [MigrationID: NodeName] {
    Dictionary(migrations.sources.values.map { ($0.id, $0.destination.host) }, uniquingKeysWith: { first, _ in first })
  }

  /// The migrations in numbers.
  var census: MigrationCensus { MigrationCensus(of: migrations, at: clock.now()) }

  // MARK: - Peer messages

  /// Takes a message of another agent.
  func receive(_ message: PeerMessage, endpoint: DestinationEndpoint) throws(JournalError) {
    if migrations.sources[message.migration]?.destination == message.from { heardAt[message.migration] = clock.now() }
    let step: HostStep?
    do throws(JournalError) {
      step = try migrations.step(of: message, endpoint: endpoint, at: clock.now()) { id throws(JournalError) in
        try journal.destination(id)
      }
    } catch {
      guard error.isOfOneRecord else { throw error }
      logger.error(
        "A message of a migration that this version cannot read is passed over",
        metadata: [LogKeys.migration: "\(message.migration)", LogKeys.error: "\(error)"])
      return
    }
    guard let step else {
      logger.debug(
        "A message changes nothing",
        metadata: [
          LogKeys.migration: "\(message.migration)", LogKeys.peer: "\(message.from.host)", LogKeys.messageType: "\(message.body.typeName)",
        ])
      return
    }
    _ = try commit(step)
  }

  // MARK: - Steps

  private func applyToSource(_ event: SourceEvent, id: MigrationID) throws {
    if let step = try migrations.step(of: event, for: id, at: clock.now()) { _ = try commit(step) }
  }

  private func deliverToSource(_ event: SourceEvent, id: MigrationID) throws(JournalError) {
    do {
      try applyToSource(event, id: id)
    } catch let error as JournalError {
      throw error
    } catch {
      logger.debug("An event was refused", metadata: [LogKeys.migration: "\(id)", LogKeys.reason: "\(error)"])
    }
  }

  private func applyToDestination(_ event: DestinationEvent, id: MigrationID) throws(JournalError) {
    if let step = migrations.step(of: event, for: id, at: clock.now()) { _ = try commit(step) }
  }

  /// Journals a step, takes it over, and does what it asks for.
  private func commit(_ step: HostStep) throws(JournalError) -> CommitOutcome { try commit([step]) }

  /// Journals steps that follow each other, with answers to who asked for them, all at once or nothing; then takes them over, and does
  /// what they ask for.
  private func commit(_ steps: [HostStep], answers: [OutboxMessage] = []) throws(JournalError) -> CommitOutcome {
    var journalled = steps.map { JournalStep($0, of: here) }
    if !answers.isEmpty { journalled.append(JournalStep(at: clock.now(), outbox: answers)) }
    for step in steps { step.crashPoints?.before.reached() }
    let outcome = try journal.commit(journalled)
    guard outcome == .committed else {
      if outcome == .stale {
        logger.critical(
          "The journal holds another revision of a migration than this agent: is a second agent running?",
          metadata: steps.first.flatMap { $0.source.map(describe) ?? $0.destination.map(describe) } ?? [:])
      }
      return outcome
    }
    for step in steps { step.crashPoints?.after.reached() }
    if journalled.contains(where: { !$0.outbox.isEmpty }) { outboxChanged() }
    for code in steps.flatMap(\.callsForOperator) { calledOperator(code) }
    let before = steps.map { step in
      let before = (source: step.source.flatMap { migrations.sources[$0.id] }, step.destination.flatMap { migrations.destinations[$0.id] })
      migrations.adopt(step)
      return before
    }
    for (step, (source, destination)) in zip(steps, before) {
      if let migration = step.source { sourceChanged(migration, before: source, startsTransfer: step.startsTransfer) }
      if let migration = step.destination { destinationChanged(migration, before: destination) }
    }
    if steps.contains(where: { $0.source?.isTerminal == true }) { admit(to: .source) }
    if steps.contains(where: { $0.destination?.isTerminal == true }) { admit(to: .destination) }
    return outcome
  }

  private func sourceChanged(_ migration: SourceMigration, before: SourceMigration?, startsTransfer: Bool) {
    if migration.publicPhase != before?.publicPhase {
      let now = clock.now()
      if let before, let since = inPhaseSince[migration.id] { left(before.publicPhase, since.milliseconds(until: now)) }
      inPhaseSince[migration.id] = migration.isTerminal ? nil : now
    }
    if before == nil {
      logger.info("Accepted a migration", metadata: describe(migration))
    } else if migration.publicPhase != before?.publicPhase {
      logPhase(of: migration)
    }
    if startsTransfer { startTransfer(of: migration) }
    reconcile(migration)
    guard migration.isTerminal else { return }
    sourceTasks[migration.id] = nil
    heardAt[migration.id] = nil
    askedAt[migration.id] = nil
    ended(migration)
  }

  private func destinationChanged(_ migration: DestinationMigration, before: DestinationMigration?) {
    if migration.phase != before?.phase {
      logger.info(before == nil ? "An incoming migration" : "An incoming migration goes on", metadata: describe(migration))
    }
    reconcile(migration)
    guard migration.isTerminal else { return }
    destinationTasks[migration.id] = nil
  }

  /// Applies what an effect reported. While the journal cannot be written it is tried again: a result is never dropped.
  private func report(_ event: SourceEvent, id: MigrationID) async {
    var waits = BackOffSteps()
    while !Task.isCancelled {
      do {
        try deliverToSource(event, id: id)
        return
      } catch {
        logger.error("The journal cannot be written", metadata: [LogKeys.migration: "\(id)", LogKeys.error: "\(error)"])
        try? await clock.wait(milliseconds: waits.step())
      }
    }
  }

  private func report(_ event: DestinationEvent, id: MigrationID) async {
    var waits = BackOffSteps()
    while !Task.isCancelled {
      do {
        try applyToDestination(event, id: id)
        return
      } catch {
        logger.error("The journal cannot be written", metadata: [LogKeys.migration: "\(id)", LogKeys.error: "\(error)"])
        try? await clock.wait(milliseconds: waits.step())
      }
    }
  }

  // MARK: - Effects

  private func reconcile(_ migration: SourceMigration) {
    guard !isStopped else { return }
    let id = migration.id
    let effects = migration.outstanding(at: clock.now())
    let byKey = Dictionary(effects.map { ($0.key, $0) }, uniquingKeysWith: { first, _ in first })
    sourceTasks[id, default: EffectTasks()].reconcile(effects.map(\.key)) { key in
      let effect = byKey[key] ?? key
      return { await self.run(effect, of: id) }
    }
  }

  private func reconcile(_ migration: DestinationMigration) {
    guard !isStopped else { return }
    let id = migration.id
    destinationTasks[id, default: EffectTasks()].reconcile(migration.outstanding) { effect in
      { await self.run(effect, of: id) }
    }
  }

  private func startTransfer(of migration: SourceMigration) {
    guard !isStopped else { return }
    let id = migration.id
    sourceTasks[id, default: EffectTasks()].start(SourceEffect.startTransfer.key) { await self.run(.startTransfer, of: id) }
  }

  private func run(_ effect: SourceEffect, of id: MigrationID) async {
    guard let migration = migrations.sources[id] else { return }
    switch effect {
    // Where many come at once, the first of them has already done it for all.
    case .awaitAdmission: if migration.waiting == nil { admit(to: .source) }
    case .setTimer(let timer, let milliseconds):
      var left = milliseconds
      while left > 0 {
        guard (try? await clock.wait(milliseconds: left)) != nil else { return }
        left = timer.purpose == .patience ? timeToAnswer(of: id, in: milliseconds) : 0
      }
      await report(.timerFired(timer), id: id)
    case .ask(let body): await withWork(of: id, in: migration.trace) { await ask(body, of: migration) }
    default:
      await withEffectSpan(effect.word, of: id, in: migration.trace) {
        await sourceRunner.run(effect, of: migration) { await self.report($0, id: id) }
      }
    }
  }

  private func run(_ effect: DestinationEffect, of id: MigrationID) async {
    guard let migration = migrations.destinations[id] else { return }
    switch effect {
    case .awaitAdmission: if migration.waiting == nil { admit(to: .destination) }
    default:
      await withEffectSpan(effect.word, of: id, in: migration.trace) {
        await destinationRunner.run(effect, of: migration) { await self.report($0, id: id) }
      }
    }
  }

  private func ask(_ body: PeerMessage.Body, of migration: SourceMigration) async {
    let id = migration.id
    var pause: Int64?
    var silence = Silence(patience: migration.patience.attention)
    askedAt[id] = nil
    while !Task.isCancelled {
      do {
        try await peers.send(body, of: id, to: migration.destination)
        silence.asked(at: clock.now())
      } catch is PeerUnknown {
        await report(.destinationUnknown, id: id)
      } catch {
        silence.end()
        logger.debug("The broker did not take a message", metadata: [LogKeys.migration: "\(id)", LogKeys.error: "\(error)"])
      }
      if migrations.sources[id] != nil { askedAt[id] = silence.since }
      let next = (migrations.sources[id] ?? migration).pauseBeforeAskingAgain(after: pause)
      pause = next
      try? await clock.wait(milliseconds: next)
      if silence.isTooLong(heardAt: heardAt[id], at: clock.now()) { await report(.destinationSilent, id: id) }
    }
  }

  /// What is left, of so many milliseconds, for the destination's first answer. They count from when the broker has taken the question:
  /// what is not with it nobody can answer.
  private func timeToAnswer(of id: MigrationID, in milliseconds: Int64) -> Int64 {
    guard case .preparing(heard: false)? = migrations.sources[id]?.phase else { return 0 }
    guard let asked = askedAt[id] else { return milliseconds }
    return milliseconds - asked.milliseconds(until: clock.now())
  }

  // MARK: - Admission

  /// Gives places to those whose turn it is. While the journal cannot be written it is tried again: no other event may come that would
  /// do it.
  private func admit(to side: MigrationSide) {
    do throws(JournalError) {
      _ = try commit(migrations.admission(to: side, at: clock.now()))
    } catch {
      logger.error("The journal cannot be written", metadata: [LogKeys.error: "\(error)"])
      retryAdmission()
    }
  }

  private func retryAdmission() {
    guard admissionRetry == nil else { return }
    admissionRetry = Task {
      guard (try? await clock.wait(milliseconds: Self.admissionRetryInterval)) != nil else { return }
      admissionRetry = nil
      admit(to: .source)
      admit(to: .destination)
    }
  }

  // MARK: - Log

  private func logPhase(of migration: SourceMigration) {
    var metadata = describe(migration)
    if let reasons = migration.reasons, !reasons.isEmpty {
      metadata[LogKeys.reason] = "\(reasons.map(\.description).joined(separator: "; "))"
    }
    switch migration.publicPhase {
    case .needsAttention: logger.error("A migration needs attention", metadata: metadata)
    case .failed: logger.warning("A migration failed; the guest is at the source", metadata: metadata)
    case .cancelled: logger.info("A migration was cancelled; the guest is at the source", metadata: metadata)
    case .completed:
      if let totals = migration.totals {
        if let downtime = totals.downtimeMs { metadata["downtime_ms"] = "\(downtime)" }
        metadata["disk_bytes"] = "\(totals.diskBytes)"
        metadata["memory_bytes"] = "\(totals.memoryBytes)"
      }
      metadata["seconds"] = "\(migration.acceptedAt.milliseconds(until: clock.now()) / 1000)"
      logger.info("A migration has completed; the guest is at the destination", metadata: metadata)
    default: logger.info("A migration goes on", metadata: metadata)
    }
  }

  private func describe(_ migration: SourceMigration) -> Logger.Metadata {
    [
      LogKeys.migration: "\(migration.id)", LogKeys.guest: "\(migration.guest.uuid)", LogKeys.guestName: "\(migration.guest.name)",
      LogKeys.peer: "\(migration.destination.host)", LogKeys.phase: "\(migration.publicPhase.rawValue)",
    ]
  }

  private func describe(_ migration: DestinationMigration) -> Logger.Metadata {
    [
      LogKeys.migration: "\(migration.id)", LogKeys.guest: "\(migration.plan?.guest.uuid ?? "-")",
      LogKeys.peer: "\(migration.source.host)", LogKeys.phase: "\(migration.phase.word)",
    ]
  }
}

extension HostStep {
  /// Why the step calls the operator.
  fileprivate var callsForOperator: [Reason.Code] {
    messages.flatMap { message -> [Reason.Code] in
      guard case .event(let event) = message, event.data.kind == .needsAttention else { return [] }
      return event.data.reasons?.map(\.code) ?? []
    }
  }
}

extension DestinationMigration.Phase {
  /// The words of the phases of migrations that have not ended.
  static let openWords = [
    "queued", "checking", "providing-layers", "making-stubs", "prepared", "post-checking", "taking-over", "ending-copy", "confirmed",
    "comparing", "releasing", "removing",
  ]

  /// The phase in a word, for logs and metrics.
  var word: String {
    switch self {
    case .queued: "queued"
    case .checking: "checking"
    case .providingLayers: "providing-layers"
    case .makingStubs: "making-stubs"
    case .prepared: "prepared"
    case .postChecking: "post-checking"
    case .takingOver: "taking-over"
    case .endingCopy: "ending-copy"
    case .confirmed: "confirmed"
    case .comparing: "comparing"
    case .releasing: "releasing"
    case .removing: "removing"
    case .released: "released"
    case .refused: "refused"
    case .failed: "failed"
    case .rolledBack: "rolled-back"
    }
  }
}
