internal import LongshoreMessages
internal import MigrationCore
internal import MigrationJournal

extension World {
  // MARK: - Life

  mutating func startAgent(_ host: Int) {
    hosts[host].isUp = true
    hosts[host].store.readBack()
    hosts[host].migrations = HostMigrations(
      here: Catalogue.hosts[host], journal: hosts[host].store.id, limits: limits, sources: hosts[host].store.openSources,
      destinations: hosts[host].store.openDestinations)
    for migration in hosts[host].store.openSources { reconcile(migration, at: host) }
    for migration in hosts[host].store.openDestinations { reconcile(migration, at: host) }
    if setup.drains { resumeDrain(at: host) }
  }

  mutating func crashAgent(_ host: Int) {
    hosts[host].isUp = false
    hosts[host].works = []
    if setup.drains { draining[host].works = [] }
  }

  // MARK: - Requests

  /// What an agent does with an order, as the request desk does it.
  private mutating func take(_ order: Order, at host: Int) throws(Store.Unwritable) {
    let id = Catalogue.ids[order.number]
    var key = RequestKey(id: id, digest: "\(order)")
    if let change = seams.request { key = change(key) }
    if HostMigrations.earlierOrder(key, digest: hosts[host].store.digests[id]) != nil {
      note("the order is known")
      return
    }
    // Only a running guest is taken.
    guard order.destination != host, hosts[host].daemon == .up, hosts[host].domains[order.guest]?.process?.runs == true else {
      note("the order is rejected: the guest does not run here, or libvirt does not answer")
      rejections += 1
      return
    }
    let command = MigrateCommand(
      guest: Catalogue.guestNames[order.guest], destination: MigrateCommand.Destination(host: Catalogue.hosts[order.destination].host),
      options: MigrationOptions(
        onDeadline: setup.forces ? .force : nil, handover: setup.handover, verify: setup.verifies ? true : nil),
      priority: setup.ranks ? MigrationPriority.allCases[order.number % 5] : nil)
    let step: HostStep
    do throws(Rejected) {
      step = try self.step(of: command, key, order, at: host)
    } catch {
      note("the order is rejected: \(error.reason.message)")
      rejections += 1
      return
    }
    var after = hosts[host].migrations
    after.adopt(step)
    var steps = after.admission(following: [step], at: clock(host))
    guard try commit(steps.removeFirst(), at: host) == .committed else { return }
    note(
      "m\(order.number) is accepted: \(Catalogue.guests[order.guest].name) from \(name(host)) to \(name(order.destination))")
    begin(order)
    for step in steps { _ = try commit(step, at: host) }
  }

  /// The step that begins a migration.
  func step(of command: MigrateCommand, _ key: RequestKey, _ order: Order, at host: Int) throws(Rejected) -> HostStep {
    let decider = seams.ignoresLock ? HostMigrations(here: Catalogue.hosts[host], journal: "", limits: limits) : hosts[host].migrations
    return try decider.accept(
      key, order: command, guest: Catalogue.guests[order.guest],
      sourcePools: hosts[host].domains[order.guest].map { [$0.pool == World.sharedPool ? Catalogue.sharedPool : Catalogue.ownPool] },
      destination: Catalogue.hosts[order.destination], deadlineSeconds: Int64(setup.deadline),
      patience: Patience(), at: clock(host))
  }

  /// Notes that a migration was accepted.
  mutating func begin(_ order: Order) {
    if migrations.contains(where: { $0.number == order.number }) {
      if !hasForgotten { fail("I6", "the id \(Catalogue.ids[order.number]) is accepted twice") }
    } else {
      migrations.append(MigrationTruth(number: order.number, order: order))
    }
  }

  // MARK: - The inbox

  /// The agent takes the next delivery. `mode` 1: the acknowledgement does not reach the broker; 2: it comes a hundred times.
  mutating func deliver(to host: Int, mode: Int) {
    guard hosts[host].isUp, hosts[host].isAtBroker, let delivery = hosts[host].queue.first else { return }
    if seams.acknowledgesEarly { hosts[host].queue.removeFirst() }
    for _ in 0..<(mode == 2 ? 100 : 1) {
      do throws(Store.Unwritable) {
        try take(delivery, at: host)
      } catch {
        note("the journal of \(name(host)) cannot be written: the delivery waits")
        if seams.acknowledgesEarly { fail("I5", "\(name(host)) acknowledged a message of which nothing is journalled") }
        return
      }
    }
    if mode != 1, !seams.acknowledgesEarly { hosts[host].queue.removeFirst() }
  }

  private mutating func take(_ delivery: Delivery, at host: Int) throws(Store.Unwritable) {
    switch delivery {
    case .order(let order): try take(order, at: host)
    case .cancel(let number): try ask(.cancel(Reason(.cancelled, "cancelled")), of: number, at: host)
    case .tune(let number, let which):
      let limits = which == 0 ? TransferLimits(maxDowntimeMs: 2000) : TransferLimits(deadlineSeconds: 172_800)
      try ask(.tuned(limits, Reason(.limitsChanged, "tuned")), of: number, at: host)
    case .force(let number): try ask(.completionForced(Reason(.guestSuspended, "forced")), of: number, at: host)
    case .requeue(let number): try requeue(number, at: host)
    case .nameOwner(let number, let owner): try name(owner, of: number, at: host)
    case .drain(let call): try take(call, at: host)
    case .steerDrain(let number, let action, let running): try steer(number, action, running: running, at: host)
    case .openHost: try endMaintenance(at: host)
    case .peer(let message, _):
      let store = hosts[host].store
      let step = hosts[host].migrations.step(of: message, endpoint: Catalogue.endpoints[host], at: clock(host)) { id throws(Never) in
        store.destination(id)
      }
      if let step { _ = try commit(step, at: host) }
    }
  }

  /// Somebody asks something of a migration.
  private mutating func ask(_ event: SourceEvent, of number: Int, at host: Int) throws(Store.Unwritable) {
    let step: HostStep?
    do throws(Rejected) {
      step = try hosts[host].migrations.step(of: event, for: Catalogue.ids[number], at: clock(host))
    } catch {
      note("refused for m\(number): \(error.reason.message)")
      return
    }
    if let step { try commit(step, at: host) }
  }

  /// What an agent does with the operator's word that a migration goes first, as the coordinator does it.
  private mutating func requeue(_ number: Int, at host: Int) throws(Store.Unwritable) {
    let move = QueueMove(Catalogue.ids[number], to: .first)
    let places: [(id: MigrationID, side: MigrationSide, place: QueuePlace)]
    do throws(Rejected) {
      places = try hosts[host].migrations.places(for: move, at: clock(host))
    } catch {
      note("m\(number) is not moved: \(error.reason.message)")
      return
    }
    for (id, _, place) in places {
      if let step = try? hosts[host].migrations.step(of: SourceEvent.placed(place), for: id, at: clock(host)) { try commit(step, at: host) }
    }
    let entry = hosts[host].migrations.queue(ends: [:], at: clock(host)).first { $0.id == move.migration }
    if let entry, entry.waiting.position != 1 {
      fail("limit", "m\(number) was put before all that wait, and is not there")
    }
    admit(at: host)
  }

  /// What an agent does with the operator's word for who has a guest, as the request desk does it. The operator knows what is so: they
  /// name nobody without the guest's newest data, and nobody while it runs elsewhere, or libvirt may still start it there.
  private mutating func name(_ owner: Owner, of number: Int, at host: Int) throws(Store.Unwritable) {
    guard let order = migrations.first(where: { $0.number == number })?.order else { return }
    let (named, other) = owner == .source ? (order.source, order.destination) : (order.destination, order.source)
    guard holdsNewest(of: order.guest, at: named), hosts[other].domains[order.guest]?.process?.runs != true,
      !moves.contains(where: { $0.guest == order.guest }), owner == .source || hosts[other].domains[order.guest]?.process == nil
    else { return note("nobody would name \(name(named))") }
    let id = Catalogue.ids[number]
    if hosts[host].migrations.sources[id] != nil {
      let observation = Observation(
        source: sight(of: order.guest, at: host, from: host), destination: sight(of: order.guest, at: order.destination, from: host))
      try ask(.ownerNamed(owner, observation), of: number, at: host)
      if case .deciding(let decision)? = hosts[host].migrations.sources[id]?.phase, decision.named != nil {
        truths[order.guest].isNamed = true
      }
      if hosts[host].migrations.sources[id]?.isTerminal != false { truths[order.guest].isNamed = true }
      return
    }
    guard let migration = hosts[host].migrations.destinations[id] else { return }
    let observation = Observation(
      source: sight(of: order.guest, at: order.source, from: host), destination: sight(of: order.guest, at: host, from: host))
    if let refusal = migration.refusal(toName: owner, seeing: observation) { return note("refused for m\(number): \(refusal.message)") }
    let event = DestinationEvent.ownerNamed(owner, Reason(.ownerNamed, "named"))
    guard let step = hosts[host].migrations.step(of: event, for: id, at: clock(host)) else { return }
    try commit(step, at: host)
    truths[order.guest].isNamed = true
    namings[owner == .source ? "source" : "destination", default: 0] += 1
  }

  /// Whether what a host has of a guest is the newest there is.
  private func holdsNewest(of guest: Int, at host: Int) -> Bool {
    guard let domain = hosts[host].domains[guest] else { return false }
    if let process = domain.process { return process.memory >= truths[guest].newest }
    return (0..<setup.disks).allSatisfy { disk in
      pools[domain.pool][.volume(Self.volume(of: guest, disk, in: setup))].map { inodes[$0].content >= truths[guest].newest } == true
    }
  }

  // MARK: - The outbox

  /// The agent publishes the first message of its outbox. `mode` 1: the confirm is lost, so that it is published again.
  mutating func publish(from host: Int, mode: Int) {
    guard hosts[host].isUp, hosts[host].isAtBroker, let message = hosts[host].store.outbox.first, hosts[host].store.isWritable else {
      return
    }
    let isLost = mode == 1 && seams.forgetsUnconfirmed
    if !isLost {
      switch message {
      case .step(.event(let event)): take(event)
      case .step(.peer(let message)): send(message, isConfirmed: true)
      case .drain(let event): take(event)
      }
    }
    if mode == 0 || seams.forgetsUnconfirmed { hosts[host].store.removeFromOutbox() }
  }

  /// The broker takes a message to another agent.
  mutating func send(_ message: PeerMessage, isConfirmed: Bool) {
    guard let to = message.to, let host = Catalogue.number(of: to) else { return }
    hosts[host].queue.append(.peer(message, isConfirmed: isConfirmed))
    sent[host].append(message)
  }

  /// The broker takes a numbered event. An event that comes again is the same event.
  private mutating func take(_ event: MigrationEvent) {
    guard let index = migrations.firstIndex(where: { $0.number == Catalogue.number(of: event.subject) }) else { return }
    // A journal that was made anew numbers from 1 again.
    if migrations[index].isForgotten { return }
    let count = migrations[index].published.count
    let number = Int(event.sequence) ?? 0
    if number == count + 1 {
      if let last = migrations[index].published.last, last.data.kind.isTerminal {
        fail("I4", "\(event.subject) has the event \(event.data.kind.rawValue) after its end")
      }
      migrations[index].published.append(event)
      ended(event, at: index)
    } else if number > count + 1 {
      fail("I5", "the event \(count + 1) of \(event.subject) was lost between the journal and the broker")
    } else if number < 1 || migrations[index].published[number - 1] != event {
      fail("I4", "\(event.subject) has two events of the number \(number)")
    }
  }

  /// The broker takes a numbered event of a drain.
  private mutating func take(_ event: DrainEvent) {
    guard let index = drainTruths.firstIndex(where: { Catalogue.drains[$0.number] == event.subject && !$0.isForgotten }) else { return }
    let count = drainTruths[index].published.count
    let number = Int(event.sequence) ?? 0
    if number == count + 1 {
      if drainTruths[index].published.last?.data.kind == .finished {
        fail("I4", "\(event.subject) has the event \(event.data.kind.rawValue) after its end")
      }
      drainTruths[index].published.append(event)
    } else if number > count + 1 {
      fail("I5", "the event \(count + 1) of \(event.subject) was lost between the journal and the broker")
    } else if number < 1 || drainTruths[index].published[number - 1] != event {
      fail("I4", "\(event.subject) has two events of the number \(number)")
    }
  }

  private mutating func ended(_ event: MigrationEvent, at index: Int) {
    note("the broker has \(event.subject) \(event.data.kind.rawValue)")
    judge(event, at: index)
    guard event.data.kind == .failed, event.data.stage == .checks, migrations[index].touched, !hasForgotten else { return }
    // Where the destination was not heard, it may have begun.
    if event.data.reasons?.first?.code != .destinationUnreachable, event.data.reasons?.first?.code != .cancelled {
      fail("I8", "\(event.subject) failed in the checks, and something was changed for it")
    }
  }

  /// What a migration says of its disks must be so. Of a view that is lost it says nothing.
  private mutating func judge(_ event: MigrationEvent, at index: Int) {
    guard event.data.kind == .completed, let outcome = event.data.verification?.outcome else { return }
    verifications["\(outcome)", default: 0] += 1
    switch (outcome, setup.spoils) {
    case (.equal, true): fail("I2", "\(event.subject) says that its disks are the same, and they are not")
    case (.differs, false): fail("I2", "\(event.subject) says that its disks differ, and they do not")
    default: break
    }
  }

  // MARK: - Steps

  /// Journals a step and takes it over, as the coordinator does.
  @discardableResult
  mutating func commit(_ step: HostStep, at host: Int) throws(Store.Unwritable) -> CommitOutcome {
    let step = seams.step.map { $0(step) } ?? step
    let outcome = try hosts[host].store.commit(step)
    if let difference = hosts[host].store.difference { fail("journal", difference) }
    guard outcome == .committed else {
      if outcome == .stale { fail("I5", "\(name(host)) stores a revision that does not follow the stored one") }
      return outcome
    }
    hosts[host].migrations.adopt(step)
    if let migration = step.source {
      note(
        "\(migration.id) at its source: \(migration.phase.word)\(migration.attention.map { " (the operator is called: \($0.code))" } ?? "")"
      )
      if step.startsTransfer {
        var work = Work(.transfer, 0, migration.id, due: now)
        work.source = .startTransfer
        hosts[host].works.append(work)
      }
      reconcile(migration, at: host)
      if migration.isTerminal {
        if setup.drains { wakeDrain(of: migration.id, at: host) }
        admit(at: host)
      }
    }
    if let migration = step.destination {
      note("\(migration.id) at its destination: \(migration.phase.word)")
      reconcile(migration, at: host)
      if migration.isTerminal { admit(at: host) }
    }
    return outcome
  }

  /// Keeps that work going which a machine needs, and cancels the rest.
  private mutating func reconcile(_ migration: SourceMigration, at host: Int) {
    var effects = migration.outstanding(at: clock(host))
    if let change = seams.sourceEffects { effects = change(effects, migration) }
    cancel(.source, of: migration.id, at: host) { kind, tag in effects.contains { $0.work.map { $0 == (kind, tag) } ?? false } }
    for effect in effects {
      guard let (kind, tag) = effect.work, !isWorking(kind, tag, for: migration.id, at: host) else { continue }
      var due = now
      if case .setTimer(_, let milliseconds) = effect { due += milliseconds }
      var work = Work(kind, tag, migration.id, due: due)
      work.source = effect
      hosts[host].works.append(work)
    }
  }

  private mutating func reconcile(_ migration: DestinationMigration, at host: Int) {
    var effects = migration.outstanding
    if let change = seams.destinationEffects { effects = change(effects, migration) }
    cancel(.destination, of: migration.id, at: host) { kind, tag in effects.contains { $0.work.map { $0 == (kind, tag) } ?? false } }
    for effect in effects {
      guard let (kind, tag) = effect.work, !isWorking(kind, tag, for: migration.id, at: host) else { continue }
      var work = Work(kind, tag, migration.id, due: now)
      work.destination = effect
      hosts[host].works.append(work)
    }
  }

  private func isWorking(_ kind: WorkKind, _ tag: Int, for id: MigrationID, at host: Int) -> Bool {
    hosts[host].works.contains { $0.kind == kind && $0.tag == tag && $0.id == id && !$0.isCancelled }
  }

  private mutating func cancel(_ side: Side, of id: MigrationID, at host: Int, unless isWanted: (WorkKind, Int) -> Bool) {
    for index in hosts[host].works.indices.reversed() {
      let work = hosts[host].works[index]
      guard work.kind.side == side, work.kind != .fence, work.id == id, !work.isCancelled, !isWanted(work.kind, work.tag) else { continue }
      // What has not begun, has ended or only waits is at rest at once.
      if work.stage == 0 || work.isFinished || work.kind.onlyWaits {
        hosts[host].works.remove(at: index)
      } else {
        hosts[host].works[index].isCancelled = true
      }
    }
  }

  /// Whether work can go on: what was cancelled for the same machine has to come to rest first.
  func canBegin(_ work: Work, at host: Int) -> Bool {
    if work.isCancelled || work.stage > 0 { return true }
    return !hosts[host].works.contains { $0.isCancelled && $0.id == work.id && $0.kind.side == work.kind.side }
  }

  mutating func admit(at host: Int) {
    for side in [MigrationSide.source, .destination] {
      for step in hosts[host].migrations.admission(to: side, at: clock(host)) { _ = try? commit(step, at: host) }
    }
  }

  /// Applies what work at a source has reported.
  mutating func apply(_ event: SourceEvent, from work: Work, at host: Int) throws(Store.Unwritable) {
    guard let before = hosts[host].migrations.sources[work.id] else { return }
    let event = seams.sourceEvent.map { $0(event, before) } ?? event
    guard let step = try? hosts[host].migrations.step(of: event, for: work.id, at: clock(host)) else { return }
    try commit(step, at: host)
    guard case .observed = event, let after = step.source, after.phase.isPastDeciding else { return }
    // Who is named by the operator is named because the other host cannot be read.
    if truths[Catalogue.guest(after.guest.uuid)].isNamed { return }
    // What the world showed, whatever the machine was told of it.
    if work.here?.isUnreachable != false || work.there?.isUnreachable != false {
      fail("I7", "\(work.id) is decided although a host could not be read: \(after.phase.word)")
    }
  }

  mutating func apply(_ event: DestinationEvent, from work: Work, at host: Int) throws(Store.Unwritable) {
    guard let step = hosts[host].migrations.step(of: event, for: work.id, at: clock(host)) else { return }
    try commit(step, at: host)
  }
}

extension WorkKind {
  /// Whether the work changes nothing and can be dropped between any two steps.
  var onlyWaits: Bool {
    switch self {
    case .deadline, .patience, .lookAgain, .askPrepare, .askConfirm, .askCompare, .askRelease, .askRollback, .askYield, .offerLayers,
      .admitSource,
      .admitDestination, .observe, .inspect, .check, .postCheck, .readSource, .readView:
      true
    default: false
    }
  }
}

extension GuestSight {
  var isUnreachable: Bool { if case .unreachable = self { true } else { false } }
}

extension SourceMigration.Phase {
  /// The phase in a word.
  var word: String {
    switch self {
    case .queued: "queued"
    case .inspecting: "inspecting"
    case .preparing: "preparing"
    case .transferring(let transfer): transfer.abort == nil ? "transferring" : "aborting"
    case .deciding(let decision): decision.undecided.map { "deciding: \($0)" } ?? "deciding"
    case .settling(let settlement, _): "settling: \(settlement.rawValue)"
    case .confirming: "confirming"
    case .verifying(let reading): "verifying\(reading.here == nil ? "" : ", read here")\(reading.there == nil ? "" : ", read there")"
    case .retiring: "retiring"
    case .releasing: "releasing"
    case .rollingBack: "rolling back"
    case .completed: "completed"
    case .failed(let failure): "failed: \(failure.reasons.first?.message ?? "")"
    case .cancelled: "cancelled"
    }
  }

  /// Whether it was decided, or something is done for it, after a look at both hosts.
  var isPastDeciding: Bool {
    switch self {
    case .settling, .confirming, .rollingBack: true
    default: false
    }
  }
}

extension DestinationMigration.Phase {
  /// The phase in a word.
  var word: String {
    switch self {
    case .queued: "queued"
    case .checking: "checking"
    case .providingLayers: "providing layers"
    case .makingStubs: "making stubs"
    case .prepared: "prepared"
    case .postChecking: "post-checking"
    case .confirmed: "confirmed"
    case .comparing: "comparing"
    case .releasing: "releasing"
    case .takingOver: "taking over"
    case .endingCopy: "ending the copy"
    case .removing: "removing"
    case .released: "released"
    case .refused: "refused"
    case .failed(let reason): "failed: \(reason.message)"
    case .rolledBack: "rolled back"
    }
  }
}
