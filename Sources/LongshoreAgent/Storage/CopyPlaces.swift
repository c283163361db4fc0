/// Lets so many tasks at a time copy templates into this host; others wait in the order of their coming.
actor CopyPlaces {
  private struct Waiter {
    var number: Int
    var turn: CheckedContinuation<Void, any Error>
  }

  /// How many may copy at once.
  private(set) var limit: Int
  private var taken = 0
  private var waiting: [Waiter] = []
  private var lastNumber = 0

  init(limit: Int) { self.limit = limit }

  /// Lets another number copy at once from now on. Those that copy go on.
  func use(limit: Int) {
    self.limit = limit
    while taken < limit, !waiting.isEmpty {
      taken += 1
      waiting.removeFirst().turn.resume()
    }
  }

  /// How many copy.
  var takenCount: Int { taken }

  /// How many wait.
  var waitingCount: Int { waiting.count }

  /// Does `body` when there is a place.
  ///
  /// - Parameter mustWait: Called before where there is none, with how many wait already.
  /// - Throws: What `body` throws, and `CancellationError` where the task is cancelled while it waits.
  nonisolated func withPlace<Value: Sendable>(
    mustWait: @Sendable (Int) async -> Void, _ body: @Sendable () async throws -> Value
  ) async throws -> Value {
    if let before = await takeAtOnce() {
      await mustWait(before)
      try await take()
    }
    do {
      let value = try await body()
      await give()
      return value
    } catch {
      await give()
      throw error
    }
  }

  /// Takes a place where there is one; else returns how many wait already.
  private func takeAtOnce() -> Int? {
    guard taken < limit, waiting.isEmpty else { return waiting.count }
    taken += 1
    return nil
  }

  private func take() async throws {
    if takeAtOnce() == nil { return }
    lastNumber += 1
    let number = lastNumber
    try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation { (turn: CheckedContinuation<Void, any Error>) in
        if Task.isCancelled { return turn.resume(throwing: CancellationError()) }
        waiting.append(Waiter(number: number, turn: turn))
      }
    } onCancel: {
      Task { await self.leave(number) }
    }
  }

  /// Takes a waiter out of the line whose task was cancelled; one that has a place already keeps it.
  private func leave(_ number: Int) {
    guard let index = waiting.firstIndex(where: { $0.number == number }) else { return }
    waiting.remove(at: index).turn.resume(throwing: CancellationError())
  }

  private func give() {
    if waiting.isEmpty || taken > limit {
      taken -= 1
    } else {
      waiting.removeFirst().turn.resume()
    }
  }
}
