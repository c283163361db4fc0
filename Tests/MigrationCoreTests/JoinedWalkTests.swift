import LongshoreMessages
import LongshoreTestKit
import MigrationCore
import Testing

/// Both machines together, joined by a channel that loses, repeats and reorders, over the model of the two hosts: everything
/// that can happen, with agents that die between any two steps.
@Suite struct JoinedWalkTests {
  @Test(arguments: [MigrationOptions.Handover.direct, .fenced])
  func nothingThatMustNeverHappenCanHappen(handover: MigrationOptions.Handover) async {
    let walk = JoinedWalk(handover)
    await walk.run()
    #expect(walk.violations.sorted() == [], "\(walk.story)")
    #expect(walk.ends == ["completed", "failed", "cancelled"])
    #expect(walk.stuck.sorted() == [], "every state can still end, or the guest ended where nobody has confirmed it")
  }
}

/// The walk over the joined machines.
final class JoinedWalk {
  struct State: Hashable {
    var source: Int
    var destination: Int?
    /// What was said while the destination had its first journal, and what the source said ever.
    var channel = ModelChannel()
    /// What the destination said after its journal was lost and made anew; nil while it has its first one.
    var newChannel: ModelChannel?
    var world = ModelWorld()
    /// Whether the operator has said something at the destination. Whoever does has its journal: it is lost before, or not at all.
    var isNamed = false
  }

  private enum SourceMove: Hashable {
    case event(SourceEvent)
    case hear(ModelWord, fromNewJournal: Bool)
    case observe(Observation)
  }

  private enum DestinationMove: Hashable {
    case event(DestinationEvent)
    case hear(ModelWord)
  }

  private let isFenced: Bool
  private var sources: MachineTable<SourceMigration, SourceWalkTests.Key, SourceMove, SourceEffect>
  private var destinations: MachineTable<DestinationMigration, DestinationWalkTests.Key, DestinationMove, DestinationEffect>
  private var precedents: [State: [State]] = [:]

  private(set) var violations: Set<String> = []
  /// The first state in which something is broken.
  private var firstBroken: State?
  /// The phases in which the source's machine ended.
  private(set) var ends: Set<String> = []
  /// What the states look like from which no end can be reached.
  private(set) var stuck: Set<String> = []

  init(_ handover: MigrationOptions.Handover) {
    isFenced = handover == .fenced
    let broken = Box()
    sources = MachineTable(key: SourceWalkTests.Key.init) { move, machine in
      let event: SourceEvent =
        switch move {
        case .event(let event): event
        case .hear(let word, let isNew): .peer(word.body, journal: isNew ? "new journal" : MigrationSamples.destinationJournal)
        case .observe(let observation): .observed(observation, step: machine.step)
        }
      let isDeadline = if case .timerFired(let timer) = event { timer.purpose == .deadline } else { false }
      let time = isDeadline ? MigrationSamples.deadlineSeconds * 1000 : 1000
      let step = SourceStep(event, to: machine, at: MigrationSamples.now(time))
      broken.rules.formUnion(step.violations)
      return (step.after, step.effects ?? [])
    }
    destinations = MachineTable(key: DestinationWalkTests.Key.init) { move, machine in
      let event: DestinationEvent =
        switch move {
        case .event(let event): event
        case .hear(let word): .peer(word.body)
        }
      let step = DestinationStep(event, to: machine, at: MigrationSamples.now(1000))
      broken.rules.formUnion(step.violations)
      return (step.after, step.effects)
    }
    self.broken = broken
  }

  private final class Box { var rules: Set<String> = [] }
  private let broken: Box

  /// Walks over everything that can be reached.
  func run() async {
    let accepted = MigrationSamples.accepted(isFenced ? .fenced : .direct).0
    var walk = StateWalk<State>()
    await walk.run(from: State(source: sources.number(of: accepted)), key: { $0 }) { state in
      judge(state)
      let followers = followers(of: state)
      for follower in followers { precedents[follower, default: []].append(state) }
      return followers
    }
    violations.formUnion(broken.rules)
    findStuck(among: walk.visited)
  }

  // MARK: - What must hold

  private func judge(_ state: State) {
    let source = sources.machines[state.source]
    let world = state.world
    func hold(_ condition: Bool, _ rule: String) {
      guard !condition else { return }
      violations.insert("\(source.phase.word), \(world): \(rule)")
      firstBroken = firstBroken ?? state
    }
    let bothRun = ModelWorld.isRunning(world.source) && ModelWorld.isRunning(world.destination)
    hold(!(isFenced && bothRun), "I1: two hosts run the guest")
    hold(!world.diskAsideAtSource || world.content == .destination, "I2: the source's disks are away, and they were the newest")
    hold(!world.diskAsideAtSource || world.filesAtDestination, "I2: no host has the disks")
    hold(world.content != .destination || world.filesAtDestination, "I2: the newest content was removed at the destination")
    switch source.phase {
    case .completed:
      ends.insert("completed")
      hold(world.content == .destination && world.source == .absent && world.diskAsideAtSource, "completed, and it is not so")
    case .failed, .cancelled:
      ends.insert(source.phase.word)
      // In a split brain the source wins, and what the other copy wrote is given up with an alarm.
      hold(world.content != .destination, "ended at the source, and the newest content is not there")
      hold(world.destination == .absent, "ended at the source, and a domain is at the destination")
      hold(world.source != .held && world.source != .paused, "ended at the source, and the guest stands still there")
      hold(!world.callIsDue && world.job != .copying, "ended, and the transfer may still start")
      hold(
        !world.filesAtDestination || state.channel.holds(.rollback) || state.newChannel != nil,
        "ended, and nobody will remove the destination's files")
    default: break
    }
  }

  /// The shortest way to the first state in which something is broken, a line for each step.
  var story: String {
    var lines: [String] = []
    var next = firstBroken
    while let state = next {
      let source = sources.machines[state.source].phase.word
      let destination = state.destination.map { destinations.machines[$0].phase.word } ?? "-"
      lines.append("\(source) / \(destination), \(state.world)")
      next = lines.count < 100 ? precedents[state]?.first : nil
    }
    return lines.reversed().joined(separator: "\n")
  }

  /// Finds the states from which no end can be reached, but for those in which only the operator can help: the guest ended by
  /// itself at the destination before it was confirmed, or stands still there for want of space, libvirt left it held or ended at the
  /// source and paused at the destination without having reported success, the source lost its power while the destination's copy was
  /// ended, or the destination's journal was lost before it confirmed.
  private func findStuck(among states: Set<State>) {
    var canEnd: Set<State> = states.filter { sources.machines[$0.source].isTerminal }
    var frontier = Array(canEnd)
    while let state = frontier.popLast() {
      for precedent in precedents[state] ?? [] where canEnd.insert(precedent).inserted { frontier.append(precedent) }
    }
    for state in states.subtracting(canEnd) {
      let world = state.world
      let phase = sources.machines[state.source].phase.word
      if world.destination == .stopped { continue }
      if world.destination == .off, world.content == .destination || world.source == .off { continue }
      if world.source == .held || world.source == .off, world.destination == .paused { continue }
      if state.newChannel != nil, !["retiring", "releasing"].contains(phase) { continue }
      stuck.insert("\(phase), \(world)")
    }
  }

  // MARK: - What can happen next

  private func followers(of state: State) -> [State] {
    var followers = state.world.happenings(fenced: isFenced).map { world in
      var next = state
      next.world = world
      return next
    }
    followers += sourceWork(in: state) + destinationWork(in: state)
    followers.append(tellSource(.event(.cancel(Reason(.cancelled, "cancelled by the operator"))), in: state))
    followers.append(tellSource(.event(.completionForced(Reason(.guestSuspended, "suspended by the operator"))), in: state))
    for word in ModelWord.toSource {
      if state.channel.holds(word) { followers.append(tellSource(.hear(word, fromNewJournal: false), in: state)) }
      if state.newChannel?.holds(word) == true { followers.append(tellSource(.hear(word, fromNewJournal: true), in: state)) }
    }
    if state.newChannel == nil, !state.isNamed {
      // The destination's journal is lost: its files and its guest are there, and it knows nothing of them.
      var next = state
      next.destination = nil
      next.newChannel = ModelChannel()
      followers.append(next)
    }
    for word in ModelWord.toDestination where state.channel.holds(word) {
      followers.append(tellDestination(.hear(word), in: state))
    }
    followers += operatorsWords(in: state)
    return followers.filter { $0 != state }
  }

  /// What the operator can say at the destination while nobody hears of the source: never that the guest is to go on there unless they have
  /// seen the source to be off.
  private func operatorsWords(in state: State) -> [State] {
    guard let number = state.destination, state.newChannel == nil else { return [] }
    let observation = state.world.observation
    let isSourceOff = state.world.source == .off || state.world.source == .absent
    return [Owner.source, .destination].filter { owner in
      destinations.machines[number].refusal(toName: owner, seeing: observation) == nil && (owner == .source || isSourceOff)
    }.map { owner in
      var named = tellDestination(.event(.ownerNamed(owner, Reason(.ownerNamed, "named by the operator"))), in: state)
      named.isNamed = true
      return named
    }
  }

  /// Gives an event to the source's machine. What it asks is as good as sent: it may arrive or not.
  private func tellSource(_ move: SourceMove, in state: State) -> State {
    var next = state
    let (number, effects) = sources.state(after: move, in: state.source)
    next.source = number
    for effect in effects + sources.machines[number].outstanding(at: MigrationSamples.now()) {
      switch effect {
      case .ask(let body), .tell(let body): next.channel.send(body)
      case .startTransfer: next.world.callIsDue = true
      default: break
      }
    }
    return next
  }

  private func tellDestination(_ move: DestinationMove, in state: State) -> State {
    var next = state
    let effects: [DestinationEffect]
    if let destination = state.destination {
      let answer = destinations.state(after: move, in: destination)
      next.destination = answer.state
      effects = answer.effects
    } else {
      switch move {
      case .hear(.prepare):
        var plan = MigrationSamples.plan
        plan.arrivesPaused = isFenced ? true : nil
        let begun = MigrationSamples.prepare(plan)
        next.destination = destinations.number(of: begun.0)
        effects = begun.1
      case .hear(.yield): effects = [.tell(.yielded)]
      case .hear(.rollback):
        let begun = DestinationMigration.tombstone(
          id: MigrationSamples.id, source: MigrationSamples.source, endpoint: MigrationSamples.endpoint, at: MigrationSamples.now())
        next.destination = destinations.number(of: begun.0)
        effects = begun.1
      // Asked of what it does not know, an agent says so; nothing is locked there.
      case .hear(.confirm): effects = [.tell(ModelWord.confirmFailed.body)]
      case .hear(.release): effects = [.tell(.released)]
      default: effects = []
      }
    }
    for case .tell(let body) in effects {
      if next.newChannel == nil { next.channel.send(body) } else { next.newChannel?.send(body) }
    }
    return next
  }

  // MARK: - The source agent's work

  private func sourceWork(in state: State) -> [State] {
    let machine = sources.machines[state.source]
    var followers: [State] = []
    func report(_ event: SourceEvent, in world: ModelWorld? = nil) {
      var changed = state
      changed.world = world ?? state.world
      followers.append(tellSource(.event(event), in: changed))
      // The agent dies between the deed and its report.
      if changed.world != state.world { followers.append(changed) }
    }
    for effect in machine.outstanding(at: MigrationSamples.now()) {
      switch effect {
      case .awaitAdmission: report(.admitted)
      case .inspect: report(.inspected(MigrationSamples.inspection))
      case .followTransfer: followers += transferWork(in: state)
      case .observe:
        let observation = state.world.observation
        for look in [
          observation, Observation(source: .silent, destination: observation.destination),
          Observation(source: observation.source, destination: .silent),
        ] { followers.append(tellSource(.observe(look), in: state)) }
      case .settle(let settlement, _):
        report(.settled(settlement, failure: "timed out"))
        guard machine.calls(for: settlement, after: state.world.observation) else { continue }
        var world = state.world
        if let broken = world.settle(settlement) { violations.insert("\(state.world): \(broken)") }
        report(.settled(settlement, failure: nil), in: world)
      case .restoreSource: report(.sourceRestored)
      case .retireSource:
        guard state.world.source == .off || state.world.source == .absent else {
          report(.retirementFailed(Reason(.undecided, "the guest is active at the source")))
          continue
        }
        var world = state.world
        world.source = .absent
        world.diskAsideAtSource = true
        report(.sourceRetired, in: world)
      case .setTimer(let timer, _):
        report(.timerFired(timer))
      case .suspendGuest:
        var changed = state
        changed.world.suspend()
        if changed.world != state.world { followers.append(changed) }
      case .emit, .tell, .ask, .offerLayers, .startTransfer, .abortTransfer, .readSource, .steerTransfer: break
      }
    }
    return followers
  }

  private func transferWork(in state: State) -> [State] {
    var followers: [State] = []
    func next(_ move: SourceMove?, _ change: (inout ModelWorld) -> Void = { _ in }) {
      var changed = state
      change(&changed.world)
      followers.append(move.map { tellSource($0, in: changed) } ?? changed)
    }
    if state.world.callIsDue {
      next(nil) { $0.call() }
      next(.event(.transferNotStarted(Reason(.addressNotAllowed, "in no allowed network")))) { $0.callIsDue = false }
      // The agent dies before it calls libvirt.
      next(nil) { $0.callIsDue = false }
      return followers
    }
    switch state.world.job {
    case .none: next(.event(.transferEnded(error: "no migration runs on the guest", nil)))
    case .ended(let succeeded):
      next(.event(.transferEnded(error: "libvirt's answer was lost", nil)))
      if succeeded { next(.event(.transferEnded(error: nil, nil))) }
    case .copying, .finishing: break
    }
    return followers
  }

  // MARK: - The destination agent's work

  private func destinationWork(in state: State) -> [State] {
    guard let number = state.destination else { return [] }
    var followers: [State] = []
    func report(_ event: DestinationEvent, in world: ModelWorld? = nil) {
      var changed = state
      changed.world = world ?? state.world
      followers.append(tellDestination(.event(event), in: changed))
      // The agent dies between the deed and its report.
      if changed.world != state.world { followers.append(changed) }
    }
    for effect in destinations.machines[number].outstanding {
      switch effect {
      case .awaitAdmission: report(.admitted)
      case .check:
        report(.oneRefused)
        // Names that are taken and a domain that is there are refused.
        if !state.world.filesAtDestination, state.world.destination == .absent { report(.allPassed) }
      case .provideLayer:
        report(.template)
        report(.noTemplate)
      case .makeStubs:
        report(.noStubs)
        var world = state.world
        world.filesAtDestination = true
        report(.stubs, in: world)
      case .postCheck:
        let isHere = state.world.destination == .running || (state.world.destination == .paused && !isFenced)
        report(isHere ? .asPlanned : .notAsPlanned)
      case .removeFiles(let evenDefined):
        guard evenDefined || state.world.destination == .absent else {
          report(.copyKept)
          continue
        }
        // The runner leaves everything alone while the guest has a process here.
        guard state.world.destination == .absent || state.world.destination == .off else { continue }
        var world = state.world
        world.filesAtDestination = false
        world.destination = .absent
        report(.filesRemoved, in: world)
      case .keepFiles: report(.filesKept)
      case .takeOver:
        if [.paused, .held, .stopped].contains(state.world.destination), [.running, .runningAgain].contains(state.world.source) {
          report(.copyKept)
          continue
        }
        var world = state.world
        if let broken = world.takeOver() { violations.insert("\(state.world): \(broken)") }
        let isHere = world.destination == .running
        report(.tookOver(isHere ? MigrationSamples.confirmation : nil), in: world)
      case .endCopy(let evenRunning):
        guard evenRunning || ![.running, .stopped, .off].contains(state.world.destination) else {
          report(.copyKept)
          continue
        }
        var world = state.world
        if let broken = world.endCopy(undefining: !evenRunning) { violations.insert("\(state.world): \(broken)") }
        report(.copyEnded, in: world)
      case .tell, .readView, .endView: break
      }
    }
    return followers
  }
}
