internal import CNBD

/// A connection to an NBD server at a Unix socket, by which one export is read.
///
/// It blocks, for as long as the server takes, but for `isCancelled`, which is asked several times a second. It belongs to one thread at
/// a time, which the compiler sees to: it cannot be copied or shared.
///
/// It is safe: the handle and the buffer belong to this value alone. libnbd writes into the buffer and calls back only within its own
/// calls, and not any more after `nbd_close(3)`, which comes before the buffer is freed.
@safe public struct NBDReader: ~Copyable {
  /// The most that is read at once, in bytes: what every server takes (the protocol's recommendation).
  public static let largestRead = 4 << 20

  /// How long libnbd waits for the server before `isCancelled` is asked again, in milliseconds.
  private static let pollInterval: Int32 = 200

  private let handle: OpaquePointer
  private let buffer: UnsafeMutableRawBufferPointer
  private let extents: Extents
  private let isCancelled: () -> Bool
  private let tellsZeros: Bool

  /// The size of the export, in bytes.
  public let size: UInt64

  /// Connects.
  ///
  /// - Parameters:
  ///   - socket: The path of the server's socket.
  ///   - export: The export's name.
  ///   - isCancelled: Whether to give up.
  public init(socket: String, export: String, isCancelled: @escaping () -> Bool) throws(NBDError) {
    let operation = "connect to the NBD export \(export) at \(socket)"
    guard let handle = unsafe nbd_create() else { throw Self.failure(operation) }
    do throws(NBDError) {
      try Self.check(unsafe nbd_set_export_name(handle, export), operation)
      try Self.check(unsafe nbd_add_meta_context(handle, LIBNBD_CONTEXT_BASE_ALLOCATION), operation)
      try Self.check(unsafe nbd_aio_connect_unix(handle, socket), operation)
      while unsafe nbd_aio_is_ready(handle) != 1 {
        guard unsafe nbd_aio_is_connecting(handle) == 1 else { throw Self.failure(operation) }
        try unsafe Self.poll(handle, operation, isCancelled)
      }
      let size = unsafe nbd_get_size(handle)
      guard size >= 0 else { throw Self.failure(operation) }
      self.size = UInt64(size)
      tellsZeros = unsafe nbd_can_meta_context(handle, LIBNBD_CONTEXT_BASE_ALLOCATION) == 1
    } catch {
      unsafe nbd_close(handle)
      throw error
    }
    unsafe self.handle = handle
    unsafe buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: Self.largestRead, alignment: 4096)
    extents = Extents()
    self.isCancelled = isCancelled
  }

  deinit {
    unsafe nbd_close(handle)
    unsafe buffer.deallocate()
  }

  /// Reads bytes and hands them to a body, which must not keep them.
  ///
  /// - Parameters:
  ///   - count: At most ``largestRead``; more are not read.
  ///   - body: Is called once, with the bytes.
  public func read<Value>(at offset: UInt64, count: Int, _ body: (UnsafeRawBufferPointer) -> Value) throws(NBDError) -> Value {
    let count = min(count, Self.largestRead)
    let operation = "read \(count) bytes at \(offset) over NBD"
    let cookie = unsafe nbd_aio_pread(handle, buffer.baseAddress, count, offset, nbd_completion_callback(), 0)
    try wait(for: cookie, operation)
    return unsafe body(UnsafeRawBufferPointer(rebasing: buffer.prefix(count)))
  }

  /// How the export goes on at an offset: whether with zeros, and how far at least; at most `count` bytes are looked at.
  ///
  /// Servers that do not tell have no zeros.
  public func run(at offset: UInt64, count: UInt64) throws(NBDError) -> (isZero: Bool, length: UInt64) {
    guard tellsZeros else { return (false, count) }
    let operation = "ask for the zeros at \(offset) over NBD"
    extents.first = nil
    let callback = unsafe nbd_extent_callback(callback: noteExtents, user_data: Unmanaged.passUnretained(extents).toOpaque(), free: nil)
    // The protocol counts in 32 bits.
    let cookie = unsafe nbd_aio_block_status(handle, min(count, 1 << 30), offset, callback, nbd_completion_callback(), 0)
    try wait(for: cookie, operation)
    guard let first = extents.first, first.length > 0 else {
      throw NBDError(operation: operation, message: "the server does not tell")
    }
    return (first.flags & UInt32(LIBNBD_STATE_ZERO) != 0, min(UInt64(first.length), count))
  }

  private func wait(for cookie: Int64, _ operation: String) throws(NBDError) {
    guard cookie >= 0 else { throw Self.failure(operation) }
    while true {
      switch unsafe nbd_aio_command_completed(handle, UInt64(cookie)) {
      case 1: return
      case 0: try unsafe Self.poll(handle, operation, isCancelled)
      default: throw Self.failure(operation)
      }
    }
  }

  private static func poll(_ handle: OpaquePointer, _ operation: String, _ isCancelled: () -> Bool) throws(NBDError) {
    if isCancelled() { throw NBDError(operation: operation, message: "the task was cancelled", isCancelled: true) }
    try check(unsafe nbd_poll(handle, pollInterval), operation)
  }

  private static func check(_ result: Int32, _ operation: String) throws(NBDError) {
    if result < 0 { throw failure(operation) }
  }

  /// The error of the call that has just failed on this thread.
  private static func failure(_ operation: String) -> NBDError {
    NBDError(operation: operation, message: unsafe nbd_get_error().map { unsafe String(cString: $0) } ?? "libnbd gives no reason")
  }
}

/// Where libnbd's answer to a question for zeros goes.
private final class Extents {
  var first: (length: UInt32, flags: UInt32)?
}

/// Called by libnbd within its calls, with pairs of a length and flags (nbd_block_status(3)).
private func noteExtents(
  _ data: UnsafeMutableRawPointer?, _ context: UnsafePointer<CChar>?, _ offset: UInt64, _ entries: UnsafeMutablePointer<UInt32>?,
  _ count: Int, _ error: UnsafeMutablePointer<Int32>?
) -> Int32 {
  guard let data = unsafe data, let entries = unsafe entries, count >= 2 else { return 0 }
  // The reader that made the call holds the object until the call is over.
  let extents = unsafe Unmanaged<Extents>.fromOpaque(data).takeUnretainedValue()
  if extents.first == nil { extents.first = unsafe (entries[0], entries[1]) }
  return 0
}
