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
  /// For how long, in milliseconds, QEMU is held frozen while the destination finishes, which takes tens of milliseconds. Where the
  /// destination's daemon is gone, the source's cannot let the guest go on before that.
  private static let holdLimit: Int64 = 2000

  let guest: GuestReference
  let source: LibvirtLink
  let destination: LibvirtLink
  /// Whether the journal says that the source's QEMU has stood still and is to be killed.
  let isNoted: Bool
  /// Journals that, and returns when it is on the disk.
  let note: @Sendable () async -> Void
  let clock: any HostClock
  let logger: Logger

  /// Watches until the guest was resumed at the destination, or the task is cancelled. Cancelling never leaves QEMU frozen.
  func run() async -> Outcome {
    var outcome = Outcome()
    var fence = Fence()
    let process = await find()
    if case .failure(let error) = process { _ = fence.apply(.refused("\(error)")) }
    let qemu = try? process.get()
    defer { qemu?.close() }
    let here = await source.events()
    let there = await destination.events()
    let (events, mailbox) = AsyncStream<(Fence.Event, Now?)>.makeStream()
    let watching = Task { await watchSource(here, qemu) { mailbox.yield(($0, $1)) } }
    let looking = Task { await watchDestination(there) { mailbox.yield(($0, nil)) } }
    var holding: Task<Void, Never>?
    for await (event, suspendedAt) in events {
      outcome.suspendedAt = outcome.suspendedAt ?? suspendedAt
      let before = fence.phase
      await carryOut(fence.apply(event), of: &fence, qemu)
      log(fence.phase, after: before)
      if fence.phase == .holding, before != .holding {
        holding?.cancel()
        holding = Task { [clock] in
          guard (try? await clock.wait(milliseconds: Self.holdLimit)) != nil else { return }
          mailbox.yield((.missed, nil))
        }
      }
      if case .resumed = fence.phase { outcome.resumedAt = clock.now() }
      if fence.hasEnded { break }
    }
    holding?.cancel()
    watching.cancel()
    looking.cancel()
    // The transfer has ended otherwise, and what is frozen is the guest's own copy.
    await carryOut(fence.apply(.missed), of: &fence, qemu)
    // It uses the process's descriptor, which is closed next.
    await watching.value
    outcome.waitedFor = fence.waitedFor
    return outcome
  }

  private func log(_ phase: Fence.Phase, after before: Fence.Phase) {
    guard phase != before else { return }
    switch phase {
    case .waiting(let why):
      logger.warning(
        "The source's QEMU is left to libvirt before the guest goes on at the destination",
        metadata: [LogKeys.guest: "\(guest.uuid)", LogKeys.reason: "\(why)"])
    case .failed(let why):
      logger.error(
        "The guest cannot be resumed at the destination", metadata: [LogKeys.guest: "\(guest.uuid)", LogKeys.reason: "\(why)"])
    case .resumed:
      logger.info("The guest goes on at the destination", metadata: [LogKeys.guest: "\(guest.uuid)"])
    case .watching, .freezing, .holding, .noting, .killing, .resuming: break
    }
  }

  // MARK: - Deeds

  private func carryOut(_ effects: [Fence.Effect], of fence: inout Fence, _ qemu: QEMUProcess?) async {
    var effects = effects[...]
    while let effect = effects.popFirst() {
      if let event = await carryOut(effect, qemu) { effects += fence.apply(event) }
    }
  }

  private func carryOut(_ effect: Fence.Effect, _ qemu: QEMUProcess?) async -> Fence.Event? {
    switch effect {
    case .freeze:
      return await deed(qemu) { qemu throws(ImageError) in
        try qemu.freeze()
        return .frozen(try qemu.runTimes())
      }
    case .note:
      // To its end, also where this task is cancelled: what was begun may be on the disk.
      await Task { await note() }.value
      return .noted
    case .kill:
      return await deed(qemu) { qemu throws(ImageError) in
        try qemu.kill()
        return try qemu.waitForEnd(limit: .seconds(10)) ? .ended : .refused("it does not end")
      }
    case .thaw:
      _ = await deed(qemu) { qemu throws(ImageError) in
        try qemu.thaw()
        return .refused("")
      }
      return nil
    case .resumeDestination:
      do {
        CrashPoint.guestUnresumed.reached()
        try await destination.connection().domain(uuid: guest.uuid)?.resume()
        CrashPoint.guestResumed.reached()
        return .resumed
      } catch {
        return .notResumed("\(error)")
      }
    }
  }

  private func deed(
    _ qemu: QEMUProcess?, _ body: @escaping @Sendable (QEMUProcess) throws(ImageError) -> Fence.Event
  ) async -> Fence.Event {
    guard let qemu else { return .refused("the source's QEMU is not known") }
    do throws(ImageError) {
      return try await BlockingWork.run { () throws(ImageError) in try body(qemu) }
    } catch {
      // What could not be done to a process that has ended meanwhile need not be done.
      return (try? qemu.waitForEnd(limit: .zero)) == true ? .ended : .refused("\(error)")
    }
  }

  // MARK: - Watching

  private func find() async -> Result<QEMUProcess, ImageError> {
    let (guest, isNoted) = (guest, isNoted)
    do throws(ImageError) {
      return .success(
        try await BlockingWork.run { () throws(ImageError) in
          let qemu = try QEMUProcess(guest: guest.name, uuid: guest.uuid)
          // An earlier run of this agent may have died with it frozen.
          if qemu.isFrozen { if isNoted { try qemu.kill() } else { try qemu.thaw() } }
          return qemu
        })
    } catch {
      return .failure(error)
    }
  }

  /// Samples the run times from the guest's suspension on, and reports the end of its QEMU.
  private func watchSource(
    _ events: AsyncStream<LinkEvent>, _ qemu: QEMUProcess?, report: @escaping @Sendable (Fence.Event, Now?) -> Void
  ) async {
    await Self.wait(for: guest.uuid, in: events) { if case .suspended(.migrated) = $0 { true } else { false } }
    guard !Task.isCancelled, let qemu else { return }
    let suspendedAt = clock.now()
    let sampling = Task {
      await repeatedly {
        if let times = await sample(qemu) { report(.sampled(times), suspendedAt) }
        return false
      }
    }
    await repeatedly {
      guard
        case .ended = await deed(qemu, { qemu throws(ImageError) in try qemu.waitForEnd(limit: Self.endInterval) ? .ended : .refused("") })
      else { return false }
      report(.ended, suspendedAt)
      return true
    }
    sampling.cancel()
  }

  /// Reads the run times, and returns them if libvirt shows afterwards that the guest had not been resumed when they were read.
  ///
  /// libvirt resumes a guest with a command to QEMU. QEMU tells of the resumption before it answers the command, and libvirt notes the
  /// guest as running before it takes the command for done (qemu_process.c, `qemuProcessHandleResume`). So with no command under way,
  /// and after that the guest still paused, none had been carried out before.
  private func sample(_ qemu: QEMUProcess) async -> RunTimes? {
    guard let times = try? qemu.runTimes(), let domain = try? await source.connection().domain(uuid: guest.uuid) else { return nil }
    guard let control = try? await domain.controlState(), control == .ok else { return nil }
    guard let state = try? await domain.state(), state == .paused(.migration) else { return nil }
    return times
  }

  /// Reports how the destination comes to have the guest complete and paused, with no job left, to the end of that.
  private func watchDestination(_ events: AsyncStream<LinkEvent>, report: (Fence.Event) -> Void) async {
    // It may have arrived before this agent, after a restart, began to listen.
    if await hasArrived() { return report(.arrived) }
    for await case .domain(let event) in events where event.uuid == guest.uuid {
      switch event.kind {
      // A persistent guest is defined first of all; libvirt notes a guest as paused when all else is done.
      case .lifecycle(.defined): report(.nearing)
      case .lifecycle(.suspended(.paused)):
        report(.nearing)
        await repeatedly { await hasArrived() }
        if !Task.isCancelled { report(.arrived) }
        return
      case .lifecycle(.stopped): report(.missed)
      default: break
      }
    }
  }

  private func hasArrived() async -> Bool {
    guard let connection = try? await destination.connection() else { return false }
    return await GuestSighting.look(for: guest.uuid, on: connection) == .active(.pausedByUser, job: .none)
  }

  /// Reads events until one of the guest's life fits, or the task is cancelled.
  private static func wait(for uuid: String, in events: AsyncStream<LinkEvent>, _ fits: (LifecycleEvent) -> Bool) async {
    for await case .domain(let event) in events where event.uuid == uuid {
      if case .lifecycle(let change) = event.kind, fits(change) { return }
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
