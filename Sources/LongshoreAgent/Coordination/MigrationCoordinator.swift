internal import Logging
internal import LongshoreMessages
internal import MigrationCore
internal import MigrationJournal

/// Holds the machines of all migrations of this host: takes events, journals what came of them, and keeps the effects running
/// that the machines need.
///
/// Between reading a machine and storing it there is no suspension: the actor's state and the journal never disagree.
actor MigrationCoordinator {
  /// How many migrations may work at once.
  struct Limits: Sendable {
    /// Out of this host.
    var outgoing: Int
    /// Into this host.
    var incoming: Int
  }

  /// How long after a failed admission it is tried again, in milliseconds.
  private static let admissionRetryInterval: Int64 = 1000

  private let here: HostAddress
  private let journal: Journal
  private let limits: Limits
  private let clock: any HostClock
  private let sourceRunner: any SourceEffectRunner
  private let destinationRunner: any DestinationEffectRunner
  private let peers: any PeerLink
  private let outboxChanged: @Sendable () -> Void
  private let ended: @Sendable (SourceMigration) -> Void
  private let logger: Logger

  private var sources: [MigrationID: SourceMigration] = [:]
  private var destinations: [MigrationID: DestinationMigration] = [:]
  private var sourceTasks: [MigrationID: EffectTasks<SourceEffect>] = [:]
  private var destinationTasks: [MigrationID: EffectTasks<DestinationEffect>] = [:]
  /// Waits to admit migrations whose admission could not be journalled.
  private var admissionRetry: Task<Void, Never>?
  private var isStopped = false

  init(
    here: HostAddress, journal: Journal, limits: Limits, clock: any HostClock, sourceRunner: any SourceEffectRunner,
    destinationRunner: any DestinationEffectRunner, peers: any PeerLink, outboxChanged: @escaping @Sendable () -> Void,
    ended: @escaping @Sendable (SourceMigration) -> Void = { _ in }, logger: Logger
  ) {
    self.here = here
    self.journal = journal
    self.limits = limits
    self.clock = clock
    self.sourceRunner = sourceRunner
    self.destinationRunner = destinationRunner
    self.peers = peers
    self.outboxChanged = outboxChanged
    self.ended = ended
    self.logger = logger
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
    for migration in open.migrations {
      sources[migration.id] = migration
      logger.info("Taking up a migration", metadata: describe(migration))
    }
    for migration in incoming.migrations {
      destinations[migration.id] = migration
      logger.info("Taking up an incoming migration", metadata: describe(migration))
    }
    for id in sources.keys { reconcileSource(id) }
    for id in destinations.keys { reconcileDestination(id) }
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

  /// What became of an order to migrate.
  enum Acceptance: Sendable, Equatable {
    /// It is journalled, now or earlier.
    case accepted
    /// It is refused, and nothing was changed.
    case rejected([Reason])
  }

  /// What an order of this id and digest means, before anything is looked up: nil for a new one.
  func earlierOrder(_ request: RequestKey) throws(JournalError) -> Acceptance? {
    switch try journal.digest(ofRequest: request.id) {
    case nil: nil
    case request.digest: .accepted
    default: .rejected([idReused(request.id)])
    }
  }

  /// Journals a new migration with its first event and the reply to its request.
  func accept(
    _ request: RequestKey, order: MigrateCommand, guest: GuestReference, destination: HostAddress,
    deadlineSeconds: Int64, patience: Patience, reply: OutboxMessage?
  ) throws(JournalError) -> Acceptance {
    if let earlier = try earlierOrder(request) { return earlier }
    if let busy = lock(onGuest: guest.uuid) { return .rejected([busy]) }
    let now = clock.now()
    let (migration, effects) = SourceMigration.accept(
      id: request.id, order: order, guest: guest, source: here, destination: destination, deadlineSeconds: deadlineSeconds,
      patience: patience, at: now)
    var step = JournalStep(at: now)
    step.request = request
    step.source = migration
    record(effects, of: migration, at: now, in: &step)
    if let reply { step.outbox.append(reply) }
    do throws(JournalError) {
      switch try journal.commit(step) {
      case .committed: break
      case .duplicateRequest, .stale: return .accepted
      case .requestReused: return .rejected([idReused(request.id)])
      }
    } catch  where error.code == .guestBusy {
      // A migration that this version cannot read still has the guest.
      return .rejected([Reason(.guestBusy, error.message)])
    }
    sources[migration.id] = migration
    outboxChanged()
    logger.info("Accepted a migration", metadata: describe(migration))
    reconcileSource(migration.id)
    return .accepted
  }

  /// Why the guest cannot be taken by a new migration; nil where it can.
  func lock(onGuest uuid: String) -> Reason? {
    if let migration = sources.values.first(where: { $0.guest.uuid == uuid }) {
      return Reason(
        .guestBusy, "the guest \(migration.guest.name) is being moved to \(migration.destination.host) by the migration \(migration.id)")
    }
    if let migration = destinations.values.first(where: { $0.locksGuest && $0.plan?.guest.uuid == uuid }) {
      return Reason(
        .guestBusy, "the guest has not been released yet by the migration \(migration.id) that brings it from \(migration.source.host)")
    }
    return nil
  }

  private func idReused(_ id: MigrationID) -> Reason {
    Reason(.idReused, "the id \(id) was used before by a request with another content: give each order an id of its own")
  }

  /// Stops a migration.
  ///
  /// - Throws: ``Rejected`` where it cannot be stopped any more, or is not known here.
  func cancel(_ id: MigrationID, reason: Reason) throws {
    guard sources[id] != nil else { throw try refusalToCancel(id) }
    try applyToSource(.cancel(reason), id: id)
  }

  /// Why a migration that does not run cannot be cancelled.
  private func refusalToCancel(_ id: MigrationID) throws(JournalError) -> Rejected {
    do throws(JournalError) {
      guard let ended = try journal.source(id) else {
        return Rejected(.unknownMigration, "no migration \(id) is known at \(here.host)")
      }
      return Rejected(.tooLate, "the migration has ended already: \(ended.publicPhase.rawValue)")
    } catch {
      guard error.isOfOneRecord else { throw error }
      return Rejected(.operationFailed, error.message)
    }
  }

  /// The machine of a migration, running or ended.
  func source(_ id: MigrationID) throws(JournalError) -> SourceMigration? {
    if let running = sources[id] { return running }
    return try journal.source(id)
  }

  /// All migrations out of this host, newest first.
  func allSources(includeEnded: Bool) throws(JournalError) -> [SourceMigration] {
    includeEnded
      ? try journal.sources(includeEnded: true, limit: 1000).migrations
      : sources.values.sorted { $0.acceptedAt.wall > $1.acceptedAt.wall }
  }

  /// How many migrations run, out of and into this host.
  var running: Int { sources.count + destinations.count }

  // MARK: - Peer messages

  /// Takes a message of another agent.
  func receive(_ message: PeerMessage, endpoint: DestinationEndpoint) throws(JournalError) {
    if let migration = sources[message.migration], migration.destination == message.from {
      try deliverToSource(.peer(message.body, journal: message.journal), id: message.migration)
      return
    }
    switch message.body {
    case .prepare, .confirm, .release, .rollback:
      do throws(JournalError) {
        try receiveAsDestination(message, endpoint: endpoint)
      } catch {
        guard error.isOfOneRecord else { throw error }
        logger.error(
          "A message of a migration that this version cannot read is passed over",
          metadata: [LogKeys.migration: "\(message.migration)", LogKeys.error: "\(error)"])
      }
    default:
      logger.debug(
        "A message of a migration that does not run here is passed over",
        metadata: [
          LogKeys.migration: "\(message.migration)", LogKeys.peer: "\(message.from.host)", LogKeys.messageType: "\(message.body.typeName)",
        ])
    }
  }

  private func receiveAsDestination(_ message: PeerMessage, endpoint: DestinationEndpoint) throws(JournalError) {
    let id = message.migration
    if let migration = try knownDestination(id) {
      guard migration.source == message.from else { return }
      destinations[id] = migration
      defer { if destinations[id]?.isTerminal == true { forgetDestination(id) } }
      try applyToDestination(.peer(message.body), id: id)
    } else {
      let now = clock.now()
      let begun: (DestinationMigration, [DestinationEffect])
      switch message.body {
      case .prepare(let plan):
        if let busy = lock(onGuest: plan.guest.uuid) {
          try tell(.prepareFailed(busy), of: id, to: message.from, at: now)
          return
        }
        begun = DestinationMigration.prepare(id: id, source: message.from, plan: plan, endpoint: endpoint, at: now)
      case .rollback:
        begun = DestinationMigration.tombstone(id: id, source: message.from, endpoint: endpoint, at: now)
      case .confirm:
        let reason = Reason(.postCheckFailed, "the destination knows nothing of this migration")
        try tell(.confirmFailed([reason]), of: id, to: message.from, at: now)
        return
      case .release:
        // Nothing is locked by a migration that this journal does not know.
        try tell(.released, of: id, to: message.from, at: now)
        return
      default: return
      }
      var step = JournalStep(at: now)
      step.destination = begun.0
      record(begun.1, of: begun.0, in: &step)
      guard try journal.commit(step) == .committed else { return }
      destinations[id] = begun.0
      outboxChanged()
      logger.info("An incoming migration", metadata: describe(begun.0))
      reconcileDestination(id)
      if begun.0.isTerminal { forgetDestination(id) }
    }
  }

  /// A migration into this host, running or ended; nil for one that was never heard of.
  private func knownDestination(_ id: MigrationID) throws(JournalError) -> DestinationMigration? {
    if let running = destinations[id] { return running }
    return try journal.destination(id)
  }

  private func tell(_ body: PeerMessage.Body, of id: MigrationID, to peer: HostAddress, at now: Now) throws(JournalError) {
    var step = JournalStep(at: now)
    step.outbox = [outboxMessage(body, of: id, to: peer)]
    _ = try journal.commit(step)
    outboxChanged()
  }

  // MARK: - Applying events

  private func deliverToSource(_ event: SourceEvent, id: MigrationID) throws(JournalError) {
    do {
      try applyToSource(event, id: id)
    } catch let error as JournalError {
      throw error
    } catch {
      logger.debug("An event was refused", metadata: [LogKeys.migration: "\(id)", LogKeys.reason: "\(error)"])
    }
  }

  private func applyToSource(_ event: SourceEvent, id: MigrationID) throws {
    guard let before = sources[id] else { return }
    let now = clock.now()
    var migration = before
    let effects = try migration.apply(event, at: now)
    guard migration != before || !effects.isEmpty else { return }
    var step = JournalStep(at: now)
    if migration != before {
      step.source = migration
      step.sourceEvent = event
    }
    record(effects, of: migration, at: now, in: &step)
    guard try journal.commit(step) == .committed else {
      logger.critical(
        "The journal holds another revision of a migration than this agent: is a second agent running?",
        metadata: describe(before))
      return
    }
    sources[id] = migration
    if !step.outbox.isEmpty { outboxChanged() }
    if migration.publicPhase != before.publicPhase { logPhase(of: migration) }
    for effect in effects where effect == .startTransfer { startTransfer(of: migration) }
    reconcileSource(id)
    if migration.isTerminal { forgetSource(id) }
  }

  private func applyToDestination(_ event: DestinationEvent, id: MigrationID) throws(JournalError) {
    guard let before = destinations[id] else { return }
    let now = clock.now()
    var migration = before
    let effects = migration.apply(event, at: now)
    guard migration != before || !effects.isEmpty else { return }
    var step = JournalStep(at: now)
    if migration != before {
      step.destination = migration
      step.destinationEvent = event
    }
    record(effects, of: migration, in: &step)
    guard try journal.commit(step) == .committed else {
      logger.critical(
        "The journal holds another revision of a migration than this agent: is a second agent running?",
        metadata: describe(before))
      return
    }
    destinations[id] = migration
    if !step.outbox.isEmpty { outboxChanged() }
    if migration.phase != before.phase {
      logger.info("An incoming migration goes on", metadata: describe(migration))
    }
    reconcileDestination(id)
    if migration.isTerminal { forgetDestination(id) }
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

  private func reconcileSource(_ id: MigrationID) {
    guard !isStopped, let migration = sources[id] else { return }
    let effects = migration.outstanding(at: clock.now())
    let byKey = Dictionary(effects.map { ($0.key, $0) }, uniquingKeysWith: { first, _ in first })
    sourceTasks[id, default: EffectTasks()].reconcile(effects.map(\.key)) { key in
      let effect = byKey[key] ?? key
      return { await self.run(effect, of: id) }
    }
  }

  private func reconcileDestination(_ id: MigrationID) {
    guard !isStopped, let migration = destinations[id] else { return }
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
    guard let migration = sources[id] else { return }
    switch effect {
    case .awaitAdmission: admitSources()
    case .setTimer(let timer, let milliseconds):
      guard (try? await clock.wait(milliseconds: milliseconds)) != nil else { return }
      await report(.timerFired(timer), id: id)
    case .ask(let body): await ask(body, of: migration)
    default:
      await withEffectSpan(effect.word, of: id) {
        await sourceRunner.run(effect, of: migration) { await self.report($0, id: id) }
      }
    }
  }

  private func run(_ effect: DestinationEffect, of id: MigrationID) async {
    guard let migration = destinations[id] else { return }
    switch effect {
    case .awaitAdmission: admitDestinations()
    default:
      await withEffectSpan(effect.word, of: id) {
        await destinationRunner.run(effect, of: migration) { await self.report($0, id: id) }
      }
    }
  }

  private func ask(_ body: PeerMessage.Body, of migration: SourceMigration) async {
    var waits = BackOffSteps()
    while !Task.isCancelled {
      do {
        try await peers.send(body, of: migration.id, to: migration.destination)
      } catch is PeerUnknown {
        await report(.destinationUnknown, id: migration.id)
      } catch {
        logger.debug("The broker did not take a message", metadata: [LogKeys.migration: "\(migration.id)", LogKeys.error: "\(error)"])
      }
      try? await clock.wait(milliseconds: waits.step())
    }
  }

  // MARK: - Admission

  private func admitSources() {
    let waiting = sources.values.filter { $0.phase == .queued }.sorted { $0.acceptedAt.wall < $1.acceptedAt.wall }
    let free = limits.outgoing - (sources.count - waiting.count)
    for migration in waiting.prefix(max(0, free)) { admit { try self.deliverToSource(.admitted, id: migration.id) } }
  }

  private func admitDestinations() {
    let waiting = destinations.values.filter { $0.phase == .queued }.sorted { $0.acceptedAt.wall < $1.acceptedAt.wall }
    let free = limits.incoming - (destinations.count - waiting.count)
    for migration in waiting.prefix(max(0, free)) { admit { try self.applyToDestination(.admitted, id: migration.id) } }
  }

  /// Admits a migration. While the journal cannot be written it is tried again: no other event may come that would do it.
  private func admit(_ body: () throws -> Void) {
    do {
      try body()
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
      admitSources()
      admitDestinations()
    }
  }

  private func forgetSource(_ id: MigrationID) {
    if let migration = sources.removeValue(forKey: id) { ended(migration) }
    sourceTasks[id] = nil
    admitSources()
  }

  private func forgetDestination(_ id: MigrationID) {
    destinations[id] = nil
    destinationTasks[id] = nil
    admitDestinations()
  }

  // MARK: - What goes into the journal

  private func record(_ effects: [SourceEffect], of migration: SourceMigration, at now: Now, in step: inout JournalStep) {
    var sequence = migration.sequence - effects.count { if case .emit = $0 { true } else { false } }
    for effect in effects {
      switch effect {
      case .emit(let data):
        sequence += 1
        let event = MigrationEvent(migration: migration.id, host: here, sequence: sequence, time: now.wall, data: data)
        step.events.append(event)
        step.outbox.append(.event(event, host: here))
      case .tell(let body): step.outbox.append(outboxMessage(body, of: migration.id, to: migration.destination))
      default: break
      }
    }
  }

  private func record(_ effects: [DestinationEffect], of migration: DestinationMigration, in step: inout JournalStep) {
    for case .tell(let body) in effects {
      step.outbox.append(outboxMessage(body, of: migration.id, to: migration.source))
    }
  }

  private func outboxMessage(_ body: PeerMessage.Body, of id: MigrationID, to peer: HostAddress) -> OutboxMessage {
    .peer(PeerMessage(migration: id, from: here, to: peer, journal: journal.id, body: body))
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

extension JournalError {
  /// Whether one record cannot be read, while the journal itself can be: trying again is of no use.
  fileprivate var isOfOneRecord: Bool { [.unknownShape, .unreadableRecord].contains(code) }
}

extension SourceEffect {
  /// What tells effects apart: a timer is the same timer whatever is left of it, and a transfer is one transfer whether it is
  /// started or followed.
  var key: SourceEffect {
    switch self {
    case .setTimer(let timer, _): .setTimer(timer, milliseconds: 0)
    case .startTransfer: .followTransfer
    default: self
    }
  }
}

extension DestinationMigration.Phase {
  /// The phase in a word, for logs.
  fileprivate var word: String {
    switch self {
    case .queued: "queued"
    case .checking: "checking"
    case .providingLayers: "providing-layers"
    case .makingStubs: "making-stubs"
    case .prepared: "prepared"
    case .postChecking: "post-checking"
    case .confirmed: "confirmed"
    case .releasing: "releasing"
    case .removing: "removing"
    case .released: "released"
    case .refused: "refused"
    case .failed: "failed"
    case .rolledBack: "rolled-back"
    }
  }
}
