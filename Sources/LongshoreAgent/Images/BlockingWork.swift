internal import Dispatch
internal import Synchronization

/// Runs calls that block (files on NFS may block for minutes) on threads of their own, so that they never hold a
/// thread of Swift's cooperative pool.
enum BlockingWork {
  private static let queue = DispatchQueue(label: "longshore.images", attributes: .concurrent)

  /// Runs a body on a thread that may block, and waits for its end.
  static func run<Value: Sendable>(
    _ body: @escaping @Sendable () throws(ImageError) -> Value
  ) async throws(ImageError) -> Value {
    let result: Result<Value, ImageError> = await withCheckedContinuation { continuation in
      queue.async {
        do throws(ImageError) {
          continuation.resume(returning: .success(try body()))
        } catch {
          continuation.resume(returning: .failure(error))
        }
      }
    }
    return try result.get()
  }

  /// Runs a long body that can be cancelled: it looks at `isCancelled` between its steps.
  static func runCancellable<Value: Sendable>(
    _ body: @escaping @Sendable (_ isCancelled: () -> Bool) throws(ImageError) -> Value
  ) async throws(ImageError) -> Value {
    let flag = Flag()
    // `withTaskCancellationHandler` rethrows untyped; the result carries the error's type through it.
    let result: Result<Value, ImageError> = await withTaskCancellationHandler {
      do throws(ImageError) {
        return .success(try await run { () throws(ImageError) in try body { flag.isSet } })
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
