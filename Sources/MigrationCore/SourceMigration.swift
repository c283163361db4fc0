public import LongshoreMessages

/// A migration as its source host drives it: a value that takes events and says what is to be done.
///
/// ```
/// queued -> inspecting -> preparing -> transferring -> deciding <-> settling
///    |            |            |             |            |
///    |            |            v             v            +-> confirming -> [verifying] -> retiring -> releasing -> completed
///    |            |       rollingBack <------+------------+
///    |            v            v
///    +-----> failed, cancelled
/// ```
///
/// ``apply(_:at:)`` returns what is to be done once; ``outstanding(at:)`` tells what the present phase needs for as long as it
/// lasts. After a restart ``outstanding(at:)`` alone is enough to go on.
public struct SourceMigration: Sendable, Hashable, Codable {
  /// How the way to `failed` or `cancelled` was taken.
  public struct Failure: Sendable, Hashable, Codable {
    /// The step at which it happened.
    public var stage: MigrationEventData.Stage
    /// Why.
    public var reasons: [Reason]
    /// Whether somebody asked for it.
    public var cancelled: Bool
    /// The table of checks, where a check refused.
    public var checks: [Check]?
    /// Whether the guest runs at the source.
    public var guestRuns = true
  }

  /// A transfer that libvirt carries out.
  public struct Transfer: Sendable, Hashable, Codable {
    /// Why it is to be aborted; nil while it is to succeed.
    public var abort: Failure?
  }

  /// The end of a transfer, until it is decided who has the guest.
  public struct Decision: Sendable, Hashable, Codable {
    /// libvirt's error; nil where it reported success.
    public var error: String?
    /// Why the transfer was aborted; nil where it was not.
    public var abort: Failure?
    /// Why the last look at both hosts did not decide.
    public var undecided: String?
    /// Why the look before that did not decide.
    public var undecidedBefore: String?
    /// The owner that the operator named; nil where nobody did.
    public var named: Owner?
    /// Where a copy of the guest was seen to run at the destination that is to be ended: whether its agent has said since that the operator
    /// has not named that copy. Nil where none was seen.
    public var yielded: Bool?
  }

  /// Whether the destination keeps a view of the disks as they were at the switch.
  public enum View: Sendable, Hashable, Codable {
    /// It does, begun before the guest was resumed there.
    case taken
    /// It does not.
    case missed(Reason)
  }

  /// A verification: what both hosts have read.
  public struct Reading: Sendable, Hashable, Codable {
    /// What the source's disks hold; nil until they are read.
    public var here: [DiskContent]?
    /// What the destination's disks held at the switch; nil until it has told.
    public var there: [DiskContent]?
    /// When the destination last said that it reads.
    public var heardAt: Now?
  }

  /// The phases of a migration at its source.
  public enum Phase: Sendable, Hashable, Codable {
    /// Waits for its turn. Can become: inspecting, failed, cancelled.
    case queued
    /// The guest is read. Can become: preparing, failed, cancelled.
    case inspecting
    /// The destination prepares; `heard` tells whether it ever answered. Can become: transferring, rollingBack, failed, cancelled.
    case preparing(heard: Bool)
    /// libvirt copies. Can become: deciding, rollingBack.
    case transferring(Transfer)
    /// Both hosts are looked at. Can become: deciding, settling, confirming, rollingBack.
    case deciding(Decision)
    /// Something is done on one host to settle who has the guest. Can become: deciding.
    case settling(Settlement, Decision)
    /// The destination makes the post-checks. Can become: deciding, verifying, retiring.
    case confirming
    /// Both hosts read the disks as they were at the switch. Can become: retiring.
    case verifying(Reading)
    /// The source's definition and disks are moved out of the way. Can become: releasing.
    case retiring
    /// The destination unlocks the guest. Can become: completed.
    case releasing
    /// The destination removes what it made, and the source is set as it was. Can become: deciding, failed, cancelled.
    case rollingBack(Failure, destinationDone: Bool, sourceDone: Bool)
    /// Ended: the guest is at the destination.
    case completed
    /// Ended: the guest is at the source.
    case failed(Failure)
    /// Ended on request: the guest is at the source.
    case cancelled(Failure)

    /// Whether it is open who has the guest.
    var isUndecided: Bool {
      switch self {
      case .deciding, .settling: true
      default: false
      }
    }
  }

  /// What is left of a deadline.
  private struct Rest: Sendable, Hashable, Codable {
    var deadline: Deadline
    var windings: Int
  }

  /// The migration's id.
  public let id: MigrationID
  /// The order.
  public let order: MigrateCommand
  /// The guest.
  public let guest: GuestReference
  /// The source host.
  public let source: HostAddress
  /// The destination host.
  public let destination: HostAddress
  /// When it was accepted.
  public let acceptedAt: Now
  /// When it has to have ended.
  public let deadline: Deadline
  /// How long to wait for what.
  public let patience: Patience
  /// The trace that the order belongs to; nil where it is in none.
  public let trace: TraceContext?

  /// Where it stands.
  public private(set) var phase: Phase
  /// Counts the changes of the value: the journal refuses to store a revision that does not follow the stored one.
  public private(set) var revision = 0
  /// What is left of the deadline, counted from a later moment, and how often it was wound up so: timers of before are stale. Nil
  /// while it counts from its start.
  private var rest: Rest?
  /// Counts the phases: timers and looks of an earlier step are stale.
  public private(set) var step = 0
  /// The number of the last numbered event.
  public private(set) var sequence = 0
  /// When the last numbered event happened.
  public private(set) var updatedAt: Timestamp
  /// What was changed of the order while it ran; nil where nothing was.
  public private(set) var steering: Steering?
  /// Why the operator is called; nil while all goes well.
  public private(set) var attention: Reason?
  /// What was read of the guest.
  public private(set) var inspection: Inspection?
  /// What the destination prepared.
  public private(set) var preparation: Preparation?
  /// The id of the destination's journal when it had prepared.
  public private(set) var destinationJournal: String?
  /// What the transfer moved.
  public private(set) var totals: TransferTotals?
  /// When it was seen that the source's guest has left for good; nil where it was not.
  public private(set) var fencedAt: Now?
  /// The destination's confirmation.
  public private(set) var confirmation: Confirmation?
  /// The owner that the operator named at the destination while this host was away, and whose word its agent has carried out; nil where
  /// nothing is known of such a word.
  public private(set) var namedThere: Owner?
  /// Whether the destination keeps a view of the disks; nil where that is not known, or none is asked for.
  public private(set) var view: View?
  /// What the comparison of the disks has found; nil where it was not made.
  public private(set) var comparison: ContentComparison?
  /// The pools that the guest's disks were in when it was accepted; nil where that was not known.
  public let sourcePools: [ResourceName]?
  /// The place among those that wait; nil where it is the usual one.
  private var ownPlace: QueuePlace?
  /// For what it waits, here or at the destination, as it was told last; nil while it is worked on.
  public private(set) var waiting: Waiting?
  /// How often it was told that it waits; nil for not yet.
  private var toldWaits: Int?

  /// A migration of an order that was accepted at `now`, and what is to be done at once.
  public static func accept(
    id: MigrationID, order: MigrateCommand, guest: GuestReference, sourcePools: [ResourceName]? = nil, source: HostAddress,
    destination: HostAddress, deadlineSeconds: Int64, patience: Patience, place: QueuePlace = QueuePlace(), trace: TraceContext? = nil,
    at now: Now
  ) -> (SourceMigration, [SourceEffect]) {
    var migration = SourceMigration(
      id: id, order: order, guest: guest, sourcePools: sourcePools, source: source, destination: destination, acceptedAt: now,
      deadline: Deadline(start: now, allowance: deadlineSeconds * 1000), patience: patience, trace: trace, phase: .queued)
    if place != QueuePlace() { migration.ownPlace = place }
    let effects = [migration.event(.accepted, at: now)]
    migration.revision = 1
    return (migration, effects)
  }

  /// The migration as one that begins with all that it has been told.
  var begun: SourceMigration {
    var migration = self
    migration.revision = 1
    return migration
  }

  private init(
    id: MigrationID, order: MigrateCommand, guest: GuestReference, sourcePools: [ResourceName]?, source: HostAddress,
    destination: HostAddress, acceptedAt: Now, deadline: Deadline, patience: Patience, trace: TraceContext?, phase: Phase
  ) {
    self.id = id
    self.order = order
    self.guest = guest
    self.sourcePools = sourcePools
    self.source = source
    self.destination = destination
    self.acceptedAt = acceptedAt
    self.deadline = deadline
    self.patience = patience
    self.trace = trace
    self.phase = phase
    updatedAt = acceptedAt.wall
  }

  /// Takes an event and returns what is to be done once. Late and duplicate events change nothing and return `[]`.
  ///
  /// - Throws: ``Rejected`` where somebody asks for what cannot be done any more; the value is unchanged.
  public mutating func apply(_ event: SourceEvent, at now: Now) throws(Rejected) -> [SourceEffect] {
    let before = self
    let effects: [SourceEffect]
    switch event {
    case .cancel(let reason): effects = try stop(reason, cancelled: true, at: now)
    case .timerFired(let timer): effects = timerFired(timer, at: now)
    case .placed(let place): effects = try placed(place)
    case .tuned(let limits, let reason): effects = try tune(limits, reason, at: now)
    case .completionForced(let reason): effects = try force(reason, at: now)
    case .ownerNamed(let owner, let observation): effects = try take(owner, seeing: observation, at: now)
    case .peer(let body, let journal): effects = heard(body, journal: journal, at: now)
    default: effects = worked(event, at: now)
    }
    if self != before { revision = before.revision + 1 }
    return effects
  }

  // MARK: - What the present phase needs

  /// How long to wait before the destination is asked again, in milliseconds: 1, 2, 4 … seconds, up to 30, or up to 10 minutes where it
  /// has said that the migration waits there, since it tells of itself when that ends.
  ///
  /// - Parameter last: The wait before the last time; nil before the first repetition.
  public func pauseBeforeAskingAgain(after last: Int64?) -> Int64 {
    let waitsThere = waiting.map { $0.host == destination.host } ?? false
    return last.map { min($0.saturating(times: 2), waitsThere ? 600_000 : 30_000) } ?? 1000
  }

  /// What is to be done for as long as the phase lasts.
  public func outstanding(at now: Now) -> [SourceEffect] {
    let deadline = SourceEffect.setTimer(
      MigrationTimer(.deadline, step: rest?.windings ?? 0), milliseconds: presentDeadline.remaining(at: now))
    func timer(_ purpose: MigrationTimer.Purpose, _ milliseconds: Int64) -> SourceEffect {
      .setTimer(MigrationTimer(purpose, step: step), milliseconds: milliseconds)
    }
    switch phase {
    case .queued: return [.awaitAdmission, deadline]
    case .inspecting: return [.inspect, deadline]
    case .preparing(let heard):
      guard let plan = inspection?.plan else { return [] }
      let work: [SourceEffect] = [.ask(.prepare(plan)), .offerLayers, deadline]
      return heard ? work : work + [timer(.patience, patience.firstAnswer)]
    case .transferring(let transfer):
      guard transfer.abort == nil else { return [.followTransfer, .abortTransfer] + attentionTimers }
      let work: [SourceEffect] = [.followTransfer, .steerTransfer(course)] + (isSuspending ? [.suspendGuest] : [])
      return steering?.outlivesDeadline == true ? work : work + [deadline]
    case .deciding(let decision):
      let look = decision.undecided == nil ? SourceEffect.observe(step: step) : timer(.lookAgain, patience.lookAgain)
      return attention == nil ? [look, attentionTimer] : [look]
    // The destination's agent alone knows whether the operator has named a copy that runs there.
    case .settling(.destroyDestination, let decision) where decision.yielded == false:
      return [.ask(.yield), timer(.lookAgain, patience.lookAgain)] + attentionTimers
    case .settling(let settlement, _): return [.settle(settlement, step: step)] + attentionTimers
    case .confirming: return [.ask(.confirm)] + attentionTimers
    case .verifying(let reading):
      let work: [SourceEffect] = reading.here == nil ? [.readSource] : []
      return reading.there == nil ? work + [.ask(.compare)] + attentionTimers : work
    case .retiring: return [.retireSource] + attentionTimers
    case .releasing: return [.ask(.release)] + attentionTimers
    case .rollingBack(let failure, let destinationDone, let sourceDone):
      var work: [SourceEffect] = []
      if !destinationDone { work.append(.ask(.rollback(failure.reasons.first ?? Reason(.cancelled, "rolled back")))) }
      // A guest that has ended here is not to start with the host before it is certain that it has not gone on at the destination.
      if !sourceDone, destinationDone || failure.guestRuns { work.append(.restoreSource) }
      return work + attentionTimers
    case .completed, .failed, .cancelled: return []
    }
  }

  /// The timer that calls the operator. Its step is the last one that went well, so that looking again does not wind it up anew.
  private var attentionTimer: SourceEffect {
    .setTimer(MigrationTimer(.patience, step: patienceStep), milliseconds: patience.attention)
  }

  private var attentionTimers: [SourceEffect] { attention == nil ? [attentionTimer] : [] }

  private var patienceStep: Int { phase.isUndecided ? -1 : step }

  /// Whether the migration has ended.
  public var isTerminal: Bool {
    switch phase {
    case .completed, .failed, .cancelled: true
    default: false
    }
  }

  /// Whether the guest is to arrive paused: unless the order says otherwise.
  public var isFenced: Bool { order.options?.handover != .direct && inspection?.isPaused != true }

  /// Whether a view of the disks is to be taken at the switch, before the guest is resumed at the destination.
  public var takesView: Bool { inspection?.plan.verify == true && view == nil }

  /// Whether the guest is suspended, or about to be, until it has moved.
  public var isSuspending: Bool { steering?.suspension != nil }

  /// Which of the migration's hosts has this name; nil for another host.
  public func owner(named host: NodeName) -> Owner? {
    switch host {
    case source.host: .source
    case destination.host: .destination
    default: nil
    }
  }

  /// Whether both hosts, looked at again, still call for a settlement that was decided before.
  public func calls(for settlement: Settlement, after observation: Observation) -> Bool {
    guard case .settling(settlement, let decision) = phase else { return false }
    let (ownership, _) = self.ownership(by: observation, decision)
    if case .settle(settlement, _) = ownership { return true }
    return false
  }

  /// Where the migration stands, as operators see it.
  public var publicPhase: MigrationPhase {
    if attention != nil, !isTerminal { return .needsAttention }
    return switch phase {
    case .queued: .queued
    case .inspecting: .inspecting
    case .preparing: waiting == nil ? .preparing : .queued
    case .transferring(let transfer): transfer.abort == nil ? .transferring : .rollingBack
    case .deciding, .settling: .switching
    case .confirming: .confirming
    case .verifying: .verifying
    case .retiring, .releasing: .releasing
    case .rollingBack: .rollingBack
    case .completed: .completed
    case .failed: .failed
    case .cancelled: .cancelled
    }
  }

  /// Why it failed, was cancelled or needs attention, or for what it waits.
  public var reasons: [Reason]? {
    switch phase {
    case .failed(let failure), .cancelled(let failure), .rollingBack(let failure, _, _): failure.reasons
    case .transferring(let transfer): transfer.abort?.reasons
    default: (attention ?? waiting?.reason).map { [$0] }
    }
  }

  // MARK: - Waiting for a turn

  /// The most `queued` events of a migration: limits that take turns in being reached are not told for ever.
  private static let mostToldWaits = 8

  /// The place among those that wait.
  public var place: QueuePlace { ownPlace ?? QueuePlace(priority: order.priority ?? .normal) }

  private mutating func placed(_ place: QueuePlace) throws(Rejected) -> [SourceEffect] {
    guard phase == .queued else { throw Rejected(.tooLate, "the migration does not wait for its turn at \(source.host) any more") }
    if place != self.place { ownPlace = place }
    return []
  }

  /// Notes for what it waits, and tells that where it is news.
  private mutating func wait(for next: Waiting?, at now: Now) -> [SourceEffect] {
    guard let next else {
      waiting = nil
      return []
    }
    guard !next.isSame(as: waiting) else { return [] }
    waiting = next
    let told = toldWaits ?? 0
    guard told < Self.mostToldWaits else { return [] }
    toldWaits = told + 1
    return [event(.queued, reasons: [next.reason], waiting: next, at: now)]
  }

  /// The place that the destination is told of: with the time since acceptance, where it had to wait here. Nil where that is nothing.
  private func placeAtDestination(at now: Now) -> QueuePlace? {
    let waited = toldWaits == nil ? 0 : max(0, acceptedAt.milliseconds(until: now))
    let sent = place.ahead(by: waited.saturating(times: 1000))
    return sent == QueuePlace() ? nil : sent
  }

  // MARK: - Events of the source's own work

  private mutating func worked(_ event: SourceEvent, at now: Now) -> [SourceEffect] {
    switch (phase, event) {
    case (.queued, .admitted):
      waiting = nil
      enter(.inspecting)
      return []
    case (.queued, .mustWait(let reason)):
      return sequence > 1 ? [] : [self.event(.queued, reasons: [reason], at: now)]
    case (.queued, .waits(let waiting)): return wait(for: waiting, at: now)

    case (.inspecting, .inspected(let found)):
      if let refusal = found.refusalToVerify(by: order) {
        return end(Failure(stage: .checks, reasons: [refusal], cancelled: false), at: now)
      }
      let place = placeAtDestination(at: now)
      inspection = found
      inspection?.plan.queue = place
      enter(.preparing(heard: false))
      return [self.event(.preparing, disks: disks, at: now)]
    case (.inspecting, .refused(let checks)):
      let reasons = checks.filter { $0.outcome == .refused }.map { Reason($0) }
      return end(Failure(stage: .checks, reasons: reasons, cancelled: false, checks: checks), at: now)
    case (.inspecting, .inspectionFailed(let reason)):
      return end(Failure(stage: .checks, reasons: [reason], cancelled: false), at: now)

    case (.preparing(heard: false), .destinationUnknown):
      let reason = Reason(
        .destinationUnreachable,
        "no agent of the host \(destination.host) has ever joined the broker: is its name right, and was its agent started?")
      return end(Failure(stage: .checks, reasons: [reason], cancelled: false), at: now)

    case (.preparing(heard: true), .destinationSilent) where attention == nil:
      return callOperator(
        Reason(
          .destinationUnreachable,
          "the agent of \(destination.host) was preparing the migration and does not answer any more; the guest is at \(source.host) as "
            + "before. It goes on when the agent is back; else cancel it, or name \(source.host) as its owner (`longshore resolve`)"),
        at: now)

    case (.transferring, .sourceFenced):
      fencedAt = fencedAt ?? now
      return []
    case (.transferring, .viewTaken(let failure)), (.deciding, .viewTaken(let failure)), (.settling, .viewTaken(let failure)):
      view = view ?? failure.map { .missed($0) } ?? .taken
      return []
    case (.transferring(let transfer), .writesChosen(let wait, let reason))
    where transfer.abort == nil && steering?.synchronousWrites == nil:
      change { $0.synchronousWrites = wait }
      return [self.event(.transferring, reasons: [reason], at: now)]
    case (.transferring(let transfer), .downtimeRaised(let milliseconds, let reason)) where transfer.abort == nil:
      // The request may have been changed meanwhile.
      guard milliseconds > course.means.downtimeMs, milliseconds <= course.means.maxDowntimeMs else { return [] }
      change { $0.downtimeMs = milliseconds }
      return [self.event(.transferring, reasons: [reason], at: now)]
    case (.transferring, .transferStalled(let reason)):
      return attention == nil ? callOperator(reason, at: now) : []
    case (.transferring, .transferMoves) where attention?.code == .transferStalled:
      attention = nil
      return [self.event(.transferring, at: now)]
    case (.transferring(let transfer), .transferNotStarted(let reason)):
      return rollBack(transfer.abort ?? Failure(stage: .transfer, reasons: [reason], cancelled: false), at: now)
    case (.transferring(let transfer), .transferEnded(let error, let totals)):
      self.totals = totals ?? self.totals
      enter(.deciding(Decision(error: error, abort: transfer.abort)))
      return error == nil ? [self.event(.switching, at: now)] : []

    case (.deciding(let decision), .observed(let observation, step)):
      return decide(decision, by: observation, at: now)

    case (.settling(let settlement, var decision), .settled(let done, let failure)) where done == settlement:
      decision.undecided = failure.map { "\(settlement.rawValue) failed: \($0)" }
      decision.yielded = nil
      if settlement == .resumeDestination, failure == nil, let suspended = totals?.suspendedAt {
        totals?.downtimeMs = UInt64(max(0, suspended.milliseconds(until: now)))
        totals?.suspendedAt = nil
      }
      enter(.deciding(decision))
      return []

    case (.verifying(var reading), .sourceRead(let disks)) where reading.here == nil:
      reading.here = disks
      return read(reading, at: now)
    case (.verifying, .sourceUnreadable(let reason)):
      return conclude(.unknown("the disks at \(source.host) could not be read: \(reason.message)"), at: now)

    case (.retiring, .sourceRetired):
      enter(.releasing)
      return []
    case (.retiring, .retirementFailed(let reason)):
      return callOperator(reason, at: now)

    case (.rollingBack(let failure, destinationDone: false, let sourceDone), .destinationUnknown) where preparation == nil:
      return rollBack(failure, destinationDone: true, sourceDone: sourceDone, at: now)
    case (.rollingBack(let failure, let destinationDone, sourceDone: false), .sourceRestored):
      return rollBack(failure, destinationDone: destinationDone, sourceDone: true, at: now)

    default: return []
    }
  }

  // MARK: - The destination's words

  private mutating func heard(_ body: PeerMessage.Body, journal: String, at now: Now) -> [SourceEffect] {
    switch (phase, body) {
    case (.preparing, .limitBandwidth(let rate)), (.transferring, .limitBandwidth(let rate)):
      if steering?.incomingBps != rate { change { $0.incomingBps = rate } }
      return []
    case (.preparing, .preparing(let progress)):
      phase = .preparing(heard: true)
      let wasSilent = attention != nil
      attention = nil
      let told = wait(for: progress.waiting, at: now)
      return wasSilent && told.isEmpty ? [event(.preparing, at: now)] : told
    case (.preparing, .prepared(let preparation, let checks)):
      if inspection?.plan.verify == true, preparation.view == nil {
        let reason = Reason(.unsupportedOption, "the agent of \(destination.host) is too old to compare the disks: order without `verify`")
        return rollBack(Failure(stage: .prepare, reasons: [reason], cancelled: false), at: now)
      }
      self.preparation = preparation
      destinationJournal = journal
      let prepared = event(.prepared, checks: (inspection?.checks ?? []) + checks, at: now)
      enter(.transferring(Transfer()))
      return [prepared, event(.transferring, at: now), .startTransfer]
    case (.preparing, .refused(let checks)):
      let all = (inspection?.checks ?? []) + checks
      let reasons = checks.filter { $0.outcome == .refused }.map { Reason($0) }
      return rollBack(Failure(stage: .checks, reasons: reasons, cancelled: false, checks: all), at: now)
    case (.preparing, .prepareFailed(let reason)):
      return rollBack(Failure(stage: .prepare, reasons: [reason], cancelled: false), at: now)

    case (.confirming, .confirmed(let confirmation)):
      guard isOfPreparedJournal(journal) else { return callOperator(journalChanged, at: now) }
      self.confirmation = confirmation
      return verify(at: now)
    case (.confirming, .confirmFailed(let reasons)):
      let text = reasons.map(\.message).joined(separator: "; ")
      return callOperator(
        Reason(.postCheckFailed, "the guest is not at \(destination.host) as planned, and the source's disks are kept: \(text)"),
        at: now)

    case (.verifying(var reading), .comparing) where reading.there == nil && reading.heardAt != now:
      // Somebody is there and reads: the waiting begins anew.
      reading.heardAt = now
      phase = .verifying(reading)
      attention = nil
      step += 1
      return []
    case (.verifying(var reading), .compared(let answer)) where reading.there == nil:
      guard let disks = answer.disks else {
        return conclude(.unknown("the disks at \(destination.host) could not be read: \(answer.failure?.message ?? "")"), at: now)
      }
      reading.there = disks
      return read(reading, at: now)

    case (.releasing, .released): return complete(at: now)
    // What was not heard to be prepared has got nothing of the guest.
    case (.rollingBack(let failure, destinationDone: false, let sourceDone), .released) where preparation == nil:
      return rollBack(failure, destinationDone: true, sourceDone: sourceDone, at: now)
    case (.transferring, .released), (.deciding, .released), (.settling, .released),
      (.rollingBack(_, destinationDone: false, _), .released):
      return isOfPreparedJournal(journal) ? tookOver(at: now) : []
    // Nothing of the guest is left there, which nobody here has asked for.
    case (.transferring(let transfer), .rolledBack) where isOfPreparedJournal(journal):
      namedThere = .source
      if transfer.abort == nil { enter(.transferring(Transfer(abort: disowned(.transfer)))) }
      return []
    case (.preparing, .rolledBack): return rollBack(disowned(.prepare), destinationDone: true, at: now)
    case (.deciding, .rolledBack), (.settling, .rolledBack), (.confirming, .rolledBack):
      return isOfPreparedJournal(journal) ? learn(.source) : []
    case (.settling(let settlement, var decision), .yielded) where decision.yielded == false:
      // A journal that was made anew knows of no word either.
      decision.yielded = true
      phase = .settling(settlement, decision)
      return []

    case (.rollingBack(let failure, destinationDone: false, let sourceDone), .rolledBack):
      guard isOfPreparedJournal(journal) else { return callOperator(journalChanged, at: now) }
      return rollBack(failure, destinationDone: true, sourceDone: sourceDone, at: now)

    default: return []
    }
  }

  /// Whether a journal's id is that of the journal in which the destination prepared, where it did.
  private func isOfPreparedJournal(_ journal: String) -> Bool {
    destinationJournal == nil || destinationJournal == journal
  }

  private var journalChanged: Reason {
    Reason(
      .journalChanged,
      "the journal of \(destination.host) was made anew during the migration, so that what it had prepared is unknown there")
  }

  // MARK: - Stopping

  private mutating func stop(_ reason: Reason, cancelled: Bool, at now: Now) throws(Rejected) -> [SourceEffect] {
    func failure(_ stage: MigrationEventData.Stage) -> Failure {
      Failure(stage: stage, reasons: [reason], cancelled: cancelled)
    }
    switch phase {
    case .queued, .inspecting:
      return end(failure(.checks), at: now)
    case .preparing:
      return rollBack(failure(.prepare), at: now)
    case .transferring(let transfer):
      guard transfer.abort == nil else { return [] }
      enter(.transferring(Transfer(abort: failure(.transfer))))
      return []
    case .rollingBack, .cancelled:
      return []
    case .deciding(let decision) where decision.error != nil:
      return []
    case .deciding, .settling, .confirming, .verifying, .retiring, .releasing:
      throw Rejected(.tooLate, "the guest is already switching to \(destination.host): the migration can only go forward")
    case .completed:
      throw Rejected(.tooLate, "the migration has completed: the guest is at \(destination.host)")
    case .failed:
      throw Rejected(.tooLate, "the migration has failed already: the guest is at \(source.host)")
    }
  }

  // MARK: - Steering

  private mutating func change(_ body: (inout Steering) -> Void) {
    var steering = steering ?? Steering()
    body(&steering)
    self.steering = steering
  }

  /// Why limits and the guest cannot be changed any more, or not yet; nil where they can.
  private func refusalToSteer() -> Rejected? {
    switch phase {
    case .queued, .inspecting, .preparing: nil
    case .transferring(let transfer):
      transfer.abort.map { Rejected(.tooLate, "the migration is being ended: \($0.reasons.first?.message ?? "")") }
    case .deciding, .settling, .confirming, .verifying, .retiring, .releasing:
      Rejected(.tooLate, "the guest is already switching to \(destination.host): nothing is left to be changed")
    case .rollingBack: Rejected(.tooLate, "the migration has failed and is being undone")
    case .completed, .failed, .cancelled: Rejected(.tooLate, "the migration has ended already: \(publicPhase.rawValue)")
    }
  }

  private mutating func tune(_ limits: TransferLimits, _ reason: Reason, at now: Now) throws(Rejected) -> [SourceEffect] {
    if let refusal = refusalToSteer() { throw refusal }
    let changes = changes(by: limits)
    guard !changes.isEmpty else { return [] }
    if let seconds = limits.deadlineSeconds, seconds != deadlineSeconds {
      let later = Deadline(start: acceptedAt, allowance: seconds * 1000)
      guard later.remaining(at: now) > 0 else {
        throw Rejected(
          .deadlinePassed,
          "\(seconds) s have passed since the migration was accepted: give a later deadline, or cancel the migration")
      }
      rest = Rest(deadline: later, windings: (rest?.windings ?? 0) + 1)
    }
    change {
      $0.limits.maxDowntimeMs = limits.maxDowntimeMs ?? $0.limits.maxDowntimeMs
      $0.limits.memoryBandwidthMiBps = limits.memoryBandwidthMiBps ?? $0.limits.memoryBandwidthMiBps
      $0.limits.bandwidthMiBps = limits.bandwidthMiBps ?? $0.limits.bandwidthMiBps
      $0.limits.deadlineSeconds = limits.deadlineSeconds ?? $0.limits.deadlineSeconds
      if limits.deadlineSeconds != nil { $0.outlivesDeadline = nil }
    }
    guard case .transferring = phase else { return [] }
    let words = changes.map(\.words).joined(separator: ", ")
    return [event(.transferring, reasons: [Reason(reason.code, "\(reason.message): \(words)")], at: now)]
  }

  private mutating func force(_ reason: Reason, at now: Now) throws(Rejected) -> [SourceEffect] {
    if let refusal = refusalToSteer() { throw refusal }
    guard case .transferring = phase else {
      throw Rejected(
        .tooEarly,
        "nothing of the guest is copied yet (\(publicPhase.rawValue)): ask again once it is transferred, or order with `onDeadline: force`")
    }
    guard inspection?.isPaused != true else {
      throw Rejected(.notNeeded, "somebody has paused the guest: nothing of it changes, and the transfer completes without help")
    }
    return suspend(reason, at: now)
  }

  /// Decides to suspend the guest until it has moved. The decision is journalled before it is done: what finds the guest suspended later
  /// knows that it is to run on, wherever it is then.
  private mutating func suspend(_ reason: Reason, at now: Now) -> [SourceEffect] {
    guard !isSuspending else { return [] }
    change { $0.suspension = Steering.Suspension(at: now, reason: reason) }
    return [event(.transferring, reasons: [reason], at: now)]
  }

  /// What happens at the deadline of a transfer that the order does not want ended then; nil where it does.
  private mutating func passDeadline(at now: Now) -> [SourceEffect]? {
    guard case .transferring(let transfer) = phase, transfer.abort == nil else { return nil }
    let passed = "the migration's deadline of \(deadlineSeconds) s has passed"
    switch order.options?.onDeadline {
    case nil, .abort: return nil
    case .force where inspection?.isPaused != true:
      change { $0.outlivesDeadline = true }
      return suspend(
        Reason(.guestSuspended, "\(passed), and the order says `force`: the guest is suspended until it has moved"), at: now)
    case .wait, .force:
      change { $0.outlivesDeadline = true }
      return [
        event(
          .transferring, reasons: [Reason(.deadlinePassed, "\(passed), and the order says not to end it: it goes on")], at: now)
      ]
    }
  }

  // MARK: - Timers

  /// The deadline as it counts now.
  var presentDeadline: Deadline { rest?.deadline ?? deadline }

  private mutating func timerFired(_ timer: MigrationTimer, at now: Now) -> [SourceEffect] {
    switch (timer.purpose, phase) {
    case (.deadline, .queued), (.deadline, .inspecting), (.deadline, .preparing), (.deadline, .transferring):
      guard timer.step == rest?.windings ?? 0, steering?.outlivesDeadline != true else { return [] }
      guard presentDeadline.remaining(at: now) == 0 else {
        // The wall clock stands before the start, after a reboot and a step back: what is left is counted by the boot clock from here.
        rest = Rest(deadline: presentDeadline.rewound(at: now), windings: timer.step + 1)
        return []
      }
      if let effects = passDeadline(at: now) { return effects }
      let reason = Reason(.deadlinePassed, "the migration's deadline of \(deadlineSeconds) s has passed")
      return (try? stop(reason, cancelled: false, at: now)) ?? []

    case (.patience, .preparing(heard: false)) where timer.step == step:
      let reason = Reason(
        .destinationUnreachable,
        "the agent of \(destination.host) did not answer within \(patience.firstAnswer / 1000) s: is it running and connected to the broker?"
      )
      let failure = Failure(stage: .checks, reasons: [reason], cancelled: false)
      return [.tell(.rollback(reason))] + end(failure, at: now)

    case (.patience, _) where timer.step == patienceStep && attention == nil:
      guard let reason = whatIsAwaited else { return [] }
      return callOperator(reason, at: now)

    case (.lookAgain, .settling(_, var decision)) where timer.step == step && decision.yielded == false:
      decision.yielded = nil
      enter(.deciding(decision))
      return []
    case (.lookAgain, .deciding(var decision)) where timer.step == step:
      decision.undecidedBefore = decision.undecided
      decision.undecided = nil
      phase = .deciding(decision)
      step += 1
      return []

    default: return []
    }
  }

  /// What the migration waits for, in the phases in which waiting too long is a case for the operator.
  private var whatIsAwaited: Reason? {
    switch phase {
    case .transferring(let transfer) where transfer.abort != nil:
      Reason(.operationFailed, "libvirt's job on the guest was aborted and has not ended yet")
    case .deciding(let decision):
      Reason(.undecided, decision.undecided ?? decision.undecidedBefore ?? "both hosts are being asked who has the guest")
    case .settling(let settlement, _): Reason(.undecided, "\(settlement.rawValue) has not succeeded yet")
    case .confirming:
      Reason(.destinationUnreachable, "the agent of \(destination.host) has not confirmed the guest yet; the source's disks are kept")
    case .verifying:
      Reason(.destinationUnreachable, "the agent of \(destination.host) has not told what its disks hold; the source's disks are kept")
    case .retiring: Reason(.operationFailed, "the source's definition and disks could not be moved out of the way yet")
    case .releasing: Reason(.destinationUnreachable, "the agent of \(destination.host) has not unlocked the guest yet")
    case .rollingBack(_, destinationDone: true, _):
      Reason(.operationFailed, "the guest at \(source.host) could not be set as it was before yet")
    case .rollingBack:
      Reason(
        .destinationUnreachable,
        "the agent of \(destination.host) has not yet said that nothing of the migration is left there; the guest is at \(source.host)")
    default: nil
    }
  }

  // MARK: - Steps

  private mutating func decide(_ decision: Decision, by observation: Observation, at now: Now) -> [SourceEffect] {
    let (ownership, why) = ownership(by: observation, decision)
    switch ownership {
    case .destination:
      enter(.confirming)
      let switched = decision.error == nil ? [] : [event(.switching, at: now)]
      return switched + [event(.confirming, at: now)]
    case .destinationUnseen:
      return endUnseen(why, at: now)
    case .source(let running):
      var failure =
        decision.abort
        ?? Failure(
          stage: .transfer, reasons: [Reason(.transferFailed, decision.error ?? why)], cancelled: false)
      failure.guestRuns = running
      if decision.named == .source, case .unreachable = observation.destination { return undoWithoutDestination(failure, at: now) }
      return rollBack(failure, at: now)
    case .settle(let settlement, let splitBrain):
      var decision = decision
      decision.undecided = nil
      // Who names the source here says so too of a copy that was named there.
      decision.yielded = settlement == .destroyDestination && splitBrain && decision.named != .source ? false : nil
      enter(.settling(settlement, decision))
      return splitBrain ? callOperator(Reason(.splitBrain, why), at: now) : []
    case .undecided:
      var waiting = decision
      waiting.undecided = why
      phase = .deciding(waiting)
      step += 1
      return []
    }
  }

  private func ownership(by observation: Observation, _ decision: Decision) -> (ownership: Ownership, reason: String) {
    Ownership.decide(
      isSuspending ? observation.suspendedForMigration : observation, fenced: isFenced,
      persistent: inspection?.plan.guest.persistent == true,
      transferSucceeded: decision.error == nil || fencedAt != nil, confirmed: confirmation != nil,
      namedThere: namedThere, named: decision.named)
  }

  // MARK: - The operator's word

  /// Takes the owner that the operator names, unless the hosts contradict it, or decide without it.
  private mutating func take(_ owner: Owner, seeing observation: Observation, at now: Now) throws(Rejected) -> [SourceEffect] {
    guard !isTerminal else { throw Rejected(.tooLate, "the migration has ended already: \(publicPhase.rawValue)") }
    guard attention != nil else { throw Rejected(.notNeeded, "the migration does not need attention: it is \(publicPhase.rawValue)") }
    switch (phase, owner) {
    case (.deciding(let decision), _), (.settling(_, let decision), _): return try take(owner, decision, seeing: observation)
    case (.transferring(let transfer), _):
      let decision = Decision(error: "libvirt did not end its migration", abort: transfer.abort)
      return try take(owner, decision, seeing: observation)
    case (.rollingBack(let failure, destinationDone: false, let sourceDone), .source):
      return undoWithoutDestination(failure, sourceDone: sourceDone, at: now)
    case (.preparing, .source):
      return undoWithoutDestination(Failure(stage: .prepare, reasons: [attention].compactMap(\.self), cancelled: false), at: now)
    case (.confirming, .destination):
      return endUnseen("the operator named the destination, which has not confirmed the guest", at: now)
    case (.verifying, .destination):
      return conclude(.unknown("the operator did not wait for \(destination.host)"), at: now)
    case (.releasing, .destination):
      return [.tell(.assign)] + complete(at: now)
    case (.rollingBack, _): throw Rejected(.contradicted, "the guest is at \(source.host), where it was found after the transfer")
    case (.preparing, _): throw Rejected(.contradicted, "the guest is at \(source.host), and nothing of it was transferred yet")
    case (.retiring, .destination):
      throw Rejected(.notNeeded, "the guest is at \(destination.host); what is awaited is that the source's libvirt can be worked with")
    default:
      throw Rejected(.contradicted, "the guest has left \(source.host), and its newest data is at \(destination.host)")
    }
  }

  private mutating func take(_ owner: Owner, _ decision: Decision, seeing observation: Observation) throws(Rejected) -> [SourceEffect] {
    guard decision.named != owner || decision.yielded == false else { return [] }
    var decision = decision
    decision.yielded = nil
    decision.named = owner
    decision.undecided = nil
    let (ownership, why) = ownership(by: observation, decision)
    guard ownership.owner == owner else { throw Rejected(.contradicted, why) }
    phase = .deciding(decision)
    step += 1
    return []
  }

  /// Why a migration is given up whose destination has removed what it had prepared.
  private func disowned(_ stage: MigrationEventData.Stage) -> Failure {
    Failure(
      stage: stage,
      reasons: [Reason(.ownerNamed, "the operator named \(source.host) at \(destination.host), which has removed what it had prepared")],
      cancelled: false)
  }

  /// Notes whom the operator has named at the destination, and looks anew where that was not known.
  private mutating func learn(_ owner: Owner) -> [SourceEffect] {
    guard namedThere != owner else { return [] }
    namedThere = owner
    switch phase {
    case .deciding(var decision), .settling(_, var decision):
      decision.named = nil
      decision.undecided = nil
      decision.yielded = nil
      enter(.deciding(decision))
    case .rollingBack(let failure, _, _):
      enter(.deciding(Decision(error: "the migration was to be undone", abort: failure)))
    case .confirming: enter(.deciding(Decision(error: "the destination has given its copy up by the operator's word")))
    default: break
    }
    return []
  }

  /// Takes that the guest has gone on at the destination by the operator's word. Where the operator has named the source since, what the
  /// destination has is left to them.
  private mutating func tookOver(at now: Now) -> [SourceEffect] {
    guard namedThere == .destination, case .rollingBack(var failure, _, let sourceDone) = phase else { return learn(.destination) }
    failure.reasons.append(
      Reason(
        .ownerNamed,
        "the operator named \(destination.host) there before, and then \(source.host): what \(destination.host) has of the guest was left as it "
          + "is: remove it there by hand"))
    return rollBack(failure, destinationDone: true, sourceDone: sourceDone, at: now)
  }

  /// Undoes without the destination, which is told to end its copy and remove its files when it is back.
  private mutating func undoWithoutDestination(_ failure: Failure, sourceDone: Bool = false, at now: Now) -> [SourceEffect] {
    let named = Reason(.ownerNamed, "the operator named \(source.host) as the guest's owner while \(destination.host) did not answer")
    var failure = failure
    failure.reasons.append(named)
    return [.tell(.disown(named))] + rollBack(failure, destinationDone: true, sourceDone: sourceDone, at: now)
  }

  /// Ends at the destination, of which nothing was seen: what the source has of the guest stays as it is.
  private mutating func endUnseen(_ why: String, at now: Now) -> [SourceEffect] {
    [.tell(.assign)]
      + complete(
        reasons: [
          Reason(.ownerNamed, "\(why); the guest's definition and disks at \(source.host) were left as they are: remove them there by hand")
        ], at: now)
  }

  private mutating func rollBack(
    _ failure: Failure, destinationDone: Bool = false, sourceDone: Bool = false, at now: Now
  ) -> [SourceEffect] {
    if destinationDone, sourceDone { return end(failure, at: now) }
    if case .rollingBack = phase {
      phase = .rollingBack(failure, destinationDone: destinationDone, sourceDone: sourceDone)
    } else {
      enter(.rollingBack(failure, destinationDone: destinationDone, sourceDone: sourceDone))
    }
    return []
  }

  // MARK: - Verifying

  /// Goes on after the confirmation: compares the disks where that is asked for and can be done, and moves the source's away.
  private mutating func verify(at now: Now) -> [SourceEffect] {
    guard inspection?.plan.verify == true else {
      enter(.retiring)
      return []
    }
    switch view {
    case .taken:
      enter(.verifying(Reading()))
      return []
    case .missed(let reason): return conclude(.unknown(reason.message), at: now)
    case nil: return conclude(.unknown("no view of the disks was taken at the switch"), at: now)
    }
  }

  private mutating func read(_ reading: Reading, at now: Now) -> [SourceEffect] {
    guard let here = reading.here, let there = reading.there, let planned = inspection?.plan.disks else {
      phase = .verifying(reading)
      return []
    }
    return conclude(.of(here, at: source.host, with: there, planned: planned), at: now)
  }

  /// Ends a verification. Disks that differ are a case for the operator, although the migration goes on.
  private mutating func conclude(_ result: ContentComparison, at now: Now) -> [SourceEffect] {
    comparison = result
    var effects: [SourceEffect] = []
    if result.verification.outcome == .differs, let reason = result.reason { effects = callOperator(reason, at: now) }
    enter(.retiring)
    return effects
  }

  /// What the migration's end says of a verification that was ordered.
  private var lastComparison: ContentComparison? {
    guard inspection?.plan.verify == true else { return nil }
    return comparison ?? .unknown("the operator ended the migration")
  }

  private mutating func complete(reasons: [Reason] = [], at now: Now) -> [SourceEffect] {
    enter(.completed)
    let ended = confirmation?.ended.map { how in
      Reason(.guestEnded, "the guest has ended at \(destination.host) since it arrived (\(how)): start it there where it is to run")
    }
    let reasons =
      reasons + [ended].compactMap(\.self) + (totals?.fenceWaitedFor.map { [Reason(.fenceWaited, $0)] } ?? [])
      + (lastComparison?.reason.map { [$0] } ?? [])
    return [
      event(
        .completed, disks: disks, reasons: reasons.isEmpty ? nil : reasons, runsAt: destination.host,
        bytes: MigrationEventData.Bytes(
          template: preparation?.templateBytes ?? 0, disks: totals?.diskBytes ?? 0, memory: totals?.memoryBytes ?? 0),
        at: now)
    ]
  }

  private mutating func end(_ failure: Failure, at now: Now) -> [SourceEffect] {
    enter(failure.cancelled ? .cancelled(failure) : .failed(failure))
    return [
      event(
        failure.cancelled ? .cancelled : .failed, stage: failure.stage, reasons: failure.reasons, checks: failure.checks,
        runsAt: failure.guestRuns ? source.host : nil, at: now)
    ]
  }

  private mutating func enter(_ next: Phase) {
    // Until it is decided who has the guest, the operator stays called: each look and each try is not news.
    if !(phase.isUndecided && next.isUndecided) { attention = nil }
    waiting = nil
    phase = next
    step += 1
  }

  private mutating func callOperator(_ reason: Reason, at now: Now) -> [SourceEffect] {
    guard attention != reason else { return [] }
    attention = reason
    return [event(.needsAttention, reasons: [reason], at: now)]
  }

  // MARK: - Events

  private mutating func event(
    _ kind: MigrationEventData.Kind, disks: [MigrationEventData.Disk]? = nil, stage: MigrationEventData.Stage? = nil,
    reasons: [Reason]? = nil, checks: [Check]? = nil, runsAt: NodeName? = nil, bytes: MigrationEventData.Bytes? = nil,
    waiting: Waiting? = nil, at now: Now
  ) -> SourceEffect {
    sequence += 1
    updatedAt = now.wall
    return .emit(
      MigrationEventData(
        kind, guest: guest, sourceHost: source.host, destinationHost: destination.host, disks: disks, stage: stage,
        reasons: reasons, checks: checks, runsAt: runsAt,
        seconds: kind.isTerminal ? Double(acceptedAt.milliseconds(until: now)) / 1000 : nil,
        downtimeMs: kind == .completed ? totals?.downtimeMs : nil, bytes: bytes,
        console: kind == .completed ? confirmation?.console : nil,
        verification: kind == .completed ? lastComparison?.verification : nil, waiting: waiting))
  }

  private var disks: [MigrationEventData.Disk]? { inspection?.plan.diskMoves }
}

extension MigrationPlan {
  /// The ways of the plan's disks, as events name them.
  public var diskMoves: [MigrationEventData.Disk] {
    disks.map { disk in
      MigrationEventData.Disk(
        target: disk.target,
        from: MigrationEventData.Volume(pool: disk.sourcePool, volume: disk.volume, format: disk.format),
        to: MigrationEventData.Volume(pool: disk.destinationPool, volume: disk.volume, format: disk.format),
        virtualSize: disk.virtualSize, linkedClone: disk.backing != nil)
    }
  }
}
