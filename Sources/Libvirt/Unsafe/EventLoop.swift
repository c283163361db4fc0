internal import CLibvirt
internal import CLibvirtClientLoop
internal import Glibc

/// libvirt's event loop, on a thread of its own for the life of the process.
///
/// Keep-alive, close notices and events need it. It has to be registered before the first connection is opened
/// (libvirt-event.h, `virEventRegisterDefaultImpl`) and cannot be unregistered.
enum EventLoop {
  /// Starts the loop with the first call; later calls do nothing.
  static func start() throws(LibvirtError) {
    if let failure { throw failure }
  }

  /// Whether the loops in which libvirt's client waits for answers are mended where libvirt before 10.4 needs it (client_loop.c).
  static var mendsClient: Bool { longshore_client_loop_is_mended() != 0 }

  private static let failure: LibvirtError? = {
    let call = Call(operation: "start libvirt's event loop")
    // A file-scope function: a closure would carry an isolation that is checked on libvirt's own threads.
    unsafe virSetErrorFunc(nil, ignoreError)
    do throws(LibvirtError) {
      try call.checkInitialized()
      try call.check(virEventRegisterDefaultImpl())
      // The loop waits for ever where nothing is registered; with a timer it never does.
      try call.check(unsafe virEventAddTimeout(5_000, onTimer, nil, nil))
    } catch {
      return error
    }
    var thread = pthread_t()
    guard unsafe pthread_create(&thread, nil, runEventLoop, nil) == 0 else {
      return LibvirtError(
        code: .noThread, message: "the system gives no more threads", operation: call.operation)
    }
    pthread_detach(thread)
    return nil
  }()
}

/// Replaces libvirt's default handler, which prints every error to the standard error stream.
private func ignoreError(_ context: UnsafeMutableRawPointer?, _ error: virErrorPtr?) {}

private func onTimer(_ timer: Int32, _ context: UnsafeMutableRawPointer?) {}

/// The body of the loop's thread, called by `pthread_create`.
private func runEventLoop(_ argument: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
  while true {
    // It fails only when poll() does, for want of memory: a pause keeps the loop from burning a processor.
    if virEventRunDefaultImpl() < 0 { usleep(100_000) }
  }
}
