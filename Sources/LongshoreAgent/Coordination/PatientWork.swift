internal import Libvirt
internal import Logging
internal import LongshoreMessages

/// Work of an effect that is done until it has a result.
struct PatientWork: Sendable {
  let clock: any HostClock
  let logger: Logger

  /// Does work until it has a result. While libvirt is away, and where `failed` has no event for the failure, it is tried again.
  ///
  /// - Parameters:
  ///   - operation: What is done, as it is said of a failure: "make the stubs".
  ///   - id: The migration or the prefetch that it is for.
  ///   - failed: The event for a failure; nil where it is tried again.
  ///   - report: Gets the event; not called where the task is cancelled.
  ///   - work: The work.
  func untilDone<Event>(
    _ operation: String, of id: MigrationID, failed: (Reason) -> Event?, report: (Event) async -> Void, _ work: () async throws -> Event
  ) async {
    var waits = BackOffSteps()
    while !Task.isCancelled {
      do {
        return await report(try await work())
      } catch {
        if Task.isCancelled { return }
        let reason = Reason.of(error, operation)
        logger.warning("An effect failed", metadata: [LogKeys.migration: "\(id)", LogKeys.reason: "\(reason)"])
        let isAway = (error as? LibvirtError).map { $0.isConnectionLost || $0.code == .notConnected } ?? false
        if !isAway, let event = failed(reason) { return await report(event) }
        try? await clock.wait(milliseconds: waits.step())
      }
    }
  }
}
