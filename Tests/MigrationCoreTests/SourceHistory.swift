import LongshoreMessages
import LongshoreTestKit
import MigrationCore
import Testing

/// A history of a migration at its source, and what it must come to.
struct SourceHistory: Sendable, CustomTestStringConvertible {
  /// One event of a history.
  struct Step: Sendable {
    /// The event, made for the machine as it then is: looks and timers name its present step.
    var event: @Sendable (SourceMigration) -> SourceEvent
    /// Milliseconds since acceptance.
    var at: Int64 = 1000
    /// The code with which the event is refused; nil where it is taken.
    var refusal: Reason.Code?
  }

  var name: String
  var handover: MigrationOptions.Handover = .direct
  var onDeadline: DeadlineAction?
  var steps: [Step]
  /// The phase at the end.
  var phase: String
  /// All numbered events after `accepted`.
  var events: String
  /// Everything else that was done once.
  var once = ""
  /// What is outstanding at the end.
  var outstanding = ""
  /// The code of the attention at the end.
  var attention: Reason.Code?

  var testDescription: String { name }
}

extension SourceHistory.Step {
  static func take(_ event: SourceEvent, at time: Int64 = 1000) -> Self { Self(event: { _ in event }, at: time) }

  static func hear(_ body: PeerMessage.Body, journal: String = MigrationSamples.destinationJournal) -> Self {
    take(.peer(body, journal: journal))
  }

  static func see(_ source: GuestSight, _ destination: GuestSight) -> Self {
    Self(event: { .observed(Observation(source: source, destination: destination), step: $0.step) })
  }

  static func due(_ purpose: MigrationTimer.Purpose, at time: Int64 = 1000) -> Self {
    Self(
      event: { migration in
        let timers = migration.outstanding(at: MigrationSamples.now()).compactMap {
          if case .setTimer(let timer, _) = $0, timer.purpose == purpose { timer } else { nil }
        }
        return .timerFired(timers.first ?? MigrationTimer(purpose, step: 0))
      }, at: time)
  }

  static func settle(_ settlement: Settlement, failure: String? = nil) -> Self { take(.settled(settlement, failure: failure)) }

  static func refused(_ code: Reason.Code, _ event: SourceEvent) -> Self { Self(event: { _ in event }, refusal: code) }

  static func name(_ owner: Owner, _ source: GuestSight, _ destination: GuestSight) -> Self {
    take(.ownerNamed(owner, Observation(source: source, destination: destination)))
  }

  static func refuse(_ code: Reason.Code, _ owner: Owner, _ source: GuestSight, _ destination: GuestSight) -> Self {
    refused(code, .ownerNamed(owner, Observation(source: source, destination: destination)))
  }

  static let admitted = take(.admitted)
  static let inspected = take(.inspected(MigrationSamples.inspection))
  static let inspectedToVerify = take(.inspected(MigrationSamples.verifiedInspection))
  static let preparedToVerify = hear(.prepared(MigrationSamples.verifiedPreparation, checks: [MigrationSamples.passedCheck]))
  static let preparing = hear(.preparing(PreparationProgress(templateBytesDone: 0, templateBytesTotal: 300 << 20)))
  static let prepared = hear(.prepared(MigrationSamples.preparation, checks: [MigrationSamples.passedCheck]))
  static let success = take(.transferEnded(error: nil, MigrationSamples.totals))
  static let failure = take(.transferEnded(error: "client socket is closed", nil))
  static let confirmed = hear(.confirmed(MigrationSamples.confirmation))
  static let retired = take(.sourceRetired)
  static let released = hear(.released)
  static let rolledBack = hear(.rolledBack)
  static let yielded = hear(.yielded)
  static let restored = take(.sourceRestored)
  static let inspectedPaused = take(
    .inspected(
      {
        var found = MigrationSamples.inspection
        found.isPaused = true
        return found
      }()))
  static let forced = Reason(.guestSuspended, "suspended by the operator")
  static let force = take(.completionForced(forced))
  static func tune(
    _ downtime: UInt64? = nil, bandwidth: UInt64? = nil, deadline: Int64? = nil, at time: Int64 = 1000
  ) -> Self { take(.tuned(limits(downtime, bandwidth, deadline), Reason(.limitsChanged, "changed by the operator")), at: time) }
  static func budget(_ mebibytes: UInt64) -> Self {
    take(.tuned(TransferLimits(bandwidthMiBps: mebibytes), Reason(.limitsChanged, "changed by the operator")))
  }
  static func refuseTune(
    _ code: Reason.Code, _ downtime: UInt64? = nil, bandwidth: UInt64? = nil, deadline: Int64? = nil, at time: Int64 = 1000
  ) -> Self {
    Self(
      event: { _ in .tuned(limits(downtime, bandwidth, deadline), Reason(.limitsChanged, "changed by the operator")) }, at: time,
      refusal: code)
  }
  private static func limits(_ downtime: UInt64?, _ bandwidth: UInt64?, _ deadline: Int64?) -> TransferLimits {
    TransferLimits(maxDowntimeMs: downtime, memoryBandwidthMiBps: bandwidth, deadlineSeconds: deadline)
  }
  static func raise(to milliseconds: UInt64) -> Self {
    take(.downtimeRaised(toMs: milliseconds, Reason(.downtimeRaised, "permitted downtime raised to \(milliseconds) ms")))
  }
  static let cancel = take(.cancel(Reason(.cancelled, "cancelled by the operator")))
  static let cancelTooLate = refused(.tooLate, .cancel(Reason(.cancelled, "cancelled by the operator")))
  static let deadline = due(.deadline, at: MigrationSamples.deadlineSeconds * 1000)
}

/// A source machine under a history, with everything that came of it.
struct SourceRun {
  private(set) var migration: SourceMigration
  private(set) var emitted: [MigrationEventData] = []
  private(set) var once: [SourceEffect] = []
  private(set) var applied: [(event: SourceEvent, time: Now)] = []

  init(_ history: SourceHistory) { self.init(history.handover, onDeadline: history.onDeadline) }

  init(_ handover: MigrationOptions.Handover, onDeadline: DeadlineAction? = nil) {
    let (migration, effects) = MigrationSamples.accepted(handover, onDeadline: onDeadline)
    self.migration = migration
    record(effects)
  }

  /// Takes an event, checks the rules, and returns whether it was taken.
  @discardableResult
  mutating func take(_ event: SourceEvent, at time: Now) -> [SourceEffect]? {
    let step = SourceStep(event, to: migration, at: time)
    #expect(step.violations == [])
    migration = step.after
    applied.append((event, time))
    record(step.effects ?? [])
    return step.effects
  }

  mutating func take(_ step: SourceHistory.Step) {
    let event = step.event(migration)
    var probe = migration
    do throws(Rejected) {
      _ = try probe.apply(event, at: MigrationSamples.now(step.at))
      #expect(step.refusal == nil, "\(event) was to be refused")
    } catch {
      #expect(error.reason.code == step.refusal, "\(event) was refused: \(error.reason)")
    }
    take(event, at: MigrationSamples.now(step.at))
  }

  private mutating func record(_ effects: [SourceEffect]) {
    for effect in effects {
      if case .emit(let data) = effect { emitted.append(data) } else { once.append(effect) }
    }
  }
}
