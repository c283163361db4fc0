internal import LongshoreMessages

/// The dry runs that wait for the destination's table of checks.
actor DryRuns {
  /// What the destination says.
  struct Answer: Sendable, Hashable {
    /// Its table.
    var checks: [Check]
    /// What an estimate needs; nil where it says nothing of it.
    var facts: DestinationFacts?
  }

  private struct Waiter {
    /// Tells a dry run from a later one of the same id.
    var number: Int
    var answer: CheckedContinuation<Answer, Never>
    var limit: Task<Void, Never>
  }

  private var waiting: [MigrationID: Waiter] = [:]
  private var lastNumber = 0

  /// Whether a dry run of this id waits for its destination.
  func isWaiting(_ id: MigrationID) -> Bool { waiting[id] != nil }

  /// Hands the destination's answer to the dry run that waits for it.
  func deliver(_ answer: Answer, to id: MigrationID) {
    guard let waiter = waiting.removeValue(forKey: id) else { return }
    waiter.limit.cancel()
    waiter.answer.resume(returning: answer)
  }

  /// The destination's answer, after `ask` was done; `fallback` where none comes in time, or another dry run of the id begins.
  func answer(
    of id: MigrationID, fallback: [Check], milliseconds: Int64, clock: any HostClock, ask: @escaping @Sendable () async -> [Check]?
  ) async -> Answer {
    await withCheckedContinuation { continuation in
      deliver(Answer(checks: fallback), to: id)
      lastNumber += 1
      let number = lastNumber
      let limit = Task {
        let refusal = await ask()
        if refusal == nil { try? await clock.wait(milliseconds: milliseconds) }
        if waiting[id]?.number == number { deliver(Answer(checks: refusal ?? fallback), to: id) }
      }
      waiting[id] = Waiter(number: number, answer: continuation, limit: limit)
    }
  }
}
