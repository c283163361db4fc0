internal import LongshoreMessages
internal import MigrationCore
internal import MigrationJournal

/// The kinds of work that machines ask for.
enum WorkKind: UInt8, CaseIterable {
  case admitSource, inspect, askPrepare, askConfirm, askRelease, askRollback, offerLayers, transfer, abort, observe, settle, restore
  case retire, deadline, patience, lookAgain, fence, askCompare, readSource, suspend
  case admitDestination, check, layer, stubs, postCheck, removeFiles, keepFiles, readView, endView
  case takeOver, endCopy, askYield

  var side: Side { rawValue < Self.admitDestination.rawValue || self == .askYield ? .source : .destination }
}

/// A piece of an agent's work: an effect that a machine asked for, done in small steps, between any two of which the agent may end.
struct Work {
  let kind: WorkKind
  /// The machine's step, for kinds that may follow each other.
  let tag: Int
  let number: Int
  let id: MigrationID
  var source: SourceEffect?
  var destination: DestinationEffect?
  /// The machine as it was when the work began.
  var sourceMachine: SourceMigration?
  var destinationMachine: DestinationMigration?
  var stage = 0
  /// When it goes on, in the world's milliseconds.
  var due: Int64
  var backOff: Int64 = 1000
  var isCancelled = false
  /// Whether it has ended; it does not begin again as long as the machine asks for the same.
  var isFinished = false
  /// What it has to report, where that could not be journalled yet.
  var sourceReport: SourceEvent?
  var destinationReport: DestinationEvent?
  /// What was seen so far.
  var here: GuestSight?
  var there: GuestSight?
  /// libvirt's migration that it waits for.
  var move: Int?
  var answer: MoveAnswer?
  var disk = 0
  var silentSince: Int64?
  /// The fence of a handover.
  var fence = Fence()
  /// The inode that it works on.
  var inode: Int?
  /// What was read of disks so far.
  var contents: [DiskContent] = []

  init(_ kind: WorkKind, _ tag: Int, _ id: MigrationID, due: Int64) {
    self.kind = kind
    self.tag = tag
    self.id = id
    number = Catalogue.number(of: id)
    self.due = due
  }
}

/// What comes of a step of work.
enum Progress {
  /// It goes on at its next step.
  case next
  /// It goes on after so many milliseconds.
  case wait(Int64)
  /// It goes on after a wait that grows.
  case backOff
  /// It has ended without anything to say.
  case done
  case source(SourceEvent)
  case destination(DestinationEvent)
  /// It says something and goes on.
  case sourceAndWait(SourceEvent)
}

extension SourceEffect {
  /// The kind of work that the effect is, and what tells it from the one before; nil for what goes with the step.
  var work: (kind: WorkKind, tag: Int)? {
    switch self {
    case .emit, .tell: nil
    case .awaitAdmission: (.admitSource, 0)
    case .inspect: (.inspect, 0)
    case .ask(.prepare): (.askPrepare, 0)
    case .ask(.confirm): (.askConfirm, 0)
    case .ask(.release): (.askRelease, 0)
    case .ask(.compare): (.askCompare, 0)
    case .ask(.yield): (.askYield, 0)
    case .readSource: (.readSource, 0)
    case .ask: (.askRollback, 0)
    case .offerLayers: (.offerLayers, 0)
    case .startTransfer, .followTransfer: (.transfer, 0)
    case .abortTransfer: (.abort, 0)
    // No sample of a transfer is told in this world, and no limit changes what its libvirt does.
    case .steerTransfer: nil
    case .suspendGuest: (.suspend, 0)
    case .observe(let step): (.observe, step)
    case .settle(_, let step): (.settle, step)
    case .restoreSource: (.restore, 0)
    case .retireSource: (.retire, 0)
    case .setTimer(let timer, _):
      switch timer.purpose {
      case .deadline: (.deadline, timer.step)
      case .patience: (.patience, timer.step)
      case .lookAgain: (.lookAgain, timer.step)
      }
    }
  }
}

extension DestinationEffect {
  var work: (kind: WorkKind, tag: Int)? {
    switch self {
    case .tell: nil
    case .awaitAdmission: (.admitDestination, 0)
    case .check: (.check, 0)
    case .provideLayer(let id): (.layer, id)
    case .makeStubs: (.stubs, 0)
    case .postCheck(let step): (.postCheck, step)
    case .removeFiles(let evenDefined): (.removeFiles, evenDefined ? 1 : 0)
    case .keepFiles: (.keepFiles, 0)
    case .readView: (.readView, 0)
    case .endView: (.endView, 0)
    case .takeOver: (.takeOver, 0)
    case .endCopy(let evenRunning): (.endCopy, evenRunning ? 1 : 0)
    }
  }
}
