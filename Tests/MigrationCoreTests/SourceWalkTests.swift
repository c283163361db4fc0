import LongshoreMessages
import LongshoreTestKit
import MigrationCore
import Testing

/// Every state that the source machine can reach by any events in any order, with the rules checked at every step.
@Suite struct SourceWalkTests {
  /// What tells two states apart: all that an event's outcome depends on, without counters, times and texts.
  struct Key: Hashable {
    var phase: String
    var attention: Reason.Code?
    var isPrepared: Bool
    var isConfirmed: Bool
    var journal: String?
    var isFenced: Bool
    var isSuspending: Bool
    var isToVerify: Bool
    var view: Bool?
    var outcome: Verification.Outcome?
    var namedThere: Owner?

    init(_ migration: SourceMigration) {
      attention = migration.attention?.code
      isPrepared = migration.preparation != nil
      isConfirmed = migration.confirmation != nil
      journal = migration.destinationJournal
      isFenced = migration.fencedAt != nil
      isSuspending = migration.isSuspending
      isToVerify = migration.inspection?.plan.verify == true
      view = migration.view.map { $0 == .taken }
      outcome = migration.comparison?.verification.outcome
      // Once the guest is on its way forward, what was said at the destination changes nothing any more.
      namedThere = migration.confirmation == nil ? migration.namedThere : nil
      phase = migration.phase.word
      switch migration.phase {
      case .preparing(let heard): phase += " heard: \(heard)"
      case .transferring(let transfer): phase += " abort: \(transfer.abort != nil)"
      case .deciding(let decision): phase += Self.text(decision)
      case .settling(let settlement, let decision):
        phase += " \(settlement)" + Self.text(decision)
      case .verifying(let reading): phase += " here: \(reading.here != nil) there: \(reading.there != nil)"
      case .rollingBack(let failure, let destinationDone, let sourceDone):
        phase += " cancelled: \(failure.cancelled) runs: \(failure.guestRuns) done: \(destinationDone) \(sourceDone)"
      default: break
      }
    }

    private static func text(_ decision: SourceMigration.Decision) -> String {
      " error: \(decision.error != nil) abort: \(decision.abort != nil) undecided: \(decision.undecided != nil) yielded: \(decision.yielded.map { "\($0)" } ?? "-") named: \(decision.named?.rawValue ?? "-")"
    }
  }

  @Test(arguments: [MigrationOptions.Handover.direct, .fenced])
  func everyReachableStateKeepsTheRulesAndCanEnd(handover: MigrationOptions.Handover) async throws {
    var walk = StateWalk<Key>()
    var violations: Set<String> = []
    var phases: Set<String> = []
    var stuck: Set<String> = []
    try await walk.run(from: MigrationSamples.accepted(handover).0, key: Key.init) { migration in
      phases.insert(migration.phase.word)
      let stored = try MessageCoding.decode(SourceMigration.self, from: MessageCoding.encode(migration))
      #expect(stored == migration)
      #expect(stored.outstanding(at: MigrationSamples.now()) == migration.outstanding(at: MigrationSamples.now()))
      for atDestination in [true, false] where !SourceAlphabet.ends(migration, guestIsAtDestination: atDestination) {
        stuck.insert("\(migration.phase)")
      }
      return SourceAlphabet.events(for: migration).compactMap { event, time in
        SourceStep.after(event, to: migration, at: time, violations: &violations)
      }
    }
    #expect(violations.sorted() == [])
    #expect(stuck.sorted() == [], "every state ends as soon as both hosts answer")
    #expect(phases.count == (handover == .fenced ? 14 : 13), "every phase is reached")
  }
}

/// The events of the walk over the source machine.
enum SourceAlphabet {
  /// One for all that needs one, of which each more would be as many states again; a transfer takes it back that moves again.
  private static let reason = Reason(.transferStalled, "it failed")
  private static let cancel = SourceEvent.cancel(Reason(.cancelled, "cancelled by the operator"))
  private static let late = MigrationSamples.now(MigrationSamples.deadlineSeconds * 1000)

  private static let fixed: [SourceEvent] =
    [
      .admitted, .inspected(MigrationSamples.inspection), .inspected(MigrationSamples.verifiedInspection), .viewTaken(failure: nil),
      .viewTaken(failure: reason), .sourceRead(MigrationSamples.contents), .sourceUnreadable(reason),
      .refused([MigrationSamples.refusedCheck]),
      .inspectionFailed(reason), .destinationUnknown, .destinationSilent, .transferNotStarted(reason),
      .transferEnded(error: nil, MigrationSamples.totals), .transferEnded(error: "client socket is closed", nil),
      .waits(QueueSamples.waiting()), .waits(QueueSamples.waiting(limit: "limits.pair")), .placed(QueuePlace(priority: .high)),
      .sourceRestored, .sourceRetired, .retirementFailed(reason), .transferStalled(reason), .transferMoves, .sourceFenced, cancel,
      .completionForced(Reason(.guestSuspended, "suspended by the operator")),
      .tuned(TransferLimits(maxDowntimeMs: 2000), Reason(.limitsChanged, "changed by the operator")), .downtimeRaised(toMs: 450, reason),
      .writesChosen(wait: true, reason),
    ] + settlements + named + words.map { .peer($0, journal: MigrationSamples.destinationJournal) }
    + words.filter { $0.typeName != "prepared" }.map { .peer($0, journal: "another journal") }

  private static let settlements: [SourceEvent] =
    [Settlement.resumeDestination, .destroyDestination, .resumeSource, .destroySource].flatMap {
      [SourceEvent.settled($0, failure: nil), .settled($0, failure: "timed out")]
    }

  private static let named: [SourceEvent] = [Owner.source, .destination].flatMap { owner in
    [
      Observation(source: .held, destination: .silent), Observation(source: .runs, destination: .silent),
      Observation(source: .off, destination: .silent), Observation(source: .silent, destination: .runs),
      Observation(source: .held, destination: .paused),
    ].map { .ownerNamed(owner, $0) }
  }

  private static let words: [PeerMessage.Body] = [
    .preparing(PreparationProgress(templateBytesDone: 0, templateBytesTotal: 1)),
    .preparing(
      PreparationProgress(
        templateBytesDone: 0, templateBytesTotal: 1, waiting: QueueSamples.waiting(at: MigrationSamples.destination, limit: "limits.pair"))),
    .prepared(MigrationSamples.preparation, checks: [MigrationSamples.passedCheck]),
    .refused([MigrationSamples.refusedCheck]), .prepareFailed(reason), .confirmed(MigrationSamples.confirmation),
    .confirmFailed([reason]), .released, .rolledBack, .yielded, .confirm, .prepared(MigrationSamples.verifiedPreparation, checks: []),
    .comparing,
    .compared(ViewReading(MigrationSamples.contents)), .compared(ViewReading(MigrationSamples.otherContents)),
    .compared(ViewReading(failure: reason)), .limitBandwidth(1 << 20),
  ]

  private static let observations = [
    Observation(source: .runs, destination: .absent), Observation(source: .runsAgain, destination: .runs),
    Observation(source: .runsAgain, destination: .paused), Observation(source: .runsAgain, destination: .silent),
    Observation(source: .silent, destination: .runs), Observation(source: .off, destination: .runs),
    Observation(source: .off, destination: .paused), Observation(source: .off, destination: .absent),
    Observation(source: .off, destination: .off), Observation(source: .held, destination: .runs),
    Observation(source: .held, destination: .absent), Observation(source: .held, destination: .off),
    Observation(source: .migrates, destination: .arrives), Observation(source: .absent, destination: .absent),
    Observation(source: .held, destination: .silent), Observation(source: .off, destination: .silent),
    Observation(source: .paused, destination: .absent), Observation(source: .paused, destination: .paused),
    Observation(source: .paused, destination: .runs), Observation(source: .migratedAway, destination: .off),
  ]

  /// Every event that could reach the machine now: each kind once, timers and looks of this step and of an earlier one.
  static func events(for migration: SourceMigration) -> [(SourceEvent, Now)] {
    let now = MigrationSamples.now(1000)
    var events = fixed.map { ($0, now) }
    for step in [migration.step, migration.step - 1] {
      events += observations.map { (.observed($0, step: step), now) }
      events += [MigrationTimer.Purpose.patience, .lookAgain].map { (.timerFired(MigrationTimer($0, step: step)), now) }
    }
    events.append((.timerFired(MigrationTimer(.patience, step: -1)), now))
    for time in [now, late] { events.append((.timerFired(MigrationTimer(.deadline, step: 0)), time)) }
    return events
  }

  /// Whether the migration ends when, from now on, everything outstanding succeeds and both hosts answer.
  static func ends(_ migration: SourceMigration, guestIsAtDestination: Bool) -> Bool {
    var migration = migration
    for _ in 0..<30 {
      if migration.isTerminal { return true }
      if migration.namedThere == .destination, !guestIsAtDestination { nameSource(of: &migration) }
      for effect in migration.outstanding(at: MigrationSamples.now()) {
        guard let event = success(of: effect, guestIsAtDestination: guestIsAtDestination, namedThere: migration.namedThere) else {
          continue
        }
        migration = SourceStep(event, to: migration, at: MigrationSamples.now()).after
      }
    }
    return migration.isTerminal
  }

  /// The operator, who had named the destination there, is called and names the source.
  private static func nameSource(of migration: inout SourceMigration) {
    let observation = Observation(source: .runs, destination: .absent)
    for event in [SourceEvent.timerFired(MigrationTimer(.patience, step: -1)), .ownerNamed(.source, observation)] {
      migration = SourceStep(event, to: migration, at: MigrationSamples.now()).after
    }
  }

  private static func success(of effect: SourceEffect, guestIsAtDestination: Bool, namedThere: Owner?) -> SourceEvent? {
    func answer(_ body: PeerMessage.Body) -> SourceEvent { .peer(body, journal: MigrationSamples.destinationJournal) }
    switch effect {
    case .awaitAdmission: return .admitted
    case .inspect: return .inspected(MigrationSamples.inspection)
    case .ask(.prepare): return answer(.prepared(MigrationSamples.verifiedPreparation, checks: []))
    case .ask(.compare): return answer(.compared(ViewReading(MigrationSamples.contents)))
    case .readSource: return .sourceRead(MigrationSamples.contents)
    case .ask(.confirm): return answer(.confirmed(MigrationSamples.confirmation))
    case .ask(.release): return answer(.released)
    case .ask(.yield): return answer(.yielded)
    case .ask(.rollback): return answer(namedThere == .destination ? .released : .rolledBack)
    case .followTransfer, .abortTransfer: return .transferEnded(error: nil, nil)
    case .observe(let step):
      return .observed(
        guestIsAtDestination ? Observation(source: .off, destination: .runs) : Observation(source: .runs, destination: .absent),
        step: step)
    case .settle(let settlement, _): return .settled(settlement, failure: nil)
    case .restoreSource: return .sourceRestored
    case .retireSource: return .sourceRetired
    case .setTimer(let timer, _): return timer.purpose == .lookAgain ? .timerFired(timer) : nil
    case .emit, .tell, .ask, .offerLayers, .startTransfer, .steerTransfer, .suspendGuest: return nil
    }
  }
}
