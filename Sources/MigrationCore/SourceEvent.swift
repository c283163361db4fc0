public import LongshoreMessages

/// What the source read of the guest before anything was changed.
public struct Inspection: Sendable, Hashable, Codable {
  /// The plan made of it.
  public var plan: MigrationPlan
  /// The checks that the source made.
  public var checks: [Check]
  /// The paths of the guest's disks at the source, by target.
  public var sourcePaths: [ResourceName: String]
  /// Which files they are, by target; nil where an earlier version read the guest.
  public var sourceFiles: [ResourceName: FileMark]?
  /// The paths of the layers below them at the source, by the layers' ids.
  public var layerPaths: [Int: String]
  /// The guest's persistent definition, kept so that an undefined guest can be defined again; nil for a transient guest.
  public var definition: String?
  /// Whether the guest starts with the host.
  public var autostart: Bool
  /// Whether somebody has paused the guest, which arrives paused then; nil where an earlier version read it, which moved none such.
  public var isPaused: Bool?
  /// Whether threads of their own serve disks of the guest; nil where an earlier version read it.
  public var hasIOThreads: Bool?

  /// An inspection's result.
  public init(
    plan: MigrationPlan, checks: [Check], sourcePaths: [ResourceName: String], sourceFiles: [ResourceName: FileMark]? = nil,
    layerPaths: [Int: String], definition: String?, autostart: Bool, isPaused: Bool? = nil,
    hasIOThreads: Bool? = nil
  ) {
    self.plan = plan
    self.checks = checks
    self.sourcePaths = sourcePaths
    self.sourceFiles = sourceFiles
    self.layerPaths = layerPaths
    self.definition = definition
    self.autostart = autostart
    self.isPaused = isPaused
    self.hasIOThreads = hasIOThreads
  }

  /// Why what an order says of verifying cannot be done with this guest; nil where it can, or says nothing.
  public func refusalToVerify(by order: MigrateCommand) -> Reason? {
    guard plan.verify == true else { return nil }
    func refuse(_ why: String) -> Reason { Reason(.unsupportedOption, "`verify` is not possible here: \(why)") }
    if order.options?.handover == .direct { return refuse("with the handover `direct` libvirt resumes the guest, and nobody waits for it") }
    if isPaused == true { return refuse("the guest is paused, and its disks may change unseen once somebody resumes it") }
    if hasIOThreads == true {
      return refuse("I/O threads serve the guest's disks, and QEMU ends when such a guest is resumed while what they held is kept")
    }
    if let disk = plan.disks.first(where: { $0.secret != nil }) {
      return refuse("disk \(disk.target) is encrypted, and what it holds would be kept in plain files meanwhile")
    }
    return nil
  }
}

/// What a transfer moved, as libvirt's last statistics say.
public struct TransferTotals: Sendable, Hashable, Codable {
  /// The guest's pause at the switch, in milliseconds; nil where it is unknown.
  public var downtimeMs: UInt64?
  /// Bytes of disks.
  public var diskBytes: UInt64
  /// Bytes of memory.
  public var memoryBytes: UInt64
  /// Fenced handover: when the guest was suspended for the switch, where it is not resumed yet. What libvirt measures ends before the
  /// guest is resumed.
  public var suspendedAt: Now?
  /// Fenced handover: why the source's QEMU was left to end by itself; nil where it was not.
  public var fenceWaitedFor: String?

  /// A transfer's totals.
  public init(
    downtimeMs: UInt64? = nil, diskBytes: UInt64 = 0, memoryBytes: UInt64 = 0, suspendedAt: Now? = nil, fenceWaitedFor: String? = nil
  ) {
    self.downtimeMs = downtimeMs
    self.diskBytes = diskBytes
    self.memoryBytes = memoryBytes
    self.suspendedAt = suspendedAt
    self.fenceWaitedFor = fenceWaitedFor
  }
}

/// What can happen to a migration at its source.
public enum SourceEvent: Sendable, Hashable, Codable {
  /// It is this migration's turn.
  case admitted
  /// It is not this migration's turn yet, for this reason. Journals of earlier versions have it.
  case mustWait(Reason)
  /// It is not this migration's turn yet.
  case waits(Waiting)
  /// The operator has given it another place among those that wait.
  case placed(QueuePlace)
  /// The guest was read, and no check of the source refused.
  case inspected(Inspection)
  /// A check of the source refused.
  case refused([Check])
  /// The guest could not be read.
  case inspectionFailed(Reason)
  /// The destination said something. `journal` is the id of its journal.
  case peer(PeerMessage.Body, journal: String)
  /// The broker knows no queue of the destination.
  case destinationUnknown
  /// The destination has answered before, and has left questions unanswered for so long that its agent seems to be away.
  case destinationSilent
  /// The transfer was given up before libvirt was called: no domain can be at the destination.
  case transferNotStarted(Reason)
  /// The guest has stood still for the switch for so long that something must be wrong, and libvirt does not end the job.
  case transferStalled(Reason)
  /// A transfer for which the operator was called because it stood still moves again.
  case transferMoves
  /// Fenced handover: the destination has the guest complete and paused, and the source's daemon has noted that it has left: its QEMU
  /// never runs it again, and is killed next.
  case sourceFenced
  /// Whether the destination keeps a view of the disks as they were at the switch, told before the guest is resumed there; why not, where
  /// it does not.
  case viewTaken(failure: Reason?)
  /// The source's disks were read for a verification.
  case sourceRead([DiskContent])
  /// They could not be.
  case sourceUnreadable(Reason)
  /// libvirt's call or job has ended. `error` is nil where libvirt reported success.
  case transferEnded(error: String?, TransferTotals?)
  /// Both hosts were looked at.
  case observed(Observation, step: Int)
  /// A settlement was done, or failed with this reason; either way both hosts are to be looked at again.
  case settled(Settlement, failure: String?)
  /// The guest at the source is as it was before (autostart).
  case sourceRestored
  /// The source's definition and disks are out of the way.
  case sourceRetired
  /// The source's definition or disks could not be moved out of the way; the effect goes on trying.
  case retirementFailed(Reason)
  /// Somebody changes limits; the reason says who.
  case tuned(TransferLimits, Reason)
  /// Somebody wants the guest suspended until it has moved; the reason says who.
  case completionForced(Reason)
  /// It was chosen for a transfer that begins, and whose order leaves it open, whether the guest's writes wait for the copy of its disks.
  case writesChosen(wait: Bool, Reason)
  /// The transfer does not converge within the pause that is permitted for the switch, and may have a longer one, in milliseconds.
  case downtimeRaised(toMs: UInt64, Reason)
  /// The operator names the owner of the guest of a migration that needs attention; both hosts were looked at for it.
  case ownerNamed(Owner, Observation)
  /// Somebody wants the migration to stop.
  case cancel(Reason)
  /// A timer is due.
  case timerFired(MigrationTimer)
}

/// What a migration's source machine wants done.
public enum SourceEffect: Sendable, Hashable, Codable {
  /// Write the next numbered event into the outbox. Durable: done in the transaction that stores the machine.
  case emit(MigrationEventData)
  /// Say something to the destination, once. Durable, as `emit`.
  case tell(PeerMessage.Body)

  /// Apply `admitted` when it is this migration's turn.
  case awaitAdmission
  /// Read the guest, check, make the plan.
  case inspect
  /// Say something to the destination again and again, with back-off, until the machine moves on.
  case ask(PeerMessage.Body)
  /// Serve the plan's layers to the destination when it asks for them.
  case offerLayers
  /// Turn autostart off and call libvirt's migrate. Only ever returned by `apply`, after the phase was journalled.
  case startTransfer
  /// Find the running job and follow it to its end; where there is none, report the end.
  case followTransfer
  /// Abort the job, again and again, until it has ended.
  case abortTransfer
  /// See that the transfer runs, tell libvirt its limits, and judge from its progress whether it converges.
  case steerTransfer(TransferCourse)
  /// See that the transfer runs, and suspend the guest unless it is; libvirt, or whoever has it in the end, lets it go on.
  case suspendGuest
  /// Look at both hosts.
  case observe(step: Int)
  /// See that both hosts are still as they were when it was decided, then do what settles who has the guest; where they are
  /// not, report the settlement as failed, so that it is decided anew.
  case settle(Settlement, step: Int)
  /// Set autostart as it was, and let a guest go on that was suspended for the migration.
  case restoreSource
  /// Read the source's disks, which nobody changes any more, and report `sourceRead` or `sourceUnreadable`.
  case readSource
  /// See the guest inactive here, undefine it, set its disks aside.
  case retireSource
  /// Apply `timerFired` after so many milliseconds.
  case setTimer(MigrationTimer, milliseconds: Int64)

  /// Whether the effect belongs into the transaction that stores the machine.
  public var isDurable: Bool {
    switch self {
    case .emit, .tell: true
    default: false
    }
  }

  /// What tells effects apart: a timer is the same timer whatever is left of it, and a transfer is one transfer whether it is
  /// started or followed.
  public var key: SourceEffect {
    switch self {
    case .setTimer(let timer, _): .setTimer(timer, milliseconds: 0)
    case .startTransfer: .followTransfer
    default: self
    }
  }
}
