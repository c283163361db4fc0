internal import LongshoreMessages
internal import MigrationCore
internal import MigrationJournal

extension World {
  /// How often a migration is looked at whose end was not told, in milliseconds.
  private static let lookInterval: Int64 = 2_000
  /// How often it is told how far a drain is, in milliseconds.
  private static let reportInterval: Int64 = 60_000
  /// For how long guests are waited for that are still on their way to a host that is looked at, in milliseconds.
  private static let arrivalPatience: Int64 = 300_000

  // MARK: - Life

  /// The agent takes up what its journal holds.
  mutating func resumeDrain(at host: Int) {
    let open = hosts[host].store.drains.last { !$0.isTerminal }
    draining[host] = HostDraining(drains: HostDrains(here: Catalogue.hosts[host], open: open))
    if let open { reconcile(open, at: host) }
  }

  // MARK: - Requests

  /// What an agent does with an order to drain its host, as the coordinator does it.
  mutating func take(_ call: DrainCall, at host: Int) throws(Store.Unwritable) {
    let order = seams.drainOrder.map { $0(call.order(in: setup)) } ?? call.order(in: setup)
    let key = RequestKey(id: Catalogue.drains[call.number], digest: "\(order)")
    switch draining[host].drains.accept(order, key, known: hosts[host].store.drain(key.id), at: clock(host)) {
    case .known: note("the drain is known")
    case .rejected(let reason): note("the drain is rejected: \(reason.message)")
    case .begins(let step):
      guard try commit(step, at: host) == .committed else { return }
      note("d\(call.number) is accepted: \(name(host)) is drained")
    }
  }

  /// Somebody wants something of a drain.
  mutating func steer(_ number: Int, _ action: DrainSteering.Action, running: Bool, at host: Int) throws(Store.Unwritable) {
    guard let drain = hosts[host].store.drain(Catalogue.drains[number]) else { return note("d\(number) is not known") }
    let occurrence: DrainOccurrence
    do throws(Rejected) {
      occurrence = try drain.occurrence(
        DrainSteering(drain.id, action, running: running), reason: Reason(.cancelled, "somebody wants it"))
    } catch {
      return note("refused for d\(number): \(error.reason.message)")
    }
    try apply(occurrence, at: host)
  }

  /// The operator takes a host out of its maintenance.
  mutating func endMaintenance(at host: Int) throws(Store.Unwritable) {
    if let refusal = draining[host].drains.refusalToEndMaintenance { return note("refused: \(refusal.message)") }
    try hosts[host].store.endMaintenance(at: clock(host))
  }

  // MARK: - Steps

  private mutating func apply(_ occurrence: DrainOccurrence, at host: Int) throws(Store.Unwritable) {
    guard hosts[host].store.isWritable else { throw Store.Unwritable() }
    guard let open = draining[host].drains.open else { return }
    heed(occurrence, of: open)
    guard let told = seams.drainOccurrence.map({ $0(occurrence, open) }) ?? occurrence,
      let step = draining[host].drains.step(of: told, at: clock(host))
    else { return }
    try commit(step, at: host)
  }

  /// Journals a step of a drain and takes it over, as the coordinator does.
  @discardableResult
  private mutating func commit(_ step: DrainStep, at host: Int) throws(Store.Unwritable) -> CommitOutcome {
    let before = draining[host].drains.open
    let outcome = try hosts[host].store.commit(step)
    if let difference = hosts[host].store.difference { fail("journal", difference) }
    guard outcome == .committed else {
      if outcome == .stale { fail("I5", "\(name(host)) stores a revision of a drain that does not follow the stored one") }
      return outcome
    }
    draining[host].drains.adopt(step)
    note("\(step.drain.id) \(step.drain.publicPhase.rawValue): \(words(step.drain.guests))")
    judge(step, after: before, at: host)
    reconcile(step.drain, at: host)
    return outcome
  }

  private func words(_ guests: [Drain.Guest]) -> String { guests.map { "\($0.guest.name) \($0.state)" }.joined(separator: ", ") }

  /// Keeps that work going which a drain needs, and drops the rest: none of it changes anything after it is not needed any more.
  private mutating func reconcile(_ drain: Drain, at host: Int) {
    var effects = drain.outstanding(at: clock(host))
    if let change = seams.drainEffects { effects = change(effects, drain) }
    draining[host].works.removeAll { work in !effects.contains { $0.key == work.effect } }
    for effect in effects where !draining[host].works.contains(where: { $0.effect == effect.key }) {
      var work = DrainWork(effect, due: now)
      if work.kind == .report { work.due += Self.reportInterval }
      draining[host].works.append(work)
    }
  }

  /// Those that follow a migration hear of its end.
  mutating func wakeDrain(of id: MigrationID, at host: Int) {
    for index in draining[host].works.indices where draining[host].works[index].watch?.move.migration == id {
      draining[host].works[index].due = now
    }
  }

  // MARK: - Work

  /// Does the next step of a piece of work for a drain. `outcome` 0: it succeeds as far as the world lets it; 1: it fails.
  mutating func performDrain(_ index: Int, at host: Int, outcome: Int) {
    var work = draining[host].works[index]
    now = max(now, work.due)
    if let report = work.report { return tell(report, from: work, at: host) }
    guard let drain = draining[host].drains.open else { return }
    let progress: DrainWork.Progress
    do throws(Store.Unwritable) {
      progress =
        switch work.effect {
        case .survey(let round, let only): survey(&work, drain, round, only, at: host, outcome)
        case .move(let move): try follow(&work, move, of: drain, at: host, outcome)
        case .cancelMove(let id): try cancelMove(id, at: host)
        case .look: look(&work, at: host)
        case .report: .tellAndWait(.reportDue(expectedSeconds: drain.forecast(left: [:])?.seconds), Self.reportInterval)
        case .awaitDeadline: .tell(.deadlinePassed)
        }
    } catch {
      note("the journal of \(name(host)) cannot be written: the drain's \(work.kind) waits")
      progress = .backOff
    }
    switch progress {
    case .next: work.due = now
    case .wait(let milliseconds): work.due = now + milliseconds
    case .backOff:
      work.due = now + work.backOff
      work.backOff = min(work.backOff * 2, 30_000)
    case .done: work.isFinished = true
    case .tell(let occurrence):
      work.report = occurrence
      work.isFinished = true
    case .tellAndWait(let occurrence, let milliseconds):
      work.report = occurrence
      work.due = now + milliseconds
    }
    // A migration that was just ordered changes the works.
    guard let index = draining[host].works.firstIndex(where: { $0.effect == work.effect }) else { return }
    draining[host].works[index] = work
    if let report = work.report { tell(report, from: work, at: host) }
  }

  /// Tells the drain what its work has found out; while the journal cannot be written it is told again.
  private mutating func tell(_ occurrence: DrainOccurrence, from work: DrainWork, at host: Int) {
    guard let index = draining[host].works.firstIndex(where: { $0.effect == work.effect }) else { return }
    draining[host].works[index].report = nil
    do throws(Store.Unwritable) {
      try apply(occurrence, at: host)
    } catch {
      note("the journal of \(name(host)) cannot be written: the drain's \(work.kind) waits")
      draining[host].works[index].report = occurrence
      draining[host].works[index].due = now + 1000
    }
  }

  /// Whether work for a drain has anything left to do.
  func canGoOn(_ work: DrainWork) -> Bool { !work.isFinished || work.report != nil }

  /// The guests that a host's libvirt shows as active, but for those that are still on their way.
  private func running(at host: Int) -> [GuestReference] {
    Catalogue.guests.indices.prefix(setup.guests).filter { guest in
      hosts[host].domains[guest]?.process != nil && !isArriving(guest, at: host)
    }.map { Catalogue.guests[$0] }
  }

  private func isArriving(_ guest: Int, at host: Int) -> Bool {
    hosts[host].migrations.destinations.values.contains { $0.locksGuest && $0.plan?.guest.uuid == Catalogue.guests[guest].uuid }
  }

  /// A survey: the guests first, then one host after the other. The questions and answers change nothing where they are lost: a host
  /// that does not hear of them is silent.
  private mutating func survey(
    _ work: inout DrainWork, _ drain: Drain, _ round: Int, _ only: [String]?, at host: Int, _ outcome: Int
  ) -> DrainWork.Progress {
    if work.stage == 0 {
      guard hosts[host].daemon == .up else { return .backOff }
      let guests = running(at: host).filter { only?.contains($0.uuid) != false }.map { guest in
        var found = DrainSurvey.Guest(guest: guest, memory: 1, bytes: 1, sourcePools: [Catalogue.ownPool])
        if let migration = hosts[host].migrations.sources.values.first(where: { $0.guest.uuid == guest.uuid }) {
          found.migration = DrainSurvey.Guest.Foreign(id: migration.id, destination: migration.destination.host)
        }
        return found
      }
      work.survey = DrainSurvey(
        guests: guests, hosts: [], outgoing: limits.outgoing, pair: limits.pair, pool: limits.pool)
      work.stage = 1
      return .next
    }
    guard var found = work.survey else { return .done }
    guard work.stage < Self.hostCount else { return .tell(.surveyed(found, round: round)) }
    let there = (host + work.stage) % Self.hostCount
    work.stage += 1
    let name = Catalogue.hosts[there].host
    guard drain.order.to?.contains(name) != false else { return .next }
    let isHeard = hosts[host].isAtBroker && hosts[there].isAtBroker && hosts[there].isUp && hosts[there].daemon == .up && outcome == 0
    guard isHeard else {
      if drain.order.to != nil {
        found.hosts.append(DrainSurvey.Host(host: name, offer: nil, refusal: Reason(.destinationUnreachable, "it is silent")))
      }
      work.survey = found
      return .next
    }
    let refusal = hosts[there].store.maintenance ? Reason(.maintenance, "it takes no guests") : nil
    found.hosts.append(
      DrainSurvey.Host(
        host: name,
        offer: HostOffer(
          refusal: refusal, pools: [], incoming: limits.incoming, pair: limits.pair, pool: limits.pool,
          busy: hosts[there].migrations.destinations.count), linkBps: 1, refusal: refusal))
    if refusal == nil {
      for index in found.guests.indices where found.guests[index].migration == nil {
        let guest = Catalogue.guest(found.guests[index].guest.uuid)
        let reasons = hosts[there].domains[guest] == nil ? [] : [Reason(.domainExists, "it has a domain of the name")]
        found.guests[index].ways.append(DrainSurvey.Way(host: name, refusals: reasons))
      }
    }
    work.survey = found
    return .next
  }

  /// A move: ordered at the door of all orders, then followed.
  private mutating func follow(
    _ work: inout DrainWork, _ move: DrainMove, of drain: Drain, at host: Int, _ outcome: Int
  ) throws(Store.Unwritable) -> DrainWork.Progress {
    guard var watch = work.watch else { return .done }
    if work.stage == 0, move.isOwn, let command = drain.order(of: move) {
      switch watch.ordered(try order(move, command, at: host, outcome)) {
      case .orderAgain: return .backOff
      case .end(let occurrence): return .tell(occurrence)
      case .look, .tell, .lookForGuest:
        work.stage = 1
        return .next
      }
    }
    let migration = hosts[host].store.source(move.migration)
    defer { work.watch = watch }
    switch watch.look(at: migration, at: clock(host)) {
    case .end(let occurrence): return .tell(occurrence)
    case .tell(let occurrence): return .tellAndWait(occurrence, Self.lookInterval)
    case .look, .orderAgain: return .wait(Self.lookInterval)
    case .lookForGuest:
      guard let migration, hosts[host].daemon == .up else { return .wait(Self.lookInterval) }
      return .tell(watch.end(of: migration, runsHere: hosts[host].domains[Catalogue.guest(move.guest)]?.process != nil))
    }
  }

  /// Orders a migration, as the door of all orders does.
  private mutating func order(
    _ move: DrainMove, _ command: MigrateCommand, at host: Int, _ outcome: Int
  ) throws(Store.Unwritable) -> HostMigrations.Acceptance {
    let guest = Catalogue.guest(move.guest)
    let key = RequestKey(id: move.migration, digest: "\(command)")
    // What libvirt says comes before what the journal says.
    var refusal: Reason?
    if hosts[host].daemon != .up || outcome != 0 {
      refusal = Reason(.unavailable, "libvirt does not answer")
    } else if let domain = hosts[host].domains[guest] {
      let isMovable = domain.process.map { $0.runs || $0.state == .pausedByUser } ?? false
      if !isMovable { refusal = Reason(.guestNotRunning, "it does not run") }
    } else {
      refusal = Reason(.unknownGuest, "it is not here")
    }
    if let earlier = HostMigrations.earlierOrder(key, digest: hosts[host].store.digests[key.id]) { return earlier }
    if let refusal { return .rejected([refusal]) }
    let there = Catalogue.hosts.firstIndex { $0.host == move.destination } ?? host
    let order = Order(number: Catalogue.number(of: move.migration), source: host, guest: guest, destination: there)
    let step: HostStep
    do throws(Rejected) {
      step = try self.step(of: command, key, order, at: host)
    } catch {
      return .rejected([error.reason])
    }
    guard try commit(step, at: host) == .committed else { return .rejected([HostMigrations.idReused(key.id)]) }
    note("\(move.migration) is accepted: \(Catalogue.guests[guest].name) from \(name(host)) to \(name(there))")
    judgeOrder(of: move, at: host)
    begin(order)
    return .accepted
  }

  /// Cancels a migration of a drain, as soon as it is known, unless it cannot be cancelled any more.
  private mutating func cancelMove(_ id: MigrationID, at host: Int) throws(Store.Unwritable) -> DrainWork.Progress {
    guard hosts[host].migrations.sources[id] != nil else {
      return hosts[host].store.source(id) == nil ? .wait(Self.lookInterval) : .done
    }
    let step: HostStep?
    do throws(Rejected) {
      step = try hosts[host].migrations.step(
        of: .cancel(Reason(.cancelled, "cancelled with its drain")), for: id, at: clock(host))
    } catch {
      return error.reason.code == .tooLate ? .done : .wait(Self.lookInterval)
    }
    if let step { try commit(step, at: host) }
    return .done
  }

  private mutating func look(_ work: inout DrainWork, at host: Int) -> DrainWork.Progress {
    let since = work.since ?? now
    work.since = since
    if !hosts[host].migrations.destinations.isEmpty, now - since < Self.arrivalPatience { return .wait(Self.lookInterval) }
    guard hosts[host].daemon == .up else { return .backOff }
    let running = running(at: host)
    if let index = truth(ofDrainAt: host) { drainTruths[index].seen = Set(running.map { Catalogue.guest($0.uuid) }) }
    return .tell(.looked(running))
  }
}
