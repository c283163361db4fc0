/// Reads ranges of an export in order, with several requests on their way at once, so that neither the link nor the server waits.
///
/// It blocks, for as long as the server takes and the limit allows, but for `isCancelled`, which is asked several times a second. It
/// belongs to one thread at a time, which the compiler sees to: it cannot be copied or shared.
///
/// It is safe: the buffers belong to this value alone. libnbd writes into those of the requests that are on their way, within calls for
/// more only, and there are none any more when they are freed.
@safe public struct NBDStream: ~Copyable {
  /// A part of what is read.
  public struct Piece: Sendable, Hashable {
    /// The bytes of the export that it is. It lies within one of the ranges.
    public var range: Range<UInt64>
    /// Whether the server says that it holds nothing but zeros; then nothing was read.
    public var isZero: Bool
  }

  /// How much is asked for at once, in bytes.
  public static let pieceSize = 1 << 20
  /// How many requests are on their way at once: enough for 10 Gbit/s over 10 ms.
  private static let depth = 12

  private struct Request {
    var piece: Piece
    /// Of the answer; nil where there is nothing to wait for.
    var cookie: UInt64?
    var buffer: IOBuffer?
  }

  private let handle: NBDHandle
  private var ranges: ArraySlice<Range<UInt64>>
  /// Where the next request begins, within the first of the ranges.
  private var position: UInt64
  /// What is known of how the export goes on at the position; the next is the last.
  private var runs: [NBDHandle.Run] = []
  private var requests: [Request] = []
  private var free: [IOBuffer] = []

  /// Connects.
  ///
  /// - Parameters:
  ///   - server: Where the server listens.
  ///   - export: The export's name.
  ///   - ranges: What to read, in this order. None of them is empty.
  ///   - limit: How long the server may take for any one answer.
  ///   - isCancelled: Whether to give up.
  /// - Throws: also where the export is too small for the ranges.
  public init(
    server: NBDServer, export: String, ranges: [Range<UInt64>], limit: Duration, isCancelled: @escaping () -> Bool
  ) throws(NBDError) {
    let handle = try NBDHandle(server: server, export: export, limit: limit, isCancelled: isCancelled)
    if let end = ranges.map(\.upperBound).max(), end > handle.size {
      throw NBDError(
        operation: "read \(end) bytes of the NBD export \(export) at \(server)", message: "it has \(handle.size) bytes only")
    }
    self.handle = handle
    self.ranges = ranges[...]
    position = ranges.first?.lowerBound ?? 0
  }

  /// Waits for the next piece and hands it to a body; nil where there is no more.
  ///
  /// - Parameter body: Is called once, with the piece and its bytes, which it must not keep; they are none where it is all zeros.
  public mutating func next<Value>(_ body: (Piece, UnsafeRawBufferPointer) -> Value) throws(NBDError) -> Value? {
    while requests.count < Self.depth, let request = try nextRequest() { requests.append(request) }
    guard let request = requests.first else { return nil }
    if let cookie = request.cookie { try handle.wait(for: cookie, Self.operation(request.piece)) }
    requests.removeFirst()
    guard let buffer = request.buffer else { return unsafe body(request.piece, UnsafeRawBufferPointer(start: nil, count: 0)) }
    defer { free.append(buffer) }
    return unsafe body(request.piece, UnsafeRawBufferPointer(buffer.prefix(request.piece.range.count)))
  }

  private mutating func nextRequest() throws(NBDError) -> Request? {
    guard let piece = try nextPiece() else { return nil }
    guard !piece.isZero else { return Request(piece: piece) }
    let buffer = free.popLast() ?? IOBuffer(byteCount: Self.pieceSize)
    let cookie = try unsafe handle.ask(for: buffer.prefix(piece.range.count), at: piece.range.lowerBound, Self.operation(piece))
    return Request(piece: piece, cookie: cookie, buffer: buffer)
  }

  private mutating func nextPiece() throws(NBDError) -> Piece? {
    guard let range = ranges.first else { return nil }
    if runs.isEmpty { runs = try handle.runs(at: position, count: handle.size - position).reversed() }
    let run = runs.removeLast()
    var end = min(range.upperBound, position + run.length)
    if !run.isZero { end = min(end, position + UInt64(Self.pieceSize)) }
    let piece = Piece(range: position..<end, isZero: run.isZero)
    if piece.range.count < run.length { runs.append(NBDHandle.Run(isZero: run.isZero, length: run.length - UInt64(piece.range.count))) }
    position = end
    if end == range.upperBound {
      ranges.removeFirst()
      if let next = ranges.first, next.lowerBound != position {
        position = next.lowerBound
        runs = []
      }
    }
    return piece
  }

  private static func operation(_ piece: Piece) -> String {
    "read \(piece.range.count) bytes at \(piece.range.lowerBound) over NBD"
  }
}
