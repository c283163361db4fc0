import Glibc

/// One of the process's standard streams.
enum StandardStream: Int32, Sendable {
  case input = 0
  case output = 1
  case error = 2

  /// Whether the stream is a terminal.
  var isTerminal: Bool { isatty(rawValue) == 1 }

  /// The terminal's width in columns; 80 where it does not tell.
  var columns: Int {
    var size = winsize()
    guard ioctl(rawValue, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return 80 }
    return Int(size.ws_col)
  }

  /// Writes all of a text.
  ///
  /// A result that cannot be written ends the process, so that nobody takes a part for all of it: as SIGPIPE does where nobody reads it,
  /// else with a line on the standard error stream. What is for that stream and cannot be written is lost.
  func write(_ text: String) {
    let failure = Self.write(text, to: rawValue)
    guard failure != 0, self == .output else { return }
    if failure == EPIPE {
      // Who started the command has the signal ignored.
      signal(SIGPIPE, SIG_DFL)
      raise(SIGPIPE)
      exit(128 + SIGPIPE)
    }
    StandardStream.error.write("Error writing the result: \(String(cString: strerror(failure)))\n")
    exit(CommandExit.unknownOutcome.rawValue)
  }

  /// Writes all of a text to a descriptor, and waits where that takes no more at once.
  /// - Returns: The `errno` of what went wrong; 0 where all is written.
  static func write(_ text: String, to descriptor: Int32) -> Int32 {
    var bytes = Array(text.utf8)[...]
    while !bytes.isEmpty {
      let count = bytes.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
      if count < 0 {
        switch errno {
        case EINTR: continue
        case EAGAIN:
          // Who started the command has made the stream one that does not wait.
          var state = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
          _ = poll(&state, 1, -1)
          continue
        case let failure: return failure
        }
      }
      bytes = bytes.dropFirst(count)
    }
    return 0
  }
}
