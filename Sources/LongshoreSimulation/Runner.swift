internal import LongshoreMessages
internal import MigrationCore
internal import MigrationJournal

extension World {
  /// Does the next step of a piece of work. `outcome` 0: it succeeds as far as the world lets it; 1: it fails.
  mutating func perform(_ index: Int, at host: Int, outcome: Int) {
    var work = hosts[host].works[index]
    now = max(now, work.due)
    if work.sourceReport != nil || work.destinationReport != nil { return deliverReport(of: index, at: host) }
    if work.stage == 0 {
      guard begin(&work, at: host) else {
        hosts[host].works.remove(at: index)
        return
      }
    }
    let progress: Progress
    do throws(Store.Unwritable) {
      progress = try work.kind.side == .source ? source(&work, at: host, outcome) : destination(&work, at: host, outcome)
    } catch {
      note("the journal of \(name(host)) cannot be written: \(work.kind) waits")
      progress = .backOff
    }
    // Admitting a migration changes the works.
    guard
      let index = hosts[host].works.firstIndex(where: {
        $0.kind == work.kind && $0.tag == work.tag && $0.id == work.id && $0.isCancelled == work.isCancelled
      })
    else { return }
    switch progress {
    case .next: work.due = now
    case .wait(let milliseconds): work.due = now + milliseconds
    case .backOff:
      work.due = now + work.backOff
      work.backOff = min(work.backOff * 2, 30_000)
    case .done: work.isFinished = true
    case .source(let event): work.sourceReport = event
    case .sourceAndWait(let event):
      work.sourceReport = event
      work.due = now + work.backOff
      work.backOff = min(work.backOff * 2, 30_000)
    case .destination(let event): work.destinationReport = event
    }
    if work.isCancelled {
      switch progress {
      case .next: break
      // A wait ends with the task, and what a cancelled task found out is not taken. Its fence comes to rest before.
      case _ where work.kind == .transfer: work.sourceReport = .transferEnded(error: nil, nil)
      default: return hosts[host].works.removeSubrange(index...index)
      }
    }
    hosts[host].works[index] = work
    if work.sourceReport != nil || work.destinationReport != nil { deliverReport(of: index, at: host) }
  }

  /// Lets a handover's fence come to rest before anybody looks who has the guest. False while it is at a deed that it does to its end.
  private mutating func restFence(of id: MigrationID, at host: Int) -> Bool {
    guard let index = hosts[host].works.firstIndex(where: { $0.kind == .fence && $0.id == id }) else { return true }
    switch hosts[host].works[index].fence.phase {
    case .noting, .viewing, .resuming: return false
    case .watching, .ending, .resumed, .failed:
      hosts[host].works.remove(at: index)
      return true
    }
  }

  /// A handover's fence does its next step.
  private mutating func fence(_ work: inout Work, _ guest: Int, at host: Int, _ there: Int) -> Progress {
    let process = hosts[host].domains[guest]?.process
    let isNoted = hosts[host].migrations.sources[work.id]?.fencedAt != nil
    if process == nil { _ = work.fence.apply(.ended) }
    switch work.fence.phase {
    case .watching(_, hasArrived: false):
      if isNoted || sight(of: guest, at: there, from: host) == .active(.pausedByUser, job: .none) { _ = work.fence.apply(.arrived) }
      return .wait(2)
    case .watching:
      if isNoted || seams.fencesBlindly || hosts[host].left.contains(guest) { _ = work.fence.apply(.left) }
      return .wait(2)
    case .noting:
      // A journal that cannot be written does not hold the guest, nor a machine that has gone on meanwhile and does not take it any more.
      guard isNoted || work.stage > 1 || !hosts[host].store.isWritable else {
        work.stage = 2
        return .sourceAndWait(.sourceFenced)
      }
      _ = work.fence.apply(.noted)
      return .next
    case .ending:
      if process != nil {
        note("\(work.id) kills the source's QEMU")
        endProcess(of: guest, at: host)
      }
      return .next
    case .viewing:
      let failure = beginView(of: guest, at: there, from: host)
      _ = work.fence.apply(.viewed)
      // The guest does not wait for the journal.
      guard hosts[host].store.isWritable else { return .next }
      return .sourceAndWait(.viewTaken(failure: failure))
    case .resuming:
      if canAsk(there, from: host), hosts[there].domains[guest]?.process?.state == .pausedByUser {
        note("\(work.id) resumes the guest at \(name(there))")
        start(guest, at: there, as: .running, by: .agent)
        _ = work.fence.apply(.resumed)
      } else {
        _ = work.fence.apply(.notResumed("libvirt does not answer"))
      }
      return .next
    case .resumed, .failed: return .done
    }
  }

  /// An agent begins a view of a guest's disks at its destination. Returns why there is none.
  private mutating func beginView(of guest: Int, at there: Int, from host: Int) -> Reason? {
    guard canAsk(there, from: host), hosts[there].domains[guest]?.process?.state == .pausedByUser else {
      return Reason(.notVerified, "the guest runs, or libvirt does not answer")
    }
    // One that was begun by an agent that has died is as good.
    guard hosts[there].domains[guest]?.process?.view == nil else { return nil }
    let view = contents(of: guest, at: there)
    hosts[there].domains[guest]?.process?.view = view
    return nil
  }

  /// What the disks of a guest's process hold.
  private func contents(of guest: Int, at host: Int) -> [String] {
    (hosts[host].domains[guest]?.process?.disks ?? []).map { "\(inodes[$0].content) \(inodes[$0].flaws)" }
  }

  private static func disks(_ contents: [String]) -> [DiskContent] {
    zip(Catalogue.targets, contents).map { DiskContent(target: $0, size: 1, rangeSize: 1, digests: [$1]) }
  }

  /// Takes what work has to say; while the journal cannot be written it is said again.
  private mutating func deliverReport(of index: Int, at host: Int) {
    let work = hosts[host].works[index]
    if work.kind == .transfer, !restFence(of: work.id, at: host) {
      hosts[host].works[index].due = now + 50
      return
    }
    guard
      let index = hosts[host].works.firstIndex(where: {
        $0.kind == work.kind && $0.tag == work.tag && $0.id == work.id && $0.isCancelled == work.isCancelled
      })
    else { return }
    // What a cancelled task found out is not taken.
    if work.isCancelled { return hosts[host].works.removeSubrange(index...index) }
    // Only the attempts to move the source away and the fence go on after a report.
    let goesOn =
      switch work.sourceReport {
      case .retirementFailed, .sourceFenced, .viewTaken: true
      default: false
      }
    hosts[host].works[index].sourceReport = nil
    hosts[host].works[index].destinationReport = nil
    hosts[host].works[index].isFinished = !goesOn
    do throws(Store.Unwritable) {
      if let event = work.sourceReport { try apply(event, from: work, at: host) }
      if let event = work.destinationReport { try apply(event, from: work, at: host) }
    } catch {
      note("the journal of \(name(host)) cannot be written: \(work.kind) waits")
      guard hosts[host].works.indices.contains(index) else { return }
      hosts[host].works[index] = work
      hosts[host].works[index].due = now + work.backOff
    }
  }

  private func begin(_ work: inout Work, at host: Int) -> Bool {
    switch work.kind.side {
    case .source:
      work.sourceMachine = hosts[host].migrations.sources[work.id]
      return work.sourceMachine != nil
    case .destination:
      work.destinationMachine = hosts[host].migrations.destinations[work.id]
      return work.destinationMachine != nil
    }
  }

  // MARK: - The source's work

  private func guest(of id: String) -> Int { Catalogue.guest(id) }

  private mutating func source(_ work: inout Work, at host: Int, _ outcome: Int) throws(Store.Unwritable) -> Progress {
    guard let migration = work.sourceMachine else { return .done }
    let guest = guest(of: migration.guest.uuid)
    let there = Catalogue.number(of: migration.destination) ?? 0
    switch work.kind {
    case .admitSource:
      admit(at: host)
      return hosts[host].store.isWritable ? .done : .backOff
    case .deadline, .patience, .lookAgain:
      guard case .setTimer(let timer, _) = work.source else { return .done }
      return .source(.timerFired(timer))
    case .askPrepare, .askConfirm, .askCompare, .askRelease, .askRollback, .askYield:
      guard case .ask(let body) = work.source else { return .done }
      if hosts[host].isAtBroker { send(message(body, of: migration, at: host), isConfirmed: false) }
      return .backOff
    case .offerLayers: return .done
    case .fence: return fence(&work, guest, at: host, there)
    case .inspect: return inspect(&work, guest, migration, at: host, outcome)
    case .transfer: return transfer(&work, guest, migration, at: host, there, outcome)
    case .abort:
      if hosts[host].daemon == .up { abortJob(of: guest, at: host) }
      return .wait(500)
    case .suspend:
      guard hosts[host].daemon == .up, hosts[host].domains[guest]?.process?.runs == true else { return .wait(500) }
      if work.stage == 0 {
        guard job(of: guest, at: host, from: host) == .migration else { return .wait(500) }
        work.stage = 1
        return .next
      }
      work.stage = 0
      note("\(work.id) suspends the guest")
      suspend(guest, at: host)
      return .wait(500)
    case .observe:
      guard look(&work, guest, at: host, there) else { return .next }
      guard case .observe(let step) = work.source, let here = work.here, let other = work.there else { return .done }
      return .source(.observed(Observation(source: here, destination: other), step: step))
    case .settle: return settle(&work, guest, migration, at: host, there, outcome)
    case .restore:
      guard migration.inspection?.autostart == true || migration.isSuspending else { return .source(.sourceRestored) }
      guard hosts[host].daemon == .up else { return .backOff }
      if migration.isSuspending, hosts[host].domains[guest]?.process?.state == .pausedByUser {
        start(guest, at: host, as: .running, by: .agent)
      }
      if migration.inspection?.autostart == true { hosts[host].domains[guest]?.autostart = true }
      return .source(.sourceRestored)
    case .readSource:
      guard outcome == 0 else { return .source(.sourceUnreadable(Reason(.notVerified, "it failed"))) }
      guard let disks = migration.inspection?.plan.disks else { return .done }
      if work.stage == 0 { work.stage = 1 }
      // As they lie where the guest has left them.
      let pool = pool(disks[0].sourcePool, at: host)
      let files = disks.indices.compactMap { pools[pool][.volume(Self.volume(of: guest, $0, in: setup))] }
      guard files.count == disks.count else { return .source(.sourceUnreadable(Reason(.notVerified, "a disk is gone"))) }
      let contents = files.map { "\(inodes[$0].content) \(inodes[$0].flaws)" }
      return .source(.sourceRead(Self.disks(contents)))
    case .retire: return try retire(&work, guest, migration, at: host, there, outcome)
    default: return .done
    }
  }

  private func message(_ body: PeerMessage.Body, of migration: SourceMigration, at host: Int) -> PeerMessage {
    PeerMessage(
      migration: migration.id, from: migration.source, to: migration.destination, journal: hosts[host].store.id, body: body)
  }

  private mutating func inspect(
    _ work: inout Work, _ guest: Int, _ migration: SourceMigration, at host: Int, _ outcome: Int
  ) -> Progress {
    guard hosts[host].daemon == .up else { return .backOff }
    if work.stage == 0 {
      if seams.touchesEarly {
        hosts[host].domains[guest]?.autostart = false
        touch(work.number)
      }
      work.stage = 1
      return .next
    }
    guard let domain = hosts[host].domains[guest] else {
      return .source(.inspectionFailed(Reason(.unknownGuest, "the guest has left this host")))
    }
    guard domain.process?.runs == true, job(of: guest, at: host, from: host) == GuestJob.none, outcome == 0 else {
      return .source(.refused([Catalogue.refused(.guestNotRunning, on: host)]))
    }
    let pool = setup.intoShared ? Catalogue.sharedPool : Catalogue.ownPool
    return .source(.inspected(Catalogue.inspection(of: guest, in: setup, from: domain.pool, to: pool)))
  }

  /// A look at both hosts in four parts, between any two of which things may change. True when all four are done.
  private mutating func look(_ work: inout Work, _ guest: Int, at host: Int, _ there: Int) -> Bool {
    switch work.stage {
    case 0: work.here = state(of: guest, at: host, from: host)
    case 1: work.here = seen(work.here, guest, at: host, from: host)
    case 2: work.there = state(of: guest, at: there, from: host)
    default: work.there = seen(work.there, guest, at: there, from: host)
    }
    work.stage += 1
    return work.stage > 3
  }

  private func seen(_ sight: GuestSight?, _ guest: Int, at daemon: Int, from host: Int) -> GuestSight {
    guard case .active(let state, _) = sight else { return sight ?? .absent }
    guard let job = job(of: guest, at: daemon, from: host) else { return .unreachable("no answer") }
    return .active(state, job: job)
  }

  private mutating func settle(
    _ work: inout Work, _ guest: Int, _ migration: SourceMigration, at host: Int, _ there: Int, _ outcome: Int
  ) -> Progress {
    guard case .settle(let settlement, _) = work.source else { return .done }
    if work.stage < 4, !seams.settlesBlindly {
      _ = look(&work, guest, at: host, there)
      return .next
    }
    if !seams.settlesBlindly {
      guard let here = work.here, let other = work.there,
        migration.calls(for: settlement, after: Observation(source: here, destination: other))
      else { return .source(.settled(settlement, failure: "the hosts have changed meanwhile")) }
    }
    let target = settlement == .resumeSource || settlement == .destroySource ? host : there
    guard canAsk(target, from: host), outcome == 0 else { return .source(.settled(settlement, failure: "libvirt does not answer")) }
    guard hosts[target].domains[guest]?.process != nil else { return .source(.settled(settlement, failure: "the guest is not there")) }
    note("\(work.id) \(settlement.rawValue)")
    if settlement == .resumeDestination, migration.takesView, work.stage < 5 {
      work.stage = 5
      return .sourceAndWait(.viewTaken(failure: beginView(of: guest, at: there, from: host)))
    }
    switch settlement {
    case .resumeSource, .resumeDestination:
      guard let state = hosts[target].domains[guest]?.process?.state, state == .held || state == .pausedByUser,
        hosts[target].domains[guest]?.process?.isIncoming == false
      else { return .source(.settled(settlement, failure: "libvirt refuses")) }
      start(guest, at: target, as: .running, by: .agent)
    case .destroySource, .destroyDestination: endProcess(of: guest, at: target)
    }
    return .source(.settled(settlement, failure: nil))
  }

  private mutating func transfer(
    _ work: inout Work, _ guest: Int, _ migration: SourceMigration, at host: Int, _ there: Int, _ outcome: Int
  ) -> Progress {
    func notStarted(_ why: String) -> Progress { .source(.transferNotStarted(Reason(.operationFailed, why))) }
    if work.stage == 0, migration.isFenced, !hosts[host].works.contains(where: { $0.kind == .fence && $0.id == work.id }) {
      // A part of the transfer, which has begun.
      var fencing = Work(.fence, 0, work.id, due: now)
      fencing.stage = 1
      fencing.sourceMachine = migration
      fencing.fence = Fence(takesView: migration.takesView)
      hosts[host].works.append(fencing)
    }
    if case .followTransfer = work.source, work.stage == 0 { work.stage = 10 }
    switch work.stage {
    case 0:
      guard hosts[host].daemon == .up, outcome == 0 else { return notStarted("libvirt is not connected") }
      guard hosts[host].domains[guest] != nil else { return notStarted("the guest has left this host") }
    case 1:
      guard case .active(.running, job: .none) = sight(of: guest, at: host, from: host) else {
        return notStarted("the guest does not run any more, or a job runs on it")
      }
    case 2:
      guard case .absent = sight(of: guest, at: there, from: host) else {
        return notStarted("the destination has a domain with the guest's UUID, or does not answer")
      }
    case 3:
      guard hosts[host].daemon == .up else { return notStarted("libvirt is not connected") }
      if migration.inspection?.autostart == true { hosts[host].domains[guest]?.autostart = false }
      touch(work.number)
    case 4:
      guard let disk = migration.inspection?.plan.disks.first, hosts[host].daemon == .up else {
        return notStarted("libvirt is not connected")
      }
      guard
        let move = migrate(
          guest, from: host, to: there, pool: pool(disk.destinationPool, at: there), migration: work.number, fenced: migration.isFenced)
      else { return .source(.transferEnded(error: "libvirt refuses", nil)) }
      work.move = move
    case 5:
      switch work.answer {
      case nil: return .wait(500)
      case .succeeded: return .source(.transferEnded(error: nil, nil))
      case .failed: return .source(.transferEnded(error: "libvirt's migrate has failed", nil))
      case .lost: work.stage = 9
      }
    default: return follow(&work, guest, migration, at: host)
    }
    work.stage += 1
    return .next
  }

  private mutating func follow(_ work: inout Work, _ guest: Int, _ migration: SourceMigration, at host: Int) -> Progress {
    if work.stage == 10 {
      work.here = state(of: guest, at: host, from: host)
      work.stage = 11
      return .next
    }
    work.stage = 10
    switch seen(work.here, guest, at: host, from: host) {
    case .migratedAway: return .source(.transferEnded(error: nil, nil))
    case .absent where hosts[host].left.contains(guest), .inactive where hosts[host].left.contains(guest):
      return .source(.transferEnded(error: nil, nil))
    case .absent, .inactive: return .source(.transferEnded(error: "libvirt's answer was lost; the guest has ended here", nil))
    case .active(_, job: .migration): work.silentSince = nil
    case .active: return .source(.transferEnded(error: "no migration runs on the guest", nil))
    case .unreachable:
      let since = work.silentSince ?? now
      work.silentSince = since
      if now - since >= migration.patience.attention { return .source(.transferEnded(error: "libvirt has not told of the transfer", nil)) }
    }
    return .wait(500)
  }

  private mutating func retire(
    _ work: inout Work, _ guest: Int, _ migration: SourceMigration, at host: Int, _ there: Int, _ outcome: Int
  ) throws(Store.Unwritable) -> Progress {
    guard let inspection = migration.inspection else { return .done }
    switch work.stage {
    case 0, 1:
      work.stage = 1
      guard outcome == 0 else { return Self.failed(&work, "it failed") }
      if inspection.autostart {
        guard canAsk(there, from: host) else { return Self.failed(&work, "the destination's libvirt does not answer") }
        hosts[there].domains[guest]?.autostart = true
      }
    case 2:
      if !seams.retiresBlindly {
        switch sight(of: guest, at: host, from: host) {
        case .absent, .inactive: break
        case .active: return Self.failed(&work, "the guest is still active at the source")
        case .unreachable: return Self.failed(&work, "the source's libvirt does not answer")
        }
      }
      work.inode = hosts[host].domains[guest] == nil ? 0 : 1
    case 3:
      guard hosts[host].daemon == .up else { return Self.failed(&work, "the source's libvirt does not answer") }
      if work.inode == 1, hosts[host].domains[guest] != nil { undefine(guest, at: host) }
      touch(work.number)
    default:
      guard work.disk < inspection.plan.disks.count else { return .source(.sourceRetired) }
      return try setAside(&work, inspection.plan.disks[work.disk], guest, at: host)
    }
    work.stage += 1
    return .next
  }

  /// Moving the source away has failed: it begins again later.
  private static func failed(_ work: inout Work, _ why: String) -> Progress {
    work.stage = 1
    work.disk = 0
    return .sourceAndWait(.retirementFailed(Reason(.operationFailed, why)))
  }

  private static func nextDisk(_ work: inout Work) -> Progress {
    work.stage = 4
    work.disk += 1
    return .next
  }

  private mutating func setAside(
    _ work: inout Work, _ disk: PlannedDisk, _ guest: Int, at host: Int
  ) throws(Store.Unwritable) -> Progress {
    let pool = pool(disk.sourcePool, at: host)
    let name = FileName.volume(Self.volume(of: guest, work.disk, in: setup))
    let aside = FileName.aside(host: host, migration: work.number, disk: work.disk)
    let registered = hosts[host].store.record(of: aside, in: pool, migration: work.number, .source)
    switch work.stage {
    case 4:
      guard let current = pools[pool][name] else { return Self.nextDisk(&work) }
      if registered == nil {
        let grace: Int64 = setup.noGrace ? 0 : 86_400_000
        let differs = work.sourceMachine?.comparison?.verification.outcome == .differs && !seams.forgetsDifference
        _ = try hosts[host].store.register(
          FileRecord(
            migration: work.number, side: .source, role: .setAside, pool: pool, name: aside, inode: current,
            deleteAfter: differs ? nil : clock(host).wall.milliseconds + grace))
      }
      work.inode = current
      work.stage = 5
      return .next
    case 5:
      guard let current = pools[pool][name] else { return Self.nextDisk(&work) }
      if let set = pools[pool][aside], set == registered?.inode, set != current { return Self.nextDisk(&work) }
      guard registered?.inode == current || seams.ignoresInodes else { return Self.failed(&work, "another file has the name") }
      checkRetirement(of: current, guest, at: host)
      guard publish(current, as: aside, in: pool, at: host, for: work.number) else { return Self.failed(&work, "another file is aside") }
      work.stage = 6
      return .next
    default:
      if pools[pool][name] == work.inode { unlink(name, in: pool, at: host, for: work.number) }
      return Self.nextDisk(&work)
    }
  }

  /// Sees that a disk that is moved out of the way is neither in use nor the newest that there is.
  private mutating func checkRetirement(of inode: Int, _ guest: Int, at host: Int) {
    guard let disk = inodes[inode].disk else { return }
    if hosts[host].domains[guest]?.process != nil { fail("I2", "a disk is moved away at \(name(host)), where its guest is active") }
    let isElsewhere = inodes.indices.contains {
      $0 != inode && inodes[$0].disk == disk && inodes[$0].content >= truths[guest].newest && hasName($0)
    }
    if !isElsewhere { fail("I2", "the only good copy of a disk is moved away at \(name(host))") }
  }

  func hasName(_ inode: Int) -> Bool { pools.contains { $0.has(inode) } }

  // MARK: - The destination's work

  private mutating func destination(_ work: inout Work, at host: Int, _ outcome: Int) throws(Store.Unwritable) -> Progress {
    guard let migration = work.destinationMachine, let plan = migration.plan else { return .destination(.filesRemoved) }
    let guest = guest(of: plan.guest.uuid)
    switch work.kind {
    case .admitDestination:
      admit(at: host)
      return hosts[host].store.isWritable ? .done : .backOff
    case .check:
      guard hosts[host].daemon == .up else { return .backOff }
      let taken = plan.disks.indices.contains {
        pools[pool(plan.disks[$0].destinationPool, at: host)][.volume(Self.volume(of: guest, $0, in: setup))] != nil
      }
      if hosts[host].store.maintenance { return .destination(.checked([Catalogue.refused(.maintenance, on: host)])) }
      if hosts[host].domains[guest] != nil { return .destination(.checked([Catalogue.refused(.domainExists, on: host)])) }
      if taken { return .destination(.checked([Catalogue.refused(.nameTaken, on: host)])) }
      return .destination(.checked([outcome == 0 ? Catalogue.passed : Catalogue.refused(.noSpace, on: host)]))
    case .layer: return try provideLayer(&work, plan, migration, at: host, outcome)
    case .stubs: return try makeStubs(&work, plan, guest, migration, at: host, outcome)
    case .postCheck:
      guard hosts[host].daemon == .up else { return .backOff }
      let confirmation: Confirmation? =
        switch state(of: guest, at: host, from: host) {
        case .active(.running, _), .active(.pausedByUser, _): Catalogue.confirmation
        case .migratedAway: nil
        case .inactive(let how) where plan.guest.persistent: Confirmation(console: nil, ended: how)
        default: nil
        }
      let isRight = hosts[host].domains[guest]?.isDefined == plan.guest.persistent && outcome == 0
      return .destination(.postChecked(isRight ? confirmation : nil, [Reason(.postCheckFailed, "not as planned")]))
    case .removeFiles: return try removeFiles(&work, guest, migration, at: host, outcome)
    case .takeOver: return takeOver(guest, migration, plan, at: host)
    case .endCopy: return endCopy(work, guest, at: host, outcome)
    case .readView:
      guard hosts[host].daemon == .up else { return .backOff }
      if work.stage == 0 {
        work.stage = 1
        return .wait(500)
      }
      let process = hosts[host].domains[guest]?.process
      let failure = ViewReading(failure: Reason(.notVerified, "the view has ended, or cannot be read"))
      if seams.readsLive, process != nil { return .destination(.viewRead(ViewReading(Self.disks(contents(of: guest, at: host))))) }
      guard outcome == 0, let view = process?.view else { return .destination(.viewRead(failure)) }
      return .destination(.viewRead(ViewReading(Self.disks(view))))
    case .endView:
      guard hosts[host].daemon == .up else { return .backOff }
      hosts[host].domains[guest]?.process?.view = nil
      return .done
    case .keepFiles:
      if plan.verify == true {
        guard hosts[host].daemon == .up else { return .backOff }
        hosts[host].domains[guest]?.process?.view = nil
      }
      for file in hosts[host].store.files(of: work.number, .destination) { try hosts[host].store.forget(file) }
      return .destination(.filesKept)
    default: return .done
    }
  }

  private mutating func makeStubs(
    _ work: inout Work, _ plan: MigrationPlan, _ guest: Int, _ migration: DestinationMigration, at host: Int, _ outcome: Int
  ) throws(Store.Unwritable) -> Progress {
    func failed(_ why: String) -> Progress { .destination(.stubsFailed(Reason(.stubFailed, why))) }
    if work.stage == 0 {
      guard hosts[host].daemon == .up else { return .backOff }
      // What an earlier run of this effect has made may hold anything.
      for file in hosts[host].store.files(of: work.number, .destination) where file.role == .stub {
        guard try remove(file, at: host) else { return failed("a stub is in use") }
      }
      work.stage = 1
      return .next
    }
    guard work.disk < plan.disks.count else {
      return .destination(
        .stubsMade(plan.disks.map { PreparedDisk(target: $0.target, chain: []) }, view: plan.verify == true ? Catalogue.view : nil))
    }
    let pool = pool(plan.disks[work.disk].destinationPool, at: host)
    let name = FileName.volume(Self.volume(of: guest, work.disk, in: setup))
    var draft = FileRecord(
      migration: work.number, side: .destination, role: .stub, pool: pool,
      name: .stubDraft(host: host, migration: work.number, disk: work.disk))
    var stub = draft
    stub.name = name
    stub.inode = work.inode
    switch work.stage {
    case 1:
      guard pools[pool][name] == nil || seams.overwrites else { return failed("the name is taken") }
      if !seams.registersLate { _ = try hosts[host].store.register(draft) }
    case 2:
      guard outcome == 0 else { return failed("no space") }
      let disk = Inode.Disk(guest: guest, number: work.disk)
      guard let made = make(draft, at: host, Inode(disk: disk, content: -1, maker: work.number)) else { return failed("a draft is there") }
      work.inode = made
    case 3:
      draft.inode = work.inode
      if seams.registersLate { _ = try hosts[host].store.register(draft) }
      try hosts[host].store.update(draft)
    case 4: _ = try hosts[host].store.register(stub)
    case 5:
      guard let inode = work.inode else { return failed("nothing was made") }
      guard publish(inode, as: name, in: pool, at: host, for: work.number) else {
        try hosts[host].store.forget(stub)
        return failed("the name is taken")
      }
    case 6: unlink(draft.name, in: pool, at: host, for: work.number)
    default:
      try hosts[host].store.forget(draft)
      work.disk += 1
      work.inode = nil
      work.stage = 1
      return .next
    }
    work.stage += 1
    return .next
  }

  private mutating func provideLayer(
    _ work: inout Work, _ plan: MigrationPlan, _ migration: DestinationMigration, at host: Int, _ outcome: Int
  ) throws(Store.Unwritable) -> Progress {
    guard let layer = plan.layers.first else { return .done }
    func failed(_ why: String) -> Progress { .destination(.layerFailed(layer.id, Reason(.templateCopyFailed, why))) }
    let pool = pool(layer.pool, at: host)
    let name = FileName.layerDraft(host: host, migration: work.number)
    var draft = FileRecord(migration: work.number, side: .destination, role: .templateCopy, pool: pool, name: name)
    switch work.stage {
    case 0:
      if let there = pools[pool][.template] {
        guard inodes[there].content == 1 else { return failed("another file has the template's name") }
        // A draft of an earlier run is not needed any more.
        if !seams.keepsDrafts, let earlier = hosts[host].store.record(of: name, in: pool, migration: work.number, .destination) {
          guard try remove(earlier, at: host) else { return failed("the draft is in use") }
        }
        return .destination(.layerProvided(layer.id, path: "template", copied: 0))
      }
      // A copy that was begun goes on, where it is still the same file.
      if let earlier = hosts[host].store.record(of: name, in: pool, migration: work.number, .destination) {
        if let inode = earlier.inode, pools[pool][name] == inode {
          work.inode = inode
          work.stage = 4
          return .next
        }
        guard try remove(earlier, at: host) else { return failed("the draft is in use") }
      }
      _ = try hosts[host].store.register(draft)
      work.stage = 2
      return .next
    case 2:
      guard outcome == 0 else { return failed("no space") }
      guard let made = make(draft, at: host, Inode(disk: nil, content: -1, maker: work.number)) else { return failed("a draft is there") }
      work.inode = made
    case 3:
      draft.inode = work.inode
      try hosts[host].store.update(draft)
    case 4:
      let source = Catalogue.number(of: migration.source) ?? 0
      let isOffered = hosts[source].isUp && hosts[source].isAtBroker && hosts[host].isAtBroker
      guard isOffered, let inode = work.inode else { return .backOff }
      guard outcome == 0 else { return failed("nothing arrives") }
      inodes[inode].content = 1
    case 5:
      guard let inode = work.inode else { return .done }
      guard publish(inode, as: .template, in: pool, at: host, for: work.number) else {
        draft.inode = inode
        guard try remove(draft, at: host) else { return failed("the draft is in use") }
        work.stage = 0
        return .next
      }
    case 6: unlink(name, in: pool, at: host, for: work.number)
    default:
      try hosts[host].store.forget(draft)
      return .destination(.layerProvided(layer.id, path: "template", copied: 1))
    }
    work.stage += 1
    return .next
  }

  private mutating func takeOver(_ guest: Int, _ migration: DestinationMigration, _ plan: MigrationPlan, at host: Int) -> Progress {
    guard hosts[host].daemon == .up else { return .backOff }
    guard let process = hosts[host].domains[guest]?.process else { return .destination(.tookOver(nil)) }
    if !process.runs {
      guard !process.isIncoming else { return .backOff }
      let source = Catalogue.number(of: migration.source) ?? 0
      guard migration.refusalToGoOn(seeing: sight(of: guest, at: source, from: host)) == nil else { return .destination(.copyKept) }
      start(guest, at: host, as: .running, by: .agent)
    }
    return .destination(.tookOver(hosts[host].domains[guest]?.isDefined == plan.guest.persistent ? Catalogue.confirmation : nil))
  }

  private mutating func endCopy(_ work: Work, _ guest: Int, at host: Int, _ outcome: Int) -> Progress {
    guard hosts[host].daemon == .up else { return .backOff }
    let evenRunning = if case .endCopy(true)? = work.destination { true } else { false }
    guard let domain = hosts[host].domains[guest] else { return .destination(.copyEnded) }
    if !evenRunning {
      guard let process = domain.process, !process.runs else { return .destination(.copyKept) }
      undefine(guest, at: host)
      // libvirt goes away between the two calls, and all is looked at again.
      guard outcome == 0 else { return .backOff }
    }
    endProcess(of: guest, at: host)
    return .destination(.copyEnded)
  }

  private mutating func removeFiles(
    _ work: inout Work, _ guest: Int, _ migration: DestinationMigration, at host: Int, _ outcome: Int
  ) throws(Store.Unwritable) -> Progress {
    func again() -> Progress {
      work.stage = 1
      return .backOff
    }
    let files = hosts[host].store.files(of: work.number, .destination)
    switch work.stage {
    case 0, 1:
      work.stage = 1
      guard !files.isEmpty else { return .destination(.filesRemoved) }
      let evenDefined = if case .removeFiles(true)? = work.destination { true } else { false }
      switch sight(of: guest, at: host, from: host) {
      case .unreachable: return again()
      case .active where !evenDefined, .inactive where !evenDefined: return .destination(.copyKept)
      case .active: return again()
      case .absent: work.stage = 3
      case .inactive: work.stage = 2
      }
      return .next
    case 2:
      guard hosts[host].daemon == .up else { return again() }
      if !migration.checks.isEmpty {
        if hosts[host].domains[guest] == nil { return again() }
        undefine(guest, at: host)
      }
      work.stage = 3
      return .next
    default:
      guard let file = files.first else { return .destination(.filesRemoved) }
      guard outcome == 0, try remove(file, at: host) else { return again() }
      return .next
    }
  }

  /// Removes a file if it is still the one that was registered, and forgets it. False where a process uses it.
  private mutating func remove(_ file: FileRecord, at host: Int) throws(Store.Unwritable) -> Bool {
    if let current = pools[file.pool][file.name] {
      let isOurs = file.inode.map { $0 == current } ?? file.name.isInWorkFolder(of: file.migration)
      if isOurs || seams.ignoresInodes {
        guard !isInUse(current) else { return false }
        unlink(file.name, in: file.pool, at: host, for: file.migration)
      }
    }
    try hosts[host].store.forget(file)
    return true
  }

  /// Deletes the disks whose time of grace has ended.
  mutating func sweep(_ host: Int) {
    guard hosts[host].isUp else { return }
    let wall = clock(host).wall.milliseconds
    for file in hosts[host].store.files where file.role == .setAside {
      guard let due = file.deleteAfter, due <= wall else { continue }
      // The migration is still moving them.
      if !seams.sweepsEarly, hosts[host].store.source(Catalogue.ids[file.migration])?.isTerminal == false { continue }
      _ = try? remove(file, at: host)
    }
  }
}
