public import LongshoreMessages

/// What can happen to a drain.
public enum DrainOccurrence: Sendable, Hashable, Codable {
  /// Guests and hosts were surveyed, in this round.
  case surveyed(DrainSurvey, round: Int)
  /// The order of a move was refused.
  case refused(MigrationID, [Reason])
  /// A migration that was followed has ended.
  case ended(MigrationID, DrainMove.End)
  /// A migration that is followed needs attention, and has for a while.
  case attention(MigrationID, [Reason])
  /// The host was looked at: these guests run on it.
  case looked([GuestReference])
  /// It is time to tell how far the drain is; expected to end in so many seconds.
  case reportDue(expectedSeconds: Double?)
  /// Somebody wants nothing new to begin.
  case pause(Reason)
  /// Somebody wants it to go on.
  case resume(Reason)
  /// Somebody does not want it any more, nor, if so, its migrations that run.
  case cancel(Reason, running: Bool)
  /// Its time is over.
  case deadlinePassed
}

/// What a drain wants done for as long as its phase lasts.
public enum DrainEffect: Sendable, Hashable, Codable {
  /// Survey the hosts and the guests, all that run or these, and apply `surveyed`.
  case survey(round: Int, only: [String]?)
  /// See that a move is ordered, follow its migration, and apply `refused`, `ended` or `attention`.
  case move(DrainMove)
  /// Cancel a migration of the drain's.
  case cancelMove(MigrationID)
  /// See which guests run on the host once no migration into it is under way, and apply `looked`.
  case look(round: Int)
  /// Apply `reportDue` now and then.
  case report
  /// Apply `deadlinePassed` in so many milliseconds.
  case awaitDeadline(milliseconds: Int64)

  /// The effect without what changes while it runs.
  public var key: DrainEffect {
    if case .awaitDeadline = self { .awaitDeadline(milliseconds: 0) } else { self }
  }
}

/// One try to move a guest.
public struct DrainMove: Sendable, Hashable, Codable {
  /// How a try ended.
  public enum End: Sendable, Hashable, Codable {
    /// The guest runs at the destination.
    case moved
    /// It does not.
    case failed([Reason], runsHere: Bool)
    /// The migration was cancelled.
    case cancelled([Reason], runsHere: Bool)
  }

  /// The migration, which for the drain's own follows from the drain, the guest and the number of the try: it is the same after a
  /// restart.
  public var migration: MigrationID
  /// The guest's UUID.
  public var guest: String
  /// Where to.
  public var destination: NodeName
  /// The number of the try, from 1.
  public var attempt: Int
  /// Whether the drain orders it; else it only follows.
  public var isOwn: Bool

  /// The id of the migration that a drain orders for a guest: a UUID of the free form (version 8) made of a hash (FNV-1a, 128 bits).
  ///
  /// - Parameters:
  ///   - round: The round of surveys in which the guest was found.
  ///   - attempt: The number of the try in it.
  public static func id(_ drain: MigrationID, guest: String, round: Int, attempt: Int) -> MigrationID {
    hash("\(drain)/\(guest)/\(round)/\(attempt)") ?? drain
  }

  /// The id of the question whether a host can take a guest of a drain.
  public static func check(_ drain: MigrationID, guest: String, host: NodeName) -> MigrationID {
    hash("\(drain)/\(guest)/check/\(host)") ?? drain
  }

  private static func hash(_ text: String) -> MigrationID? {
    var hash: UInt128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d
    for byte in text.utf8 { hash = (hash ^ UInt128(byte)) &* 0x0000_0000_0100_0000_0000_0000_0000_013b }
    let high = UInt64(truncatingIfNeeded: hash >> 64)
    let low = UInt64(truncatingIfNeeded: hash)
    func digits(_ value: UInt64, _ count: Int) -> String {
      let text = String(value, radix: 16)
      return String(repeating: "0", count: max(0, count - text.count)) + text
    }
    let parts = [
      digits(high >> 32, 8), digits(high >> 16 & 0xffff, 4), digits(high & 0x0fff | 0x8000, 4), digits(low >> 48 & 0x3fff | 0x8000, 4),
      digits(low & 0xffff_ffff_ffff, 12),
    ]
    return MigrationID(parts.joined(separator: "-"))
  }
}

/// All guests of a host on their way to others: a value that takes events and says what is to be done. The host's agent drives it.
///
/// ```
/// surveying -> moving -> looking -> ended
///     ^                     |
///     +--- new guests ------+
/// ```
///
/// In `moving` the guests that wait get their migrations, as many at once as the plan says, each journalled before it is ordered. A drain
/// that is paused begins none; one that ends (cancelled, stopped, its time over) drops those that wait. Both follow what runs to its end.
public struct Drain: Sendable, Hashable, Codable {
  /// The phases of a drain.
  public enum Phase: Sendable, Hashable, Codable {
    /// Hosts are asked, and the checks are made; of these guests where some were started meanwhile. Can become: moving, ended.
    case surveying(only: [String]?)
    /// Guests move. Can become: looking, ended.
    case moving
    /// The host is looked at again. Can become: surveying, ended.
    case looking
    /// It has ended.
    case ended
  }

  /// Why a drain begins nothing more.
  public enum Ending: Sendable, Hashable, Codable {
    /// Somebody does not want it any more, nor, if so, what runs.
    case cancelled(Reason, running: Bool)
    /// A guest could not be moved, and the order says to stop then.
    case stopped(Reason)
    /// Its time is over.
    case deadline(Reason)

    var reason: Reason {
      switch self {
      case .cancelled(let reason, _), .stopped(let reason), .deadline(let reason): reason
      }
    }
  }

  /// A guest, and what has become of it.
  public struct Guest: Sendable, Hashable, Codable {
    /// The guest.
    public var guest: GuestReference
    /// What has become of it.
    public var state: DrainGuest.State
    /// Where it goes or has gone.
    public var destination: NodeName?
    /// The migration that moves or moved it, the last one.
    public var move: DrainMove?
    /// Where it was tried.
    public var tried: [NodeName] = []
    /// Why it is where it is.
    public var reasons: [Reason] = []
    /// Why the hosts cannot take it.
    public var refusals: [DrainGuest.Refusal] = []
    /// Whether its migration needs attention.
    public var needsAttention = false
    /// When its last migration began, and how long that was expected to take, in seconds.
    public var began: Now?
    /// See ``began``.
    public var expected: Double?

    init(_ guest: GuestReference, state: DrainGuest.State) {
      self.guest = guest
      self.state = state
    }
  }

  /// How often the host is looked at again at most: a guest that is started each time would let no drain end.
  public static let roundLimit = 20

  /// The id, which is that of its order.
  public let id: MigrationID
  /// What was ordered.
  public let order: DrainOrder
  /// The host.
  public let host: NodeName
  /// The trace that its order belongs to, and with it its migrations; nil where it is in none.
  public let trace: TraceContext?
  /// When it was accepted.
  public let acceptedAt: Now
  /// Where it stands.
  public private(set) var phase = Phase.surveying(only: nil)
  /// The round of surveys, from 1.
  public private(set) var round = 1
  /// Counts the changes of the value: the journal refuses to store a revision that does not follow the stored one.
  public private(set) var revision = 1
  /// The number of the last event.
  public private(set) var sequence = 0
  /// When it changed last.
  public private(set) var updatedAt: Timestamp
  /// What was found out; nil before.
  public private(set) var survey: DrainSurvey?
  /// The guests, in the order in which they are to move.
  public private(set) var guests: [Guest] = []
  /// How many migrations are under way at once.
  public private(set) var parallel = 1
  /// What no plan can be faster than, in seconds; nil where nothing was measured.
  public private(set) var bound: Double?
  /// Why it is paused: nothing new begins until it is resumed. Nil where it is not.
  public private(set) var pause: Reason?
  /// Why nothing new begins any more; nil where it does.
  public private(set) var ending: Ending?
  /// How many times as long migrations have taken as was expected of them, by those that have ended.
  public private(set) var pace = 1.0
  /// How long it took, in seconds; nil while it has not ended.
  public private(set) var endedAfter: Double?
  /// How many have ended that ``pace`` is made of.
  private var paced = 0

  /// A drain that an order brings, with the event that tells it.
  public static func accept(
    id: MigrationID, order: DrainOrder, host: NodeName, trace: TraceContext? = nil, at now: Now
  ) -> (drain: Drain, events: [DrainEventData]) {
    var drain = Drain(id: id, order: order, host: host, trace: trace, at: now)
    drain.sequence = 1
    return (drain, [drain.event(.accepted)])
  }

  private init(id: MigrationID, order: DrainOrder, host: NodeName, trace: TraceContext? = nil, at now: Now) {
    self.id = id
    self.order = order
    self.host = host
    self.trace = trace
    acceptedAt = now
    updatedAt = now.wall
  }

  /// Whether it has ended.
  public var isTerminal: Bool { phase == .ended }

  // MARK: - Events

  /// Takes an event, and returns what is to be told of it. One that comes late or twice changes nothing.
  public mutating func apply(_ occurrence: DrainOccurrence, at now: Now) -> [DrainEventData] {
    guard !isTerminal else { return [] }
    let before = self
    var events: [DrainEventData] = []
    switch occurrence {
    case .surveyed(let found, let round): take(found, round: round, &events)
    case .refused(let migration, let reasons): refuse(migration, reasons, &events)
    case .ended(let migration, let end): close(migration, by: end, at: now, &events)
    case .attention(let migration, let reasons):
      if let index = moving(migration) {
        guests[index].needsAttention = true
        guests[index].reasons = reasons
      }
    case .looked(let running): look(running, &events)
    case .reportDue(let seconds):
      guard phase == .moving else { break }
      events.append(event(.progress, expected: seconds))
    case .pause(let reason):
      guard pause == nil, ending == nil else { break }
      pause = reason
      events.append(event(.paused, reasons: [reason]))
    case .resume(let reason):
      guard pause != nil, ending == nil else { break }
      pause = nil
      events.append(event(.resumed, reasons: [reason]))
    case .cancel(let reason, let running):
      switch ending {
      case .cancelled(_, running: true): break
      case .cancelled where !running: break
      default: finish(by: .cancelled(reason, running: running), &events)
      }
    case .deadlinePassed:
      guard ending == nil else { break }
      finish(
        by: .deadline(
          Reason(
            .deadlinePassed,
            "the drain was to begin nothing more after \(order.deadlineSeconds ?? 0) s: order another one for the guests that are left")),
        &events)
    }
    settle(at: now, &events)
    guard self != before || !events.isEmpty else { return [] }
    revision = before.revision + 1
    updatedAt = now.wall
    sequence += events.count
    return events
  }

  private mutating func take(_ found: DrainSurvey, round: Int, _ events: inout [DrainEventData]) {
    guard case .surveying = phase, round == self.round else { return }
    let all = survey?.joined(with: found) ?? found
    survey = all
    let plan = DrainPlan(found, parallel: order.parallel, cap: cap)
    if self.round == 1 || plan.parallel > parallel { parallel = plan.parallel }
    bound = self.round == 1 ? plan.bound : bound
    guests.removeAll { guest in found.guests.contains { $0.guest.uuid == guest.guest.uuid } }
    for one in found.guests {
      guard let migration = one.migration else { continue }
      var guest = Guest(one.guest, state: .moving)
      guest.destination = migration.destination
      guest.move = DrainMove(
        migration: migration.id, guest: one.guest.uuid, destination: migration.destination, attempt: 0, isOwn: false)
      guests.append(guest)
    }
    for move in plan.moves {
      guard let one = found.guests.first(where: { $0.guest.uuid == move.guest }) else { continue }
      var guest = Guest(one.guest, state: .waiting)
      guest.destination = move.host
      guest.expected = plan.seconds == nil ? nil : move.end - move.start
      guests.append(guest)
    }
    for blocked in plan.blocked {
      guard let one = found.guests.first(where: { $0.guest.uuid == blocked.guest }) else { continue }
      var guest = Guest(one.guest, state: .blocked)
      guest.reasons = one.refusals.isEmpty ? [Reason(.noHost, "no host can take the guest \(one.guest.name)")] : one.refusals
      guest.refusals = one.refusals.isEmpty ? blocked.refusals : []
      guests.append(guest)
    }
    phase = .moving
    events.append(event(.planned, expected: plan.seconds, guests: true))
    if rule == .stop, ending == nil, let blocked = guests.first(where: { $0.state == .blocked }) {
      let reason = Reason(.drainStopped, "no host can take the guest \(blocked.guest.name), and the order says to stop then")
      finish(by: .stopped(reason), &events)
    }
  }

  /// What each migration may take of the links, in bytes a second.
  private var cap: Double? { order.options?.bandwidthMiBps.map { Double($0) * 1_048_576 } }

  private var rule: DrainFailureRule { order.onFailure ?? .retry }

  private func moving(_ migration: MigrationID) -> Int? {
    guests.firstIndex { $0.state == .moving && $0.move?.migration == migration }
  }

  private mutating func refuse(_ migration: MigrationID, _ reasons: [Reason], _ events: inout [DrainEventData]) {
    guard let index = moving(migration) else { return }
    let codes = reasons.map(\.code)
    if codes.contains(.unknownGuest) || codes.contains(.guestNotRunning) { return gone(index, reasons, &events) }
    if codes.contains(.guestBusy) {
      // Somebody else moves it: what came of that is seen when the host is looked at again.
      guests.remove(at: index)
      return
    }
    fail(index, reasons, &events)
  }

  private mutating func close(
    _ migration: MigrationID, by end: DrainMove.End, at now: Now, _ events: inout [DrainEventData]
  ) {
    guard let index = moving(migration) else { return }
    guests[index].needsAttention = false
    switch end {
    case .moved:
      guests[index].state = .moved
      guests[index].reasons = []
      learn(from: guests[index], at: now)
      events.append(event(.guest, guest: index))
    case .failed(let reasons, runsHere: false), .cancelled(let reasons, runsHere: false): gone(index, reasons, &events)
    case .failed(let reasons, runsHere: true): fail(index, reasons, &events)
    case .cancelled(let reasons, runsHere: true):
      guests[index].state = .cancelled
      guests[index].reasons = reasons
      events.append(event(.guest, guest: index))
    }
  }

  private mutating func learn(from guest: Guest, at now: Now) {
    guard let began = guest.began, let expected = guest.expected, expected > 0 else { return }
    let took = Double(began.milliseconds(until: now)) / 1000
    let ratio = min(max(took / expected, 0.25), 8)
    pace = (pace * Double(paced) + ratio) / Double(paced + 1)
    paced += 1
  }

  private mutating func gone(_ index: Int, _ reasons: [Reason], _ events: inout [DrainEventData]) {
    guests[index].state = .gone
    guests[index].reasons =
      [Reason(.guestGone, "the guest \(guests[index].guest.name) does not run on \(host) any more")]
      + reasons.filter { $0.code != .guestGone }
    events.append(event(.guest, guest: index))
  }

  private mutating func fail(_ index: Int, _ reasons: [Reason], _ events: inout [DrainEventData]) {
    guests[index].reasons = reasons
    let isOwn = guests[index].move?.isOwn == true
    if let destination = guests[index].move?.destination, isOwn {
      guests[index].tried.append(destination)
      guests[index].refusals.append(DrainGuest.Refusal(host: destination, reasons: reasons))
    }
    if ending == nil, rule == .retry || !isOwn, let other = otherHost(for: index) {
      guests[index].state = .waiting
      guests[index].destination = other
      events.append(event(.guest, guest: index))
      guests.append(guests.remove(at: index))
      return
    }
    if ending == nil, !isOwn {
      // Somebody else's order has failed: which hosts can take the guest is found out when the host is looked at again.
      guests.remove(at: index)
      return
    }
    guests[index].state = .failed
    events.append(event(.guest, guest: index))
    guard ending == nil, rule == .stop else { return }
    let name = guests[index].guest.name
    let why = reasons.first.map { ": \($0.message)" } ?? ""
    finish(by: .stopped(Reason(.drainStopped, "the guest \(name) could not be moved, and the order says to stop then\(why)")), &events)
  }

  private func otherHost(for index: Int) -> NodeName? {
    guard let survey else { return nil }
    let going = guests.compactMap { guest -> (guest: String, host: NodeName, isOpen: Bool)? in
      guard guest.state == .waiting || guest.state == .moving || guest.state == .moved, let host = guest.destination else { return nil }
      return (guest.guest.uuid, host, guest.state != .moved)
    }
    return DrainPlan.host(
      for: guests[index].guest.uuid, survey, going: going.filter { $0.guest != guests[index].guest.uuid }, except: Set(guests[index].tried))
  }

  private mutating func look(_ running: [GuestReference], _ events: inout [DrainEventData]) {
    guard phase == .looking else { return }
    // What no host could take, or what has failed, may have been stopped meanwhile.
    let found = Set(running.map(\.uuid))
    for index in guests.indices
    where [.blocked, .failed].contains(guests[index].state) && !found.contains(guests[index].guest.uuid) {
      guests[index].refusals = []
      gone(index, [], &events)
    }
    let news = running.filter { found in
      guard let known = guests.first(where: { $0.guest.uuid == found.uuid }) else { return true }
      return known.state == .gone || known.state == .moved
    }
    guard !news.isEmpty else {
      phase = .ended
      return
    }
    guard round < Self.roundLimit else {
      for found in news {
        guests.removeAll { $0.guest.uuid == found.uuid }
        var guest = Guest(found, state: .blocked)
        guest.reasons = [
          Reason(
            .drainStopped,
            "the guest \(found.name) runs here though the host was looked at \(round) times: see who starts guests here, and drain again")
        ]
        guests.append(guest)
        events.append(event(.guest, guest: guests.count - 1))
      }
      phase = .ended
      return
    }
    round += 1
    phase = .surveying(only: news.map(\.uuid).sorted())
  }

  private mutating func finish(by ending: Ending, _ events: inout [DrainEventData]) {
    self.ending = ending
    pause = nil
    for index in guests.indices where guests[index].state == .waiting {
      guests[index].state = .skipped
      guests[index].reasons.append(ending.reason)
    }
    if guests.contains(where: { $0.state == .moving }) { events.append(event(.paused, reasons: [ending.reason])) }
  }

  /// Begins what can begin, and ends where there is nothing more to do.
  private mutating func settle(at now: Now, _ events: inout [DrainEventData]) {
    switch phase {
    case .moving: break
    case .surveying where ending != nil, .looking where ending != nil: phase = .ended
    case .surveying, .looking, .ended: break
    }
    if phase == .moving {
      begin(at: now)
      let isOpen = guests.contains { $0.state == .waiting || $0.state == .moving && !$0.needsAttention }
      if !isOpen {
        for index in guests.indices where guests[index].state == .moving {
          guests[index].state = .unsettled
          events.append(event(.guest, guest: index))
        }
        phase = ending == nil ? .looking : .ended
      }
    }
    guard phase == .ended else { return }
    pause = nil
    endedAfter = Double(max(0, acceptedAt.milliseconds(until: now))) / 1000
    events.append(event(.finished, guests: true, reasons: ending.map { [$0.reason] }, seconds: endedAfter))
  }

  private mutating func begin(at now: Now) {
    guard ending == nil, pause == nil, let survey else { return }
    while true {
      let running = guests.filter { $0.state == .moving && !$0.needsAttention }
      // Those that others have ordered take places of hosts, but none of those that the order allows the drain.
      guard running.count(where: { $0.move?.isOwn == true }) < parallel else { return }
      let next = guests.indices.first { index in
        guard guests[index].state == .waiting, let destination = guests[index].destination else { return false }
        guard let host = survey.hosts.first(where: { $0.host == destination }) else { return true }
        return running.count { $0.destination == destination } < survey.places(at: host)
      }
      guard let next, let destination = guests[next].destination else { return }
      let attempt = guests[next].tried.count + 1
      guests[next].state = .moving
      guests[next].began = now
      guests[next].move = DrainMove(
        migration: DrainMove.id(id, guest: guests[next].guest.uuid, round: round, attempt: attempt), guest: guests[next].guest.uuid,
        destination: destination, attempt: attempt, isOwn: true)
    }
  }

  // MARK: - Effects

  /// What is to be done for as long as the phase lasts.
  public func outstanding(at now: Now) -> [DrainEffect] {
    var timer: [DrainEffect] = []
    if let seconds = order.deadlineSeconds, ending == nil {
      timer = [.awaitDeadline(milliseconds: Deadline(start: acceptedAt, allowance: seconds * 1000).remaining(at: now))]
    }
    switch phase {
    case .surveying(let only): return [.survey(round: round, only: only)] + timer
    case .moving:
      let moves = guests.filter { $0.state == .moving }.compactMap(\.move)
      var cancelled: [DrainEffect] = []
      if case .cancelled(_, running: true) = ending { cancelled = moves.filter(\.isOwn).map { .cancelMove($0.migration) } }
      return moves.map { .move($0) } + cancelled + [.report] + timer
    case .looking: return [.look(round: round)] + timer
    case .ended: return []
    }
  }

  /// The order of a move: the same for the same move, whenever it is made.
  public func order(of move: DrainMove) -> MigrateCommand? {
    guard let guest = ResourceName(move.guest) else { return nil }
    return MigrateCommand(
      guest: guest, destination: MigrateCommand.Destination(host: move.destination),
      pools: survey?.guests.first { $0.guest.uuid == move.guest }?.pools, options: order.options, priority: order.priority)
  }

  /// Why a wish cannot be granted; nil where it can.
  public func refusal(of action: DrainSteering.Action) -> Reason? {
    if isTerminal { return Reason(.tooLate, "the drain has ended already") }
    switch action {
    case .pause, .resume: return ending.map { Reason(.tooLate, "the drain ends already: \($0.reason.message)") }
    case .cancel: return nil
    }
  }

  /// What a wish is for the drain.
  ///
  /// - Parameter reason: That somebody wants it.
  /// - Throws: ``Rejected`` where it cannot be granted.
  public func occurrence(_ steering: DrainSteering, reason: Reason) throws(Rejected) -> DrainOccurrence {
    if let refusal = refusal(of: steering.action) { throw Rejected(refusal) }
    return switch steering.action {
    case .pause: .pause(reason)
    case .resume: .resume(reason)
    case .cancel: .cancel(reason, running: steering.running == true)
    }
  }

  // MARK: - What is told

  private func event(
    _ kind: DrainEventData.Kind, expected: Double? = nil, guest: Int? = nil, guests isFull: Bool = false, reasons: [Reason]? = nil,
    seconds: Double? = nil
  ) -> DrainEventData {
    DrainEventData(
      kind, host: host, phase: publicPhase, counts: counts, expectedSeconds: expected, guest: guest.map { told(guests[$0]) },
      guests: isFull ? guests.map { told($0) } : nil, reasons: reasons, seconds: seconds)
  }

  /// The guests, counted.
  public var counts: DrainEventData.Counts {
    func count(_ states: DrainGuest.State...) -> Int { guests.count { states.contains($0.state) } }
    return DrainEventData.Counts(
      total: guests.count, waiting: count(.waiting), moving: count(.moving), done: count(.moved, .gone),
      left: count(.blocked, .failed, .skipped, .cancelled, .unsettled))
  }

  /// Where it stands, as operators see it.
  public var publicPhase: DrainStatus.Phase {
    switch phase {
    case .ended:
      if case .cancelled = ending { return .cancelled }
      return ending == nil && counts.left == 0 ? .completed : .incomplete
    case _ where ending != nil: return .ending
    case _ where pause != nil: return .paused
    case .surveying: return .planning
    case .moving: return .moving
    case .looking: return .looking
    }
  }

  private func told(_ guest: Guest) -> DrainGuest {
    DrainGuest(
      guest: guest.guest, state: guest.state, destination: guest.destination, migration: guest.move?.migration,
      attempts: guest.move.map { max(1, $0.attempt) }, bytes: survey?.guests.first { $0.guest.uuid == guest.guest.uuid }?.bytes,
      reasons: guest.reasons.isEmpty ? nil : guest.reasons, refusals: guest.refusals.isEmpty ? nil : guest.refusals)
  }

  /// How it stands, for who asks.
  ///
  /// - Parameter left: What part of their bytes the migrations that run still have to move, from 0 to 1, as far as it is known.
  public func status(left: [MigrationID: Double] = [:], at now: Now) -> DrainStatus {
    let forecast = forecast(left: left)
    return DrainStatus(
      id: id, host: host, phase: publicPhase, acceptedAt: acceptedAt.wall, updatedAt: updatedAt,
      guests: guests.map { guest in
        var shown = told(guest)
        if let times = forecast?.times[guest.guest.uuid] {
          if guest.state == .waiting { shown.expectedStart = times.start }
          shown.expectedEnd = times.end
        }
        return shown
      },
      candidates: (survey?.hosts ?? []).map {
        DrainStatus.Candidate(host: $0.host, memory: $0.offer?.memory, linkBps: $0.linkBps, refusal: $0.refusal)
      }, parallel: survey == nil ? nil : parallel, expectedSeconds: forecast?.seconds, boundSeconds: bound,
      seconds: isTerminal ? endedAfter : nil,
      reasons: (ending?.reason ?? pause).map { [$0] })
  }

  /// When guests that wait and move are expected at their hosts, in seconds from now, and all of them; nil where that is not predicted.
  ///
  /// What was measured before is corrected by how long migrations have taken since.
  public func forecast(left: [MigrationID: Double]) -> (times: [String: (start: Double, end: Double)], seconds: Double)? {
    guard phase == .moving, pause == nil, let survey else { return nil }
    let forecast = DrainForecast(survey, cap: cap)
    guard forecast.isMeasured else { return nil }
    func place(_ guest: Guest) -> (guest: Int, host: Int)? {
      guard let index = survey.guests.firstIndex(where: { $0.guest.uuid == guest.guest.uuid }),
        let host = survey.hosts.firstIndex(where: { $0.host == guest.destination })
      else { return nil }
      return (index, host)
    }
    let running = guests.filter { $0.state == .moving }.compactMap { guest -> DrainForecast.Running? in
      guard let (index, host) = place(guest) else { return nil }
      let part = guest.move.flatMap { left[$0.migration] }
      return DrainForecast.Running(
        host: host, preparation: part == nil ? Estimator.preparation : 0,
        bytes: Double(survey.guests[index].bytes) * min(max(part ?? 1, 0), 1), pools: survey.guests[index].sourcePools, guest: index)
    }
    let waiting = guests.filter { $0.state == .waiting }.compactMap(place)
    let result = forecast.run(waiting, running: running, parallel: parallel)
    let times = Dictionary(
      result.times.map { (survey.guests[$0.key].guest.uuid, ($0.value.start * pace, $0.value.end * pace)) },
      uniquingKeysWith: { first, _ in first })
    return (times.mapValues { (start: $0.0, end: $0.1) }, result.seconds * pace)
  }

  /// The plan of a dry run, as a drain would begin with it.
  public static func plan(id: MigrationID, order: DrainOrder, host: NodeName, survey: DrainSurvey, at now: Now) -> DrainStatus {
    var drain = Drain(id: id, order: order, host: host, at: now)
    var events: [DrainEventData] = []
    drain.take(survey, round: 1, &events)
    for index in drain.guests.indices where drain.guests[index].state == .skipped {
      drain.guests[index].state = .waiting
      drain.guests[index].reasons = []
    }
    drain.ending = nil
    var status = drain.status(at: now)
    status.phase = .planned
    return status
  }
}
