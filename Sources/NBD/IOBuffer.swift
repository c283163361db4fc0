/// Memory that libnbd reads into, aligned for direct I/O.
///
/// It is safe: the memory belongs to this object alone, and is freed with it.
@safe final class IOBuffer {
  private let bytes: UnsafeMutableRawBufferPointer

  init(byteCount: Int) { unsafe bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: byteCount, alignment: 4096) }

  deinit { unsafe bytes.deallocate() }

  /// The first bytes, as many as there are at most; good for as long as the object lives.
  func prefix(_ count: Int) -> UnsafeMutableRawBufferPointer { unsafe UnsafeMutableRawBufferPointer(rebasing: bytes.prefix(count)) }
}
