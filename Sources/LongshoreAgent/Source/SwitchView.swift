internal import DomainXML
internal import Libvirt
internal import Logging
internal import LongshoreMessages
internal import MigrationCore

/// Begins a view of a guest's disks at its destination, between the end of the source's copy and the guest's resumption: libvirt's backup
/// in pull mode keeps what they held then, whatever the guest writes.
struct SwitchView: Sendable {
  /// For how long the guest stands still for it in any case, in milliseconds.
  private static let shortest: UInt64 = 1000

  let migration: SourceMigration
  let destination: LibvirtLink
  let clock: any HostClock
  let logger: Logger

  /// For how long the guest stands still for it, in milliseconds: as long as its order lets it stand still for the switch.
  private var limit: Int64 { Int64(clamping: max(Self.shortest, migration.maxDowntimeMs ?? 0)) }

  /// Begins the view, where the guest has not run at the destination yet.
  ///
  /// - Returns: Why there is none; nil where it is begun. One that libvirt begins after the limit is not counted, and is ended with the
  ///   migration.
  func begin() async -> Reason? {
    let (ends, end) = AsyncStream<Reason?>.makeStream(bufferingPolicy: .bufferingOldest(1))
    // Calls to libvirt cannot be cancelled.
    Task { end.yield(await attempt()) }
    let limiting = Task { [clock, limit] in
      try? await clock.wait(milliseconds: limit)
      end.yield(
        Reason(
          .notVerified,
          "libvirt has not begun a view of the disks within \(limit) ms, and the guest was not to wait: a larger maxDowntimeMs lets it"))
    }
    defer { limiting.cancel() }
    // To its end, also where this task is cancelled: what was begun may be done.
    let failure = await Task {
      for await failure in ends { return failure }
      return Reason(.notVerified, "no view of the disks was begun")
    }.value
    if let failure {
      logger.warning("The disks are not compared", metadata: [LogKeys.migration: "\(migration.id)", LogKeys.reason: "\(failure)"])
    }
    return failure
  }

  private func attempt() async -> Reason? {
    guard let view = migration.preparation?.view else { return Reason(.notVerified, "the destination has prepared no view of the disks") }
    do {
      guard let domain = try await destination.connection().domain(uuid: migration.guest.uuid), try await standsStill(domain) else {
        return Reason(.notVerified, "the guest was running at the destination before a view of the disks was begun")
      }
      // An agent that died here may have begun it: the guest stands still as it did then. While any job runs, libvirt lets another wait.
      if let running = try await domain.backupXML(), BackupDescription.socket(of: running) == view.socket { return nil }
      CrashPoint.viewUnbegun.reached()
      let disks = view.scratch.map { BackupDescription.Disk(target: $0.target.text, scratch: $0.path) }
      try await domain.beginBackup(BackupDescription(socket: view.socket, disks: disks).serialized())
      CrashPoint.viewBegun.reached()
      return nil
    } catch {
      return Reason(.notVerified, Reason.of(error, "begin a view of the disks").message)
    }
  }

  private func standsStill(_ domain: Domain) async throws(LibvirtError) -> Bool { try await domain.state() == .paused(.user) }
}
