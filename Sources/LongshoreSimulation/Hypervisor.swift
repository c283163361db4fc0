internal import LongshoreMessages
internal import MigrationCore

/// A guest's QEMU process on a host.
struct Process {
  enum State {
    case running
    /// The source took the guest back.
    case runningCanceled
    case pausedByUser
    /// Held by a migration, on either side.
    case held
  }

  var state: State
  /// The inodes of the disks that it has open.
  var disks: [Int]
  /// The guest's last write that its memory knows of.
  var memory: Int
  /// How often its vCPUs have run.
  var ran = 0
  /// Whether a migration still brings it.
  var isIncoming = false
  /// What its disks held when a backup was begun that still runs; nil for none.
  var view: [String]?

  /// Whether its vCPUs run.
  var runs: Bool { state == .running || state == .runningCanceled }
}

/// A guest as a host's libvirt knows it.
struct Domain {
  var process: Process?
  /// Whether it has a definition that outlives its run.
  var isDefined: Bool
  /// The pool in which its definition finds its disks.
  var pool: Int
  var autostart: Bool
  /// Whether the daemon remembers that its process ended by a migration that succeeded.
  var hasMoved = false
}

/// libvirt's peer-to-peer migration of a guest, as was seen of libvirt 9: the source's daemon drives it, and the destination's
/// daemon may carry out what it has in its queue when the source has given up already.
struct Move {
  enum Phase {
    /// The source asks the destination to prepare.
    case beginning
    /// Disks and memory are copied.
    case copying
    /// The source's guest is held, and all of it is at the destination.
    case switched
    /// The destination's daemon has the call in its queue that ends the migration there.
    case finishing
    /// The destination has carried it out; the source has to hear of it.
    case finished(succeeded: Bool)
    /// The source has heard that the destination has the guest, has noted that, and ends its process.
    case stopping
    /// The source has given up before the switch, and the destination has yet to notice.
    case orphaned

    /// Whether the guest stands still for the switch.
    var isAtSwitch: Bool {
      switch self {
      case .switched, .finishing, .finished, .stopping: true
      case .beginning, .copying, .orphaned: false
      }
    }
  }

  let number: Int
  let guest: Int
  let source: Int
  let destination: Int
  /// The migration that asked for it.
  let migration: Int
  let isFenced: Bool
  let pool: Int
  var phase = Phase.beginning
  /// Whether the source's daemon drives it.
  var isDriven = true
}

/// How a call of libvirt's migrate ended for its caller.
enum MoveAnswer {
  case succeeded
  case failed
  /// The connection broke.
  case lost
}

extension World {
  // MARK: - Looking

  /// Whether the agent of a host can ask the daemon of another, or its own.
  func canAsk(_ daemon: Int, from host: Int) -> Bool {
    hosts[daemon].daemon == .up && (daemon == host || remote[host][daemon])
  }

  /// What a host's daemon tells of a guest's state.
  func state(of guest: Int, at host: Int, from asker: Int) -> GuestSight {
    guard canAsk(host, from: asker) else { return .unreachable("no answer") }
    guard let domain = hosts[host].domains[guest] else { return .absent }
    guard let process = domain.process else { return domain.hasMoved ? .migratedAway : .inactive("shut off") }
    let state: GuestState =
      switch process.state {
      case .running: .running
      case .runningCanceled: .runningMigrationCanceled
      case .pausedByUser: .pausedByUser
      case .held: .pausedForMigration
      }
    return .active(state, job: .none)
  }

  /// What the daemon then tells of the job on it; nil where it does not answer.
  func job(of guest: Int, at host: Int, from asker: Int) -> GuestJob? {
    guard canAsk(host, from: asker) else { return nil }
    if hosts[host].domains[guest]?.process?.isIncoming == true { return .migration }
    return moves.contains { $0.guest == guest && $0.source == host && $0.isDriven } ? .migration : GuestJob.none
  }

  /// A look at one host in one go.
  func sight(of guest: Int, at host: Int, from asker: Int) -> GuestSight {
    let seen = state(of: guest, at: host, from: asker)
    guard case .active(let state, _) = seen, let job = job(of: guest, at: host, from: asker) else { return seen }
    return .active(state, job: job)
  }

  // MARK: - Doing

  /// Ends a guest's process. A guest without a definition is gone then.
  mutating func endProcess(of guest: Int, at host: Int) {
    guard hosts[host].domains[guest]?.process != nil else { return }
    hosts[host].domains[guest]?.process = nil
    if hosts[host].domains[guest]?.isDefined == false { hosts[host].domains[guest] = nil }
    // Where two copies ran, what the one wrote that ended is given up.
    if truths[guest].isSplit, let survivor = runningHosts(of: guest).first, runningHosts(of: guest).count == 1,
      let memory = hosts[survivor].domains[guest]?.process?.memory
    {
      truths[guest].newest = memory
    }
  }

  mutating func undefine(_ guest: Int, at host: Int) {
    hosts[host].domains[guest]?.isDefined = false
    hosts[host].domains[guest]?.autostart = false
    if hosts[host].domains[guest]?.process == nil { hosts[host].domains[guest] = nil }
  }

  /// Lets a guest's vCPUs run.
  mutating func start(_ guest: Int, at host: Int, as state: Process.State, by cause: Cause) {
    guard hosts[host].domains[guest]?.process != nil else { return }
    hosts[host].domains[guest]?.process?.state = state
    hosts[host].domains[guest]?.hasMoved = false
    let running = runningHosts(of: guest)
    if running.count > 1 {
      // libvirt's own split brain, which the handover `direct` cannot rule out.
      if cause == .libvirt, truths[guest].mayTear { truths[guest].isSplit = true }
    } else if let process = hosts[host].domains[guest]?.process, process.memory < truths[guest].newest {
      // The same, where the copy that the source had taken back has ended before: what it wrote is given up.
      if cause == .libvirt, truths[guest].mayTear {
        truths[guest].newest = process.memory
        return
      }
      fail("I2", "\(Catalogue.guests[guest].name) goes on at \(name(host)) from an older state than it had acknowledged")
    }
  }

  /// The guest runs for a while and writes.
  mutating func write(_ guest: Int, at host: Int) {
    guard var process = hosts[host].domains[guest]?.process, process.runs else { return }
    process.ran += 1
    if process.memory < truths[guest].newest, !truths[guest].isSplit {
      fail("I2", "\(Catalogue.guests[guest].name) runs at \(name(host)) without what it had written and acknowledged")
    }
    for inode in process.disks where inodes[inode].content != process.memory {
      fail("I2", "\(Catalogue.guests[guest].name) runs at \(name(host)) on a disk that is not whole")
    }
    truths[guest].writes += 1
    process.memory = truths[guest].writes
    truths[guest].newest = max(truths[guest].newest, process.memory)
    for inode in process.disks { inodes[inode].content = process.memory }
    hosts[host].domains[guest]?.process = process
  }

  /// The hosts on which the guest's vCPUs run.
  func runningHosts(of guest: Int) -> [Int] { hosts.indices.filter { hosts[$0].domains[guest]?.process?.runs == true } }

  /// An agent suspends a guest: as held by its migration, or where that has ended as paused by somebody.
  mutating func suspend(_ guest: Int, at host: Int) {
    let isMoving = moves.contains { $0.guest == guest && $0.source == host && $0.isDriven }
    hosts[host].domains[guest]?.process?.state = isMoving ? .held : .pausedByUser
  }

  // MARK: - Migrating

  /// An agent calls libvirt's migrate. Returns the move's number; nil where libvirt refuses at once.
  mutating func migrate(_ guest: Int, from source: Int, to destination: Int, pool: Int, migration: Int, fenced: Bool) -> Int? {
    guard hosts[source].domains[guest]?.process?.runs == true,
      !moves.contains(where: { $0.guest == guest && $0.source == source && $0.isDriven })
    else { return nil }
    lastMove += 1
    moves.append(
      Move(
        number: lastMove, guest: guest, source: source, destination: destination, migration: migration, isFenced: fenced, pool: pool))
    truths[guest].mayTear = !fenced
    return lastMove
  }

  /// Whether a move can do something by itself now.
  func canAdvance(_ move: Move) -> Bool {
    let source = hosts[move.source].daemon == .up
    let destination = hosts[move.destination].daemon == .up
    switch move.phase {
    case .beginning, .copying, .switched, .finished, .stopping: return source && move.isDriven
    case .finishing: return destination || (source && move.isDriven)
    case .orphaned: return destination
    }
  }

  /// A move's next step. `outcome` 0 is that all goes well, as far as daemons and links let it.
  mutating func advance(_ index: Int, outcome: Int) {
    let move = moves[index]
    let isLinked = daemonLinks[move.source][move.destination] && hosts[move.destination].daemon != .down
    switch move.phase {
    case .beginning:
      guard isLinked, outcome == 0, hosts[move.source].domains[move.guest]?.process != nil else {
        return giveUp(index, resume: false)
      }
      guard hosts[move.destination].daemon == .up else { return }
      let disks = (0..<setup.disks).map { pools[move.pool][.volume(World.volume(of: move.guest, $0, in: setup))] }
      guard hosts[move.destination].domains[move.guest]?.process == nil, !disks.contains(nil) else { return giveUp(index, resume: false) }
      var domain = hosts[move.destination].domains[move.guest] ?? Domain(isDefined: false, pool: move.pool, autostart: false)
      domain.process = Process(state: .held, disks: disks.compactMap(\.self), memory: -1, isIncoming: true)
      hosts[move.destination].left.remove(move.guest)
      hosts[move.destination].domains[move.guest] = domain
      moves[index].phase = .copying
    case .copying:
      guard let process = hosts[move.source].domains[move.guest]?.process else { return giveUp(index, resume: false) }
      guard isLinked, outcome == 0 else {
        if outcome == 2 {
          truths[move.guest].wasEnded = true
          endProcess(of: move.guest, at: move.source)
        }
        return giveUp(index, resume: true)
      }
      guard hosts[move.destination].daemon == .up else { return }
      hosts[move.source].domains[move.guest]?.process?.state = .held
      hosts[move.destination].domains[move.guest]?.process?.memory = process.memory
      for (here, inode) in zip(process.disks, hosts[move.destination].domains[move.guest]?.process?.disks ?? []) {
        inodes[inode].content = process.memory
        inodes[inode].flaws = inodes[here].flaws + (setup.spoils ? 1 : 0)
      }
      moves[index].phase = .switched
    case .switched:
      guard isLinked, outcome == 0 else { return giveUp(index, resume: true) }
      guard hosts[move.destination].daemon == .up else { return }
      moves[index].phase = .finishing
    case .finishing: finish(index, outcome: outcome, isLinked: isLinked)
    case .finished(let succeeded):
      guard isLinked, outcome == 0, succeeded else { return giveUp(index, resume: true) }
      hosts[move.source].left.insert(move.guest)
      moves[index].phase = .stopping
    case .stopping:
      answer(move, .succeeded)
      moves.remove(at: index)
      endProcess(of: move.guest, at: move.source)
      hosts[move.source].domains[move.guest]?.hasMoved = true
    case .orphaned:
      killIncoming(move)
      moves.remove(at: index)
    }
  }

  private mutating func finish(_ index: Int, outcome: Int, isLinked: Bool) {
    let move = moves[index]
    let givesUp = outcome == 2 || !isLinked || hosts[move.destination].daemon != .up
    if move.isDriven, givesUp, hosts[move.source].daemon == .up {
      // The source's daemon hears nothing for 30 s and takes the guest back; the call stays in the other daemon's queue.
      moves[index].isDriven = false
      answer(move, .failed)
      if hosts[move.source].domains[move.guest]?.process?.state == .held {
        start(move.guest, at: move.source, as: .runningCanceled, by: .libvirt)
      }
      if hosts[move.destination].daemon == .down { moves.removeAll { $0.number == move.number } }
      return
    }
    guard hosts[move.destination].daemon == .up else { return }
    if hosts[move.destination].domains[move.guest]?.process == nil {
      end(index, succeeded: false)
    } else if outcome == 1 {
      if setup.isPersistent { define(move) }
      killIncoming(move)
      end(index, succeeded: false)
    } else {
      if setup.isPersistent { define(move) }
      hosts[move.destination].domains[move.guest]?.process?.isIncoming = false
      if move.isFenced {
        hosts[move.destination].domains[move.guest]?.process?.state = .pausedByUser
      } else {
        start(move.guest, at: move.destination, as: .running, by: .libvirt)
      }
      end(index, succeeded: true)
    }
  }

  private mutating func end(_ index: Int, succeeded: Bool) {
    if moves[index].isDriven { moves[index].phase = .finished(succeeded: succeeded) } else { moves.remove(at: index) }
  }

  private mutating func define(_ move: Move) {
    hosts[move.destination].domains[move.guest]?.isDefined = true
    hosts[move.destination].domains[move.guest]?.pool = move.pool
  }

  private mutating func killIncoming(_ move: Move) {
    guard hosts[move.destination].domains[move.guest]?.process?.isIncoming == true else { return }
    endProcess(of: move.guest, at: move.destination)
  }

  /// The source's daemon gives the migration up and lets the guest go on.
  mutating func giveUp(_ index: Int, resume: Bool) {
    let move = moves[index]
    answer(move, .failed)
    leave(index)
    // A guest that was suspended meanwhile goes on; that libvirt fails at that once in a while must do no harm.
    let isSuspended = hosts[move.source].domains[move.guest]?.process?.state == .held && move.number % 3 > 0
    guard resume || isSuspended, hosts[move.source].domains[move.guest]?.process?.runs != nil else { return }
    start(move.guest, at: move.source, as: .runningCanceled, by: .libvirt)
  }

  /// The destination learns that the source is gone, now or later.
  private mutating func leave(_ index: Int) {
    let move = moves[index]
    let hears = hosts[move.destination].daemon == .up && daemonLinks[move.source][move.destination]
    switch move.phase {
    case .beginning, .finished, .stopping: moves.remove(at: index)
    case .copying, .switched, .orphaned:
      moves[index].isDriven = false
      if hears || hosts[move.destination].daemon == .down {
        killIncoming(move)
        moves.remove(at: index)
      } else {
        moves[index].phase = .orphaned
      }
    case .finishing: moves[index].isDriven = false
    }
  }

  /// Somebody aborts the job on a guest: before the switch it ends and the guest runs on, later it is too late.
  mutating func abortJob(of guest: Int, at host: Int) {
    guard let index = moves.firstIndex(where: { $0.guest == guest && $0.source == host && $0.isDriven }) else { return }
    switch moves[index].phase {
    case .beginning, .copying: giveUp(index, resume: false)
    default: break
    }
  }

  private mutating func answer(_ move: Move, _ answer: MoveAnswer) {
    for index in hosts[move.source].works.indices where hosts[move.source].works[index].move == move.number {
      hosts[move.source].works[index].answer = answer
    }
  }

  // MARK: - Daemons that end

  /// A host's libvirtd ends. What it did at the source is undone when it comes back, what it did at the destination is lost.
  mutating func crashDaemon(_ host: Int, afterKill: Bool) {
    hosts[host].daemon = .down
    for guest in hosts[host].domains.indices { hosts[host].domains[guest]?.hasMoved = false }
    for index in moves.indices.reversed() where moves[index].source == host && moves[index].isDriven {
      let move = moves[index]
      answer(move, .lost)
      switch move.phase {
      case .finished(succeeded: true) where afterKill, .stopping where afterKill: endProcess(of: move.guest, at: host)
      default: break
      }
      leave(index)
    }
    for index in moves.indices.reversed() where moves[index].destination == host {
      let move = moves[index]
      // The source's daemon needs nobody any more.
      if case .stopping = move.phase { continue }
      killIncoming(move)
      if move.isDriven, hosts[move.source].daemon == .up {
        let isHeld = hosts[move.source].domains[move.guest]?.process?.state == .held
        let started = hosts[move.source].domains[move.guest]?.process != nil
        giveUp(index, resume: started && (isHeld || move.phase.isCopying))
        moves.removeAll { $0.number == move.number }
      } else if move.isDriven {
        // The source's daemon hangs and finds out when it goes on.
        if case .finished = move.phase { continue }
        moves[index].phase = .finished(succeeded: false)
      } else {
        moves.remove(at: index)
      }
    }
  }
}

extension Move.Phase {
  fileprivate var isCopying: Bool { if case .copying = self { true } else { false } }
}
