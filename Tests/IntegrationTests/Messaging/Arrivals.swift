/// What has come out of a queue, for tests to wait on.
actor Arrivals<Element: Sendable> {
  /// Nothing that was waited for came.
  struct TimedOut: Error, CustomStringConvertible {
    var description: String
  }

  private(set) var all: [Element] = []
  private var watchers: [Int: AsyncStream<Void>.Continuation] = [:]
  private var lastWatcher = 0

  /// Adds what has arrived.
  func add(_ element: Element) {
    all.append(element)
    for watcher in watchers.values { watcher.yield() }
  }

  /// Returns what `find` makes of everything that has arrived, as soon as it makes something of it.
  func wait<Value: Sendable>(
    for what: String, within timeout: Duration = .seconds(300), _ find: @escaping @Sendable ([Element]) throws -> Value?
  ) async throws -> Value {
    try await withThrowingTaskGroup(of: Value.self) { group in
      group.addTask { try await self.found(find) }
      group.addTask {
        // The limit of the wait, which ends with what is waited for: only a failure lasts so long.
        try await Task.sleep(for: timeout)
        throw TimedOut(description: "\(what) did not come within \(timeout); there is: \(await self.all)")
      }
      defer { group.cancelAll() }
      guard let value = try await group.next() else { throw CancellationError() }
      return value
    }
  }

  private func found<Value>(_ find: @Sendable ([Element]) throws -> Value?) async throws -> Value {
    for await _ in changes() {
      if let value = try find(all) { return value }
    }
    throw CancellationError()
  }

  /// An element at once and one after each arrival.
  private func changes() -> AsyncStream<Void> {
    let (stream, watcher) = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))
    lastWatcher += 1
    let number = lastWatcher
    watchers[number] = watcher
    watcher.onTermination = { _ in Task { await self.forget(number) } }
    watcher.yield()
    return stream
  }

  private func forget(_ number: Int) { watchers[number] = nil }
}
