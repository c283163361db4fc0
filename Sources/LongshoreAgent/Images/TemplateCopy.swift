internal import Glibc
internal import Subprocess
internal import Synchronization
internal import SystemPackage

/// Copies an image file from an NBD server into a registered file, in chunks that a cut copy need not repeat.
///
/// Each chunk is a range of the file that one `qemu-img convert` copies, sparse where the source is. It is reported
/// only once it is on disk, so that a report may be written to a journal. Two chunks run at once: while one is being
/// written to disk, the other one is on the network.
struct TemplateCopy: Sendable {
  let source: NBDEndpoint
  /// The file to fill. It was created for this copy, so that its holes are zero.
  let destination: ExclusiveFile
  /// The exact length of the source's file, in bytes; an NBD server rounds it up to 512.
  let byteCount: UInt64
  /// In bytes, a multiple of 512.
  let chunkSize: UInt64
  /// The folder of the client's X.509 credentials, as QEMU names them (`ca-cert.pem`, `client-cert.pem`,
  /// `client-key.pem`); needed for a source with TLS.
  let credentials: String?
  /// The name in the server's certificate; `nil` for the source's host.
  let serverName: String?
  /// How long a chunk may go without any progress.
  let stallLimit: Duration
  let tool: ImageTool

  /// Large enough that starting `qemu-img` for each does not count, small enough that a digest can follow closely.
  static let defaultChunkSize: UInt64 = 64 << 20
  private static let chunksAtOnce = 2
  private static let sectorSize: UInt64 = 512

  init(
    from source: NBDEndpoint, to destination: ExclusiveFile, byteCount: UInt64,
    chunkSize: UInt64 = defaultChunkSize, credentials: String? = nil, serverName: String? = nil,
    stallLimit: Duration = .seconds(120), program: String = "qemu-img"
  ) {
    precondition(chunkSize > 0 && chunkSize.isMultiple(of: Self.sectorSize), "chunks are whole sectors")
    self.source = source
    self.destination = destination
    self.byteCount = byteCount
    self.chunkSize = chunkSize
    self.credentials = credentials
    self.serverName = serverName
    self.stallLimit = stallLimit
    self.tool = ImageTool(program: program)
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
  /// - Throws: ``ImageError``, and what `finish` throws.
  func run(
    finished: Set<Int> = [],
    progress: @escaping @Sendable (_ copied: UInt64) -> Void = { _ in },
    finish: (_ chunk: Int) async throws -> Void
  ) async throws {
    let operation = "copy \(source.uri) to \(destination.path)"
    try ImageError.check(path: destination.path, operation: operation)
    try await resize(to: Self.wholeSectors(byteCount), emptying: finished.isEmpty, operation: operation)
    let counter = ProgressCounter(
      initial: finished.filter { $0 < chunkCount }.reduce(0) { $0 + UInt64(range(ofChunk: $1).count) },
      report: progress)
    try await withThrowingTaskGroup(of: Int.self) { group in
      var waiting = (0..<chunkCount).filter { !finished.contains($0) }.makeIterator()
      func startNext() {
        guard let chunk = waiting.next() else { return }
        group.addTask {
          try await copy(chunk, counter: counter, operation: operation)
          try await destination.synchronize()
          return chunk
        }
      }
      for _ in 0..<Self.chunksAtOnce { startNext() }
      while let chunk = try await group.next() {
        startNext()
        try await finish(chunk)
      }
    }
    try await resize(to: byteCount, emptying: false, operation: operation)
    try await destination.synchronize()
  }

  private func copy(_ chunk: Int, counter: ProgressCounter, operation: String) async throws(ImageError) {
    let range = range(ofChunk: chunk)
    let configuration = try await tool.configuration(arguments(for: range), operation: operation)
    let copied = ChunkProgress(size: UInt64(range.count), counter: counter)
    let (status, message) = try await ImageTool.mapErrors(operation: operation) {
      try await withStallLimit(copied, operation: operation) {
        let result = try await Subprocess.run(
          configuration, input: .none, output: .sequence, error: .string(limit: ImageTool.outputLimit)
        ) { execution in
          for try await line in execution.standardOutput.strings(separatedBy: .lineBreaks) { copied.read(line) }
        }
        return (result.terminationStatus, result.standardError)
      }
    }
    try ImageTool.check(status, message: message, operation: operation)
    copied.finish()
  }

  /// Cancels a body when the progress of a chunk stands still.
  private func withStallLimit<Value: Sendable>(
    _ progress: ChunkProgress, operation: String, _ body: @escaping @Sendable () async throws -> Value
  ) async throws -> Value {
    try await withThrowingTaskGroup(of: Value?.self) { group in
      group.addTask { try await body() }
      group.addTask {
        var last: UInt64
        repeat {
          last = progress.copied
          try await Task.sleep(for: stallLimit)
        } while progress.copied != last
        return nil
      }
      defer { group.cancelAll() }
      guard case let value?? = try await group.next() else {
        throw ImageError(.timedOut, operation: operation, message: "nothing came for \(stallLimit)")
      }
      return value
    }
  }

  private func arguments(for range: Range<UInt64>) -> [String] {
    let part = "driver=raw,offset=\(range.lowerBound),size=\(Self.wholeSectors(UInt64(range.count)))"
    var server = "file.driver=nbd,file.server.type=inet,file.server.host=\(source.host)"
    server += ",file.server.port=\(source.port),file.export=\(source.export)"
    var arguments = ["convert", "-p", "-n", "-W", "-m", "16", "--target-is-zero", "--image-opts"]
    if source.usesTLS {
      server += ",file.tls-creds=tls0,file.tls-hostname=\(serverName ?? source.host)"
      arguments += [
        "--object", "tls-creds-x509,id=tls0,endpoint=client,dir=\(QEMUOption.escape(credentials ?? ""))",
      ]
    }
    let file = "file.driver=file,file.filename=\(QEMUOption.escape(destination.path))"
    return arguments + ["--target-image-opts", "\(part),\(server)", "\(part),\(file)"]
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

  private static func wholeSectors(_ size: UInt64) -> UInt64 {
    (size + sectorSize - 1) / sectorSize * sectorSize
  }
}
