internal import CRabbitMQ

/// Memory for the C values of one call, freed together.
///
/// Confined to the thread of its ``Transport``. What it hands out is valid until ``recycle()``.
@safe
final class Arena {
  private let pool: UnsafeMutablePointer<amqp_pool_t>

  init() {
    unsafe pool = .allocate(capacity: 1)
    unsafe init_amqp_pool(pool, 4096)
  }

  deinit {
    // Only frees memory; nobody else has the pool.
    unsafe empty_amqp_pool(pool)
    unsafe pool.deallocate()
  }

  /// Frees everything that was handed out.
  func recycle() { unsafe recycle_amqp_pool(pool) }

  /// Uninitialised memory for `count` values; at least one byte, since librabbitmq takes a null pointer for a failure.
  func allocate<Element>(_: Element.Type, count: Int) -> UnsafeMutablePointer<Element> {
    let size = max(1, count * MemoryLayout<Element>.stride)
    guard let memory = unsafe amqp_pool_alloc(pool, size) else { fatalError("out of memory") }
    // amqp_pool_alloc aligns to 8 bytes, enough for every type used here.
    return unsafe memory.bindMemory(to: Element.self, capacity: max(1, count))
  }

  func bytes(_ text: String) -> amqp_bytes_t { unsafe bytes(Array(text.utf8)) }

  func bytes(_ bytes: [UInt8]) -> amqp_bytes_t {
    guard !bytes.isEmpty else { return unsafe amqp_empty_bytes }
    let copy = unsafe allocate(UInt8.self, count: bytes.count)
    _ = unsafe UnsafeMutableBufferPointer(start: copy, count: bytes.count).initialize(fromContentsOf: bytes)
    return unsafe amqp_bytes_t(len: bytes.count, bytes: copy)
  }

  /// A C string.
  func cString(_ text: String) -> UnsafeMutablePointer<CChar> {
    let utf8 = Array(text.utf8)
    let copy = unsafe allocate(CChar.self, count: utf8.count + 1)
    for (index, byte) in utf8.enumerated() { unsafe copy[index] = CChar(bitPattern: byte) }
    unsafe copy[utf8.count] = 0
    return unsafe copy
  }
}

extension [UInt8] {
  /// Copies borrowed memory.
  init(_ borrowed: amqp_bytes_t) {
    guard unsafe borrowed.len > 0, let start = unsafe borrowed.bytes else {
      self = []
      return
    }
    self = unsafe Array(UnsafeRawBufferPointer(start: start, count: borrowed.len))
  }
}

extension String {
  /// Copies borrowed memory; what is not UTF-8 is replaced.
  init(_ borrowed: amqp_bytes_t) {
    self = unsafe String(decoding: [UInt8](borrowed), as: UTF8.self)
  }
}
