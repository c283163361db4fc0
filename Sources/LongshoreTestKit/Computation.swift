import Dispatch

/// Runs what computes for long beside Swift's tasks, and waits for its result. The tasks of all tests share as many threads as there are
/// processors: one that held a thread for so long would hold up those whose time is limited.
///
/// It is not for expectations: what fails in it is not known to be of the test.
public func computing<Value: Sendable>(_ body: @escaping @Sendable () -> Value) async -> Value {
  // The queues of each quality of service have threads of their own, and none but this one has this one.
  await withCheckedContinuation { continuation in
    DispatchQueue.global(qos: .background).async { continuation.resume(returning: body()) }
  }
}
