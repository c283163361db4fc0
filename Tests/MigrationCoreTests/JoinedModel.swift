import LongshoreMessages
import LongshoreTestKit
import MigrationCore

/// What libvirt and the guest are on both hosts: a small model of what was seen of libvirt, with its split brain.
struct ModelWorld: Hashable {
  enum Guest: Hashable {
    /// No domain.
    case absent
    /// A definition without a process.
    case off
    /// A process that libvirt holds for a migration.
    case held
    /// A process that arrived paused.
    case paused
    /// One that has run and stands still since, as for want of space.
    case stopped
    case running
    case runningAgain
  }

  enum Job: Hashable {
    /// libvirt was not called yet.
    case none
    /// Memory and disks are copied.
    case copying
    /// The source holds the guest, the destination is to start it.
    case finishing
    /// The call has ended, or the connection that it needs has.
    case ended(succeeded: Bool)
  }

  /// Where the newest content of the disks is.
  enum Content: Hashable {
    case source, destination, both
  }

  var source = Guest.running
  var destination = Guest.absent
  var job = Job.none
  /// The destination's libvirtd still has the call that starts the guest in its queue (direct handover).
  var mayStillStart = false
  var content = Content.source
  var filesAtDestination = false
  var diskAsideAtSource = false
  /// The source agent is between journalling that the transfer starts and calling libvirt.
  var callIsDue = false

  static func isRunning(_ guest: Guest) -> Bool { guest == .running || guest == .runningAgain }

  func sight(_ guest: Guest, arriving: Bool) -> GuestSight {
    let isBusy = job == .copying || job == .finishing || (arriving && mayStillStart)
    return switch guest {
    case .absent: .absent
    case .off: .off
    case .held: .active(.pausedForMigration, job: isBusy ? .migration : .none)
    case .paused: .active(.pausedByUser, job: isBusy ? .migration : .none)
    case .stopped: .active(.other("paused (I/O error)"), job: isBusy ? .migration : .none)
    case .running: .active(.running, job: isBusy ? .migration : .none)
    case .runningAgain: .active(.runningMigrationCanceled, job: isBusy ? .migration : .none)
    }
  }

  var observation: Observation {
    Observation(source: sight(source, arriving: false), destination: sight(destination, arriving: true))
  }

  // MARK: - What can happen by itself

  /// What libvirt, the hosts and the guest can do next.
  func happenings(fenced: Bool) -> [ModelWorld] {
    var worlds: [ModelWorld] = []
    func happens(_ change: (inout ModelWorld) -> Void) {
      var world = self
      change(&world)
      worlds.append(world)
    }
    switch job {
    case .copying:
      happens { $0.end(source: .runningAgain, destination: .absent, succeeded: false) }
      happens { $0.end(source: .off, destination: .absent, succeeded: false) }
      happens {
        $0.job = .finishing
        $0.source = .held
      }
      if source == .held {
        // A guest that was suspended meanwhile is not resumed, or was suspended when the job had just ended.
        happens { $0.end(source: .held, destination: .absent, succeeded: false) }
        happens { $0.end(source: .paused, destination: .absent, succeeded: false) }
      }
    case .finishing:
      // All goes well.
      happens {
        $0.end(source: .off, destination: fenced ? .paused : .running, succeeded: true)
      }
      // The destination cannot start it.
      happens { $0.end(source: .runningAgain, destination: .absent, succeeded: false) }
      happens { $0.end(source: .runningAgain, destination: .off, succeeded: false) }
      // The connection breaks: the source takes the guest back, and the destination goes on later.
      happens {
        $0.end(source: .runningAgain, destination: fenced ? .paused : .held, succeeded: false)
        $0.mayStillStart = !fenced
      }
      // The source loses its power.
      happens { $0.end(source: .off, destination: fenced ? .paused : .running, succeeded: false) }
      // The source's libvirtd dies and comes back.
      happens { $0.end(source: .held, destination: fenced ? .paused : .running, succeeded: false) }
      happens { $0.end(source: .held, destination: .absent, succeeded: false) }
    case .none, .ended: break
    }
    if mayStillStart {
      happens {
        $0.mayStillStart = false
        $0.setDestination(.running)
      }
      happens {
        $0.mayStillStart = false
        $0.destination = .absent
      }
    }
    // A source that holds the guest loses its power.
    if case .ended = job, source == .held { happens { $0.source = .off } }
    // The guest ends at the destination by itself.
    if destination == .running {
      happens { $0.destination = .off }
      happens { $0.destination = .stopped }
    }
    return worlds
  }

  private mutating func end(source: Guest, destination: Guest, succeeded: Bool) {
    job = .ended(succeeded: succeeded)
    self.source = source
    setDestination(destination)
  }

  mutating func setDestination(_ guest: Guest) {
    destination = guest
    if guest == .running { content = Self.isRunning(source) ? .both : .destination }
  }

  // MARK: - What the agents do

  /// Calls libvirt's migrate, which fails where nothing is prepared.
  mutating func call() {
    callIsDue = false
    guard filesAtDestination, source == .running else {
      job = .ended(succeeded: false)
      return
    }
    job = .copying
    destination = .held
  }

  /// Suspends the guest at the source while it is copied.
  mutating func suspend() {
    if job == .copying, source == .running { source = .held }
  }

  /// Ends the copy of the guest at the destination, and names what that breaks.
  mutating func endCopy(undefining: Bool) -> String? {
    guard destination != .absent, destination != .off else { return nil }
    destination = undefining ? .absent : .off
    // Somebody's migration that still wants to start it fails.
    mayStillStart = false
    if job == .copying || job == .finishing { end(source: .runningAgain, destination: destination, succeeded: false) }
    if content == .both { content = .source }
    return content == .destination ? "the newest copy is ended" : nil
  }

  /// Lets the guest go on at the destination, and names what that breaks.
  mutating func takeOver() -> String? {
    if [.paused, .held, .stopped].contains(destination) { setDestination(.running) }
    return Self.isRunning(source) && destination == .running ? "a takeover makes two hosts run the guest" : nil
  }

  /// Does a settlement where libvirt takes it, and names what it breaks.
  mutating func settle(_ settlement: Settlement) -> String? {
    let before = self
    switch settlement {
    case .resumeDestination where destination == .paused: setDestination(.running)
    case .destroyDestination where destination == .running || destination == .paused || destination == .stopped:
      destination = .off
      if content == .both { content = .source }
    case .resumeSource where source == .held || source == .paused: source = .running
    case .destroySource where source != .off && source != .absent:
      source = .off
      if content == .both { content = .destination }
    default: return nil
    }
    if Self.isRunning(source), Self.isRunning(destination) { return "\(settlement) makes two hosts run the guest" }
    if Self.isRunning(source), content == .destination { return "\(settlement) takes the guest back in time" }
    if settlement == .destroyDestination, before.content == .destination { return "\(settlement) ends the newest copy" }
    return nil
  }
}

/// A message by its kind: each kind has one content here.
enum ModelWord: Int, CaseIterable, Hashable {
  case prepare, confirm, release, rollback, yield
  case preparing, prepared, refused, prepareFailed, confirmed, confirmFailed, released, rolledBack, yielded

  static let toDestination: [ModelWord] = [.prepare, .confirm, .release, .rollback, .yield]
  static let toSource: [ModelWord] = [
    .preparing, .prepared, .refused, .prepareFailed, .confirmed, .confirmFailed, .released, .rolledBack, .yielded,
  ]

  /// The word of a message; nil for those that carry no decision.
  init?(_ body: PeerMessage.Body) {
    switch body {
    case .prepare: self = .prepare
    case .confirm: self = .confirm
    case .release: self = .release
    case .rollback: self = .rollback
    case .yield: self = .yield
    case .yielded: self = .yielded
    case .preparing: self = .preparing
    case .prepared: self = .prepared
    case .refused: self = .refused
    case .prepareFailed: self = .prepareFailed
    case .confirmed: self = .confirmed
    case .confirmFailed: self = .confirmFailed
    case .released: self = .released
    case .rolledBack: self = .rolledBack
    // Of prefetches, which have no guest.
    case .describeTemplate, .templateDescribed, .templateDone: return nil
    // Of budgets, which decide nothing of the guest.
    case .limitBandwidth: return nil
    // Of drains, which only order migrations.
    case .askOffer, .offered, .checkWay: return nil
    // The operator's word at the source takes the place of what cannot be seen: histories have it.
    // So does a verification, which has walks of its own and decides nothing of the guest.
    case .check, .checked, .layerOffered, .offerLayer, .tryPath, .pathTried, .disown, .assign, .compare, .comparing, .compared: return nil
    }
  }

  var body: PeerMessage.Body {
    let reason = Reason(.operationFailed, "it failed")
    return switch self {
    case .prepare: .prepare(MigrationSamples.plan)
    case .confirm: .confirm
    case .release: .release
    case .rollback: .rollback(reason)
    case .yield: .yield
    case .yielded: .yielded
    case .preparing: .preparing(PreparationProgress(templateBytesDone: 0, templateBytesTotal: 1))
    case .prepared: .prepared(MigrationSamples.preparation, checks: [MigrationSamples.passedCheck])
    case .refused: .refused([MigrationSamples.refusedCheck])
    case .prepareFailed: .prepareFailed(reason)
    case .confirmed: .confirmed(MigrationSamples.confirmation)
    case .confirmFailed: .confirmFailed([reason])
    case .released: .released
    case .rolledBack: .rolledBack
    }
  }
}

/// The messages that were ever sent. Each may arrive at any time, any number of times, in any order, or never.
struct ModelChannel: Hashable {
  private var bits: UInt16 = 0

  func holds(_ word: ModelWord) -> Bool { bits & (1 << word.rawValue) != 0 }

  mutating func send(_ body: PeerMessage.Body) {
    if let word = ModelWord(body) { bits |= 1 << word.rawValue }
  }
}
