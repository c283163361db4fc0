internal import CNBD

/// A connection to one export of an NBD server.
///
/// Its calls block, for as long as the server takes and the limit allows, but for `isCancelled`, which is asked several times a second.
/// It belongs to one thread at a time, which the compiler sees to: it cannot be copied or shared.
///
/// It is safe: the handle belongs to this value alone, and is closed with it. libnbd calls back only within its own calls.
@safe struct NBDHandle: ~Copyable {
  /// A part of an export that holds nothing but zeros, or may hold data.
  struct Run: Hashable {
    var isZero: Bool
    /// In bytes.
    var length: UInt64
  }

  /// How long libnbd waits for the server before `isCancelled` is asked again, in milliseconds.
  private static let pollInterval: Int32 = 200

  private let handle: OpaquePointer
  private let extents = Extents()
  private let isCancelled: () -> Bool
  private let limit: Duration?
  private let tellsZeros: Bool

  /// The size of the export, in bytes.
  let size: UInt64

  /// Connects.
  ///
  /// - Parameter limit: How long the server may take for any one answer; nil for ever.
  init(server: NBDServer, export: String, limit: Duration?, isCancelled: @escaping () -> Bool) throws(NBDError) {
    let operation = "connect to the NBD export \(export) at \(server)"
    guard let handle = unsafe nbd_create() else { throw Self.failure(operation) }
    do throws(NBDError) {
      try Self.check(unsafe nbd_set_export_name(handle, export), operation)
      try Self.check(unsafe nbd_add_meta_context(handle, LIBNBD_CONTEXT_BASE_ALLOCATION), operation)
      switch server {
      case .unix(let path): try Self.check(unsafe nbd_aio_connect_unix(handle, path), operation)
      case .tcp(let host, let port, let credentials):
        if let credentials {
          try Self.check(unsafe nbd_set_tls(handle, Int32(LIBNBD_TLS_REQUIRE)), operation)
          try Self.check(unsafe nbd_set_tls_verify_peer(handle, true), operation)
          try Self.check(unsafe nbd_set_tls_certificates(handle, credentials), operation)
        }
        try Self.check(unsafe nbd_aio_connect_tcp(handle, host, "\(port)"), operation)
      }
      let began = ContinuousClock.now
      while unsafe nbd_aio_is_ready(handle) != 1 {
        guard unsafe nbd_aio_is_connecting(handle) == 1 else { throw Self.failure(operation) }
        try unsafe Self.poll(handle, operation, began, limit, isCancelled)
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
    self.limit = limit
    self.isCancelled = isCancelled
  }

  deinit { unsafe nbd_close(handle) }

  /// Asks for bytes, which are in the buffer once ``wait(for:_:)`` has returned for the cookie. Until then, and if it throws until the
  /// handle is closed, the buffer belongs to libnbd.
  func ask(for buffer: UnsafeMutableRawBufferPointer, at offset: UInt64, _ operation: String) throws(NBDError) -> UInt64 {
    let cookie = unsafe nbd_aio_pread(handle, buffer.baseAddress, buffer.count, offset, nbd_completion_callback(), 0)
    guard cookie >= 0 else { throw Self.failure(operation) }
    return UInt64(cookie)
  }

  /// Waits for the answer to what has the cookie.
  func wait(for cookie: UInt64, _ operation: String) throws(NBDError) {
    let began = ContinuousClock.now
    while true {
      switch unsafe nbd_aio_command_completed(handle, cookie) {
      case 1: return
      case 0: try unsafe Self.poll(handle, operation, began, limit, isCancelled)
      default: throw Self.failure(operation)
      }
    }
  }

  /// How the export goes on at an offset: at least one run, of `count` bytes together at most, and not always of all.
  ///
  /// Servers that do not tell have no zeros.
  func runs(at offset: UInt64, count: UInt64) throws(NBDError) -> [Run] {
    guard tellsZeros else { return [Run(isZero: false, length: count)] }
    let operation = "ask for the zeros at \(offset) over NBD"
    extents.runs.removeAll(keepingCapacity: true)
    let callback = unsafe nbd_extent_callback(callback: noteExtents, user_data: Unmanaged.passUnretained(extents).toOpaque(), free: nil)
    // The protocol counts in 32 bits.
    let cookie = unsafe nbd_aio_block_status(handle, min(count, 1 << 30), offset, callback, nbd_completion_callback(), 0)
    guard cookie >= 0 else { throw Self.failure(operation) }
    try wait(for: UInt64(cookie), operation)
    // The last one may go on beyond what was asked for.
    var left = count
    var runs: [Run] = []
    for run in extents.runs where left > 0 && run.length > 0 {
      runs.append(Run(isZero: run.isZero, length: min(run.length, left)))
      left -= runs[runs.count - 1].length
    }
    guard !runs.isEmpty else { throw NBDError(operation: operation, message: "the server does not tell") }
    return runs
  }

  private static func poll(
    _ handle: OpaquePointer, _ operation: String, _ began: ContinuousClock.Instant, _ limit: Duration?, _ isCancelled: () -> Bool
  ) throws(NBDError) {
    if isCancelled() { throw NBDError(operation: operation, message: "the task was cancelled", kind: .cancelled) }
    var interval = pollInterval
    if let limit {
      let left = limit - (ContinuousClock.now - began)
      guard left > .zero else { throw NBDError(operation: operation, message: "nothing came for \(limit)", kind: .timedOut) }
      interval = Int32(min(Double(interval), left / .milliseconds(1) + 1))
    }
    try check(unsafe nbd_poll(handle, interval), operation)
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
  var runs: [NBDHandle.Run] = []
}

/// Called by libnbd within its calls, with pairs of a length and flags (nbd_block_status(3)).
private func noteExtents(
  _ data: UnsafeMutableRawPointer?, _ context: UnsafePointer<CChar>?, _ offset: UInt64, _ entries: UnsafeMutablePointer<UInt32>?,
  _ count: Int, _ error: UnsafeMutablePointer<Int32>?
) -> Int32 {
  guard let data = unsafe data, let entries = unsafe entries else { return 0 }
  // The handle that made the call holds the object until the call is over.
  let extents = unsafe Unmanaged<Extents>.fromOpaque(data).takeUnretainedValue()
  for entry in stride(from: 0, to: count - 1, by: 2) {
    extents.runs.append(
      NBDHandle.Run(isZero: unsafe entries[entry + 1] & UInt32(LIBNBD_STATE_ZERO) != 0, length: UInt64(unsafe entries[entry])))
  }
  return 0
}
