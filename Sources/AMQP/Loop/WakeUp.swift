#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#endif

/// Wakes a thread that polls: a pair of connected sockets.
final class WakeUp: Sendable {
  /// Becomes readable with ``signal()``.
  let fileDescriptor: Int32
  private let signalDescriptor: Int32

  init() throws(AMQPError) {
    var pair: [Int32] = [-1, -1]
    let type = Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
    guard unsafe socketpair(AF_UNIX, type, 0, &pair) == 0 else {
      throw AMQPError(.connectFailed, operation: "create a socket pair", message: "no file descriptor is free")
    }
    fileDescriptor = pair[0]
    signalDescriptor = pair[1]
  }

  deinit {
    close(fileDescriptor)
    close(signalDescriptor)
  }

  /// Makes the descriptor readable. May be called from any thread.
  func signal() {
    var byte: UInt8 = 0
    // Fails only when the socket is full; it is readable then anyway.
    _ = unsafe send(signalDescriptor, &byte, 1, Int32(MSG_NOSIGNAL))
  }

  /// Makes the descriptor unreadable again.
  func clear() {
    var bytes: [UInt8] = Array(repeating: 0, count: 64)
    while unsafe recv(fileDescriptor, &bytes, bytes.count, 0) == bytes.count {}
  }
}
