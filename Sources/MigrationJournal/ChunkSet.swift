/// A set of chunks of a file, by their numbers from 0: one bit each.
public struct ChunkSet: Sendable, Hashable {
  private var bits: [UInt8]

  /// A set of the given chunks.
  public init(_ chunks: some Sequence<Int> = []) {
    bits = []
    for chunk in chunks { insert(chunk) }
  }

  /// A set of these bits, the lowest of the first byte being chunk 0.
  init(bits: [UInt8]) { self.bits = bits }

  /// The set's bits, without zeros at the end, so that equal sets have equal bytes.
  var bytes: [UInt8] { bits }

  /// Whether the set has a chunk.
  public func contains(_ chunk: Int) -> Bool {
    bits.indices.contains(chunk / 8) && chunk >= 0 && bits[chunk / 8] & 1 << (chunk % 8) != 0
  }

  /// Adds a chunk.
  ///
  /// - Precondition: `chunk` is not negative.
  public mutating func insert(_ chunk: Int) {
    precondition(chunk >= 0, "chunks are numbered from 0")
    if chunk / 8 >= bits.count { bits += Array(repeating: 0, count: chunk / 8 + 1 - bits.count) }
    bits[chunk / 8] |= 1 << (chunk % 8)
  }

  /// How many chunks the set has.
  public var count: Int { bits.reduce(0) { $0 + $1.nonzeroBitCount } }

  /// Whether the set has no chunk.
  public var isEmpty: Bool { bits.isEmpty }
}

extension ChunkSet: ExpressibleByArrayLiteral {
  /// A set of the given chunks.
  public init(arrayLiteral chunks: Int...) { self.init(chunks) }
}
