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
    var tasks: [Task<Void, Never>]
  }

  private var waiting: [MigrationID: Waiter] = [:]
  private var lastNumber = 0

  /// Whether a dry run of this id waits for its destination.
  func isWaiting(_ id: MigrationID) -> Bool { waiting[id] != nil }

  /// Hands the destination's answer to the dry run that waits for it.
  func deliver(_ answer: Answer, to id: MigrationID) {
    guard let waiter = waiting.removeValue(forKey: id) else { return }
    for task in waiter.tasks { task.cancel() }
    waiter.answer.resume(returning: answer)
  }

  /// The destination's answer, after `ask` was done; `fallback` where none comes in time, another dry run of the id begins, or the task is
  /// cancelled.
  func answer(
    of id: MigrationID, fallback: [Check], milliseconds: Int64, clock: any HostClock, ask: @escaping @Sendable () async -> [Check]?
  ) async -> Answer {
    deliver(Answer(checks: fallback), to: id)
    lastNumber += 1
    let number = lastNumber
    return await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        if Task.isCancelled { return continuation.resume(returning: Answer(checks: fallback)) }
        // Both at once: what is asked may have to wait for the broker.
        let asking = Task { if let refusal = await ask() { end(id, number, Answer(checks: refusal)) } }
        let limit = Task {
          guard (try? await clock.wait(milliseconds: milliseconds)) != nil else { return }
          end(id, number, Answer(checks: fallback))
        }
        waiting[id] = Waiter(number: number, answer: continuation, tasks: [asking, limit])
      }
    } onCancel: {
      Task { await self.end(id, number, Answer(checks: fallback)) }
    }
  }

  private func end(_ id: MigrationID, _ number: Int, _ answer: Answer) {
    if waiting[id]?.number == number { deliver(answer, to: id) }
  }
}
