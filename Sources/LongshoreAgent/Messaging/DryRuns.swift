internal import LongshoreMessages

/// The dry runs that wait for the destination's table of checks.
actor DryRuns {
  private struct Waiter {
    /// Tells a dry run from a later one of the same id.
    var number: Int
    var answer: CheckedContinuation<[Check], Never>
    var limit: Task<Void, Never>
  }

  private var waiting: [MigrationID: Waiter] = [:]
  private var lastNumber = 0

  /// Hands the destination's table to the dry run that waits for it.
  func deliver(_ checks: [Check], to id: MigrationID) {
    guard let waiter = waiting.removeValue(forKey: id) else { return }
    waiter.limit.cancel()
    waiter.answer.resume(returning: checks)
  }

  /// The destination's table, after `ask` was done; `fallback` where none comes in time, or another dry run of the id begins.
  func checks(
    of id: MigrationID, fallback: [Check], milliseconds: Int64, clock: any HostClock, ask: @escaping @Sendable () async -> [Check]?
  ) async -> [Check] {
    await withCheckedContinuation { continuation in
      deliver(fallback, to: id)
      lastNumber += 1
      let number = lastNumber
      let limit = Task {
        let refusal = await ask()
        if refusal == nil { try? await clock.wait(milliseconds: milliseconds) }
        if waiting[id]?.number == number { deliver(refusal ?? fallback, to: id) }
      }
      waiting[id] = Waiter(number: number, answer: continuation, limit: limit)
    }
  }
}
