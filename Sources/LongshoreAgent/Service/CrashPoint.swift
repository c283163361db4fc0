internal import FoundationEssentials
internal import Glibc
internal import MigrationCore

/// A place at which an agent can be made to die: each lies between two writes that last, and an agent that dies there and is started
/// again goes on to the same end.
///
/// A testing aid. An agent that has `LONGSHORED_CRASH_AT=<name>` in its environment ends itself with SIGKILL when it first comes to the
/// point; in every other agent the points do nothing.
enum CrashPoint: String, CaseIterable, Sendable {
  // MARK: Messages

  /// A delivery is there, and nothing of it is in the journal.
  case deliveryTaken
  /// What came of a delivery is in the journal, and it is not acknowledged.
  case deliveryJournalled
  /// A delivery is acknowledged.
  case deliveryAcknowledged
  /// An order that takes long is at work, and not acknowledged.
  case longOrderBegun
  /// A message is in the outbox, and is to be published.
  case messageUnpublished
  /// The broker has confirmed a message that is still in the outbox.
  case messageConfirmed
  /// A message that was confirmed has left the outbox.
  case messageRemoved

  // MARK: The source's machine: before and after a step into a phase is journalled

  /// An order is good, and is not in the journal.
  case beforeSourceQueued
  /// An order is in the journal.
  case afterSourceQueued
  /// It is a migration's turn, which is not in the journal.
  case beforeSourceInspecting
  /// A migration's turn is in the journal; the guest is not read.
  case afterSourceInspecting
  /// The guest was read, which is not in the journal.
  case beforeSourcePreparing
  /// The plan is in the journal; the destination has not been asked.
  case afterSourcePreparing
  /// The destination has prepared, which is not in the source's journal.
  case beforeSourceTransferring
  /// The beginning of the transfer is in the journal, and nothing was done for it.
  case afterSourceTransferring
  /// The transfer is to be aborted, which is not in the journal.
  case beforeSourceAborting
  /// That the transfer is to be aborted is in the journal, and nothing was done for it.
  case afterSourceAborting
  /// The transfer has ended, which is not in the journal.
  case beforeSourceDeciding
  /// The transfer's end is in the journal; the hosts have not been looked at.
  case afterSourceDeciding
  /// What settles who has the guest is decided, and not in the journal.
  case beforeSourceSettling
  /// What settles who has the guest is in the journal, and not done.
  case afterSourceSettling
  /// The guest was seen at the destination, which is not in the journal.
  case beforeSourceConfirming
  /// That the guest is at the destination is in the journal.
  case afterSourceConfirming
  /// The destination has confirmed a guest whose disks are to be compared, which is not in the source's journal.
  case beforeSourceVerifying
  /// That the disks are to be compared is in the source's journal; nothing was read.
  case afterSourceVerifying
  /// The destination has confirmed the guest, which is not in the source's journal.
  case beforeSourceRetiring
  /// The confirmation is in the source's journal, and nothing of the guest was touched.
  case afterSourceRetiring
  /// The guest's definition and disks are out of the way, which is not in the journal.
  case beforeSourceReleasing
  /// That the source is done is in the journal; the destination has not heard of it.
  case afterSourceReleasing
  /// A migration is to be undone, which is not in the journal.
  case beforeSourceRollingBack
  /// That a migration is to be undone is in the journal, and nothing was done for it.
  case afterSourceRollingBack
  /// The destination has released the guest, which is not in the source's journal.
  case beforeSourceCompleted
  /// The end of a migration that succeeded is in the journal.
  case afterSourceCompleted
  /// A migration has failed, and all is undone, which is not in the journal.
  case beforeSourceFailed
  /// The end of a migration that failed is in the journal.
  case afterSourceFailed
  /// A migration is cancelled, and all is undone, which is not in the journal.
  case beforeSourceCancelled
  /// The end of a migration that was cancelled is in the journal.
  case afterSourceCancelled

  // MARK: The source's work

  /// A template is served over NBD, and the destination does not know where.
  case exportStarted
  /// The guest's autostart is turned off; libvirt's migrate has not been called.
  case autostartTurnedOff
  /// Everything that libvirt's migrate needs is there, and it is called next.
  case migrateUncalled
  /// libvirt carries the guest over.
  case migrateCalled
  /// libvirt's migrate has returned.
  case migrateReturned
  /// The source's QEMU has ended, killed or by itself, and the guest stands still at the destination.
  case guestUnresumed
  /// The guest is resumed at the destination.
  case guestResumed
  /// The source's QEMU has ended, the guest stands still at the destination, and no view of its disks is begun.
  case viewUnbegun
  /// A view of the disks is begun, which is not in the journal, and the guest stands still at the destination.
  case viewBegun
  /// That the guest is to be suspended until it has moved is in the journal, and it runs.
  case guestUnsuspended
  /// The guest is suspended until it has moved.
  case guestSuspended
  /// libvirt's job was aborted.
  case jobAborted
  /// What settles who has the guest is about to be done.
  case settlementUndone
  /// What settles who has the guest is done, and the machine has not heard of it.
  case settlementDone
  /// The guest starts with the destination's host now, and its definition is still at the source.
  case autostartCarried
  /// The source's definition is gone, and its disks have their names.
  case sourceUndefined
  /// The folder for a disk that is set aside is there, and the disk is not registered.
  case setAsideFolderMade
  /// A disk that is to be set aside is registered, and has its name.
  case setAsideRegistered
  /// A disk is set aside; others have their names.
  case diskSetAside
  /// The guest's autostart is as it was before the migration that is undone.
  case autostartRestored

  // MARK: The destination's machine: before and after a step into a phase is journalled

  /// A migration is coming, which is not in the destination's journal.
  case beforeDestinationQueued
  /// A migration that is coming is in the destination's journal.
  case afterDestinationQueued
  /// It is the turn of a migration that is coming, which is not in the journal.
  case beforeDestinationChecking
  /// The turn of a migration that is coming is in the journal; nothing is checked.
  case afterDestinationChecking
  /// The checks were made or a template is in place, which is not in the journal.
  case beforeDestinationProvidingLayers
  /// That templates are to be put in place is in the journal.
  case afterDestinationProvidingLayers
  /// All templates are in place, which is not in the journal.
  case beforeDestinationMakingStubs
  /// That stubs are to be made is in the journal.
  case afterDestinationMakingStubs
  /// All stubs are made, which is not in the journal.
  case beforeDestinationPrepared
  /// That all is prepared is in the journal; the source has not heard of it.
  case afterDestinationPrepared
  /// The source asks for the guest's confirmation, which is not in the journal.
  case beforeDestinationPostChecking
  /// The question for the guest's confirmation is in the journal; the guest was not looked at.
  case afterDestinationPostChecking
  /// The guest is as planned, which is not in the journal.
  case beforeDestinationConfirmed
  /// The confirmation is in the destination's journal; the source has not heard of it.
  case afterDestinationConfirmed
  /// The source asks what the disks hold, which is not in the destination's journal.
  case beforeDestinationComparing
  /// The question what the disks hold is in the destination's journal; nothing was read.
  case afterDestinationComparing
  /// The source is done, which is not in the destination's journal.
  case beforeDestinationReleasing
  /// That the source is done is in the destination's journal; the guest's files are still the migration's.
  case afterDestinationReleasing
  /// The guest's files are its own, which is not in the journal.
  case beforeDestinationReleased
  /// The end of a migration that has brought the guest is in the destination's journal.
  case afterDestinationReleased
  /// Everything is to be removed, which is not in the journal.
  case beforeDestinationRemoving
  /// That everything is to be removed is in the journal, and nothing is removed.
  case afterDestinationRemoving
  /// A check has refused a migration, which is not in the journal.
  case beforeDestinationRefused
  /// That a check has refused a migration is in the journal.
  case afterDestinationRefused
  /// All that a preparation that failed had made is removed, which is not in the journal.
  case beforeDestinationFailed
  /// The end of a preparation that failed is in the journal.
  case afterDestinationFailed
  /// All that a migration had made is removed, which is not in the journal.
  case beforeDestinationRolledBack
  /// The end of a migration that was rolled back is in the destination's journal.
  case afterDestinationRolledBack

  // MARK: The destination's work

  /// A work folder is registered, and not made.
  case workFolderRegistered
  /// A work folder is made, and empty.
  case workFolderMade
  /// A template's draft is registered, and not made.
  case layerDraftRegistered
  /// A template's draft is made, and which file it is is not in the journal.
  case layerDraftMade
  /// A template's draft is made and registered with its inode.
  case layerDraftNoted
  /// A chunk of a template is on the disk, which is not in the journal.
  case layerChunkCopied
  /// A chunk of a template is on the disk and in the journal.
  case layerChunkNoted
  /// All of a template is in its draft, and was not compared.
  case layerCopied
  /// A template's draft is the same as the source's template.
  case layerVerified
  /// A template's draft is read-only and has no name in the pool.
  case layerFinished
  /// A template has its name, and is still registered as the migration's.
  case layerPublished
  /// A template is nobody's any more; its digest is not remembered.
  case layerForgotten
  /// A stub's draft is registered, and not made.
  case stubDraftRegistered
  /// A stub's draft is made, and which file it is is not in the journal.
  case stubDraftMade
  /// A stub's draft is made and registered with its inode, and empty.
  case stubDraftNoted
  /// A stub's draft is an image of its disk's size.
  case stubInitialized
  /// A stub is registered under its disk's name, and has not got it.
  case stubRegistered
  /// A stub has its disk's name, and is registered under both.
  case stubPublished
  /// A stub is registered under its disk's name alone.
  case stubDraftForgotten
  /// The view of the disks was read, which is not in the journal.
  case viewRead
  /// The view of the disks is ended; its files are there.
  case viewEnded
  /// The definition that a transfer left at the destination is gone; the files are there.
  case destinationUndefined
  /// A file of the migration has become the guest's own; others have not.
  case fileKept

  // MARK: Prefetches: after a step into a phase is journalled

  /// The order of a prefetch is good, and is not in the journal.
  case prefetchUnstored
  /// The order of a prefetch is in the journal.
  case prefetchStored
  /// It is a prefetch's turn; the source has not been asked.
  case prefetchAsking
  /// The source has told of what the template consists; nothing is checked.
  case prefetchChecking
  /// The checks are passed or a layer is in place, and others are not.
  case prefetchPlacing
  /// All layers are in place; the work folders are there.
  case prefetchFinishing
  /// What a prefetch has made is to be removed.
  case prefetchRemoving
  /// The end of a prefetch that has put its template in place is in the journal.
  case prefetchPlaced
  /// The end of a prefetch that has not is in the journal.
  case prefetchFailed

  // MARK: Drains

  /// The order of a drain is good, and is not in the journal.
  case drainUnstored
  /// The order of a drain is in the journal, and with it that the host takes no guests.
  case drainStored
  /// Which guests move whereto is in the journal, or what became of one.
  case drainMoving
  /// A move is in the drain's journal, and its migration is not ordered.
  case drainMoveUnordered
  /// A move's migration is ordered, or was before.
  case drainMoveOrdered
  /// All moves have ended; the host was not looked at again.
  case drainLooking
  /// Guests that were started meanwhile are in the journal; they are not surveyed.
  case drainFound
  /// The end of a drain is in the journal.
  case drainEnded

  // MARK: Files, on both sides

  /// A file has both its names: that of the draft and the one that it is published under, or a disk's own and that of its place aside.
  case fileLinked
  /// A registered file is about to be removed.
  case fileUnremoved
  /// A registered file is removed, and still registered.
  case fileRemoved
  /// A registered file is removed and forgotten; others are there.
  case fileForgotten
}

extension CrashPoint {
  /// The variable of the agent's environment that names the point to die at.
  static let variable = "LONGSHORED_CRASH_AT"

  /// Is told of the points that a test's tasks come to.
  @TaskLocal static var observer: (@Sendable (CrashPoint) -> Void)?

  private static let armed = ProcessInfo.processInfo.environment[variable].flatMap(CrashPoint.init(rawValue:))

  /// Says that the work has come to this point. Ends the process where it is to die here.
  func reached() {
    if self == Self.armed { kill(getpid(), SIGKILL) }
    Self.observer?(self)
  }

  /// Refuses a name that no point has.
  static func check(_ name: String) throws(ConfigurationError) {
    guard CrashPoint(rawValue: name) == nil else { return }
    throw ConfigurationError(
      place: "the environment", key: variable,
      message: "there is no point \(name) to crash at; there are \(allCases.map(\.rawValue).joined(separator: ", "))")
  }
}

/// The points before and after a step is journalled.
struct CrashPointPair {
  let before: CrashPoint
  let after: CrashPoint
}

extension HostStep {
  /// The points around the step; nil for one that changes no migration.
  var crashPoints: CrashPointPair? { source?.crashPoints ?? destination?.crashPoints }
}

extension SourceMigration {
  /// The points around the step into the present phase.
  var crashPoints: CrashPointPair {
    switch phase {
    case .queued: CrashPointPair(before: .beforeSourceQueued, after: .afterSourceQueued)
    case .inspecting: CrashPointPair(before: .beforeSourceInspecting, after: .afterSourceInspecting)
    case .preparing: CrashPointPair(before: .beforeSourcePreparing, after: .afterSourcePreparing)
    case .transferring(let transfer):
      transfer.abort == nil
        ? CrashPointPair(before: .beforeSourceTransferring, after: .afterSourceTransferring)
        : CrashPointPair(before: .beforeSourceAborting, after: .afterSourceAborting)
    case .deciding: CrashPointPair(before: .beforeSourceDeciding, after: .afterSourceDeciding)
    case .settling: CrashPointPair(before: .beforeSourceSettling, after: .afterSourceSettling)
    case .confirming: CrashPointPair(before: .beforeSourceConfirming, after: .afterSourceConfirming)
    case .verifying: CrashPointPair(before: .beforeSourceVerifying, after: .afterSourceVerifying)
    case .retiring: CrashPointPair(before: .beforeSourceRetiring, after: .afterSourceRetiring)
    case .releasing: CrashPointPair(before: .beforeSourceReleasing, after: .afterSourceReleasing)
    case .rollingBack: CrashPointPair(before: .beforeSourceRollingBack, after: .afterSourceRollingBack)
    case .completed: CrashPointPair(before: .beforeSourceCompleted, after: .afterSourceCompleted)
    case .failed: CrashPointPair(before: .beforeSourceFailed, after: .afterSourceFailed)
    case .cancelled: CrashPointPair(before: .beforeSourceCancelled, after: .afterSourceCancelled)
    }
  }
}

extension DestinationMigration {
  /// The points around the step into the present phase; nil for those into which only the operator's word leads.
  var crashPoints: CrashPointPair? {
    switch phase {
    case .queued: CrashPointPair(before: .beforeDestinationQueued, after: .afterDestinationQueued)
    case .checking: CrashPointPair(before: .beforeDestinationChecking, after: .afterDestinationChecking)
    case .providingLayers: CrashPointPair(before: .beforeDestinationProvidingLayers, after: .afterDestinationProvidingLayers)
    case .makingStubs: CrashPointPair(before: .beforeDestinationMakingStubs, after: .afterDestinationMakingStubs)
    case .prepared: CrashPointPair(before: .beforeDestinationPrepared, after: .afterDestinationPrepared)
    case .postChecking: CrashPointPair(before: .beforeDestinationPostChecking, after: .afterDestinationPostChecking)
    case .confirmed: CrashPointPair(before: .beforeDestinationConfirmed, after: .afterDestinationConfirmed)
    case .comparing: CrashPointPair(before: .beforeDestinationComparing, after: .afterDestinationComparing)
    case .takingOver, .endingCopy: nil
    case .releasing: CrashPointPair(before: .beforeDestinationReleasing, after: .afterDestinationReleasing)
    case .removing: CrashPointPair(before: .beforeDestinationRemoving, after: .afterDestinationRemoving)
    case .released: CrashPointPair(before: .beforeDestinationReleased, after: .afterDestinationReleased)
    case .refused: CrashPointPair(before: .beforeDestinationRefused, after: .afterDestinationRefused)
    case .failed: CrashPointPair(before: .beforeDestinationFailed, after: .afterDestinationFailed)
    case .rolledBack: CrashPointPair(before: .beforeDestinationRolledBack, after: .afterDestinationRolledBack)
    }
  }
}
