/// How long each virtual CPU of a guest has run, in nanoseconds, by the id of its thread.
public typealias RunTimes = [Int32: UInt64]

/// Ends the source's copy of a guest in a fenced handover, as soon as the destination has the guest complete and paused, so that it
/// can be resumed there without waiting until libvirt has ended the source's QEMU.
///
/// ```
/// watching -> freezing -> holding -> noting -> killing -> resuming -> resumed
///  ^  |         |  |         |         |          |
///  |  |         +--|---------+         |          |
///  +--|------------+ (missed)          |          |
///     +------------+-------------------+----------+--> waiting
/// ```
///
/// Killing is sound only if the source has not taken the guest back meanwhile: its daemon does so by itself when it loses the
/// destination's. What was written since would be lost. Two facts prove that it has not:
/// - A sample of the run times was taken, and *after* it libvirt showed the guest paused for the migration, with no command to QEMU
///   under way: so the guest had not been resumed when the sample was taken.
/// - QEMU is frozen, so that nothing runs any more, and the run times are still those of the sample. A virtual CPU cannot go on
///   without running.
///
/// QEMU is frozen as soon as the destination's daemon begins to finish, not only when it has finished: from then on the source's
/// daemon, which is told of the end at the same time as this agent, would ask QEMU to exit, whose virtual CPUs run for that. It needs
/// nothing of QEMU in between (libvirt's qemu_migration.c: `qemuMigrationSrcPerformPeer2Peer3` has ended *Perform* before it calls
/// *Finish*, in which the destination's daemon defines the guest first).
///
/// Where that cannot be shown, or QEMU must not be signalled or has ended before it was frozen, the fence does nothing more. The end of
/// the process alone says nothing: the source may have taken the guest back and run it until it ended. Whether the destination's copy
/// may go on is then decided as without a fence, by libvirt's answer and a look at both hosts.
///
/// That the source stood still is journalled before the kill (``SourceEvent/sourceFenced``), since a source that is seen to have ended
/// does not tell it. From then on QEMU stays frozen until it is killed, by this agent or its successor. The rest is not stored: an agent
/// that dies before that leaves a frozen QEMU that its successor lets go on before it looks.
public struct Fence: Sendable, Hashable {
  /// The steps of a fence.
  public enum Phase: Sendable, Hashable {
    /// The guest is copied. `proven` is the last sample that is known to be from before any resumption; `hasEnded` tells whether the
    /// source's QEMU is gone. Can become: freezing, waiting.
    case watching(proven: RunTimes?, hasEnded: Bool)
    /// The destination finishes; the source's QEMU is being frozen. `hasArrived` tells whether the destination has the guest.
    /// Can become: watching, holding, noting, waiting.
    case freezing(proven: RunTimes, hasArrived: Bool)
    /// The source's QEMU is frozen and has stood still; the destination has yet to finish, and is given a moment for it.
    /// Can become: watching, noting.
    case holding
    /// The destination has the guest, and that the source's QEMU is frozen and has stood still is being journalled.
    /// Can become: killing, waiting.
    case noting
    /// It is being killed. Can become: resuming, waiting.
    case killing
    /// Ended: the destination has the guest, and the source's QEMU is left to libvirt, for this reason.
    case waiting(String)
    /// The source's QEMU is gone. Can become: resumed, failed.
    case resuming
    /// Ended: the guest runs at the destination.
    case resumed
    /// Ended: the guest did not start at the destination.
    case failed(String)
  }

  /// What can happen.
  public enum Event: Sendable, Hashable {
    /// The run times were read, and after that libvirt still showed the guest paused for the migration, with no command under way.
    case sampled(RunTimes)
    /// The destination's daemon was called upon to finish, and has begun to.
    case nearing
    /// The destination was seen to have the guest complete and paused, with no job left.
    case arrived
    /// The destination has not finished in time, or has given the guest up.
    case missed
    /// The source's QEMU is frozen; these are its run times.
    case frozen(RunTimes)
    /// It is in the journal that the source's QEMU has stood still and will be killed.
    case noted
    /// The source's QEMU could not be frozen, read or killed.
    case refused(String)
    /// The source's QEMU has ended, whoever did it.
    case ended
    /// The guest was resumed at the destination.
    case resumed
    /// It could not be.
    case notResumed(String)
  }

  /// What is to be done.
  public enum Effect: Sendable, Hashable {
    /// Stop every thread of the source's QEMU, read the run times, report `frozen`.
    case freeze
    /// Journal that the source's QEMU has stood still and will be killed; report `noted`.
    case note
    /// Kill the source's QEMU and report `ended`.
    case kill
    /// Let the source's QEMU go on.
    case thaw
    /// Resume the guest at the destination.
    case resumeDestination
  }

  /// Where it stands.
  public private(set) var phase = Phase.watching(proven: nil, hasEnded: false)
  /// Why the source's QEMU was left to end by itself; nil where it was not.
  public private(set) var waitedFor: String?

  /// A fence that watches.
  public init() {}

  /// Whether nothing more will come of it.
  public var hasEnded: Bool {
    switch phase {
    case .resumed, .failed, .waiting: true
    default: false
    }
  }

  /// Takes an event and returns what is to be done. Late and duplicate events return `[]`.
  public mutating func apply(_ event: Event) -> [Effect] {
    switch (phase, event) {
    case (.watching(_, let hasEnded), .sampled(let times)):
      phase = .watching(proven: times, hasEnded: hasEnded)
      return []
    case (.watching(let proven, _), .ended):
      phase = .watching(proven: proven, hasEnded: true)
      return []
    case (.watching(_, hasEnded: true), .arrived), (.freezing(_, hasArrived: true), .ended):
      return wait("the source's QEMU had ended before it was frozen")
    case (.watching(let proven?, hasEnded: false), .nearing) where !proven.isEmpty && waitedFor == nil:
      phase = .freezing(proven: proven, hasArrived: false)
      return [.freeze]
    case (.watching(let proven?, hasEnded: false), .arrived) where !proven.isEmpty && waitedFor == nil:
      phase = .freezing(proven: proven, hasArrived: true)
      return [.freeze]
    case (.watching, .arrived):
      return wait("the virtual CPUs of the source's QEMU were not seen standing still")
    case (.watching, .refused(let why)):
      waitedFor = why
      return []

    case (.freezing(let proven, _), .arrived):
      phase = .freezing(proven: proven, hasArrived: true)
      return []
    case (.freezing(let proven, let hasArrived), .frozen(let times)) where times == proven:
      phase = hasArrived ? .noting : .holding
      return hasArrived ? [.note] : []
    case (.freezing(_, hasArrived: true), .frozen):
      return [.thaw] + wait("a virtual CPU of the source has run since it was seen standing still")
    case (.freezing(_, hasArrived: false), .frozen):
      // A later sample may show it standing still.
      phase = .watching(proven: nil, hasEnded: false)
      return [.thaw]
    case (.freezing(let proven, hasArrived: false), .ended):
      phase = .watching(proven: proven, hasEnded: true)
      return []
    case (.freezing, .refused(let why)), (.noting, .refused(let why)):
      return [.thaw] + wait(why)

    // A process that ends while it is frozen, by libvirt's SIGKILL, has not run before it did.
    case (.holding, .arrived):
      phase = .noting
      return [.note]
    case (.holding, .missed):
      phase = .watching(proven: nil, hasEnded: false)
      return [.thaw]

    case (.noting, .noted):
      phase = .killing
      return [.kill]
    case (.killing, .refused(let why)):
      // It stays frozen: the journal says that it never runs again.
      return wait(why)

    case (.killing, .ended):
      phase = .resuming
      return [.resumeDestination]
    case (.resuming, .resumed):
      phase = .resumed
      return []
    case (.resuming, .notResumed(let why)):
      phase = .failed(why)
      return []
    default: return []
    }
  }

  private mutating func wait(_ why: String) -> [Effect] {
    phase = .waiting(waitedFor ?? why)
    waitedFor = waitedFor ?? why
    return []
  }
}
