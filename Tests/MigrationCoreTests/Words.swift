import LongshoreMessages
import MigrationCore

// Phases and effects in words, so that tables can be read and compared as text.

extension SourceMigration.Phase {
  var word: String {
    switch self {
    case .queued: "queued"
    case .inspecting: "inspecting"
    case .preparing: "preparing"
    case .transferring: "transferring"
    case .deciding: "deciding"
    case .settling: "settling"
    case .confirming: "confirming"
    case .verifying: "verifying"
    case .retiring: "retiring"
    case .releasing: "releasing"
    case .rollingBack: "rollingBack"
    case .completed: "completed"
    case .failed: "failed"
    case .cancelled: "cancelled"
    }
  }
}

extension DestinationMigration.Phase {
  var word: String {
    switch self {
    case .queued: "queued"
    case .checking: "checking"
    case .providingLayers: "providingLayers"
    case .makingStubs: "makingStubs"
    case .prepared: "prepared"
    case .postChecking: "postChecking"
    case .confirmed: "confirmed"
    case .comparing: "comparing"
    case .takingOver: "takingOver"
    case .endingCopy: "endingCopy"
    case .releasing: "releasing"
    case .removing(.rollback): "removing for rollback"
    case .removing(.failure): "removing after failure"
    case .removing(.named): "removing as named"
    case .released: "released"
    case .refused: "refused"
    case .failed: "failed"
    case .rolledBack: "rolledBack"
    }
  }
}

extension SourceEffect {
  var word: String {
    switch self {
    case .emit(let data): "emit \(data.kind.rawValue)"
    case .tell(let body): "tell \(body.typeName)"
    case .awaitAdmission: "awaitAdmission"
    case .inspect: "inspect"
    case .ask(let body): "ask \(body.typeName)"
    case .offerLayers: "offerLayers"
    case .startTransfer: "startTransfer"
    case .followTransfer: "followTransfer"
    case .abortTransfer: "abortTransfer"
    case .steerTransfer: "steerTransfer"
    case .suspendGuest: "suspendGuest"
    case .observe: "observe"
    case .settle(let settlement, _): "settle \(settlement.rawValue)"
    case .restoreSource: "restoreSource"
    case .readSource: "readSource"
    case .retireSource: "retireSource"
    case .setTimer(let timer, _): "timer \(timer.purpose.rawValue)"
    }
  }
}

extension DestinationEffect {
  var word: String {
    switch self {
    case .tell(let body): "tell \(body.typeName)"
    case .awaitAdmission: "awaitAdmission"
    case .check: "check"
    case .provideLayer(let id): "provideLayer \(id)"
    case .makeStubs: "makeStubs"
    case .postCheck: "postCheck"
    case .readView: "readView"
    case .endView: "endView"
    case .takeOver: "takeOver"
    case .endCopy(let evenRunning): evenRunning ? "endCopy even running" : "endCopy"
    case .removeFiles(let evenDefined): evenDefined ? "removeFiles" : "removeFiles of an absent guest"
    case .keepFiles: "keepFiles"
    }
  }
}

extension GuestSight {
  static let runs = GuestSight.active(.running, job: .none)
  static let runsAgain = GuestSight.active(.runningMigrationCanceled, job: .none)
  static let paused = GuestSight.active(.pausedByUser, job: .none)
  static let held = GuestSight.active(.pausedForMigration, job: .none)
  static let migrates = GuestSight.active(.running, job: .migration)
  static let arrives = GuestSight.active(.pausedForMigration, job: .migration)
  static let off = GuestSight.inactive("shut off (unknown)")
  static let silent = GuestSight.unreachable("connection refused")
}
