public import LongshoreMessages

/// The migrations in which a host takes part and that have not ended, and what the host decides about them: whether it takes an
/// order, what a message means, whose turn it is.
///
/// A decision is a ``HostStep``: the driver journals it, then hands it to ``adopt(_:)``. What cannot be journalled has not
/// happened, and the value is as it was.
public struct HostMigrations: Sendable, Hashable {
  /// What became of an order to migrate.
  public enum Acceptance: Sendable, Hashable {
    /// It is journalled, now or earlier.
    case accepted
    /// It is refused, and nothing was changed.
    case rejected([Reason])
  }

  /// The host.
  public let here: HostAddress
  /// The id of the host's journal.
  public let journal: String
  /// How many migrations may work at once.
  public var limits: Limits
  /// The migrations out of this host.
  public private(set) var sources = MigrationTable<SourceMigration>()
  /// The migrations into this host.
  public private(set) var destinations = MigrationTable<DestinationMigration>()

  /// The migrations of a host, as its journal holds those that have not ended.
  public init(
    here: HostAddress, journal: String, limits: Limits, sources: [SourceMigration] = [], destinations: [DestinationMigration] = []
  ) {
    self.here = here
    self.journal = journal
    self.limits = limits
    for migration in sources { self.sources[migration.id] = migration }
    for migration in destinations { self.destinations[migration.id] = migration }
  }

  /// How many migrations run, out of and into this host.
  public var count: Int { sources.count + destinations.count }

  /// Takes over a step that is journalled. Migrations that have ended are forgotten.
  public mutating func adopt(_ step: HostStep) {
    if let migration = step.source { sources[migration.id] = migration.isTerminal ? nil : migration }
    if let migration = step.destination { destinations[migration.id] = migration.isTerminal ? nil : migration }
  }

  // MARK: - Orders

  /// What an order means by its id alone: nil for one that is new.
  ///
  /// - Parameters:
  ///   - request: The order's key.
  ///   - digest: The digest that the journal holds for the order's id; nil where it holds none.
  public static func earlierOrder(_ request: RequestKey, digest: String?) -> Acceptance? {
    switch digest {
    case nil: nil
    case request.digest: .accepted
    default: .rejected([idReused(request.id)])
    }
  }

  /// Why an order is refused whose id was used by another one.
  public static func idReused(_ id: MigrationID) -> Reason {
    Reason(.idReused, "the id \(id) was used before by a request with another content: give each order an id of its own")
  }

  /// The step that begins a new migration.
  ///
  /// - Parameter sourcePools: The pools that the guest's disks are in, as far as they are known before it is inspected.
  /// - Throws: ``Rejected`` where another migration has the guest.
  public func accept(
    _ request: RequestKey, order: MigrateCommand, guest: GuestReference, sourcePools: [ResourceName]? = nil, destination: HostAddress,
    deadlineSeconds: Int64, patience: Patience, trace: TraceContext? = nil, at now: Now
  ) throws(Rejected) -> HostStep {
    if let busy = lock(onGuest: guest.uuid) { throw Rejected(busy) }
    let (migration, effects) = SourceMigration.accept(
      id: request.id, order: order, guest: guest, sourcePools: sourcePools, source: here, destination: destination,
      deadlineSeconds: deadlineSeconds, patience: patience,
      place: distinct(QueuePlace(priority: order.priority ?? .normal), in: .source, at: now), trace: trace, at: now)
    var step = HostStep(at: now)
    step.request = request
    step.source = migration
    record(effects, of: migration, in: &step)
    return step
  }

  /// Why the guest cannot be taken by a new migration; nil where it can.
  public func lock(onGuest uuid: String) -> Reason? {
    if let migration = sources.keeper(ofGuest: uuid) {
      return Reason(
        .guestBusy, "the guest \(migration.guest.name) is being moved to \(migration.destination.host) by the migration \(migration.id)")
    }
    if let migration = destinations.keeper(ofGuest: uuid) {
      return Reason(
        .guestBusy, "the guest has not been released yet by the migration \(migration.id) that brings it from \(migration.source.host)")
    }
    return nil
  }

  /// Why a migration that does not run cannot be stopped. `ended` is what the journal holds of it.
  public func refusalToStop(_ id: MigrationID, ended: SourceMigration?) -> Rejected {
    guard let ended else { return Rejected(.unknownMigration, "no migration \(id) is known at \(here.host)") }
    return Rejected(.tooLate, "the migration has ended already: \(ended.publicPhase.rawValue)")
  }

  // MARK: - Events

  /// The step that an event is for a migration out of this host; nil where it changes nothing, or the migration does not run.
  ///
  /// - Throws: ``Rejected`` where somebody asks for what cannot be done any more.
  public func step(of event: SourceEvent, for id: MigrationID, at now: Now) throws(Rejected) -> HostStep? {
    guard let before = sources[id] else { return nil }
    var migration = before
    let effects = try migration.apply(event, at: now)
    guard migration != before || !effects.isEmpty else { return nil }
    var step = HostStep(at: now)
    if migration != before {
      step.source = migration
      step.sourceEvent = event
    }
    record(effects, of: migration, in: &step)
    return step
  }

  /// The step that an event is for a migration into this host; nil where it changes nothing, or the migration does not run.
  public func step(of event: DestinationEvent, for id: MigrationID, at now: Now) -> HostStep? {
    destinations[id].flatMap { step(of: event, for: $0, at: now) }
  }

  private func step(of event: DestinationEvent, for before: DestinationMigration, at now: Now) -> HostStep? {
    var migration = before
    let effects = migration.apply(event, at: now)
    guard migration != before || !effects.isEmpty else { return nil }
    var step = HostStep(at: now)
    if migration != before {
      step.destination = migration
      step.destinationEvent = event
    }
    record(effects, of: migration, in: &step)
    return step
  }

  // MARK: - Messages of other agents

  /// The step that a message of another agent is; nil where it changes nothing and needs no answer.
  ///
  /// - Parameters:
  ///   - message: The message, which is for this host.
  ///   - endpoint: How a source reaches this host.
  ///   - recall: What the journal holds of a migration into this host that does not run; nil where it was never heard of. Asked at
  ///     most once.
  public func step<Failure: Error>(
    of message: PeerMessage, endpoint: DestinationEndpoint, at now: Now,
    recall: (MigrationID) throws(Failure) -> DestinationMigration?
  ) throws(Failure) -> HostStep? {
    let id = message.migration
    if let migration = sources[id], migration.destination == message.from {
      // No message of a peer is refused.
      return try? step(of: .peer(message.body, journal: message.journal), for: id, at: now)
    }
    switch message.body {
    case .prepare, .confirm, .compare, .release, .rollback, .disown, .yield, .assign: break
    default: return nil
    }
    if let running = destinations[id] { return answer(message, of: running, at: now) }
    if let ended = try recall(id) { return answer(message, of: ended, at: now) }
    return step(ofUnknown: message, endpoint: endpoint, at: now)
  }

  private func answer(_ message: PeerMessage, of migration: DestinationMigration, at now: Now) -> HostStep? {
    migration.source == message.from ? step(of: .peer(message.body), for: migration, at: now) : nil
  }

  /// What a message means of a migration that this journal has never heard of.
  private func step(ofUnknown message: PeerMessage, endpoint: DestinationEndpoint, at now: Now) -> HostStep? {
    let id = message.migration
    switch message.body {
    case .prepare(let plan):
      if let busy = lock(onGuest: plan.guest.uuid) {
        return telling(.prepareFailed(busy), of: id, to: message.from, trace: message.trace, at: now)
      }
      return beginning(
        DestinationMigration.prepare(
          id: id, source: message.from, plan: plan, endpoint: endpoint,
          place: distinct(plan.queue ?? QueuePlace(), in: .destination, at: now), trace: message.trace, at: now), at: now)
    case .rollback, .disown:
      return beginning(DestinationMigration.tombstone(id: id, source: message.from, endpoint: endpoint, at: now), at: now)
    case .confirm:
      let reason = Reason(.postCheckFailed, "the destination knows nothing of this migration")
      return telling(.confirmFailed([reason]), of: id, to: message.from, trace: message.trace, at: now)
    case .compare: return telling(.compared(DestinationMigration.nothingToCompare), of: id, to: message.from, trace: message.trace, at: now)
    // Nobody names an owner here of what this journal does not know.
    case .yield: return telling(.yielded, of: id, to: message.from, trace: message.trace, at: now)
    case .release, .assign:
      // Nothing is locked by a migration that this journal does not know.
      return telling(.released, of: id, to: message.from, trace: message.trace, at: now)
    default: return nil
    }
  }

  private func beginning(_ begun: (migration: DestinationMigration, effects: [DestinationEffect]), at now: Now) -> HostStep {
    var step = HostStep(at: now)
    step.destination = begun.migration
    record(begun.effects, of: begun.migration, in: &step)
    return step
  }

  private func telling(
    _ body: PeerMessage.Body, of id: MigrationID, to peer: HostAddress, trace: TraceContext?, at now: Now
  ) -> HostStep {
    var step = HostStep(at: now)
    step.messages = [message(body, of: id, to: peer, trace: trace)]
    return step
  }

  // MARK: - What goes out with a step

  private func record(_ effects: [SourceEffect], of migration: SourceMigration, in step: inout HostStep) {
    var sequence = migration.sequence - effects.count { if case .emit = $0 { true } else { false } }
    for effect in effects {
      switch effect {
      case .emit(let data):
        sequence += 1
        step.messages.append(
          .event(
            MigrationEvent(migration: migration.id, host: here, sequence: sequence, time: step.at.wall, data: data, trace: migration.trace))
        )
      case .tell(let body):
        step.messages.append(message(body, of: migration.id, to: migration.destination, trace: migration.trace))
      case .startTransfer: step.startsTransfer = true
      default: break
      }
    }
  }

  private func record(_ effects: [DestinationEffect], of migration: DestinationMigration, in step: inout HostStep) {
    for case .tell(let body) in effects {
      step.messages.append(message(body, of: migration.id, to: migration.source, trace: migration.trace))
    }
  }

  private func message(
    _ body: PeerMessage.Body, of id: MigrationID, to peer: HostAddress, trace: TraceContext? = nil
  ) -> HostStep.Message {
    .peer(PeerMessage(migration: id, from: here, to: peer, journal: journal, body: body, trace: trace))
  }
}
