/// Lets one task at a time work at a path; others wait in the order of their coming.
actor PathTurns {
  private var busy: Set<String> = []
  private var waiting: [String: [CheckedContinuation<Void, Never>]] = [:]

  /// Does `body` when nobody else works at `path`.
  nonisolated func withTurn<Value: Sendable>(
    at path: String, _ body: @Sendable () async throws -> Value
  ) async throws -> Value {
    await take(path)
    do {
      let value = try await body()
      await give(path)
      return value
    } catch {
      await give(path)
      throw error
    }
  }

  private func take(_ path: String) async {
    if busy.insert(path).inserted { return }
    await withCheckedContinuation { waiting[path, default: []].append($0) }
  }

  private func give(_ path: String) {
    if var queue = waiting[path], !queue.isEmpty {
      let next = queue.removeFirst()
      waiting[path] = queue.isEmpty ? nil : queue
      next.resume()
    } else {
      busy.remove(path)
    }
  }
}
