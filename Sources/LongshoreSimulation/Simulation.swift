internal import LongshoreMessages
internal import MigrationCore
internal import MigrationJournal

/// A run of the world from a seed or a schedule: first what the schedule says, then everything is repaired and goes on until it is
/// quiet, then what must be true at the end is looked at.
struct Simulation {
  /// The world before anything happens.
  let setup: Setup
  /// What happened, but for the end.
  private(set) var actions: [Action] = []
  private(set) var world: World
  private(set) var outcome = Outcome()

  /// What a run came to.
  struct Outcome: Sendable {
    var violation: Violation?
    var steps = 0
    var faults: [String: Int] = [:]
    /// How migrations ended, or where the operator alone can help.
    var migrations: [String: Int] = [:]
    /// How drains ended, and what became of their guests.
    var drains: [String: Int] = [:]
  }

  /// Runs the schedule of a seed.
  init(seed: UInt64, seams: Seams = Seams(), isRecorded: Bool = false) {
    var random = Randomness(seed: seed)
    setup = Setup(&random, seed: seed)
    world = World(setup, seams: seams, isRecorded: isRecorded)
    let length = 60 + random.below(240)
    var scheduler = Scheduler(random)
    actions.reserveCapacity(length)
    while actions.count < length, world.violation == nil, let action = scheduler.next(in: world) { run(action) }
    settle()
  }

  /// Runs a schedule.
  init(_ setup: Setup, _ schedule: [Action], seams: Seams = Seams(), isRecorded: Bool = false) {
    self.setup = setup
    world = World(setup, seams: seams, isRecorded: isRecorded)
    for action in schedule where world.violation == nil { run(action) }
    settle()
  }

  /// The history in words, where it is recorded.
  var history: [String] { world.recorder?.lines ?? [] }

  private mutating func run(_ action: Action) {
    let line = world.recorder?.lines.count ?? 0
    world.recorder?.lines.append(action.text)
    let happened = world.apply(action)
    if happened {
      actions.append(action)
      if action.isFault { outcome.faults[action.name, default: 0] += 1 }
    } else {
      world.recorder?.lines.removeSubrange(line...)
    }
    outcome.steps += 1
  }

  // MARK: - The end

  /// Repairs everything and lets the world go on until it is quiet.
  private mutating func settle() {
    guard world.violation == nil else { return finish() }
    world.note("everything is repaired")
    world.heal()
    world.check()
    var idle = 0
    var idleSince = world.now
    while world.violation == nil, outcome.steps < longest {
      let before = progressMark
      let didSomething = goOn()
      outcome.steps += 1
      if progressMark != before { (idle, idleSince) = (0, world.now) } else { idle += 1 }
      if isQuiet { break }
      // Looks and questions go on for ever where nothing can be decided.
      if idle > 30, world.now - idleSince > patience {
        guard passDeadline() else { break }
        (idle, idleSince) = (0, world.now)
      }
      if !didSomething, !advanceClock() { break }
    }
    guard world.violation == nil else { return finish() }
    if outcome.steps >= longest { world.fail("I4", "nothing comes to rest") }
    for guest in 0..<setup.guests { for host in world.runningHosts(of: guest) { world.write(guest, at: host) } }
    judge()
    world.now += 200_000_000
    for host in world.hosts.indices {
      world.sweep(host)
      world.check()
    }
    judgeFiles()
    finish()
  }

  private mutating func finish() {
    outcome.violation = world.violation
    for migration in world.migrations {
      let last = migration.published.last?.data.kind
      let word =
        switch last {
        case .completed?: "completed"
        case .failed?: "failed"
        case .cancelled?: "cancelled"
        default: migration.isForgotten ? "forgotten with its journal" : "left to the operator"
        }
      outcome.migrations[word, default: 0] += 1
      let waits = migration.published.compactMap(\.data.waiting)
      if waits.contains(where: { $0.host == Catalogue.hosts[migration.order.source].host }) {
        outcome.migrations["waited at the source", default: 0] += 1
      }
      if waits.contains(where: { $0.host == Catalogue.hosts[migration.order.destination].host }) {
        outcome.migrations["waited at the destination", default: 0] += 1
      }
    }
    for truth in world.drainTruths {
      guard let end = truth.published.last?.data, end.kind == .finished else {
        if truth.isForgotten { outcome.drains["forgotten with its journal", default: 0] += 1 }
        continue
      }
      outcome.drains[end.phase.rawValue, default: 0] += 1
      for guest in end.guests ?? [] { outcome.drains["guest \(guest.state.rawValue)", default: 0] += 1 }
    }
    for (found, count) in world.verifications { outcome.migrations["disks \(found)", default: 0] += count }
    for (owner, count) in world.namings { outcome.migrations["\(owner) named at its destination", default: 0] += count }
    if world.rejections > 0 { outcome.migrations["rejected", default: 0] += world.rejections }
  }

  /// For how long nothing may go on before the world is taken to be quiet, in milliseconds: a look at a drained host waits for guests
  /// that are on their way there.
  private var patience: Int64 {
    world.draining.contains { $0.works.contains { $0.kind == .look } } ? 400_000 : 200_000
  }

  /// How many steps a world may need to come to rest. A drain whose migrations all wait behind one that the operator has to settle tries
  /// each guest at each host, to the deadline.
  private var longest: Int { setup.drains ? 100_000 : 20_000 }

  /// What changes when something goes on.
  private var progressMark: [Int] {
    var mark = [world.moves.count]
    for host in world.hosts {
      for migration in host.store.sources { mark.append(migration.isTerminal ? -1 : migration.phase.rank) }
      for migration in host.store.destinations { mark.append(migration.isTerminal ? 1 : 0) }
      mark.append(host.store.files.count)
      for drain in host.store.drains {
        mark.append(drain.isTerminal ? -1 : drain.round)
        mark.append(drain.guests.count { $0.state.isFinal })
      }
    }
    return mark
  }

  /// Lets the time pass to the deadline of a migration that waits for its turn. False where there is none.
  private mutating func passDeadline() -> Bool {
    for host in world.hosts.indices {
      for migration in world.hosts[host].store.openSources where migration.phase.rank < 5 {
        let number = Catalogue.number(of: migration.id)
        guard world.hosts[host].works.contains(where: { $0.number == number && $0.kind == .deadline && world.canGoOn($0, at: host) }) else {
          continue
        }
        step(Action(.work, host, number, Int(WorkKind.deadline.rawValue)))
        return true
      }
    }
    return false
  }

  private var isQuiet: Bool {
    world.moves.isEmpty
      && world.hosts.allSatisfy {
        $0.queue.isEmpty && $0.store.outbox.isEmpty && $0.migrations.sources.isEmpty && $0.migrations.destinations.isEmpty
          && $0.works.allSatisfy(\.isFinished)
      } && world.draining.allSatisfy { $0.drains.open == nil }
  }

  /// One round of everything that can happen now. Returns whether anything could.
  private mutating func goOn() -> Bool {
    var any = false
    for host in world.hosts.indices {
      while world.violation == nil, !world.hosts[host].store.outbox.isEmpty {
        step(Action(.publish, host))
        any = true
      }
      var deliveries = world.hosts[host].queue.count
      while world.violation == nil, deliveries > 0, !world.hosts[host].queue.isEmpty {
        step(Action(.deliver, host))
        deliveries -= 1
        any = true
      }
      for work in world.hosts[host].works where work.due <= world.now && world.canGoOn(work, at: host) {
        step(Action(.work, host, work.number, Int(work.kind.rawValue)))
        any = true
      }
    }
    for host in world.draining.indices {
      for work in world.draining[host].works where work.due <= world.now && world.canGoOn(work) {
        step(Action(.drainWork, host, Int(work.kind.rawValue), work.guest))
        any = true
      }
    }
    for move in world.moves where world.canAdvance(move) {
      step(Action(.move, move.guest))
      any = true
    }
    return any
  }

  private mutating func step(_ action: Action) {
    guard world.violation == nil else { return }
    world.recorder?.lines.append(action.text)
    _ = world.apply(action)
  }

  /// Lets the time pass until the next work is due.
  private mutating func advanceClock() -> Bool {
    var next = Int64.max
    for host in world.hosts.indices {
      for work in world.hosts[host].works where world.canGoOn(work, at: host) && work.due > world.now { next = min(next, work.due) }
    }
    for draining in world.draining {
      for work in draining.works where world.canGoOn(work) && work.due > world.now { next = min(next, work.due) }
    }
    guard next < Int64.max else { return false }
    world.now = next
    return true
  }

  // MARK: - What must be true at the end

  private mutating func judge() {
    var isOpen = Array(repeating: false, count: setup.guests)
    for host in world.hosts.indices {
      for migration in world.hosts[host].store.openSources {
        let guest = Catalogue.guest(migration.guest.uuid)
        isOpen[guest] = true
        if !isOperatorsCase(migration, guest, at: host) {
          world.fail("I4", "\(migration.id) does not end: \(migration.phase.word)")
        } else if migration.attention == nil {
          world.fail("I4", "\(migration.id) waits for the operator, who was not called: \(migration.phase.word)")
        }
      }
      for migration in world.hosts[host].store.openDestinations where !world.hasForgotten {
        guard let source = Catalogue.number(of: migration.source), world.hosts[source].store.source(migration.id)?.isTerminal != false
        else { continue }
        world.fail("I4", "\(migration.id) does not end at its destination: \(migration.phase.word)")
      }
    }
    for migration in world.migrations where !migration.isForgotten { judge(migration, isOpen: isOpen) }
    for truth in world.drainTruths where !truth.isForgotten { judge(truth) }
    for guest in 0..<setup.guests where !isOpen[guest] && !world.hasForgotten { judge(guest: guest) }
  }

  private mutating func judge(_ migration: MigrationTruth, isOpen: [Bool]) {
    let stored = world.hosts[migration.order.source].store.events[Catalogue.ids[migration.number]] ?? []
    if stored.count != migration.published.count { world.fail("I5", "events of m\(migration.number) never reached the broker") }
    let ends = migration.published.count { $0.data.kind.isTerminal }
    if ends > 1 || (ends == 0 && !isOpen[migration.order.guest]) { world.fail("I4", "m\(migration.number) has \(ends) terminal events") }
  }

  private mutating func judge(_ truth: DrainTruth) {
    guard let drain = world.hosts[truth.call.host].store.drain(Catalogue.drains[truth.number]) else {
      if truth.isBegun { world.fail("drain", "d\(truth.number) is not in its journal any more") }
      return
    }
    if !drain.isTerminal { world.fail("drain", "\(drain.id) does not end: \(drain.publicPhase.rawValue)") }
    if truth.published.count != truth.journalled { world.fail("I5", "events of \(drain.id) never reached the broker") }
    let ends = truth.published.count { $0.data.kind == .finished }
    if ends != 1 { world.fail("drain", "\(drain.id) has \(ends) terminal events") }
  }

  /// The states in which only the operator can help, and in which everything is kept.
  private func isOperatorsCase(_ migration: SourceMigration, _ guest: Int, at host: Int) -> Bool {
    guard let there = Catalogue.number(of: migration.destination) else { return false }
    // The operator has the last word, and may have to say another, which has to be taken then.
    if world.truths[guest].isNamed {
      let observation = Observation(
        source: world.sight(of: guest, at: host, from: host), destination: world.sight(of: guest, at: there, from: host))
      var answered = migration
      let isTaken = [Owner.source, .destination].contains { owner in
        (try? answered.apply(.ownerNamed(owner, observation), at: world.clock(host))) != nil
      }
      if isTaken { return true }
    }
    let here = world.hosts[host].domains[guest]
    let other = world.hosts[there].domains[guest]
    let isHeldHere = here?.process?.state == .held
    // libvirt reported no success, and the guest has ended at the source since: nobody saw whether it ran there.
    if here?.process == nil, other?.process?.state == .pausedByUser { return true }
    // The guest ended by itself where nobody has confirmed it, or is held where it was and may have run there.
    if other?.process == nil, here?.process == nil || isHeldHere { return true }
    if isHeldHere, other?.process?.state == .pausedByUser { return true }
    switch migration.phase {
    case .retiring, .releasing: return world.hasForgotten
    default: return world.hasForgotten
    }
  }

  private mutating func judge(guest: Int) {
    let holders = world.hosts.indices.filter { world.hosts[$0].domains[guest] != nil }
    let name = Catalogue.guests[guest].name
    if world.truths[guest].isNamed { return judgeNamed(guest) }
    if holders.count > 1 { return world.fail("I4", "\(name) is left at \(holders.map(world.name).joined(separator: " and at "))") }
    guard let host = holders.first, let domain = world.hosts[host].domains[guest] else {
      if setup.isPersistent || !world.truths[guest].wasEnded { world.fail("I2", "\(name) is nowhere any more") }
      return
    }
    for disk in 0..<setup.disks {
      let inode = world.pools[domain.pool][.volume(World.volume(of: guest, disk, in: setup))]
      if inode.map({ world.inodes[$0].content >= world.truths[guest].newest }) != true {
        world.fail("I2", "\(name) is at \(world.name(host)) without the newest content of disk \(disk)")
      }
    }
    if domain.process == nil, !world.truths[guest].wasEnded { world.fail("I2", "\(name) does not run any more, and nobody ended it") }
    if let process = domain.process, !process.runs { world.fail("I4", "\(name) is left paused at \(world.name(host))") }
    if domain.isDefined != setup.isPersistent { world.fail("I4", "the definition of \(name) is not kept as it was") }
    if domain.autostart != setup.autostart, setup.isPersistent { world.fail("I4", "\(name) does not start with its host as it did") }
  }

  /// What is left of a guest whose owner the operator has named is theirs to remove: one host has all its newest disks.
  private mutating func judgeNamed(_ guest: Int) {
    let isKept = world.pools.indices.contains { pool in
      (0..<setup.disks).allSatisfy { disk in
        world.pools[pool].entries.contains { _, inode in
          world.inodes[inode].disk == Inode.Disk(guest: guest, number: disk) && world.inodes[inode].content >= world.truths[guest].newest
        }
      }
    }
    if !isKept { world.fail("I2", "no host has the newest disks of \(Catalogue.guests[guest].name), whose owner was named") }
  }

  /// Nothing of a migration that has ended is left, but the guest's disks where it is and templates.
  private mutating func judgeFiles() {
    guard !world.hasForgotten else { return }
    for migration in world.migrations where differs(migration.number) {
      let kept = world.pools.flatMap(\.entries).count { if case .aside(_, migration.number, _) = $0.name { true } else { false } }
      if kept < setup.disks { world.fail("I2", "the disks that m\(migration.number) has copied wrongly are deleted at its source") }
    }
    for pool in world.pools.indices {
      for (name, inode) in world.pools[pool].entries {
        let owner = world.inodes[inode].maker
        switch name {
        case .template: continue
        case .volume:
          guard let owner, isEnded(owner) else { continue }
          let guest = world.inodes[inode].disk?.guest ?? 0
          let isGuests = world.hosts.contains { $0.domains[guest]?.pool == pool }
          // A migration that waits for the operator keeps what both hosts have of its guest.
          let isInQuestion = world.hosts.contains { host in
            host.migrations.sources.values.contains { $0.guest.uuid == Catalogue.guests[guest].uuid }
          }
          if !isGuests && !isInQuestion && !world.truths[guest].isNamed && !(world.truths[guest].wasEnded && !setup.isPersistent) {
            world.fail("I4", "\(name) of m\(owner) is left in the pool \(pool)")
          }
        case .aside(_, let number, _) where differs(number): continue
        case .stubDraft(_, let number, _), .layerDraft(_, let number), .aside(_, let number, _):
          if isEnded(number) { world.fail("I4", "\(name) is left in the pool \(pool)") }
        }
      }
    }
  }

  /// Whether a migration has ended with disks that differ, of which the source's are kept.
  private func differs(_ number: Int) -> Bool {
    world.migrations.first { $0.number == number }?.published.last?.data.verification?.outcome == .differs
  }

  private func isEnded(_ number: Int) -> Bool {
    world.migrations.first { $0.number == number }?.published.last?.data.kind.isTerminal == true
  }
}

extension SourceMigration.Phase {
  /// The phase's place, for telling whether anything goes on.
  fileprivate var rank: Int {
    switch self {
    case .queued: 0
    case .inspecting: 1
    case .preparing(let heard): heard ? 3 : 2
    case .transferring(let transfer): transfer.abort == nil ? 4 : 5
    case .deciding: 6
    case .settling: 6
    case .confirming: 7
    case .verifying(let reading): 8 + (reading.here == nil ? 0 : 1) + (reading.there == nil ? 0 : 2)
    case .retiring: 12
    case .releasing: 13
    case .rollingBack(_, let destination, let source): 14 + (destination ? 1 : 0) + (source ? 2 : 0)
    case .completed, .failed, .cancelled: -1
    }
  }
}
