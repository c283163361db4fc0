/// Reads one export of an NBD server, here and there.
///
/// It blocks, for as long as the server takes, but for `isCancelled`, which is asked several times a second. It belongs to one thread at
/// a time, which the compiler sees to: it cannot be copied or shared.
///
/// It is safe: the buffer belongs to this value alone. libnbd writes into it within calls for bytes only, and there are none any more
/// when it is freed.
@safe public struct NBDReader: ~Copyable {
  /// The most that is read at once, in bytes: what every server takes (the protocol's recommendation).
  public static let largestRead = 4 << 20

  private let handle: NBDHandle
  private let buffer: IOBuffer

  /// Connects.
  ///
  /// - Parameters:
  ///   - server: Where the server listens.
  ///   - export: The export's name.
  ///   - isCancelled: Whether to give up.
  public init(server: NBDServer, export: String, isCancelled: @escaping () -> Bool) throws(NBDError) {
    handle = try NBDHandle(server: server, export: export, limit: nil, isCancelled: isCancelled)
    buffer = IOBuffer(byteCount: Self.largestRead)
  }

  /// The size of the export, in bytes.
  public var size: UInt64 { handle.size }

  /// Reads bytes and hands them to a body, which must not keep them.
  ///
  /// - Parameters:
  ///   - count: At most ``largestRead``; more are not read.
  ///   - body: Is called once, with the bytes.
  public func read<Value>(at offset: UInt64, count: Int, _ body: (UnsafeRawBufferPointer) -> Value) throws(NBDError) -> Value {
    let bytes = unsafe buffer.prefix(count)
    let operation = "read \(bytes.count) bytes at \(offset) over NBD"
    try handle.wait(for: unsafe handle.ask(for: bytes, at: offset, operation), operation)
    return unsafe body(UnsafeRawBufferPointer(bytes))
  }

  /// How the export goes on at an offset: whether with zeros, and how far at least; at most `count` bytes are looked at.
  ///
  /// Servers that do not tell have no zeros.
  public func run(at offset: UInt64, count: UInt64) throws(NBDError) -> (isZero: Bool, length: UInt64) {
    let first = try handle.runs(at: offset, count: count)[0]
    return (first.isZero, first.length)
  }
}
