internal import LongshoreMessages
internal import MigrationCore

extension World {
  /// Does an action where it can happen. Returns whether it did.
  mutating func apply(_ action: Action) -> Bool {
    let (a, b, c, d) = (Int(action.a), Int(action.b), Int(action.c), Int(action.d))
    guard a < bound(of: action.verb) else { return false }
    now += 3
    switch action.verb {
    case .work:
      guard let kind = WorkKind(rawValue: action.c), hosts[a].isUp,
        let index = hosts[a].works.firstIndex(where: { $0.number == b && $0.kind == kind && canGoOn($0, at: a) })
      else { return false }
      perform(index, at: a, outcome: d)
    case .deliver:
      guard hosts[a].isUp, hosts[a].isAtBroker, !hosts[a].queue.isEmpty else { return false }
      deliver(to: a, mode: b)
    case .publish:
      guard hosts[a].isUp, hosts[a].isAtBroker, !hosts[a].store.outbox.isEmpty else { return false }
      publish(from: a, mode: b)
    case .move:
      guard let index = moves.firstIndex(where: { $0.guest == a && canAdvance($0) }) else { return false }
      advance(index, outcome: b)
    case .write:
      guard b < setup.guests, hosts[a].domains[b]?.process?.runs == true else { return false }
      write(b, at: a)
    case .sweep: sweep(a)
    case .order:
      guard a < Catalogue.ids.count, c < setup.guests, b < Self.hostCount, d < Self.hostCount, b != d else { return false }
      hosts[b].queue.append(.order(Order(number: a, source: b, guest: c, destination: d)))
    case .repeatOrder:
      guard let order = order(a) else { return false }
      hosts[order.source].queue.append(.order(order))
    case .reuseID:
      guard var order = order(a) else { return false }
      order.isOther = true
      hosts[order.source].queue.append(.order(order))
    case .cancel:
      guard let order = order(a) else { return false }
      hosts[order.source].queue.append(.cancel(a))
    case .requeue:
      guard let order = order(a) else { return false }
      hosts[order.source].queue.append(.requeue(a))
    case .nameOwner:
      guard let order = migrations.first(where: { $0.number == a })?.order else { return false }
      hosts[b == 0 ? order.source : order.destination].queue.append(.nameOwner(a, c == 0 ? .source : .destination))
    case .tune:
      guard let order = order(a) else { return false }
      hosts[order.source].queue.append(.tune(a, b))
    case .force:
      guard let order = order(a) else { return false }
      hosts[order.source].queue.append(.force(a))
    case .drain:
      guard setup.drains, a < Catalogue.drains.count, b < Self.hostCount, !drainTruths.contains(where: { $0.number == a }) else {
        return false
      }
      let call = DrainCall(number: a, host: b, options: c, deadline: d)
      drainTruths.append(DrainTruth(number: a, call: call))
      hosts[b].queue.append(.drain(call))
    case .repeatDrain:
      guard let call = call(a) else { return false }
      hosts[call.host].queue.append(.drain(call))
    case .reuseDrainID:
      guard var call = call(a) else { return false }
      call.isOther = true
      hosts[call.host].queue.append(.drain(call))
    case .steerDrain:
      guard let call = call(a), b < 4 else { return false }
      hosts[call.host].queue.append(.steerDrain(a, [.pause, .resume, .cancel, .cancel][b], running: b == 3))
    case .openHost:
      guard setup.drains else { return false }
      hosts[a].queue.append(.openHost)
    case .startGuest:
      guard setup.drains, b < setup.guests, startGuest(b, at: a) else { return false }
    case .drainWork:
      guard setup.drains, hosts[a].isUp,
        let index = draining[a].works.firstIndex(where: { Int($0.kind.rawValue) == b && $0.guest == c && canGoOn($0) })
      else { return false }
      performDrain(index, at: a, outcome: d)
    case .crashAgent:
      guard hosts[a].isUp else { return false }
      crashAgent(a)
    case .startAgent:
      guard !hosts[a].isUp else { return false }
      startAgent(a)
    case .crashDaemon:
      guard hosts[a].daemon != .down else { return false }
      crashDaemon(a, afterKill: b == 1)
    case .startDaemon:
      guard hosts[a].daemon == .down else { return false }
      hosts[a].daemon = .up
      // What it had noted before it ended it does now.
      for guest in hosts[a].left { endProcess(of: guest, at: a) }
    case .stallDaemon:
      guard hosts[a].daemon == .up else { return false }
      hosts[a].daemon = .stalled
    case .resumeDaemon:
      guard hosts[a].daemon == .stalled else { return false }
      hosts[a].daemon = .up
    case .cutBroker, .mendBroker:
      guard hosts[a].isAtBroker == (action.verb == .cutBroker) else { return false }
      hosts[a].isAtBroker.toggle()
    case .cutRemote, .mendRemote:
      guard b < Self.hostCount, a != b, remote[a][b] == (action.verb == .cutRemote) else { return false }
      remote[a][b].toggle()
    case .cutDaemons, .mendDaemons:
      guard b < Self.hostCount, a != b, daemonLinks[a][b] == (action.verb == .cutDaemons) else { return false }
      daemonLinks[a][b].toggle()
      daemonLinks[b][a].toggle()
    case .reboot: reboot(a)
    case .loseJournal:
      guard !hosts[a].isUp else { return false }
      loseJournal(a)
    case .blockJournal, .unblockJournal:
      guard hosts[a].store.isWritable == (action.verb == .blockJournal) else { return false }
      hosts[a].store.isWritable.toggle()
    case .lose:
      guard case .peer(_, isConfirmed: false)? = hosts[a].queue.first else { return false }
      hosts[a].queue.removeFirst()
    case .duplicate:
      guard let first = hosts[a].queue.first else { return false }
      hosts[a].queue.append(first)
    case .reorder:
      guard hosts[a].queue.count > 1 else { return false }
      hosts[a].queue.append(hosts[a].queue.removeFirst())
    case .replay:
      guard !sent[a].isEmpty else { return false }
      hosts[a].queue.append(.peer(sent[a][b % sent[a].count], isConfirmed: false))
    case .setClock: hosts[a].wallOffset += b == 1 ? 3_600_000 : -3_600_000
    case .pass: now += [2_000, 40_000, 900_000, 172_800_000][a]
    case .guestEnds, .destroyGuest:
      guard b < setup.guests, let process = hosts[a].domains[b]?.process, !process.isIncoming else { return false }
      guard action.verb == .destroyGuest || process.runs else { return false }
      truths[b].wasEnded = true
      endProcess(of: b, at: a)
    case .stranger:
      // Where the operator has named an owner, a copy may still begin to a name that is free already. It fails, unless another file has
      // the name just then; outside this world the abort, which follows at once, ends that too.
      guard b < setup.guests, c < setup.disks, !truths[b].isNamed else { return false }
      let name = FileName.volume(Self.volume(of: b, c, in: setup))
      guard pools[a][name] == nil else { return false }
      addStranger(to: a, name)
    }
    check()
    return true
  }

  private func bound(of verb: Action.Verb) -> Int {
    switch verb {
    case .order, .repeatOrder, .reuseID, .cancel, .requeue, .tune, .force: Catalogue.ids.count
    case .drain, .repeatDrain, .reuseDrainID, .steerDrain: Catalogue.drains.count
    case .move: setup.guests
    case .pass, .stranger: 4
    default: Self.hostCount
    }
  }

  private func order(_ number: Int) -> Order? { migrations.first { $0.number == number }?.order }

  private func call(_ number: Int) -> DrainCall? { drainTruths.first { $0.number == number }?.call }

  func canGoOn(_ work: Work, at host: Int) -> Bool {
    if work.isFinished || !canBegin(work, at: host) { return false }
    return work.move == nil || work.stage != 5 || work.answer != nil
  }

  /// Somebody starts a guest that has ended, where libvirt still has it and no migration is about it. A few times at most.
  private mutating func startGuest(_ guest: Int, at host: Int) -> Bool {
    let uuid = Catalogue.guests[guest].uuid
    guard starts < 3, let domain = hosts[host].domains[guest], hosts[host].daemon == .up,
      hosts.allSatisfy({ it in
        it.domains[guest]?.process == nil && !it.store.openSources.contains { $0.guest.uuid == uuid }
          && !it.store.openDestinations.contains { $0.plan?.guest.uuid == uuid }
      })
    else { return false }
    let disks = (0..<setup.disks).compactMap { pools[domain.pool][.volume(Self.volume(of: guest, $0, in: setup))] }
    guard disks.count == setup.disks, disks.allSatisfy({ inodes[$0].content >= truths[guest].newest }) else { return false }
    starts += 1
    hosts[host].domains[guest]?.process = Process(state: .running, disks: disks, memory: inodes[disks[0]].content)
    start(guest, at: host, as: .running, by: .host)
    return true
  }

  // MARK: - Faults of hosts

  /// A host is reset: every process on it ends.
  mutating func reboot(_ host: Int) {
    crashAgent(host)
    crashDaemon(host, afterKill: false)
    for guest in 0..<setup.guests where hosts[host].domains[guest]?.process != nil {
      truths[guest].wasEnded = true
      endProcess(of: guest, at: host)
    }
    hosts[host].boot += 1
    hosts[host].bootedAt = now
    hosts[host].daemon = .up
    for guest in 0..<setup.guests where hosts[host].domains[guest]?.autostart == true {
      // libvirt starts what is marked to start with the host, from the disks of its definition.
      guard let domain = hosts[host].domains[guest] else { continue }
      let disks = (0..<setup.disks).compactMap { pools[domain.pool][.volume(Self.volume(of: guest, $0, in: setup))] }
      guard disks.count == setup.disks else { continue }
      hosts[host].domains[guest]?.process = Process(state: .running, disks: disks, memory: inodes[disks[0]].content)
      start(guest, at: host, as: .running, by: .host)
    }
    startAgent(host)
  }

  private mutating func loseJournal(_ host: Int) {
    hosts[host].journals += 1
    let lost = hosts[host].store
    hosts[host].store = newStore(id: "\(name(host))-\(hosts[host].journals)", of: host)
    hasForgotten = true
    for index in drainTruths.indices where drainTruths[index].call.host == host { drainTruths[index].isForgotten = true }
    for migration in lost.sources {
      if let index = migrations.firstIndex(where: { $0.number == Catalogue.number(of: migration.id) }) {
        migrations[index].isForgotten = true
      }
    }
  }

  /// Everything works again.
  mutating func heal() {
    isHealing = true
    for host in hosts.indices {
      hosts[host].daemon = .up
      hosts[host].isAtBroker = true
      hosts[host].store.isWritable = true
      for other in hosts.indices {
        remote[host][other] = true
        daemonLinks[host][other] = true
      }
    }
    for host in hosts.indices where !hosts[host].isUp { startAgent(host) }
    // Nobody leaves a drain paused for ever.
    for truth in drainTruths { hosts[truth.call.host].queue.append(.steerDrain(truth.number, .resume, running: false)) }
  }

  // MARK: - What must hold after every step

  mutating func check() {
    checkLimits()
    for guest in truths.indices {
      let running = runningHosts(of: guest)
      if running.count > 1, !truths[guest].isSplit {
        fail("I1", "\(Catalogue.guests[guest].name) runs at \(running.map(name).joined(separator: " and at "))")
      }
      for disk in 0..<setup.disks {
        let newest = inodes.indices.contains {
          inodes[$0].disk == Inode.Disk(guest: guest, number: disk) && inodes[$0].content >= truths[guest].newest && hasName($0)
        }
        if !newest { fail("I2", "no file has the newest content of disk \(disk) of \(Catalogue.guests[guest].name) any more") }
      }
      // A guest whose owner was named is free there, although the other host does not know yet.
      if !hasForgotten, !truths[guest].isNamed {
        var claims = 0
        for host in hosts {
          for migration in host.store.sources where migration.guest.uuid == Catalogue.guests[guest].uuid && migration.claimsGuest {
            claims += 1
          }
        }
        if claims > 1 { fail("I6", "\(Catalogue.guests[guest].name) has two migrations at once") }
      }
    }
  }
}

extension DestinationMigration {
  /// Whether nothing is to be done but to remove what there is, which one does too that was undone before its turn came.
  fileprivate var isRemoving: Bool {
    switch phase {
    case .removing, .endingCopy: true
    default: false
    }
  }
}

extension World {
  /// No host has more at work than it may.
  private mutating func checkLimits() {
    for host in hosts.indices where hosts[host].isUp {
      let leaving = hosts[host].migrations.sources.values.filter { $0.phase != .queued }
      let coming = hosts[host].migrations.destinations.values.filter { $0.phase != .queued && !$0.isRemoving }
      var most = max(leaving.count, coming.count)
      if most > setup.limit { fail("limit", "\(name(host)) works on \(most) migrations in one direction at once") }
      guard setup.ranks else { continue }
      for other in Catalogue.hosts {
        most = max(leaving.count { $0.destination == other }, coming.count { $0.source == other })
        if most > setup.limit { fail("limit", "\(name(host)) works on \(most) migrations with \(other.host) at once") }
      }
      for pool in [Catalogue.ownPool, Catalogue.sharedPool] {
        most = coming.count { $0.plan?.disks.contains { $0.destinationPool == pool } == true }
        if most > setup.limit { fail("limit", "\(name(host)) works on \(most) migrations into the pool \(pool) at once") }
      }
    }
  }
}

extension SourceMigration {
  /// Whether the guest is this migration's: from its beginning until the destination may give it to another one.
  fileprivate var claimsGuest: Bool {
    if case .releasing = phase { return false }
    return !isTerminal
  }
}
