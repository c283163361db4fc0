import LongshoreMessages
import MigrationCore

/// One event as a source machine took it.
struct SourceStep {
  var before: SourceMigration
  var event: SourceEvent
  var after: SourceMigration
  /// What was returned; nil where the event was refused.
  var effects: [SourceEffect]?
  var time: Now

  init(_ event: SourceEvent, to migration: SourceMigration, at time: Now) {
    before = migration
    after = migration
    self.event = event
    self.time = time
    effects = try? after.apply(event, at: time)
  }

  /// What a machine becomes by an event; nil where that changes nothing, as most events do in most states. What is broken is added to
  /// `violations`.
  static func after(
    _ event: SourceEvent, to migration: SourceMigration, at time: Now, violations: inout Set<String>
  ) -> SourceMigration? {
    var after = migration
    let effects = try? after.apply(event, at: time)
    guard after.revision != migration.revision || after.step != migration.step || effects?.isEmpty == false else { return nil }
    var step = SourceStep(before: migration, event: event, after: after, time: time)
    step.effects = effects
    violations.formUnion(step.violations)
    return after
  }

  private init(before: SourceMigration, event: SourceEvent, after: SourceMigration, time: Now) {
    (self.before, self.event, self.after, self.time) = (before, event, after, time)
  }

  /// The phases that each phase can become.
  static let exits: [String: Set<String>] = [
    "queued": ["inspecting", "failed", "cancelled"],
    "inspecting": ["preparing", "failed", "cancelled"],
    "preparing": ["transferring", "rollingBack", "failed"],
    "transferring": ["deciding", "rollingBack"],
    "deciding": ["settling", "confirming", "rollingBack", "completed"],
    "settling": ["deciding"],
    "confirming": ["deciding", "verifying", "retiring", "completed"],
    "verifying": ["retiring"],
    "retiring": ["releasing"],
    "releasing": ["completed"],
    "rollingBack": ["deciding", "failed", "cancelled"],
  ]

  /// What the step breaks of what must hold at every step of every history.
  var violations: [String] {
    // Most events change nothing in most states; what must hold of a state was looked at when it was reached.
    if after.revision == before.revision {
      let isSame = (after.step, after.sequence, after.phase) == (before.step, before.sequence, before.phase)
      return isSame && effects?.isEmpty != false ? [] : ["\(before.phase.word): something is done without a change that is journalled"]
    }
    var found: [String] = []
    func hold(_ condition: Bool, _ rule: String) {
      if !condition { found.append("\(before.phase.word) -> \(after.phase.word): \(rule)") }
    }
    let effects = effects ?? []
    let outstanding = after.outstanding(at: time)
    let emitted = effects.compactMap { if case .emit(let data) = $0 { data } else { nil } }
    let terminal = emitted.filter(\.kind.isTerminal)

    hold(self.effects != nil, "a refused event changes nothing")
    hold(after.revision == before.revision + 1, "the revision counts the changes")
    hold(after.sequence == before.sequence + emitted.count, "the sequence counts the numbered events")
    let from = before.phase.word
    let to = after.phase.word
    hold(from == to || Self.exits[from, default: []].contains(to), "the phase has this exit")

    hold(!before.isTerminal, "an ended migration takes no event")
    hold(terminal.count == (after.isTerminal && !before.isTerminal ? 1 : 0), "one terminal event, at the end")
    hold(terminal.isEmpty || emitted.last?.kind.isTerminal == true, "no event after the terminal one")
    hold(after.isTerminal == outstanding.isEmpty, "there is something to do until the end, and nothing after it")
    hold(
      after.isTerminal || outstanding.contains { if case .setTimer = $0 { false } else { true } } || isWaitingToLook(outstanding),
      "something but a timer is outstanding, or the timer of the next look")
    hold(!outstanding.contains(where: \.isDurable), "what is done in the transaction is not outstanding")
    hold(!outstanding.contains(.startTransfer), "a transfer is never started because it is outstanding")

    hold(
      !effects.contains(.startTransfer) || (before.preparation == nil && after.preparation != nil),
      "the transfer starts when the destination has prepared, which happens once")
    hold(before.preparation == nil || after.preparation != nil, "the preparation is not forgotten")
    hold(before.confirmation == nil || after.confirmation == before.confirmation, "the confirmation is not forgotten")
    hold(!outstanding.contains(.retireSource) || after.confirmation != nil, "the source is retired after the confirmation alone")
    hold(after.phase.word != "releasing" || after.confirmation != nil, "the guest is released after the confirmation alone")
    hold(!outstanding.contains(.suspendGuest) || after.isSuspending, "the guest is suspended when that is journalled alone")
    hold(!before.isSuspending || after.isSuspending, "that the guest was to be suspended is not forgotten")
    hold(
      !outstanding.contains(.suspendGuest) || after.inspection?.isPaused != true, "a guest that somebody has paused is left alone")
    hold(before.view == nil || after.view == before.view, "whether a view was taken is not forgotten")
    hold(after.phase.word != "verifying" || after.view == .taken, "the disks are compared where a view was taken alone")
    hold(after.phase.word != "verifying" || !outstanding.contains(.retireSource), "the source's disks are not moved while they are read")
    if after.comparison != before.comparison {
      hold(before.comparison == nil, "what a comparison has found does not change")
      if after.comparison?.verification.outcome != .unknown {
        hold(before.phase.word == "verifying", "what nobody has read is neither the same nor another")
      }
      hold(
        (after.comparison?.verification.outcome == .differs) == emitted.contains { $0.kind == .needsAttention },
        "disks that differ, and no others, are an alarm")
    }
    if let end = terminal.first, end.kind == .completed {
      hold((end.verification != nil) == (after.inspection?.plan.verify == true), "the end says what was found, where that was asked for")
      hold(
        end.verification.map { $0.outcome == .equal } ?? true
          || end.reasons?.contains { $0.code == .contentDiffers || $0.code == .notVerified } == true,
        "the end says why the disks are not the same, or not known to be")
    }
    let asksForRollback = (outstanding + effects).contains {
      switch $0 {
      case .ask(.rollback), .tell(.rollback), .ask(.disown), .tell(.disown): true
      default: false
      }
    }
    hold(!asksForRollback || after.confirmation == nil, "nothing is rolled back after the confirmation")
    hold(before.namedThere == nil || after.namedThere != nil, "that the operator has said something at the destination is not forgotten")
    hold(
      !outstanding.contains(.restoreSource) || !outstanding.contains { $0.word == "ask rollback" } || after.ended?.guestRuns == true,
      "a guest that has ended does not start with the source before the destination has undone")
    hold(!outstanding.contains { $0.word == "settle destroySource" } || sourceIsHeldOrConfirmed, "the source's guest ends only if held")
    if case .observed(let observation, _) = event, before.phase != after.phase, after.phase.word != "deciding" {
      hold(!observation.hasUnreachableHost || isNamed, "an unreachable host decides nothing, unless the operator named the owner")
    }
    return found
  }

  private var isNamed: Bool {
    if case .deciding(let decision) = before.phase { decision.named != nil || before.namedThere == .source } else { false }
  }

  private func isWaitingToLook(_ outstanding: [SourceEffect]) -> Bool {
    after.phase.word == "deciding" && outstanding.contains { $0.word == "timer lookAgain" }
  }

  private var sourceIsHeldOrConfirmed: Bool {
    guard before.phase.word == "deciding", case .observed(let observation, _) = event else { return true }
    let isHeld = observation.source == .held || (before.isSuspending && observation.source == .paused)
    return isHeld || before.confirmation != nil || before.namedThere == .destination || isNamed
  }
}

extension SourceMigration {
  fileprivate var ended: Failure? {
    if case .rollingBack(let failure, _, _) = phase { failure } else { nil }
  }
}

extension Observation {
  var hasUnreachableHost: Bool {
    switch (source, destination) {
    case (.unreachable, _), (_, .unreachable): true
    default: false
    }
  }
}
