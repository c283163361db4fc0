internal import Dispatch
internal import Glibc
internal import Synchronization

/// A bounded set of threads for calls that block.
///
/// A libvirt call holds its thread until the daemon answers, a migration for hours. Such calls must never hold a
/// thread of Swift's cooperative pool, of which there are only as many as processors. A lane starts a thread when
/// there is work and no idle one, up to its limit; calls beyond wait in order. A thread ends after ten idle seconds.
final class BlockingLane: Sendable {
  typealias Job = @Sendable () -> Void

  private let limit: Int
  private let state = Mutex(State())

  /// - Parameter limit: how many calls run at a time, at least one.
  init(limit: Int) {
    self.limit = max(1, limit)
  }

  /// Runs `body` on one of the lane's threads.
  ///
  /// Cancelling the task neither stops a running call, which libvirt cannot do, nor takes a waiting one out of the
  /// lane.
  func run<Value: Sendable>(
    _ call: Call, _ body: @escaping @Sendable (Call) throws(LibvirtError) -> Value
  ) async throws(LibvirtError) -> Value {
    let result: Result<Value, LibvirtError> = await withCheckedContinuation { continuation in
      let isTaken = submit {
        do throws(LibvirtError) {
          continuation.resume(returning: .success(try body(call)))
        } catch {
          continuation.resume(returning: .failure(error))
        }
      }
      if !isTaken {
        let error = LibvirtError(
          code: .noThread, message: "the system gives no more threads", operation: call.operation)
        continuation.resume(returning: .failure(error))
      }
    }
    return try result.get()
  }

  /// Hands a job over without waiting for it.
  ///
  /// - Returns: false when no thread can be started and none is there to take it; the job is then dropped.
  @discardableResult
  func submit(_ job: @escaping Job) -> Bool {
    var step: State.Step? = state.withLock { $0.submit(job, limit: limit) }
    if case .start(let worker) = step {
      if start(worker) { return true }
      step = state.withLock { $0.giveUp(worker) }
    }
    if case .wake(let worker) = step { worker.wakeUp.signal() }
    return step != nil
  }

  // MARK: Threads

  private func start(_ worker: Worker) -> Bool {
    var thread = pthread_t()
    let box = unsafe Unmanaged.passRetained(WorkerThread(lane: self, worker: worker))
    // The new thread takes the box over (`runWorkerThread`); it is taken back here when there is no such thread.
    guard unsafe pthread_create(&thread, nil, runWorkerThread, box.toOpaque()) == 0 else {
      unsafe box.release()
      return false
    }
    pthread_detach(thread)
    return true
  }

  fileprivate func work(_ worker: Worker) {
    while let job = nextJob(of: worker) { job() }
  }

  /// Waits for work; nothing when the thread shall end.
  private func nextJob(of worker: Worker) -> Job? {
    if let job = state.withLock({ $0.next(for: worker) }) { return job }
    while worker.wakeUp.wait(timeout: .now() + .seconds(10)) == .timedOut {
      // Between the time-out and the lock a job may have been handed over; then the signal is on its way.
      if state.withLock({ $0.retire(worker) }) { return nil }
    }
    return state.withLock { $0.next(for: worker) }
  }
}

extension BlockingLane {
  /// One thread of a lane.
  fileprivate final class Worker: Sendable {
    let wakeUp = DispatchSemaphore(value: 0)
  }

  /// What a new thread is given.
  fileprivate final class WorkerThread: Sendable {
    let lane: BlockingLane
    let worker: Worker

    init(lane: BlockingLane, worker: Worker) {
      self.lane = lane
      self.worker = worker
    }
  }

  private struct State {
    enum Step {
      case queued
      case wake(Worker)
      case start(Worker)
    }

    private var threads = 0
    private var idle: [Worker] = []
    private var assigned: [ObjectIdentifier: Job] = [:]
    private var waiting: [Job] = []

    mutating func submit(_ job: @escaping Job, limit: Int) -> Step {
      if let worker = idle.popLast() {
        assigned[ObjectIdentifier(worker)] = job
        return .wake(worker)
      }
      guard threads < limit else {
        waiting.append(job)
        return .queued
      }
      threads += 1
      let worker = Worker()
      assigned[ObjectIdentifier(worker)] = job
      return .start(worker)
    }

    /// The job handed to the worker, or the longest waiting one; without any the worker is idle from now on.
    mutating func next(for worker: Worker) -> Job? {
      if let job = assigned.removeValue(forKey: ObjectIdentifier(worker)) { return job }
      if !waiting.isEmpty { return waiting.removeFirst() }
      idle.append(worker)
      return nil
    }

    /// Takes an idle worker out; false when it was given a job meanwhile.
    mutating func retire(_ worker: Worker) -> Bool {
      guard let index = idle.firstIndex(where: { $0 === worker }) else { return false }
      idle.remove(at: index)
      threads -= 1
      return true
    }

    /// Undoes the start of a worker and leaves its job to another; nothing when there is none.
    mutating func giveUp(_ worker: Worker) -> Step? {
      threads -= 1
      guard let job = assigned.removeValue(forKey: ObjectIdentifier(worker)), threads > 0 else { return nil }
      return submit(job, limit: threads)
    }
  }
}

/// The body of a lane's thread, called by `pthread_create`; takes the box over.
private func runWorkerThread(_ argument: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
  guard let argument = unsafe argument else { return nil }
  let thread = unsafe Unmanaged<BlockingLane.WorkerThread>.fromOpaque(argument).takeRetainedValue()
  thread.lane.work(thread.worker)
  return nil
}
