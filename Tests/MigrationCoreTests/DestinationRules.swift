import LongshoreMessages
import MigrationCore

/// One event as a destination machine took it.
struct DestinationStep {
  var before: DestinationMigration
  var event: DestinationEvent
  var after: DestinationMigration
  var effects: [DestinationEffect]

  init(_ event: DestinationEvent, to migration: DestinationMigration, at time: Now) {
    before = migration
    after = migration
    self.event = event
    effects = after.apply(event, at: time)
  }

  /// The phases that each phase can become.
  static let exits: [String: Set<String>] = [
    "queued": ["checking", "removing for rollback", "endingCopy"],
    "checking": ["providingLayers", "makingStubs", "refused", "removing for rollback", "endingCopy"],
    "providingLayers": ["makingStubs", "removing for rollback", "removing after failure", "endingCopy"],
    "makingStubs": ["prepared", "removing for rollback", "removing after failure", "endingCopy"],
    "prepared": ["postChecking", "removing for rollback", "takingOver", "endingCopy"],
    "postChecking": ["confirmed", "prepared", "removing for rollback", "takingOver", "endingCopy"],
    "confirmed": ["comparing", "releasing", "endingCopy"],
    "comparing": ["confirmed", "releasing", "endingCopy"],
    "takingOver": ["releasing", "prepared"],
    "endingCopy": ["prepared", "removing for rollback", "removing as named"],
    "releasing": ["released"],
    "removing after failure": ["failed", "removing for rollback", "endingCopy"],
    "removing for rollback": ["rolledBack", "endingCopy"],
    "removing as named": ["prepared", "rolledBack", "removing for rollback", "endingCopy"],
  ]

  private static let notRemoving: Set<String> = ["confirmed", "comparing", "takingOver", "releasing", "released"]

  /// What the step breaks of what must hold at every step of every history.
  var violations: [String] {
    var found: [String] = []
    func hold(_ condition: Bool, _ rule: String) {
      if !condition { found.append("\(before.phase.word) -> \(after.phase.word): \(rule)") }
    }
    let outstanding = after.outstanding
    let from = before.phase.word
    let to = after.phase.word

    hold(after.revision == before.revision + (after == before ? 0 : 1), "the revision counts the changes")
    hold(from == to || Self.exits[from, default: []].contains(to), "the phase has this exit")
    hold(effects.allSatisfy(\.isDurable), "what is done once is done in the transaction")
    hold(!outstanding.contains(where: \.isDurable), "what is done in the transaction is not outstanding")
    hold(!before.isTerminal || after == before, "an ended migration changes no more")
    hold(!before.isTerminal || isQuestion || effects.isEmpty, "an ended migration only answers")
    hold(after == before || !isQuestionAnsweredBefore, "an answer given again changes nothing")
    hold(!after.isTerminal || outstanding.isEmpty, "nothing is outstanding after the end")
    // Prepared and confirmed wait for the source, which asks again and again.
    hold(after.isTerminal || !outstanding.isEmpty || ["prepared", "confirmed"].contains(to), "there is something to do until the end")
    hold(
      !outstanding.contains(.endCopy(evenRunning: true)) || before.outstanding.contains(.endCopy(evenRunning: true)) || isQuestion
        || from == "removing for rollback", "a copy that runs is ended by the source's word alone")
    hold(
      !Self.notRemoving.contains(from) || !outstanding.contains { $0.word.hasPrefix("removeFiles") },
      "nothing is removed after the confirmation")
    hold(!outstanding.contains(.keepFiles) || to == "releasing", "files are kept when the source is done")
    hold(before.reading == nil || after.reading == before.reading, "what was read does not change")
    hold(!outstanding.contains(.endView) || after.reading != nil, "the view is ended when it was read")
    hold(after.locksGuest == !after.isTerminal, "the guest is locked until the end")
    if effects.contains(where: { $0.word == "tell prepared" }) { hold(after.disks.count == 2, "what is prepared is named") }
    if effects.contains(.tell(.rolledBack)) {
      hold(["rolledBack", "refused", "failed"].contains(to), "rolled back is said when nothing is left")
    }
    if effects.contains(.tell(.released)) { hold(after.isTerminal, "released is said when the guest is free") }
    return found
  }

  private var isQuestion: Bool { if case .peer = event { true } else { false } }

  private var isQuestionAnsweredBefore: Bool {
    guard case .peer(.prepare) = event else { return false }
    return !effects.isEmpty
  }
}
