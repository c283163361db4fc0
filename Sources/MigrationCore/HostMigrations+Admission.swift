public import LongshoreMessages

/// Which of a host's two lines a migration is in.
public enum MigrationSide: Sendable, Hashable {
  /// Those out of the host.
  case source
  /// Those into it.
  case destination
}

extension HostMigrations {
  /// How many migrations, and template copies, may be at work at once.
  public struct Limits: Sendable, Hashable {
    /// Out of this host.
    public var outgoing: Int
    /// Into this host.
    public var incoming: Int
    /// To one other host, and from one.
    public var pair: Int
    /// Out of one pool of this host, and into one.
    public var pool: Int

    /// Limits; those that are not given do not bind.
    public init(outgoing: Int, incoming: Int, pair: Int = .max, pool: Int = .max) {
      self.outgoing = outgoing
      self.incoming = incoming
      self.pair = pair
      self.pool = pool
    }
  }

  /// The steps that give a place to those in a line whose turn it is, and that tell the others what they wait for, as far as they have
  /// not told it. Each follows from the ones before it.
  public func admission(to side: MigrationSide, at now: Now) -> [HostStep] {
    var after = self
    var steps: [HostStep] = []
    func take(_ step: HostStep?) {
      guard let step else { return }
      after.adopt(step)
      steps.append(step)
    }
    for id in round(of: side, at: now).admitted { take(after.step(of: .admitted, for: id, side, at: now)) }
    for (id, waiting) in after.untoldWaits(of: side, at: now) { take(after.step(of: .waits(waiting), for: id, side, at: now)) }
    return steps
  }

  /// Steps that begin migrations out of this host, with the ``admission(to:at:)`` that follows once they are adopted. What one waits for
  /// that begins is told in the step that begins it, so that it is stored once.
  public func admission(following begun: [HostStep], at now: Now) -> [HostStep] {
    var steps = begun
    let beginnings = Dictionary(
      begun.enumerated().compactMap { index, step in step.source.map { ($0.id, index) } }, uniquingKeysWith: { $1 })
    for step in admission(to: .source, at: now) {
      if case .waits? = step.sourceEvent, let migration = step.source, let index = beginnings[migration.id] {
        steps[index].source = migration.begun
        steps[index].messages += step.messages
      } else {
        steps.append(step)
      }
    }
    return steps
  }

  /// What happens to one that is in a line.
  private enum LineEvent {
    case admitted
    case waits(Waiting)
  }

  private func step(of event: LineEvent, for id: MigrationID, _ side: MigrationSide, at now: Now) -> HostStep? {
    switch (side, event) {
    // Neither is ever refused.
    case (.source, .admitted): try? step(of: SourceEvent.admitted, for: id, at: now)
    case (.source, .waits(let waiting)): try? step(of: SourceEvent.waits(waiting), for: id, at: now)
    case (.destination, .admitted): step(of: DestinationEvent.admitted, for: id, at: now)
    case (.destination, .waits(let waiting)): step(of: DestinationEvent.waits(waiting), for: id, at: now)
    }
  }

  /// Those that wait here, out of this host and then into it, each in their order; then those that are known to wait at their
  /// destinations.
  ///
  /// - Parameter ends: In how many milliseconds migrations out of this host are predicted to end, as far as that is known.
  public func queue(ends: [MigrationID: Int64], at now: Now) -> [QueueEntry] {
    [MigrationSide.source, .destination].flatMap { entries(of: $0, ends: ends, at: now) }
      + sources.values.filter { $0.phase != .queued && $0.waiting != nil }
      .sorted { ($0.acceptedAt.wall, $0.id.text) < ($1.acceptedAt.wall, $1.id.text) }
      .compactMap { migration in
        migration.waiting.map {
          QueueEntry(
            id: migration.id, guest: migration.guest, sourceHost: migration.source.host, destinationHost: migration.destination.host,
            priority: migration.place.priority, since: migration.updatedAt, waiting: $0)
        }
      }
  }

  private func entries(of side: MigrationSide, ends: [MigrationID: Int64], at now: Now) -> [QueueEntry] {
    let starts =
      ends.isEmpty || side == .destination
      ? [:]
      : AdmissionRound.expectedStarts(
        running: sources.compactMap { $0.isQueued ? nil : ($0.needs, ends[$0.id]) }, waiting: line(of: side, at: now),
        needs: { needs(of: $0, side) }, capacity: { self.capacity(of: $0, side) })
    return waits(of: side, at: now).compactMap { id, waiting in
      switch side {
      case .source:
        sources[id].map { migration in
          QueueEntry(
            id: id, guest: migration.guest, sourceHost: migration.source.host, destinationHost: migration.destination.host,
            priority: migration.place.priority, since: migration.acceptedAt.wall, waiting: waiting,
            expectedStart: starts[id].map { now.wall.adding(milliseconds: $0) })
        }
      case .destination:
        destinations[id].map { migration in
          let guest = migration.plan?.guest
          return QueueEntry(
            id: id, guest: GuestReference(uuid: guest?.uuid ?? "", name: guest?.name.text ?? ""), sourceHost: migration.source.host,
            destinationHost: here.host, priority: migration.place.priority, since: migration.acceptedAt.wall, waiting: waiting)
        }
      }
    }
  }

  // MARK: - The operator's changes

  /// In which line of this host a migration waits; nil where it does not.
  public func side(ofQueued id: MigrationID) -> MigrationSide? {
    if sources[id]?.phase == .queued { return .source }
    return destinations[id]?.phase == .queued ? .destination : nil
  }

  /// Why a migration cannot be taken for one that waits here; nil where it can.
  ///
  /// - Parameter side: The line that is meant; nil for either.
  public func refusal(toTreatAsQueued id: MigrationID, in side: MigrationSide? = nil) -> Reason? {
    let found = self.side(ofQueued: id)
    if let found, side == nil || side == found { return nil }
    if found != nil { return Reason(.contradicted, "the migration \(id) does not wait in the same line of \(here.host)") }
    if let waiting = sources[id]?.waiting, waiting.host != here.host {
      return Reason(.tooLate, "the migration \(id) has its place at \(here.host) already, and waits at \(waiting.host)")
    }
    if sources[id] != nil || destinations[id] != nil {
      return Reason(.tooLate, "the migration \(id) does not wait at \(here.host) any more: it is at work")
    }
    return Reason(.unknownMigration, "no migration \(id) that has not ended is known at \(here.host)")
  }

  /// The places that put a migration where the operator wants it, to be given one after the other: between two steps the order is
  /// either the old or the new one.
  ///
  /// - Throws: ``Rejected`` where it does not wait here, or the one before which it is to go does not.
  public func places(for move: QueueMove, at now: Now) throws(Rejected) -> [(id: MigrationID, side: MigrationSide, place: QueuePlace)] {
    if let refusal = refusal(toTreatAsQueued: move.migration) { throw Rejected(refusal) }
    guard let side = side(ofQueued: move.migration), let own = place(of: move.migration, side) else { return [] }
    let line = scores(of: side, at: now)
    guard let score = line.first(where: { $0.id == move.migration })?.score else { return [] }
    let others = line.filter { $0.id != move.migration }
    switch move.place {
    case .priority(let priority):
      return [(move.migration, side, QueuePlace(priority: priority, headStartUs: own.headStartUs))]
    case .first:
      guard let first = others.first, first.score >= score else { return [] }
      return [(move.migration, side, own.ahead(by: first.score.saturating(plus: 1).saturating(plus: -score)))]
    case .before(let other):
      if let refusal = refusal(toTreatAsQueued: other, in: side) { throw Rejected(refusal) }
      guard let index = others.firstIndex(where: { $0.id == other }) else {
        throw Rejected(.contradicted, "a migration cannot go before itself")
      }
      let target = others[index].score
      var places: [(id: MigrationID, side: MigrationSide, place: QueuePlace)] = []
      var gap: Int64 = 2
      if index > 0 {
        gap = others[index - 1].score.saturating(plus: -target)
        if gap < 2 {
          // There is no room between the two: all before the place move on by a second, the first of them first.
          gap = gap.saturating(plus: 1_000_000)
          for id in others[..<index].map(\.id) {
            if let place = place(of: id, side) { places.append((id, side, place.ahead(by: 1_000_000))) }
          }
        }
      }
      return places + [(move.migration, side, own.ahead(by: target.saturating(plus: gap / 2).saturating(plus: -score)))]
    }
  }

  private func place(of id: MigrationID, _ side: MigrationSide) -> QueuePlace? {
    switch side {
    case .source: sources[id]?.place
    case .destination: destinations[id]?.place
    }
  }

  /// A place that nobody in the line shares who has come there since the host's boot, so that one can always be put between two.
  func distinct(_ place: QueuePlace, in side: MigrationSide, at now: Now) -> QueuePlace {
    var place = place
    while isTaken(QueueRank(place, since: now), in: side), place.headStartUs > QueuePlace.headStartRange.lowerBound {
      place = place.ahead(by: -1)
    }
    return place
  }

  private func isTaken(_ rank: QueueRank, in side: MigrationSide) -> Bool {
    switch side {
    case .source: sources.hasQueued(rank)
    case .destination: destinations.hasQueued(rank)
    }
  }

  // MARK: - The lines

  /// Those that wait, the first first.
  private func scores(of side: MigrationSide, at now: Now) -> [(id: MigrationID, score: Int64)] {
    let waiting: [(id: MigrationID, score: Int64)] =
      switch side {
      case .source: sources.compactMap { $0.isQueued ? ($0.id, $0.place.score(since: $0.acceptedAt, at: now)) : nil }
      case .destination: destinations.compactMap { $0.isQueued ? ($0.id, $0.place.score(since: $0.acceptedAt, at: now)) : nil }
      }
    return waiting.sorted { $0.score != $1.score ? $0.score > $1.score : $0.id.text < $1.id.text }
  }

  private func line(of side: MigrationSide, at now: Now) -> [MigrationID] { scores(of: side, at: now).map(\.id) }

  private func needs(of id: MigrationID, _ side: MigrationSide) -> [AdmissionResource] {
    switch side {
    case .source: sources[id]?.needs ?? []
    case .destination: destinations[id]?.needs ?? []
    }
  }

  private func round(of side: MigrationSide, at now: Now) -> AdmissionRound {
    let running: [[AdmissionResource]] =
      switch side {
      case .source: sources.compactMap { $0.isQueued ? nil : $0.needs }
      case .destination: destinations.compactMap { $0.isQueued ? nil : $0.needs }
      }
    return AdmissionRound(
      running: running, waiting: line(of: side, at: now), needs: { needs(of: $0, side) }, capacity: { capacity(of: $0, side) })
  }

  private func capacity(of resource: AdmissionResource, _ side: MigrationSide) -> Int {
    switch resource {
    case .direction: side == .source ? limits.outgoing : limits.incoming
    case .peer: limits.pair
    case .pool: limits.pool
    }
  }

  private func waits(of side: MigrationSide, at now: Now) -> [(id: MigrationID, waiting: Waiting)] {
    round(of: side, at: now).blocked.map { ($0.id, waiting(for: $0, side)) }
  }

  /// The waits that are not those that were told last. Their sentences are made for these alone: many may wait.
  private func untoldWaits(of side: MigrationSide, at now: Now) -> [(id: MigrationID, waiting: Waiting)] {
    round(of: side, at: now).blocked.compactMap { blocked in
      let (limit, pool) = limit(of: blocked.resource, side)
      let told = side == .source ? sources[blocked.id]?.waiting : destinations[blocked.id]?.waiting
      if let last = told, last.host == here.host, last.limit == limit, last.pool == pool { return nil }
      return (blocked.id, waiting(for: blocked, side))
    }
  }

  /// The setting that limits something, and the pool where it is one of a pool.
  private func limit(of resource: AdmissionResource, _ side: MigrationSide) -> (setting: String, pool: ResourceName?) {
    switch resource {
    case .direction: (side == .source ? "limits.outgoing" : "limits.incoming", nil)
    case .peer: ("limits.pair", nil)
    case .pool(let name): ("limits.pool", name)
    }
  }

  private func waiting(for blocked: AdmissionRound.Blocked, _ side: MigrationSide) -> Waiting {
    let number = capacity(of: blocked.resource, side)
    let migrations = number == 1 ? "one migration" : "\(number) migrations"
    let (limit, pool) = limit(of: blocked.resource, side)
    let may =
      switch blocked.resource {
      case .direction: side == .source ? "leave \(here.host)" : "come to \(here.host)"
      case .peer(let peer): side == .source ? "go from \(here.host) to \(peer)" : "come from \(peer) to \(here.host)"
      case .pool(let name): side == .source ? "leave the pool \(name) of \(here.host)" : "come into the pool \(name) of \(here.host)"
      }
    let before = blocked.position - 1
    let line = before == 0 ? "this one is next" : before == 1 ? "one waits before this one" : "\(before) wait before this one"
    return Waiting(
      host: here.host, limit: limit, pool: pool, position: blocked.position,
      reason: Reason(.limitReached, "\(migrations) at once may \(may) (`\(limit)`), and \(line)"))
  }
}

extension SourceMigration {
  /// Whether it waits for its turn at its source.
  public var isQueued: Bool { if case .queued = phase { true } else { false } }

  /// What it needs a place of at its source.
  var needs: [AdmissionResource] {
    let pools = inspection.map { Set($0.plan.disks.map(\.sourcePool)) } ?? Set(sourcePools ?? [])
    return [.direction, .peer(destination.host)] + pools.sorted { $0.text < $1.text }.map { .pool($0) }
  }
}

extension DestinationMigration {
  /// Whether it waits for its turn at its destination.
  public var isQueued: Bool { if case .queued = phase { true } else { false } }

  /// What it needs a place of at its destination.
  var needs: [AdmissionResource] {
    let pools = Set(plan?.disks.map(\.destinationPool) ?? [])
    return [.direction, .peer(source.host)] + pools.sorted { $0.text < $1.text }.map { .pool($0) }
  }
}
