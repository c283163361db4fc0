import Dispatch

/// Holds threads back until it is opened.
struct Gate: Sendable {
  private let semaphore = DispatchSemaphore(value: 0)

  /// Blocks the thread; only for a lane's own threads.
  func waitBlocking() {
    semaphore.wait()
    semaphore.signal()
  }

  func open() {
    semaphore.signal()
  }
}
