internal import Libvirt
internal import Logging
internal import LongshoreMessages
internal import MigrationCore

/// Carries a ``Fence`` out while a transfer runs: watches both hosts, ends the source's QEMU, resumes the guest at the destination.
struct HandoverFence: Sendable {
  /// What came of it.
  struct Outcome: Sendable {
    /// When the source's guest was heard to be suspended for the switch; nil where it was not.
    var suspendedAt: Now?
    /// When the guest was resumed at the destination; nil where this fence did not do it.
    var resumedAt: Now?
    /// Why the source's QEMU was left to end by itself; nil where it was not.
    var waitedFor: String?
  }

  /// The pause between two looks, in milliseconds: short while the guest stands still, longer where it stands still for long.
  private static let lookInterval: (first: Int64, later: Int64) = (2, 50)
  /// After how many looks the longer pause begins.
  private static let shortLooks = 500
  /// How long one wait for the end of QEMU lasts: a cancelled fence comes to rest after it.
  private static let endInterval = Duration.milliseconds(100)

  /// For how long the guest stands still for the sake of the note, in milliseconds.
  private static let noteLimit: Int64 = 1000

  let guest: GuestReference
  let source: LibvirtLink
  let destination: LibvirtLink
  /// When the migration was accepted: libvirt's notes of it are younger.
  let acceptedAt: Timestamp
  /// Whether another run of this agent has begun the transfer, which may be long over.
  let isFollowing: Bool
  /// Whether the journal says that the source's QEMU never runs the guest again, and that the destination has it.
  let isNoted: Bool
  /// Journals that, and returns when it is on the disk, however long that takes.
  let note: @Sendable () async -> Void
  /// Begins a view of the disks at the destination; nil where none is asked for.
  let view: SwitchView?
  /// Journals whether the view is begun: nil, or why it is not.
  let noteView: @Sendable (Reason?) async -> Void
  let clock: any HostClock
  let logger: Logger

  /// Watches until the guest was resumed at the destination, or the task is cancelled.
  func run() async -> Outcome {
    var outcome = Outcome()
    var fence = Fence(takesView: view != nil)
    let (events, mailbox) = AsyncStream<Fence.Event>.makeStream()
    let qemu = await find()
    defer { qemu?.close() }
    if qemu == nil { mailbox.yield(.refused("its process could not be taken hold of")) }
    let here = await source.events()
    let there = await destination.events()
    let suspension = Task { await suspended(here) }
    let watching = Task { await watch(there) { mailbox.yield($0) } }
    let ending = Task { await watchEnd(of: qemu) { mailbox.yield($0) } }
    for await event in events {
      var effects = fence.apply(event)[...]
      while let effect = effects.popFirst() {
        if let event = await carryOut(effect, qemu) { effects += fence.apply(event) }
      }
      if case .resumed = fence.phase { outcome.resumedAt = clock.now() }
      if fence.hasEnded { break }
    }
    suspension.cancel()
    watching.cancel()
    ending.cancel()
    // It uses the process's descriptor, which is closed next.
    if qemu != nil { await ending.value }
    outcome.suspendedAt = await suspension.value
    outcome.waitedFor = reason(fence)
    return outcome
  }

  /// Logs what came of the fence, and returns why the source's QEMU was left to end by itself.
  private func reason(_ fence: Fence) -> String? {
    let metadata: Logger.Metadata = [LogKeys.guest: "\(guest.uuid)"]
    switch fence.phase {
    case .resumed: logger.info("The guest goes on at the destination", metadata: metadata)
    case .failed(let why):
      logger.error("The guest cannot be resumed at the destination", metadata: metadata.merging([LogKeys.reason: "\(why)"]) { $1 })
    case .watching(hasLeft: false, hasArrived: true):
      return fence.waitedFor ?? "libvirt's note that the guest has left the source was not seen in QEMU's log"
    default: break
    }
    return fence.waitedFor
  }

  // MARK: - Deeds

  private func carryOut(_ effect: Fence.Effect, _ qemu: QEMUProcess?) async -> Fence.Event? {
    switch effect {
    case .note:
      await writeNote()
      return .noted
    case .kill:
      do throws(ImageError) {
        try qemu?.kill()
        return nil
      } catch {
        return .refused("\(error)")
      }
    case .takeView:
      let failure = await view?.begin()
      // To its end, also where this task is cancelled, and while the guest is resumed: what is begun stays begun.
      Task { [noteView] in await noteView(failure) }
      return .viewed
    case .resumeDestination:
      do {
        CrashPoint.guestUnresumed.reached()
        guard let domain = try await destination.connection().domain(uuid: guest.uuid) else {
          return .notResumed("the destination does not have it any more")
        }
        try await domain.resume()
        CrashPoint.guestResumed.reached()
        return .resumed
      } catch {
        return .notResumed("\(error)")
      }
    }
  }

  /// Journals the note, and returns when that is done, or after a while where the journal cannot be written: the guest stands still.
  /// An agent that takes over reads the same from QEMU's log, unless libvirt's daemon has died as well.
  private func writeNote() async {
    let (ends, end) = AsyncStream<Void>.makeStream()
    // To its end, also where this task is cancelled: what was begun may be on the disk.
    Task {
      await note()
      end.yield()
    }
    let limit = Task { [clock] in
      try? await clock.wait(milliseconds: Self.noteLimit)
      end.yield()
    }
    await Task { for await _ in ends.prefix(1) {} }.value
    limit.cancel()
  }

  private func find() async -> QEMUProcess? {
    let guest = guest
    do throws(ImageError) {
      return try await BlockingWork.run { () throws(ImageError) in try QEMUProcess(guest: guest.name, uuid: guest.uuid) }
    } catch {
      logger.info(
        "The source's QEMU cannot be taken hold of", metadata: [LogKeys.guest: "\(guest.uuid)", LogKeys.error: "\(error)"])
      return nil
    }
  }

  // MARK: - Watching

  /// When the guest is suspended for the switch; nil where that is not heard of.
  private func suspended(_ events: AsyncStream<LinkEvent>) async -> Now? {
    for await case .domain(let event) in events where event.uuid == guest.uuid {
      if case .lifecycle(.suspended(.migrated)) = event.kind { return clock.now() }
    }
    return nil
  }

  /// Reports when the destination has the guest complete and paused, with no job left, and then when the source has given it up.
  private func watch(_ events: AsyncStream<LinkEvent>, report: (Fence.Event) -> Void) async {
    // Somebody may have started the guest here again while this agent was away: what runs is then nothing to be ended.
    if isFollowing, await runsUnmoved() { return }
    if !isNoted { await arrival(events) }
    guard !Task.isCancelled else { return }
    report(.arrived)
    let log = QEMULog(guest: guest.name)
    if !isNoted { await repeatedly { await log.saysMigrated(since: acceptedAt) } }
    if !Task.isCancelled { report(.left) }
  }

  /// Returns when the destination has the guest complete and paused, with no job left.
  private func arrival(_ events: AsyncStream<LinkEvent>) async {
    // It may have arrived before this agent began to listen, or while the destination could not be heard.
    if await hasArrived() { return }
    for await event in events {
      switch event {
      case .connected, .reconnected: if await hasArrived() { return }
      case .domain(let event):
        guard event.uuid == guest.uuid, case .lifecycle(.suspended(.paused)) = event.kind else { continue }
        return await repeatedly { await hasArrived() }
      }
    }
  }

  /// Whether the guest runs at the source, and no migration is under way. Asked until libvirt answers.
  private func runsUnmoved() async -> Bool {
    var sight = GuestSight.unreachable("")
    await repeatedly {
      guard let connection = try? await source.connection() else { return false }
      sight = await GuestSighting.look(for: guest.uuid, on: connection)
      if case .unreachable = sight { return false } else { return true }
    }
    return sight == .active(.running, job: .none) || sight == .active(.runningMigrationCanceled, job: .none)
  }

  private func hasArrived() async -> Bool {
    guard let connection = try? await destination.connection() else { return false }
    return await GuestSighting.look(for: guest.uuid, on: connection) == .active(.pausedByUser, job: .none)
  }

  /// Reports the end of the source's QEMU, or of the guest there where its process is not known.
  private func watchEnd(of qemu: QEMUProcess?, report: (Fence.Event) -> Void) async {
    guard let qemu else {
      await repeatedly { await hasEnded() }
      if !Task.isCancelled { report(.ended) }
      return
    }
    while !Task.isCancelled {
      do throws(ImageError) {
        let hasEnded = try await BlockingWork.run { () throws(ImageError) in try qemu.waitForEnd(limit: Self.endInterval) }
        if hasEnded { return report(.ended) }
      } catch {
        return report(.refused("\(error)"))
      }
    }
  }

  private func hasEnded() async -> Bool {
    guard let connection = try? await source.connection() else { return false }
    switch await GuestSighting.look(for: guest.uuid, on: connection) {
    case .absent, .inactive: return true
    case .active, .unreachable: return false
    }
  }

  /// Does a look again and again until it returns true or the task is cancelled.
  private func repeatedly(_ look: () async -> Bool) async {
    var looks = 0
    while !Task.isCancelled, await !look() {
      looks += 1
      try? await clock.wait(milliseconds: looks < Self.shortLooks ? Self.lookInterval.first : Self.lookInterval.later)
    }
  }
}
