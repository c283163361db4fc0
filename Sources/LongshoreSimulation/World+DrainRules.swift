internal import LongshoreMessages
internal import MigrationCore

/// What must hold for drains after every step of theirs. What they were told is remembered apart from them.
extension World {
  /// The drain of a host that has not ended; nil where there is none, or nothing can be said of it because a journal was lost.
  func truth(ofDrainAt host: Int) -> Int? {
    guard let open = draining[host].drains.open else { return nil }
    return truth(of: open)
  }

  private func truth(of drain: Drain) -> Int? {
    drainTruths.firstIndex { Catalogue.drains[$0.number] == drain.id && !$0.isForgotten }
  }

  private mutating func fail(_ drain: Drain, _ message: String) { fail("drain", "\(drain.id) \(message)") }

  // MARK: - What it was told

  /// Remembers what an occurrence forbids.
  mutating func heed(_ occurrence: DrainOccurrence, of drain: Drain) {
    guard let index = truth(of: drain) else { return }
    switch occurrence {
    case .pause: if drainTruths[index].ending == nil { drainTruths[index].pause = "it is paused" }
    case .resume: drainTruths[index].pause = nil
    case .cancel:
      drainTruths[index].ending = "it is cancelled"
      drainTruths[index].isCancelled = true
    case .deadlinePassed: drainTruths[index].ending = drainTruths[index].ending ?? "its time is over"
    case .ended(let id, .failed(_, runsHere: true)): heedFailure(of: id, drain, index)
    case .refused(let id, let reasons):
      let others: [Reason.Code] = [.unknownGuest, .guestNotRunning, .guestBusy]
      if !reasons.contains(where: { others.contains($0.code) }) { heedFailure(of: id, drain, index) }
    default: break
    }
  }

  private mutating func heedFailure(of id: MigrationID, _ drain: Drain, _ index: Int) {
    guard let guest = drain.guests.first(where: { $0.state == .moving && $0.move?.migration == id }), guest.move?.isOwn == true else {
      return
    }
    drainTruths[index].failures[Catalogue.guest(guest.guest.uuid)] = drain.round
    if drainTruths[index].call.rule == .stop { stop(for: guest.guest, index) }
  }

  private mutating func stop(for guest: GuestReference, _ index: Int) {
    drainTruths[index].ending = drainTruths[index].ending ?? "\(guest.name) could not be moved, and the order says to stop then"
  }

  // MARK: - What it does

  mutating func judge(_ step: DrainStep, after before: Drain?, at host: Int) {
    if step.request != nil { begin(step.drain, at: host) }
    guard let index = truth(of: step.drain) else { return }
    drainTruths[index].journalled += step.events.count
    let drain = step.drain
    if Set(drain.guests.map(\.guest.uuid)).count != drain.guests.count { fail(drain, "has a guest twice") }
    if !hosts[host].store.maintenance { fail(drain, "runs, and its host takes guests") }
    if drainTruths[index].call.rule == .stop, let left = drain.guests.first(where: { $0.state == .failed || $0.state == .blocked }) {
      stop(for: left.guest, index)
    }
    for guest in drain.guests where guest.state == .moving {
      guard let move = guest.move, move.isOwn else { continue }
      let isNew = before?.guests.contains { $0.state == .moving && $0.move?.migration == move.migration } != true
      if isNew { judgeNew(move, of: guest.guest, drain, index, at: host) }
    }
    if drain.isTerminal { judgeReport(of: step, index, at: host) }
  }

  private mutating func begin(_ drain: Drain, at host: Int) {
    guard let number = Catalogue.drains.firstIndex(of: drain.id) else { return }
    guard let index = drainTruths.firstIndex(where: { $0.number == number }) else { return }
    if drainTruths[index].isBegun, !drainTruths[index].isForgotten { fail("I6", "the id d\(number) is accepted twice") }
    drainTruths[index].isBegun = true
    if drainTruths.contains(where: { $0.number != number && $0.call.host == host && $0.isOpen && !$0.isForgotten }) {
      fail(drain, "is the second at once at \(name(host))")
    }
    drainTruths[index].isOpen = true
  }

  private mutating func judgeNew(_ move: DrainMove, of guest: GuestReference, _ drain: Drain, _ index: Int, at host: Int) {
    let truth = drainTruths[index]
    if let why = truth.ending ?? truth.pause { fail(drain, "begins to move \(guest.name), although \(why)") }
    if hosts[host].store.digests[move.migration] != nil || !drainTruths[index].moves.insert(move.migration).inserted {
      fail(drain, "moves \(guest.name) by a migration that was ordered before")
    }
    let call = truth.call
    let running = drain.guests.count { $0.state == .moving && !$0.needsAttention && $0.move?.isOwn == true }
    if let parallel = call.order(in: setup).parallel, running > parallel { fail(drain, "moves \(running) guests at once") }
    if call.order(in: setup).to?.contains(move.destination) == false || move.destination == Catalogue.hosts[host].host {
      fail(drain, "moves \(guest.name) to \(move.destination), which nobody wants")
    }
    if call.rule == .skip || call.rule == .stop, truth.failures[Catalogue.guest(guest.uuid)] == drain.round {
      fail(drain, "moves \(guest.name) once more, although the order says to leave it")
    }
  }

  /// An agent has ordered a migration for a drain.
  mutating func judgeOrder(of move: DrainMove, at host: Int) {
    guard let index = truth(ofDrainAt: host), let drain = draining[host].drains.open else { return }
    if !drain.guests.contains(where: { $0.state == .moving && $0.move == move }) {
      fail(drain, "orders \(move.migration), which it has not journalled")
    }
    let others = hosts[host].store.openSources.filter {
      $0.id != move.migration && $0.guest.uuid == move.guest && drainTruths[index].moves.contains($0.id)
    }
    if !others.isEmpty { fail(drain, "has two migrations of \(move.guest) at once") }
  }

  // MARK: - What it says at its end

  private mutating func judgeReport(of step: DrainStep, _ index: Int, at host: Int) {
    let drain = step.drain
    drainTruths[index].isOpen = false
    let truth = drainTruths[index]
    guard let end = step.events.last?.data, end.kind == .finished, let report = end.guests else {
      return fail(drain, "ends without a report")
    }
    let states = Dictionary(report.map { (Catalogue.guest($0.guest.uuid), $0.state) }, uniquingKeysWith: { first, _ in first })
    for guest in report { judge(guest, drain, at: host, seen: truth.seen) }
    let done = report.count { $0.state == .moved || $0.state == .gone }
    let counts = DrainEventData.Counts(total: report.count, waiting: 0, moving: 0, done: done, left: report.count - done)
    if end.counts != counts { fail(drain, "counts otherwise than it reports") }
    let phase: DrainStatus.Phase =
      truth.isCancelled ? .cancelled : truth.ending == nil && counts.left == 0 ? .completed : .incomplete
    if end.phase != phase { fail(drain, "ends as \(end.phase.rawValue), and is \(phase.rawValue)") }
    var completed: Set<Int> = []
    for migration in hosts[host].store.sources where truth.moves.contains(migration.id) {
      let guest = Catalogue.guest(migration.guest.uuid)
      if !migration.isTerminal, states[guest] != .unsettled { fail(drain, "ends before \(migration.id), and does not say so") }
      guard migration.publicPhase == .completed else { continue }
      if !completed.insert(guest).inserted { fail(drain, "has moved \(migration.guest.name) twice") }
      if states[guest] != .moved, states[guest] != .unsettled { fail(drain, "has moved \(migration.guest.name), and does not say so") }
    }
    guard truth.ending == nil else { return }
    for guest in truth.seen {
      switch states[guest] {
      case .blocked, .failed, .cancelled, .unsettled: break
      default: fail(drain, "ends while \(Catalogue.guests[guest].name) runs at \(name(host)), and does not say so")
      }
    }
  }

  /// What a drain says of a guest must be what became of its migration; one that none was ordered for is gone where the last look, at
  /// `seen`, has not found it.
  private mutating func judge(_ guest: DrainGuest, _ drain: Drain, at host: Int, seen: Set<Int>) {
    let migration = guest.migration.flatMap { hosts[host].store.source($0) }
    let isTrue =
      switch guest.state {
      case .moved: migration?.publicPhase == .completed
      case .failed: guest.migration != nil && (migration == nil || migration?.publicPhase == .failed)
      case .cancelled: migration?.publicPhase == .cancelled
      case .gone where guest.migration == nil: !seen.contains(Catalogue.guest(guest.guest.uuid))
      case .gone: migration == nil || migration?.publicPhase == .failed || migration?.publicPhase == .cancelled
      case .blocked, .skipped: migration?.isTerminal != false && migration?.publicPhase != .completed
      case .unsettled: migration != nil
      case .waiting, .moving: false
      }
    if !isTrue {
      fail(drain, "says that \(guest.guest.name) is \(guest.state.rawValue), and its migration is \(migration?.phase.word ?? "unknown")")
    }
  }
}
