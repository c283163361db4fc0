internal import LongshoreMessages
internal import MigrationCore

/// Draws what happens next.
struct Scheduler {
  private var random: Randomness
  /// One action in so many is a fault; nil for none.
  private let faultRate: Int?
  /// The faults that may happen in this schedule: not all in each, so that each kind also has long undisturbed runs.
  private let faults: [Action.Verb]
  private var lastNumber = 0
  private var lastDrain = -1
  private var candidates: [Action] = []

  init(_ random: Randomness) {
    var random = random
    faultRate = [nil, 60, 25, 12, 6, 3][random.below(6)]
    let all: [Action.Verb] = [
      .crashAgent, .crashDaemon, .stallDaemon, .cutBroker, .cutRemote, .cutDaemons, .reboot, .loseJournal, .blockJournal, .lose, .duplicate,
      .reorder, .replay, .setClock, .pass, .guestEnds, .destroyGuest, .stranger, .cancel, .repeatOrder, .reuseID, .order,
      .tune, .force,
    ]
    let share = 1 + random.below(4)
    // A lost journal makes all other rules weaker: it is rare.
    faults = all.filter { verb in random.below(4) < share && (verb != .loseJournal || random.once(in: 3)) }
    self.random = random
  }

  /// The next action; nil where nothing can happen.
  mutating func next(in world: World) -> Action? {
    // Where there are many guests, many are to wait for one another.
    if lastNumber == 0 || random.once(in: world.setup.guests > 2 ? 8 : 80), let order = order(in: world) { return order }
    if world.setup.drains, random.once(in: lastDrain < 0 ? 15 : 30), let wish = drainWish(in: world) { return wish }
    if world.setup.names, random.once(in: 6), let word = operatorsWord(in: world) { return word }
    if world.setup.ranks, random.once(in: 40), !world.migrations.isEmpty {
      return Action(.requeue, world.migrations[random.below(world.migrations.count)].number)
    }
    if let faultRate, random.once(in: faultRate), let fault = fault(in: world) { return fault }
    if faultRate != nil, let fault = faultAtSwitch(in: world) { return fault }
    if random.once(in: 30), let repair = repair(in: world) { return repair }
    gather(world)
    guard !candidates.isEmpty else { return repair(in: world) ?? (random.once(in: 4) ? nil : Action(.pass, 0)) }
    return candidates[random.below(candidates.count)]
  }

  private mutating func outcome(_ bad: Int) -> Int {
    guard let faultRate, random.once(in: faultRate * 2) else { return 0 }
    return 1 + random.below(bad)
  }

  /// Gathers what can happen by itself.
  private mutating func gather(_ world: World) {
    candidates.removeAll(keepingCapacity: true)
    for host in world.hosts.indices {
      let it = world.hosts[host]
      if it.isUp {
        for work in it.works where world.canGoOn(work, at: host) {
          // What has to wait is seldom next: the clock runs to it then.
          switch work.kind {
          case .deadline: if !random.once(in: 150) { continue }
          case .patience: if !random.once(in: 40) { continue }
          // libvirt's answer is on its way while others do much.
          case .transfer where work.answer != nil: if !random.once(in: 12) { continue }
          default: if work.due > world.now, !random.once(in: 6) { continue }
          }
          candidates.append(Action(.work, host, work.number, Int(work.kind.rawValue), outcome(1)))
        }
        if world.setup.drains { gatherDrain(world, host) }
        if it.isAtBroker {
          if !it.queue.isEmpty { candidates.append(Action(.deliver, host, outcome(2))) }
          if !it.store.outbox.isEmpty { candidates.append(Action(.publish, host, outcome(1))) }
        }
      }
      for guest in it.domains.indices where it.domains[guest]?.process?.runs == true && random.once(in: 3) {
        candidates.append(Action(.write, host, guest))
      }
      if random.once(in: 30) { candidates.append(Action(.sweep, host)) }
    }
    for move in world.moves where world.canAdvance(move) { candidates.append(Action(.move, move.guest, outcome(2))) }
  }

  private mutating func gatherDrain(_ world: World, _ host: Int) {
    for work in world.draining[host].works where world.canGoOn(work) {
      switch work.kind {
      case .deadline: if !random.once(in: 40) { continue }
      case .report: if !random.once(in: 40) { continue }
      default: if work.due > world.now, !random.once(in: 6) { continue }
      }
      candidates.append(Action(.drainWork, host, Int(work.kind.rawValue), work.guest, outcome(1)))
    }
  }

  /// What somebody wants of a host as a whole.
  private mutating func drainWish(in world: World) -> Action? {
    let isNext = lastDrain < 0 || random.once(in: 4)
    if isNext, lastDrain + 1 < Catalogue.drains.count {
      lastDrain += 1
      let host = world.setup.isGathered && lastDrain == 0 ? 0 : random.below(World.hostCount)
      return Action(.drain, lastDrain, host, random.below(64), random.once(in: 3) ? 1 + random.below(2) : 0)
    }
    let number = random.below(lastDrain + 1)
    switch random.below(8) {
    case 0, 1: return Action(.openHost, random.below(World.hostCount))
    case 2: return Action(.startGuest, random.below(World.hostCount), random.below(world.setup.guests))
    case 3: return faultRate == nil ? nil : Action(.repeatDrain, number)
    case 4: return faultRate == nil ? nil : Action(.reuseDrainID, number)
    case 5: return Action(.steerDrain, number, 0)
    case 6: return Action(.steerDrain, number, 1)
    default: return random.once(in: 2) ? Action(.steerDrain, number, 2 + random.below(2)) : nil
    }
  }

  /// What the operator says of a guest whose migration does not go on: at its source, or at its destination while the source's agent is
  /// away.
  private mutating func operatorsWord(in world: World) -> Action? {
    for migration in world.migrations {
      let id = Catalogue.ids[migration.number]
      let (source, destination) = (world.hosts[migration.order.source], world.hosts[migration.order.destination])
      if source.isUp, source.migrations.sources[id]?.attention != nil { return Action(.nameOwner, migration.number, 0, random.below(2)) }
      if !source.isUp, destination.migrations.destinations[id] != nil { return Action(.nameOwner, migration.number, 1, random.below(2)) }
    }
    return nil
  }

  private mutating func order(in world: World) -> Action? {
    guard lastNumber < 12 else { return nil }
    lastNumber += 1
    let guest = random.below(world.setup.guests)
    let source = world.hosts.indices.first { world.hosts[$0].domains[guest]?.process?.runs == true } ?? random.below(World.hostCount)
    return Action(.order, lastNumber, source, guest, (source + 1 + random.below(World.hostCount - 1)) % World.hostCount)
  }

  /// A fault of what a switch depends on, while one is under way: few steps in which most can go wrong.
  private mutating func faultAtSwitch(in world: World) -> Action? {
    guard let move = world.moves.first(where: { $0.phase.isAtSwitch }), random.once(in: 12) else { return nil }
    let candidates = [
      Action(.cutDaemons, move.source, move.destination), Action(.stallDaemon, move.destination), Action(.crashDaemon, move.destination, 0),
      Action(.crashDaemon, move.source, random.below(2)), Action(.cutRemote, move.source, move.destination),
      Action(.crashAgent, move.source),
    ].filter { faults.contains($0.verb) }
    return candidates.isEmpty ? nil : candidates[random.below(candidates.count)]
  }

  private mutating func fault(in world: World) -> Action? {
    guard !faults.isEmpty else { return nil }
    let verb = faults[random.below(faults.count)]
    let host = random.below(World.hostCount)
    let other = (host + 1 + random.below(World.hostCount - 1)) % World.hostCount
    switch verb {
    case .order: return order(in: world)
    case .tune:
      guard !world.migrations.isEmpty else { return nil }
      return Action(verb, world.migrations[random.below(world.migrations.count)].number, random.below(2))
    case .cancel, .repeatOrder, .reuseID, .force:
      guard !world.migrations.isEmpty else { return nil }
      return Action(verb, world.migrations[random.below(world.migrations.count)].number)
    case .cutRemote, .cutDaemons: return Action(verb, host, other)
    case .guestEnds, .destroyGuest: return random.once(in: 3) ? Action(verb, host, random.below(world.setup.guests)) : nil
    case .stranger:
      return Action(verb, random.below(4), random.below(world.setup.guests), random.below(world.setup.disks))
    case .pass: return Action(verb, random.below(random.once(in: 4) ? 4 : 3))
    case .setClock, .crashDaemon: return Action(verb, host, random.below(2))
    case .replay: return Action(verb, host, random.below(64))
    case .loseJournal: return world.hosts[host].isUp ? Action(.crashAgent, host) : Action(verb, host)
    default: return Action(verb, host)
    }
  }

  private mutating func repair(in world: World) -> Action? {
    let host = random.below(World.hostCount)
    let it = world.hosts[host]
    if !it.isUp { return Action(faults.contains(.loseJournal) && random.once(in: 3) ? .loseJournal : .startAgent, host) }
    if it.daemon == .down { return Action(.startDaemon, host) }
    if it.daemon == .stalled { return Action(.resumeDaemon, host) }
    if !it.isAtBroker { return Action(.mendBroker, host) }
    if !it.store.isWritable { return Action(.unblockJournal, host) }
    for other in world.hosts.indices where other != host {
      if !world.remote[host][other] { return Action(.mendRemote, host, other) }
      if !world.daemonLinks[host][other] { return Action(.mendDaemons, host, other) }
    }
    return nil
  }
}
