internal import Dispatch
internal import Synchronization

/// The threads of tasks that look at files, where each may block: on NFS, for as long as its server is away.
///
/// Swift's own threads are as many as there are processors: as many calls that block would hold up the whole agent. Here a thread is
/// started whenever all others are busy, up to a limit, and ends after ten idle seconds.
final class BlockingExecutor: TaskExecutor {
  /// The agent's.
  static let shared = BlockingExecutor(limit: 256)

  private struct State {
    var jobs: [UnownedJob] = []
    var threads = 0
    /// How many of them wait for a job.
    var idle = 0
  }

  private static let idleTime = DispatchTimeInterval.seconds(10)

  private let limit: Int
  private let state = Mutex(State())
  /// Counts the jobs that were handed over. It may count more than there are: one that was taken by a thread that waited too long.
  private let handedOver = DispatchSemaphore(value: 0)

  /// - Parameter limit: How many threads there may be. More tasks wait.
  init(limit: Int) { self.limit = limit }

  /// Starts a task on these threads.
  static func task(_ body: @escaping @Sendable () async -> Void) { Task(executorPreference: shared, operation: body) }

  func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    let mustStart = state.withLock { state in
      state.jobs.append(job)
      guard state.jobs.count > state.idle, state.threads < limit else { return false }
      state.threads += 1
      return true
    }
    handedOver.signal()
    guard mustStart, OwnThread.start({ self.work() }) != 0 else { return }
    // The system gives no more threads: those that are there do it or, where there is none, one of Swift's. Not this one, which may hold
    // what the job needs.
    let isAlone = state.withLock { state in
      state.threads -= 1
      return state.threads == 0
    }
    if isAlone { DispatchQueue.global().async { while let job = self.next() { self.run(job) } } }
  }

  private func work() {
    while true {
      state.withLock { $0.idle += 1 }
      let isLate = handedOver.wait(timeout: .now() + Self.idleTime) == .timedOut
      let job = state.withLock { state -> UnownedJob? in
        state.idle -= 1
        if !state.jobs.isEmpty { return state.jobs.removeFirst() }
        if isLate { state.threads -= 1 }
        return nil
      }
      if let job { run(job) } else if isLate { return }
    }
  }

  private func next() -> UnownedJob? { state.withLock { $0.jobs.isEmpty ? nil : $0.jobs.removeFirst() } }

  private func run(_ job: UnownedJob) { job.runSynchronously(on: asUnownedTaskExecutor()) }

  /// How many threads there are.
  var threadCount: Int { state.withLock { $0.threads } }
}
