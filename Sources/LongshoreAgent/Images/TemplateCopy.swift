internal import Dispatch
internal import Glibc
internal import NBD
internal import SystemPackage

/// Copies an image file from an NBD server into a registered file, in chunks that a cut copy need not repeat.
///
/// The file is read in order over one connection, sparse where the source is. Each chunk is reported only once it is on disk, so that a
/// report may be written to a journal. While one is being written to disk, the next is on the network; more than that does not wait in
/// the host's memory.
struct TemplateCopy: Sendable {
  let source: NBDEndpoint
  /// The file to fill. It was created for this copy, so that its holes are zero.
  let destination: ExclusiveFile
  /// The exact length of the source's file, in bytes; an NBD server rounds it up to 512.
  let byteCount: UInt64
  /// In bytes, a multiple of 512.
  let chunkSize: UInt64
  /// The folder of the client's X.509 credentials, as QEMU names them (`ca-cert.pem`, `client-cert.pem`,
  /// `client-key.pem`): needed for a source with TLS, whose certificate must be of the name or address that it is reached by, and with
  /// them nothing is taken from one without. `nil` for no TLS.
  let credentials: String?
  /// How long the source may take for any one answer.
  let stallLimit: Duration

  /// Large enough that writing it to disk for itself does not count, small enough that a digest can follow closely.
  static let defaultChunkSize: UInt64 = 64 << 20
  /// How many chunks may be read and not be on disk yet.
  private static let chunksAhead = 2
  private static let sectorSize: UInt64 = 512
  /// Zeros of this length and alignment, in bytes, are left out: what file systems have for a block at most.
  private static let holeSize = 64 << 10
  /// How often a thread that waits looks whether it was cancelled.
  private static let lookInterval = DispatchTimeInterval.milliseconds(100)

  init(
    from source: NBDEndpoint, to destination: ExclusiveFile, byteCount: UInt64, chunkSize: UInt64 = defaultChunkSize,
    credentials: String? = nil, stallLimit: Duration = .seconds(120)
  ) {
    precondition(chunkSize > 0 && chunkSize.isMultiple(of: Self.sectorSize), "chunks are whole sectors")
    self.source = source
    self.destination = destination
    self.byteCount = byteCount
    self.chunkSize = chunkSize
    self.credentials = credentials
    self.stallLimit = stallLimit
  }

  /// The number of chunks; they are numbered from 0.
  var chunkCount: Int { Int((byteCount + chunkSize - 1) / chunkSize) }

  /// The bytes of the file that a chunk is.
  func range(ofChunk chunk: Int) -> Range<UInt64> {
    let start = UInt64(chunk) * chunkSize
    return start..<min(byteCount, start + chunkSize)
  }

  /// Copies what is not finished, and returns when the whole file is on disk.
  ///
  /// After an error or a cancellation, the chunks that were reported stay finished.
  ///
  /// - Parameters:
  ///   - finished: the chunks that were reported before. With none, the file is emptied first.
  ///   - progress: gets the number of bytes that are copied, finished chunks included; it never falls.
  ///   - finish: gets every chunk that is on disk, one at a time. What it throws ends the copy.
  /// - Throws: ``ImageError``, and what `finish` throws. `toolFailed` and `timedOut` are the source's or the link's.
  func run(
    finished: Set<Int> = [],
    progress: @escaping @Sendable (_ copied: UInt64) -> Void = { _ in },
    finish: (_ chunk: Int) async throws -> Void
  ) async throws {
    let operation = "copy \(source.uri) to \(destination.path)"
    try ImageError.check(path: destination.path, operation: operation)
    if source.usesTLS != (credentials != nil) {
      throw ImageError(
        .invalidArgument, operation: operation,
        message: source.usesTLS
          ? "the source serves templates with TLS: set nbd.credentials at the destination too"
          : "the source serves templates without TLS, which nbd.credentials does not allow: set it at the source too")
    }
    try await resize(to: Self.wholeSectors(byteCount), emptying: finished.isEmpty, operation: operation)
    let waiting = (0..<chunkCount).filter { !finished.contains($0) }
    let (written, chunkWritten) = AsyncThrowingStream<Int, any Error>.makeStream()
    // One signal for each chunk that may be read before an earlier one is on disk.
    let room = DispatchSemaphore(value: 0)
    for _ in 0..<Self.chunksAhead { room.signal() }
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask {
        do throws(ImageError) {
          try await read(waiting, room: room, progress: progress, written: { chunkWritten.yield($0) }, operation: operation)
          chunkWritten.finish()
        } catch {
          chunkWritten.finish(throwing: error)
        }
      }
      defer { group.cancelAll() }
      for try await chunk in written {
        try await destination.synchronize()
        try await finish(chunk)
        room.signal()
      }
      // Where this task is cancelled the stream ends as if all were read.
      try Task.checkCancellation()
    }
    try await resize(to: byteCount, emptying: false, operation: operation)
    try await destination.synchronize()
  }

  /// Reads chunks into the file, on a thread of its own.
  private func read(
    _ chunks: [Int], room: DispatchSemaphore, progress: @escaping @Sendable (UInt64) -> Void, written: @escaping @Sendable (Int) -> Void,
    operation: String
  ) async throws(ImageError) {
    guard !chunks.isEmpty else { return }
    let server = NBDServer.tcp(host: source.host, port: source.port, credentials: credentials)
    let before = byteCount - chunks.reduce(0) { $0 + UInt64(range(ofChunk: $1).count) }
    try await BlockingWork.runCancellable { isCancelled throws(ImageError) in
      try ImageError.wrapping(operation) {
        let file = try FileDescriptor.open(FilePath(destination.path), .readWrite, options: [.noFollow, .closeOnExec])
        try file.closeAfter {
          try destination.requireSame(file, operation: operation)
          do {
            var stream = try NBDStream(
              server: server, export: source.export, ranges: chunks.map(wholeSectors(ofChunk:)), limit: stallLimit, isCancelled: isCancelled
            )
            var copied = before
            for chunk in chunks {
              try Self.wait(for: room, isCancelled, operation)
              let end = wholeSectors(ofChunk: chunk).upperBound
              var position: UInt64 = 0
              while position < end {
                let piece = try stream.next { piece, bytes in
                  Result { if !piece.isZero { try Self.write(bytes, at: piece.range.lowerBound, to: file) } }.map { piece.range }
                }
                guard let range = try piece?.get() else { preconditionFailure("a stream has all pieces of its ranges") }
                position = range.upperBound
                copied += UInt64(range.clamped(to: 0..<byteCount).count)
                progress(copied)
              }
              written(chunk)
            }
          } catch let error as NBDError {
            throw ImageError(error, operation: operation)
          }
        }
      }
    }
  }

  private static func wait(for room: DispatchSemaphore, _ isCancelled: () -> Bool, _ operation: String) throws(ImageError) {
    while room.wait(timeout: .now() + lookInterval) == .timedOut {
      if isCancelled() { throw ImageError(.cancelled, operation: operation, message: "the task was cancelled") }
    }
  }

  /// Writes bytes, but for blocks of zeros: the file has holes there.
  private static func write(_ bytes: UnsafeRawBufferPointer, at offset: UInt64, to file: FileDescriptor) throws {
    var start = 0
    while start < bytes.count {
      var end = start
      while end < bytes.count {
        let next = min(end + holeSize, bytes.count)
        if UnsafeRawBufferPointer(rebasing: bytes[end..<next]).isAllZeros { break }
        end = next
      }
      if end > start {
        try file.writeAll(toAbsoluteOffset: Int64(offset) + Int64(start), UnsafeRawBufferPointer(rebasing: bytes[start..<end]))
      }
      start = end + holeSize
    }
  }

  /// Sets the length of the destination, after making sure that it is the registered file.
  private func resize(to size: UInt64, emptying: Bool, operation: String) async throws(ImageError) {
    let destination = destination
    try await BlockingWork.run { () throws(ImageError) in
      try ImageError.wrapping(operation) {
        let file = try FileDescriptor.open(
          FilePath(destination.path), .readWrite, options: [.noFollow, .closeOnExec])
        try file.closeAfter {
          try destination.requireSame(file, operation: operation)
          if emptying { try file.resize(to: 0) }
          try file.resize(to: Int64(size))
        }
      }
    }
  }

  /// A chunk as the server has it, whose last one may be longer than the file's.
  private func wholeSectors(ofChunk chunk: Int) -> Range<UInt64> {
    let range = range(ofChunk: chunk)
    return range.lowerBound..<Self.wholeSectors(range.upperBound)
  }

  private static func wholeSectors(_ size: UInt64) -> UInt64 {
    (size + sectorSize - 1) / sectorSize * sectorSize
  }
}

extension ImageError {
  /// What could not be done over NBD while something was done.
  init(_ error: NBDError, operation: String) {
    let code: Code =
      switch error.kind {
      case .failed: .toolFailed
      case .cancelled: .cancelled
      case .timedOut: .timedOut
      }
    self.init(code, operation: operation, message: "\(error)")
  }
}
