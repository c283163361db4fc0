/// Lets one task at a time work at a path; others wait in the order of their coming.
actor PathTurns {
  /// A task that waits for its turn.
  struct Waiter {
    var number: Int
    var turn: CheckedContinuation<Void, any Error>
  }

  private var busy: Set<String> = []
  private(set) var waiting: [String: [Waiter]] = [:]
  private var lastNumber = 0

  /// Does `body` when nobody else works at `path`.
  ///
  /// - Throws: What `body` throws, and `CancellationError` where the task is cancelled while it waits.
  nonisolated func withTurn<Value: Sendable>(
    at path: String, _ body: @Sendable () async throws -> Value
  ) async throws -> Value {
    try await take(path)
    do {
      let value = try await body()
      await give(path)
      return value
    } catch {
      await give(path)
      throw error
    }
  }

  private func take(_ path: String) async throws {
    if busy.insert(path).inserted { return }
    lastNumber += 1
    let number = lastNumber
    try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation { (turn: CheckedContinuation<Void, any Error>) in
        if Task.isCancelled { return turn.resume(throwing: CancellationError()) }
        waiting[path, default: []].append(Waiter(number: number, turn: turn))
      }
    } onCancel: {
      Task { await self.leave(path, number) }
    }
  }

  /// Takes a waiter out of the queue whose task was cancelled; one that has the turn already keeps it.
  private func leave(_ path: String, _ number: Int) {
    guard let index = waiting[path]?.firstIndex(where: { $0.number == number }) else { return }
    waiting[path]?.remove(at: index).turn.resume(throwing: CancellationError())
  }

  private func give(_ path: String) {
    if var queue = waiting[path], !queue.isEmpty {
      let next = queue.removeFirst()
      waiting[path] = queue.isEmpty ? nil : queue
      next.turn.resume()
    } else {
      waiting[path] = nil
      busy.remove(path)
    }
  }
}
