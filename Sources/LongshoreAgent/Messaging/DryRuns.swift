internal import LongshoreMessages

/// The dry runs that wait for the destination's table of checks.
actor DryRuns {
  private var waiting: [MigrationID: CheckedContinuation<[Check], Never>] = [:]

  /// Hands the destination's table to the dry run that waits for it.
  func deliver(_ checks: [Check], to id: MigrationID) { waiting.removeValue(forKey: id)?.resume(returning: checks) }

  /// The destination's table, after `ask` was done; `fallback` where none comes in time.
  func checks(
    of id: MigrationID, fallback: [Check], milliseconds: Int64, clock: any HostClock, ask: @escaping @Sendable () async -> [Check]?
  ) async -> [Check] {
    await withCheckedContinuation { continuation in
      deliver(fallback, to: id)
      waiting[id] = continuation
      Task {
        if let answer = await ask() { return deliver(answer, to: id) }
        try? await clock.wait(milliseconds: milliseconds)
        deliver(fallback, to: id)
      }
    }
  }
}
