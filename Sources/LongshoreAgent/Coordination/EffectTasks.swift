/// The running effects of one machine: what should run is started, what should not is cancelled, and an effect starts only after
/// the cancelled ones have come to rest. They run on threads that may block, as files on NFS do.
struct EffectTasks<Key: Hashable & Sendable> {
  private var running: [Key: Task<Void, Never>] = [:]
  /// Ends when everything that was cancelled has come to rest.
  private var rest: Task<Void, Never>?

  /// Makes the running effects those of `wanted`, in their order.
  ///
  /// - Parameters:
  ///   - wanted: The keys that should run.
  ///   - body: Makes the work of a key that does not run yet.
  mutating func reconcile(_ wanted: [Key], body: (Key) -> (@Sendable () async -> Void)) {
    var stopping: [Task<Void, Never>] = []
    for key in running.keys where !wanted.contains(key) {
      guard let task = running.removeValue(forKey: key) else { continue }
      task.cancel()
      stopping.append(task)
    }
    if !stopping.isEmpty { rest = Self.end(of: stopping, after: rest) }
    for key in wanted where running[key] == nil { start(key, body(key)) }
  }

  /// Starts the work of a key, unless it runs.
  mutating func start(_ key: Key, _ body: @escaping @Sendable () async -> Void) {
    guard running[key] == nil else { return }
    let rest = rest
    running[key] = Task(executorPreference: BlockingExecutor.shared) {
      await rest?.value
      if !Task.isCancelled { await body() }
    }
  }

  /// Cancels everything and returns the task that ends when all has come to rest.
  mutating func stopAll() -> Task<Void, Never> {
    for task in running.values { task.cancel() }
    let end = Self.end(of: Array(running.values), after: rest)
    running = [:]
    rest = end
    return end
  }

  private static func end(of tasks: [Task<Void, Never>], after earlier: Task<Void, Never>?) -> Task<Void, Never> {
    Task {
      await earlier?.value
      for task in tasks { await task.value }
    }
  }
}
