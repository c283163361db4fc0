internal import Digests
internal import Glibc
internal import LongshoreMessages
internal import NBD

/// Reads what a disk holds as a guest sees it, from an NBD export of it, into digests.
enum ContentReader {
  /// A disk that is served over NBD.
  struct Served: Sendable {
    var target: ResourceName
    var socket: String
    var export: String
  }

  /// Reads a disk, on a thread of its own that gives way to all others.
  ///
  /// - Parameters:
  ///   - disk: The disk.
  ///   - disks: How many disks of the guest are read, by which the size of the ranges is chosen.
  ///   - advance: Is told again and again how far it is, in bytes from the disk's beginning, and how much there is in all. What it throws
  ///     ends the reading.
  static func read(
    _ disk: Served, of disks: Int, advance: @escaping @Sendable (_ done: UInt64, _ total: UInt64) throws(ImageError) -> Void
  ) async throws(ImageError) -> DiskContent {
    try await BlockingWork.runCancellable(inBackground: true) { isCancelled throws(ImageError) in
      let operation = "read the disk \(disk.target)"
      do throws(NBDError) {
        let reader = try NBDReader(server: .unix(path: disk.socket), export: disk.export, isCancelled: isCancelled)
        let rangeSize = DiskContent.rangeSize(of: reader.size, disks: disks)
        var source = Source(reader: reader)
        var digests: [String] = []
        var start: UInt64 = 0
        while start < source.size {
          let end = min(start + rangeSize, source.size)
          digests.append(try source.digest(from: start, to: end))
          do throws(ImageError) {
            try advance(end, source.size)
          } catch {
            throw NBDError(operation: operation, message: error.message)
          }
          start = end
        }
        return DiskContent(target: disk.target, size: source.size, rangeSize: rangeSize, digests: digests)
      } catch {
        throw ImageError(error.kind == .cancelled ? .cancelled : .toolFailed, operation: operation, message: error.message)
      }
    }
  }

  /// The export, with what is known of its zeros.
  private struct Source: ~Copyable {
    let reader: NBDReader
    /// How the export goes on up to ``knownUntil``.
    private var isZero = false
    private var knownUntil: UInt64 = 0

    init(reader: consuming NBDReader) { self.reader = reader }

    var size: UInt64 { reader.size }

    /// The digest of a range, which begins with a block and ends with one or with the disk (``DiskContent/digests``).
    mutating func digest(from start: UInt64, to end: UInt64) throws(NBDError) -> String {
      let block = UInt64(DiskContent.blockSize)
      var hash = SHA256()
      var hasData = false
      var offset = start
      while offset < end {
        if offset >= knownUntil {
          let run = try reader.run(at: offset, count: size - offset)
          isZero = run.isZero
          knownUntil = offset + run.length
        }
        if isZero {
          // Whole blocks of zeros need no reading.
          let next = knownUntil >= end ? end : knownUntil / block * block
          if next > offset {
            offset = next
            continue
          }
        }
        let wanted = isZero ? offset + block : (knownUntil + block - 1) / block * block
        let count = Int(min(wanted, end, offset + UInt64(NBDReader.largestRead)) - offset)
        let position = offset
        let found = try reader.read(at: offset, count: count) { Self.add($0, at: position, to: &hash) }
        hasData = hasData || found
        offset += UInt64(count)
      }
      return hasData ? hash.finalize() : ""
    }

    /// Adds the blocks that are not all zeros; returns whether there are any.
    private static func add(_ bytes: UnsafeRawBufferPointer, at offset: UInt64, to hash: inout SHA256) -> Bool {
      var hasData = false
      var start = 0
      while start < bytes.count {
        let end = min(start + DiskContent.blockSize, bytes.count)
        let block = UnsafeRawBufferPointer(rebasing: bytes[start..<end])
        if !block.isAllZeros {
          withUnsafeBytes(of: (offset + UInt64(start)).bigEndian) { hash.update($0) }
          hash.update(block)
          hasData = true
        }
        start = end
      }
      return hasData
    }
  }
}

extension UnsafeRawBufferPointer {
  /// Whether no byte is other than zero.
  var isAllZeros: Bool {
    guard let base = baseAddress, self[0] == 0 else { return isEmpty }
    // Each byte is the one before it, and the first is zero.
    return memcmp(base, base + 1, count - 1) == 0
  }
}
