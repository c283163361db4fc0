import Dispatch
import Glibc

/// Ctrl-C, changes of the terminal's size, and the seconds, as a stream.
enum FollowSignals {
  /// The signals from now on, until the stream's reader stops. The second Ctrl-C ends the process as it always does.
  static func stream() -> AsyncStream<FollowSignal> {
    AsyncStream { continuation in
      let queue = DispatchQueue(label: "longshore.signals")
      // The default action of SIGINT would end the process before the source below sees it.
      signal(SIGINT, SIG_IGN)
      let interrupt = DispatchSource.makeSignalSource(signal: SIGINT, queue: queue)
      interrupt.setEventHandler {
        signal(SIGINT, SIG_DFL)
        continuation.yield(.interrupt)
      }
      let resize = DispatchSource.makeSignalSource(signal: SIGWINCH, queue: queue)
      resize.setEventHandler { continuation.yield(.redraw) }
      let second = DispatchSource.makeTimerSource(queue: queue)
      second.schedule(deadline: .now() + 1, repeating: 1)
      second.setEventHandler { continuation.yield(.second) }
      let running = RunningSources(interrupt: interrupt, resize: resize, second: second)
      continuation.onTermination = { _ in running.cancel() }
      running.resume()
    }
  }

  /// The sources of a stream.
  ///
  /// `@unchecked Sendable`: they are only resumed, once, before anybody else has them, and cancelled, which libdispatch does from any
  /// thread (dispatch_source_cancel(3)); only their types, protocols of its Swift overlay, do not say so.
  private struct RunningSources: @unchecked Sendable {
    let interrupt: any DispatchSourceSignal
    let resize: any DispatchSourceSignal
    let second: any DispatchSourceTimer

    func resume() {
      interrupt.resume()
      resize.resume()
      second.resume()
    }

    func cancel() {
      interrupt.cancel()
      resize.cancel()
      second.cancel()
      signal(SIGINT, SIG_DFL)
    }
  }
}
