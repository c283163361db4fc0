internal import Libvirt
internal import Logging
internal import LongshoreMessages
internal import MigrationCore
internal import Synchronization

/// The counters of a transfer that change while anything of it moves, as they were last read.
final class TransferCounters: Sendable {
  private let counters = Mutex<[UInt64]?>(nil)

  /// The counters; nil where none were read yet.
  var latest: [UInt64]? { counters.withLock(\.self) }

  /// Takes in what libvirt tells of the transfer.
  func note(_ statistics: JobStatistics, disks: [Progress.Disk]) {
    let all = [statistics.dataProcessed, statistics.memoryProcessed, statistics.memoryIteration].map { $0 ?? 0 } + disks.map(\.bytes.done)
    counters.withLock { $0 = all }
  }
}

/// Watches over a transfer for a standstill, which neither QEMU nor libvirt may ever end, and gets them out of it where that is safe.
struct Standstill: Sendable {
  /// How often it looks, in milliseconds.
  private static let interval: Int64 = 500

  private let migration: SourceMigration
  private let hosts: BothHosts
  private let clock: any HostClock
  private let logger: Logger
  private let report: @Sendable (SourceEvent) async -> Void

  init(
    of migration: SourceMigration, hosts: BothHosts, clock: any HostClock, logger: Logger,
    report: @escaping @Sendable (SourceEvent) async -> Void
  ) {
    self.migration = migration
    self.hosts = hosts
    self.clock = clock
    self.logger = logger
    self.report = report
  }

  private var metadata: Logger.Metadata { [LogKeys.migration: "\(migration.id)"] }
  private var seconds: Int64 { migration.patience.attention / 1000 }

  /// Watches until cancelled.
  func watch(_ counters: TransferCounters) async {
    var watch = StallWatch(patience: migration.patience.attention)
    var suspendedSince: Int64?
    var lastCounters: [UInt64]?
    var wasRelieved = false
    // Also by an agent that has died since.
    var isOperatorCalled = migration.attention?.code == .transferStalled
    // One of its own: calls that wait for a QEMU that does not answer can hold all places that the daemon gives a connection.
    var connection: LibvirtConnection?
    while !Task.isCancelled {
      let isStill = watch.isStill(counters.latest, at: clock.now().bootMilliseconds)
      let state = await state(by: &connection)
      if isStill, let state {
        if wasRelieved, case .running = state {
          isOperatorCalled = true
          await reportLasting()
        }
        wasRelieved = await relieve(state, again: wasRelieved)
        if !wasRelieved, state != .paused(.migration) {
          isOperatorCalled = true
          await reportHeld()
        }
      }
      // A guest that is suspended until it has moved stands still for as long as something is copied.
      let latest = counters.latest
      let hasMoved = latest != lastCounters
      if hasMoved, lastCounters != nil, isOperatorCalled {
        isOperatorCalled = false
        await report(.transferMoves)
      }
      lastCounters = latest
      if state == .paused(.migration) {
        let now = clock.now().bootMilliseconds
        let since = hasMoved ? now : suspendedSince ?? now
        suspendedSince = since
        if now - since >= migration.patience.attention {
          isOperatorCalled = true
          await reportSuspended(seconds: (now - since) / 1000)
        }
      } else {
        suspendedSince = nil
      }
      guard (try? await clock.wait(milliseconds: Self.interval)) != nil else { break }
    }
    await connection?.close()
  }

  /// The guest's state here; nil where libvirt does not tell.
  private func state(by connection: inout LibvirtConnection?) async -> DomainState? {
    do throws(LibvirtError) {
      let open = if let connection { connection } else { try await LibvirtConnection.open(hosts.source.uri) }
      connection = open
      return try await open.domain(uuid: migration.guest.uuid)?.state()
    } catch {
      if error.isConnectionLost { connection = nil }
      return nil
    }
  }

  // MARK: - Relief

  /// Fails a transfer that stands still, where that is safe. Returns whether it tried.
  private func relieve(_ state: DomainState, again: Bool) async -> Bool {
    let there = await hosts.observeDestination(migration)
    let guest: StallRelief.Guest =
      switch state {
      case .running: .running
      case .paused(.migration): .suspended
      default: .other
      }
    guard StallRelief.isSafe(for: guest, destination: there, isFenced: migration.isFenced) else {
      logger.notice(
        "Nothing was copied for \(seconds) s",
        metadata: metadata.merging(["guest.state": "\(state)", "destination": "\(there)"]) { $1 })
      return false
    }
    let hasEnded = await endConnections()
    if again || !hasEnded, !Task.isCancelled { abort() }
    return true
  }

  /// Ends what QEMU has open to the destination: it may wait for answers that never come, and libvirt for it. Returns whether there was
  /// anything.
  private func endConnections() async -> Bool {
    guard let endpoint = migration.preparation?.endpoint else { return false }
    do throws(ImageError) {
      let process = try QEMUProcess(guest: migration.guest.name, uuid: migration.guest.uuid)
      defer { process.close() }
      let addresses = try await BlockingWork.run { () throws(ImageError) in try HostLookup.addresses(of: endpoint.migrationAddress) }
      let ended = try await QEMUConnections().end(of: process.pid, to: addresses)
      guard !ended.isEmpty else { return false }
      logger.warning(
        "Nothing was copied for \(seconds) s, and the destination does not have the guest: QEMU's connections to it are ended",
        metadata: metadata.merging(["connections": "\(ended.map(\.remote))"]) { $1 })
      return true
    } catch {
      logger.error(
        "Nothing is copied, and QEMU's connections to the destination cannot be ended",
        metadata: metadata.merging([LogKeys.error: "\(error)"]) { $1 })
      return false
    }
  }

  /// Aborts libvirt's job. libvirt 9.0 can miss that QEMU has ended a copy to a destination that is gone, and waits until something
  /// else happens to the guest, which this is.
  private func abort() {
    logger.warning(
      "Nothing was copied for \(seconds) s, and the destination does not have the guest: libvirt's migration of it is aborted",
      metadata: metadata)
    // Not waited for: it does not return while QEMU does not answer.
    Task {
      do throws(LibvirtError) {
        let connection = try await LibvirtConnection.open(hosts.source.uri)
        try await connection.domain(uuid: migration.guest.uuid)?.abortJob()
        await connection.close()
      } catch {
        logger.notice("The migration cannot be aborted", metadata: metadata.merging([LogKeys.error: "\(error)"]) { $1 })
      }
    }
  }

  // MARK: - Reports

  /// Reports a transfer that still stands although its connections were ended or its job aborted.
  private func reportLasting() async {
    let host = migration.source.host
    await report(
      .transferStalled(
        Reason(
          .transferStalled,
          "nothing was copied for \(2 * seconds) s, the destination does not have the guest, and libvirt at \(host) does not end the migration: the guest runs on; restart libvirtd there (`systemctl restart libvirtd`), which does not stop guests"
        )))
  }

  /// Reports a transfer that stands still and is left alone, since the destination is still at it.
  private func reportHeld() async {
    let (source, destination) = (migration.source.host, migration.destination.host)
    await report(
      .transferStalled(
        Reason(
          .transferStalled,
          "nothing was copied for \(seconds) s, though the copy at \(destination) is there: the guest stays at \(source) as it was; see whether the pools at \(destination) answer, with which it goes on by itself"
        )))
  }

  /// Reports a guest that stands still for the switch and has done so for longer than an operator should wait to hear of it.
  /// Asked while QEMU exits after the switch, libvirt answers late, and the guest is gone then.
  private func reportSuspended(seconds: Int64) async {
    await report(
      .transferStalled(
        Reason(
          .transferStalled,
          "the guest has stood still at \(migration.source.host) for \(seconds) s, and libvirt neither ends its migration nor gives it up: see `virsh domjobinfo` there; where the destination does not have the guest, only ending it (`virsh destroy`) frees it"
        )))
  }
}
