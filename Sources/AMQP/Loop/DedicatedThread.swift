#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#endif

/// A thread that runs one function. Blocking calls of a C library must not take threads of Swift's own pool.
enum DedicatedThread {
  private final class Body {
    let run: @Sendable () -> Void
    init(_ run: @escaping @Sendable () -> Void) { self.run = run }
  }

  /// In bytes; only pages that are touched take memory. librabbitmq decodes a table inside a table by recursion: the 26,000 that
  /// a frame of 128 KiB can hold take more than 2 MiB, which is the default where the limit of the stack is lifted.
  private static let stackSize = 8 << 20

  /// Starts a detached thread.
  static func start(_ run: @escaping @Sendable () -> Void) throws(AMQPError) {
    // The reference is handed to the new thread, which releases it.
    let body = unsafe Unmanaged.passRetained(Body(run))
    var attributes = pthread_attr_t()
    unsafe pthread_attr_init(&attributes)
    defer { unsafe pthread_attr_destroy(&attributes) }
    unsafe pthread_attr_setstacksize(&attributes, stackSize)
    var thread = pthread_t()
    let status = unsafe pthread_create(&thread, &attributes, runBody, body.toOpaque())
    guard status == 0 else {
      unsafe body.release()
      throw AMQPError(.connectFailed, operation: "start a thread", message: "pthread_create failed with \(status)")
    }
    pthread_detach(thread)
  }

  /// Called by pthread_create on the new thread, once.
  private static let runBody: @convention(c) (UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? = { pointer in
    if let pointer = unsafe pointer {
      unsafe Unmanaged<Body>.fromOpaque(pointer).takeRetainedValue().run()
    }
    return nil
  }
}
