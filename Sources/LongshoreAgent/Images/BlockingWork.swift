internal import Glibc
internal import Synchronization
internal import SystemPackage

/// Runs calls that block (files on NFS may block for minutes) each on a thread of its own.
///
/// Not on a queue of Dispatch: its threads are those that Swift's tasks run on, and there are few. Some calls that block would hold up
/// the whole agent.
enum BlockingWork {
  /// Runs a body on a thread that may block, and waits for its end.
  static func run<Value: Sendable>(
    _ body: @escaping @Sendable () throws(ImageError) -> Value
  ) async throws(ImageError) -> Value {
    let result: Result<Value, ImageError> = await withCheckedContinuation { continuation in
      let status = OwnThread.start {
        do throws(ImageError) {
          continuation.resume(returning: .success(try body()))
        } catch {
          continuation.resume(returning: .failure(error))
        }
      }
      if status != 0 { continuation.resume(returning: .failure(ImageError(Errno(rawValue: status), operation: "start a thread"))) }
    }
    return try result.get()
  }

  /// How much a thread that works in the background yields to all others of the host, guests above all (`setpriority(2)`).
  static let backgroundNiceness: CInt = 10

  /// Runs a long body that can be cancelled: it looks at `isCancelled` between its steps.
  ///
  /// - Parameter inBackground: Whether the thread yields to others, at the processors and with that at the disks (`ioprio_set(2)`: the
  ///   priority of its requests follows that of the thread).
  static func runCancellable<Value: Sendable>(
    inBackground: Bool = false,
    _ body: @escaping @Sendable (_ isCancelled: @escaping @Sendable () -> Bool) throws(ImageError) -> Value
  ) async throws(ImageError) -> Value {
    let flag = Flag()
    // `withTaskCancellationHandler` rethrows untyped; the result carries the error's type through it.
    let result: Result<Value, ImageError> = await withTaskCancellationHandler {
      do throws(ImageError) {
        return .success(
          try await run { () throws(ImageError) in
            // Of the calling thread alone, as Linux has it: each has a priority of its own. This one does nothing else afterwards.
            if inBackground { _ = setpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0, backgroundNiceness) }
            return try body { flag.isSet }
          })
      } catch {
        return .failure(error)
      }
    } onCancel: {
      flag.set()
    }
    return try result.get()
  }

  private final class Flag: Sendable {
    private let value = Atomic(false)
    var isSet: Bool { value.load(ordering: .relaxed) }
    func set() { value.store(true, ordering: .relaxed) }
  }
}

/// A detached thread that runs one function.
enum OwnThread {
  private final class Body {
    let run: @Sendable () -> Void
    init(_ run: @escaping @Sendable () -> Void) { self.run = run }
  }

  /// Starts a thread. Returns 0, or the number of the error (`pthread_create(3)`) where nothing will run.
  static func start(_ run: @escaping @Sendable () -> Void) -> Int32 {
    // The reference is handed to the new thread, which releases it.
    let body = unsafe Unmanaged.passRetained(Body(run))
    var thread = pthread_t()
    let status = unsafe pthread_create(&thread, nil, runBody, body.toOpaque())
    guard status == 0 else {
      unsafe body.release()
      return status
    }
    pthread_detach(thread)
    return 0
  }

  /// Called by pthread_create on the new thread, once.
  private static let runBody: @convention(c) (UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? = { pointer in
    if let pointer = unsafe pointer {
      unsafe Unmanaged<Body>.fromOpaque(pointer).takeRetainedValue().run()
    }
    return nil
  }
}
