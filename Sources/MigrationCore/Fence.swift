/// Ends the source's copy of a guest in a fenced handover, as soon as the destination has the guest complete and paused, so that it
/// can be resumed there without waiting until libvirt has ended the source's QEMU, which takes seconds.
///
/// ```
/// watching -> noting -> ending -> [viewing] -> resuming -> resumed
/// ```
///
/// Ending it is sound only if the source does not take the guest back: its daemon does so by itself when it loses the destination's.
/// What was written since would be lost. That it does not is told by its daemon alone, by the note in QEMU's log that precedes the end
/// of a process: `shutting down, reason=migrated`. libvirt writes it when the destination has answered that it has the guest
/// (`qemuMigrationSrcConfirmPhase`, then `qemuProcessStop`), closes the connection by which it commands QEMU, and ends it. A daemon
/// that dies in between has noted the phase on the disk before, unless that was full, and ends QEMU when it is back
/// (`qemuProcessRecoverMigrationOut`).
///
/// The note holds whoever ends the process then, and after its end. That it was seen is journalled (``SourceEvent/sourceFenced``)
/// before the process is killed, so that it outlasts the log, too; a journal that cannot be written does not hold the guest for long.
/// Where the note never comes the fence does nothing, and who has the guest is decided as without a fence, by libvirt's answer and a look at both hosts.
public struct Fence: Sendable, Hashable {
  /// The steps of a fence.
  public enum Phase: Sendable, Hashable {
    /// The guest is copied. `hasLeft` tells whether the source's daemon has noted that the guest has migrated, `hasArrived` whether
    /// the destination has it. Can become: noting.
    case watching(hasLeft: Bool, hasArrived: Bool)
    /// Both is so, which is being journalled. Can become: ending, resuming.
    case noting
    /// The source's QEMU is being killed or, where it must not be, ends by itself. Can become: viewing, resuming.
    case ending
    /// The source's QEMU is gone, and a view of the disks is being begun, where one is asked for. Can become: resuming.
    case viewing
    /// The source's QEMU is gone. Can become: resumed, failed.
    case resuming
    /// Ended: the guest runs at the destination.
    case resumed
    /// Ended: the guest did not start at the destination.
    case failed(String)
  }

  /// What can happen.
  public enum Event: Sendable, Hashable {
    /// The source's daemon was seen to have noted that the guest has migrated, and ends its QEMU.
    case left
    /// The destination was seen to have the guest complete and paused, with no job left.
    case arrived
    /// It is in the journal that the source's QEMU never runs the guest again.
    case noted
    /// The source's QEMU cannot be killed.
    case refused(String)
    /// The source's QEMU has ended, whoever did it.
    case ended
    /// A view of the destination's disks is begun, or it is known that none is.
    case viewed
    /// The guest was resumed at the destination.
    case resumed
    /// It could not be.
    case notResumed(String)
  }

  /// What is to be done.
  public enum Effect: Sendable, Hashable {
    /// Journal that the source's QEMU never runs the guest again; report `noted`.
    case note
    /// Kill the source's QEMU.
    case kill
    /// Begin a view of the destination's disks within a short time; report `viewed` either way.
    case takeView
    /// Resume the guest at the destination.
    case resumeDestination
  }

  /// Where it stands.
  public private(set) var phase = Phase.watching(hasLeft: false, hasArrived: false)
  /// Why the source's QEMU was left to end by itself; nil where it was not.
  public private(set) var waitedFor: String?
  private var sourceHasEnded = false
  private let takesView: Bool

  /// A fence that watches.
  ///
  /// - Parameter takesView: Whether a view of the disks is taken before the guest is resumed.
  public init(takesView: Bool = false) { self.takesView = takesView }

  /// Whether nothing more will come of it.
  public var hasEnded: Bool {
    switch phase {
    case .resumed, .failed: true
    default: false
    }
  }

  /// Takes an event and returns what is to be done. Late and duplicate events return `[]`.
  public mutating func apply(_ event: Event) -> [Effect] {
    switch (phase, event) {
    case (.watching(_, let hasArrived), .left): return watch(hasLeft: true, hasArrived: hasArrived)
    case (.watching(let hasLeft, _), .arrived): return watch(hasLeft: hasLeft, hasArrived: true)
    case (.noting, .noted):
      phase = .ending
      return end()
    case (.ending, .ended), (.watching, .ended), (.noting, .ended):
      sourceHasEnded = true
      return phase == .ending ? end() : []
    case (_, .refused(let why)) where !sourceHasEnded:
      waitedFor = waitedFor ?? why
      return []
    case (.viewing, .viewed):
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

  private mutating func watch(hasLeft: Bool, hasArrived: Bool) -> [Effect] {
    guard hasLeft, hasArrived else {
      phase = .watching(hasLeft: hasLeft, hasArrived: hasArrived)
      return []
    }
    phase = .noting
    return [.note]
  }

  private mutating func end() -> [Effect] {
    guard sourceHasEnded else { return waitedFor == nil ? [.kill] : [] }
    phase = takesView ? .viewing : .resuming
    return [takesView ? .takeView : .resumeDestination]
  }
}
