import LongshoreMessages
import LongshoreTestKit
import MigrationCore
import Testing

/// A history of a migration at its destination, and what it must come to.
struct DestinationHistory: Sendable, CustomTestStringConvertible {
  var name: String
  var events: [DestinationEvent]
  /// The phase at the end.
  var phase: String
  /// What was said to the source, in order, after the first `preparing`.
  var told = ""
  /// What is outstanding at the end.
  var outstanding = ""

  var testDescription: String { name }
}

extension DestinationEvent {
  static let prepare = peer(.prepare(MigrationSamples.plan))
  static let confirm = peer(.confirm)
  static let release = peer(.release)
  static let rollback = peer(.rollback(Reason(.cancelled, "cancelled by the operator")))
  static let allPassed = checked([MigrationSamples.passedCheck])
  static let oneRefused = checked([MigrationSamples.passedCheck, MigrationSamples.refusedCheck])
  static let template = layerProvided(0, path: "/mnt/slow/debian.qcow2", copied: 300 << 20)
  static let noTemplate = layerFailed(0, Reason(.templateCopyFailed, "cut off"))
  static let stubs = stubsMade(MigrationSamples.preparedDisks)
  static let noStubs = stubsFailed(Reason(.stubFailed, "no space left"))
  static let asPlanned = postChecked(MigrationSamples.confirmation, [])
  static let notAsPlanned = postChecked(nil, [Reason(.postCheckFailed, "the guest does not run here")])
}

extension DestinationHistory {
  static let toChecking: [DestinationEvent] = [.admitted]
  static let toLayers = toChecking + [.allPassed]
  static let toStubs = toLayers + [.template]
  static let toPrepared = toStubs + [.stubs]
  static let toPostChecking = toPrepared + [.confirm]
  static let toConfirmed = toPostChecking + [.asPlanned]
  static let toReleasing = toConfirmed + [.release]
  static let toReleased = toReleasing + [.filesKept]

  static let ways: [DestinationHistory] = [
    DestinationHistory(
      name: "the operator names this host, and the source comes back",
      events: toPrepared + [.peer(.assign), .tookOver(MigrationSamples.confirmation), .filesKept, .confirm, .release], phase: "released",
      told: "prepared released confirmed released"),
    DestinationHistory(
      name: "the operator names this host, and the source, which does not know, wants the copy ended",
      events: toPrepared + [
        .ownerNamed(.destination, Reason(.ownerNamed, "beta")), .rollback, .peer(.yield), .tookOver(MigrationSamples.confirmation),
        .rollback, .filesKept, .rollback, .peer(.yield), .peer(.disown(Reason(.ownerNamed, "alpha"))),
      ], phase: "released", told: "prepared released released released released"),
    DestinationHistory(
      name: "the source decides between two copies that run, until the operator names this host",
      events: toPrepared + [
        .peer(.yield), .peer(.yield), .ownerNamed(.destination, Reason(.ownerNamed, "beta")), .peer(.yield),
        .tookOver(MigrationSamples.confirmation), .filesKept, .peer(.yield),
      ], phase: "released", told: "prepared yielded yielded released released"),
    DestinationHistory(
      name: "the operator names this host, where the guest is not as planned",
      events: toPrepared + [.ownerNamed(.destination, Reason(.ownerNamed, "beta")), .tookOver(nil), .filesKept, .confirm],
      phase: "released", told: "prepared released confirm-failed"),
    DestinationHistory(
      name: "the operator names this host, and the guest is seen to run at the source before it goes on here",
      events: toPrepared + [.ownerNamed(.destination, Reason(.ownerNamed, "beta")), .copyKept, .rollback, .filesRemoved],
      phase: "rolledBack", told: "prepared rolled-back"),
    DestinationHistory(
      name: "the operator names the source, and the guest runs here meanwhile",
      events: toPrepared + [.ownerNamed(.source, Reason(.ownerNamed, "alpha")), .copyKept, .confirm], phase: "postChecking",
      told: "prepared", outstanding: "postCheck"),
    DestinationHistory(
      name: "a copy that runs is ended by the operator's word at the source",
      events: toPrepared + [.peer(.disown(Reason(.ownerNamed, "alpha"))), .copyEnded, .filesRemoved], phase: "rolledBack",
      told: "prepared rolled-back"),
    DestinationHistory(
      name: "the operator names the source while the guest is confirmed here",
      events: toConfirmed + [.peer(.disown(Reason(.ownerNamed, "alpha"))), .copyEnded, .filesRemoved], phase: "rolledBack",
      told: "prepared confirmed rolled-back"),
    DestinationHistory(
      name: "the operator names the source, while a rollback waits for the guest's end",
      events: toPrepared + [.rollback, .ownerNamed(.source, Reason(.ownerNamed, "alpha"))], phase: "endingCopy", told: "prepared",
      outstanding: "endCopy even running"),
    DestinationHistory(
      name: "waits for two things, is moved, and gets its turn",
      events: [
        .waits(QueueSamples.waiting(at: MigrationSamples.destination)),
        .waits(QueueSamples.waiting(at: MigrationSamples.destination, position: 2)), .placed(QueuePlace(headStartUs: 900)),
        .waits(QueueSamples.waiting(at: MigrationSamples.destination, limit: "limits.pool")), .prepare, .admitted,
      ], phase: "checking", told: "preparing preparing preparing preparing", outstanding: "check"),
    DestinationHistory(
      name: "the guest arrives", events: toReleased, phase: "released", told: "prepared confirmed released"),
    DestinationHistory(name: "a check refuses", events: toChecking + [.oneRefused], phase: "refused", told: "refused"),
    DestinationHistory(
      name: "a check refuses, and the source undoes", events: toChecking + [.oneRefused, .rollback], phase: "refused",
      told: "refused rolled-back"),
    DestinationHistory(
      name: "a template cannot be copied", events: toLayers + [.noTemplate, .filesRemoved, .rollback], phase: "failed",
      told: "prepare-failed rolled-back"),
    DestinationHistory(
      name: "the stubs cannot be made", events: toStubs + [.noStubs], phase: "removing after failure", outstanding: "removeFiles"),
    DestinationHistory(
      name: "the stubs cannot be made, and all is removed", events: toStubs + [.noStubs, .filesRemoved], phase: "failed",
      told: "prepare-failed"),
    DestinationHistory(
      name: "the source undoes while what failed is removed", events: toStubs + [.noStubs, .rollback, .filesRemoved],
      phase: "rolledBack", told: "rolled-back"),
    DestinationHistory(
      name: "another layer's result counts for nothing",
      events: toLayers + [.layerProvided(7, path: "/mnt/slow/other", copied: 1), .layerFailed(7, Reason(.noSpace, "full"))],
      phase: "providingLayers", outstanding: "provideLayer 0"),
    DestinationHistory(
      name: "not as planned at first", events: toPostChecking + [.notAsPlanned, .confirm, .asPlanned], phase: "confirmed",
      told: "prepared confirm-failed confirmed"),
  ]

  /// Each question of the source in each phase.
  static let questions: [DestinationHistory] = [
    // prepare
    DestinationHistory(
      name: "prepare while queued", events: [.prepare], phase: "queued", told: "preparing", outstanding: "awaitAdmission"),
    DestinationHistory(
      name: "prepare while checking", events: toChecking + [.prepare], phase: "checking", told: "preparing", outstanding: "check"),
    DestinationHistory(
      name: "prepare while providing layers", events: toLayers + [.prepare], phase: "providingLayers", told: "preparing",
      outstanding: "provideLayer 0"),
    DestinationHistory(
      name: "prepare while making stubs", events: toStubs + [.prepare], phase: "makingStubs", told: "preparing",
      outstanding: "makeStubs"),
    DestinationHistory(
      name: "prepare when prepared", events: toPrepared + [.prepare], phase: "prepared", told: "prepared prepared"),
    DestinationHistory(
      name: "prepare while post-checking", events: toPostChecking + [.prepare], phase: "postChecking", told: "prepared",
      outstanding: "postCheck"),
    DestinationHistory(
      name: "prepare when confirmed", events: toConfirmed + [.prepare], phase: "confirmed", told: "prepared confirmed"),
    DestinationHistory(
      name: "prepare while releasing", events: toReleasing + [.prepare], phase: "releasing", told: "prepared confirmed",
      outstanding: "keepFiles"),
    DestinationHistory(
      name: "prepare when released", events: toReleased + [.prepare], phase: "released", told: "prepared confirmed released"),
    DestinationHistory(
      name: "prepare when refused", events: toChecking + [.oneRefused, .prepare], phase: "refused", told: "refused refused"),
    DestinationHistory(
      name: "prepare when failed", events: toStubs + [.noStubs, .filesRemoved, .prepare], phase: "failed",
      told: "prepare-failed prepare-failed"),
    DestinationHistory(
      name: "prepare while removing", events: toPrepared + [.rollback, .prepare], phase: "removing for rollback", told: "prepared",
      outstanding: "removeFiles"),
    DestinationHistory(
      name: "prepare when rolled back", events: toPrepared + [.rollback, .filesRemoved, .prepare], phase: "rolledBack",
      told: "prepared rolled-back prepare-failed"),

    // confirm
    DestinationHistory(
      name: "confirm while queued", events: [.confirm], phase: "queued", told: "confirm-failed", outstanding: "awaitAdmission"),
    DestinationHistory(
      name: "confirm while checking", events: toChecking + [.confirm], phase: "checking", told: "confirm-failed", outstanding: "check"),
    DestinationHistory(
      name: "confirm while providing layers", events: toLayers + [.confirm], phase: "providingLayers", told: "confirm-failed",
      outstanding: "provideLayer 0"),
    DestinationHistory(
      name: "confirm while making stubs", events: toStubs + [.confirm], phase: "makingStubs", told: "confirm-failed",
      outstanding: "makeStubs"),
    DestinationHistory(
      name: "confirm when prepared", events: toPrepared + [.confirm], phase: "postChecking", told: "prepared",
      outstanding: "postCheck"),
    DestinationHistory(
      name: "confirm while post-checking", events: toPostChecking + [.confirm], phase: "postChecking", told: "prepared",
      outstanding: "postCheck"),
    DestinationHistory(
      name: "confirm when confirmed", events: toConfirmed + [.confirm], phase: "confirmed", told: "prepared confirmed confirmed"),
    DestinationHistory(
      name: "confirm while releasing", events: toReleasing + [.confirm], phase: "releasing", told: "prepared confirmed confirmed",
      outstanding: "keepFiles"),
    DestinationHistory(
      name: "confirm when released", events: toReleased + [.confirm], phase: "released", told: "prepared confirmed released confirmed"),
    DestinationHistory(
      name: "confirm while removing", events: toPrepared + [.rollback, .confirm], phase: "removing for rollback",
      told: "prepared confirm-failed", outstanding: "removeFiles"),
    DestinationHistory(
      name: "confirm when rolled back", events: toPrepared + [.rollback, .filesRemoved, .confirm], phase: "rolledBack",
      told: "prepared rolled-back confirm-failed"),

    // release
    DestinationHistory(
      name: "release when prepared", events: toPrepared + [.release], phase: "prepared", told: "prepared"),
    DestinationHistory(
      name: "release while post-checking", events: toPostChecking + [.release], phase: "postChecking", told: "prepared",
      outstanding: "postCheck"),
    DestinationHistory(
      name: "release when confirmed", events: toConfirmed + [.release, .release], phase: "releasing", told: "prepared confirmed",
      outstanding: "keepFiles"),
    DestinationHistory(
      name: "release when released", events: toReleased + [.release], phase: "released", told: "prepared confirmed released released"),
    DestinationHistory(
      name: "release when rolled back", events: toPrepared + [.rollback, .filesRemoved, .release], phase: "rolledBack",
      told: "prepared rolled-back released"),
    DestinationHistory(
      name: "release when refused", events: toChecking + [.oneRefused, .release], phase: "refused", told: "refused released"),
    DestinationHistory(
      name: "release while checking", events: toChecking + [.release], phase: "checking", outstanding: "check"),

    // rollback
    DestinationHistory(
      name: "rollback while queued", events: [.rollback], phase: "removing for rollback", outstanding: "removeFiles"),
    DestinationHistory(
      name: "rollback while checking", events: toChecking + [.rollback, .allPassed], phase: "removing for rollback",
      outstanding: "removeFiles"),
    DestinationHistory(
      name: "rollback while providing layers", events: toLayers + [.rollback, .template], phase: "removing for rollback",
      outstanding: "removeFiles"),
    DestinationHistory(
      name: "rollback while making stubs", events: toStubs + [.rollback, .stubs], phase: "removing for rollback",
      outstanding: "removeFiles"),
    DestinationHistory(
      name: "rollback when prepared", events: toPrepared + [.rollback, .rollback, .filesRemoved, .rollback], phase: "rolledBack",
      told: "prepared rolled-back rolled-back"),
    DestinationHistory(
      name: "rollback while post-checking", events: toPostChecking + [.rollback, .asPlanned, .filesRemoved], phase: "rolledBack",
      told: "prepared rolled-back"),
    DestinationHistory(
      name: "rollback when confirmed", events: toConfirmed + [.rollback, .filesRemoved], phase: "confirmed",
      told: "prepared confirmed"),
    DestinationHistory(
      name: "rollback while releasing", events: toReleasing + [.rollback, .filesRemoved], phase: "releasing",
      told: "prepared confirmed", outstanding: "keepFiles"),
    DestinationHistory(
      name: "rollback when released", events: toReleased + [.rollback, .filesRemoved], phase: "released",
      told: "prepared confirmed released released"),
  ]

  static let all = ways + questions
}
