internal import Digests
internal import Glibc
internal import SystemPackage

/// Finds out the identity of layers by reading them.
struct LayerReader: Sendable {
  /// Where digests are remembered; `nil` for nowhere.
  let cache: (any DigestCache)?
  /// How much is read at once, in bytes.
  static let readSize = 4 << 20
  /// How long a file must have been left alone before its digest is remembered, in nanoseconds: file systems note
  /// times in steps, so that a write in the same step would not be seen.
  let settlingTime: Int64

  init(cache: (any DigestCache)? = nil, settlingTime: Int64 = 2_000_000_000) {
    self.cache = cache
    self.settlingTime = settlingTime
  }

  /// Reads a layer.
  ///
  /// The file is read by a thread of its own. A cancelled task stops within one read.
  ///
  /// - Parameters:
  ///   - path: an absolute path of a regular file.
  ///   - format: `qcow2` or `raw`.
  ///   - progress: gets the bytes read and the bytes in all, after every read; not called when the cache answers.
  /// - Throws: `changed` when the file was written to meanwhile; `unsupported`; `malformed`; `notFound`; `cancelled`.
  func identity(
    of path: String, format: String,
    progress: @escaping @Sendable (_ done: UInt64, _ total: UInt64) -> Void = { _, _ in }
  ) async throws(ImageError) -> LayerIdentity {
    let operation = "identify the layer \(path)"
    try ImageError.check(path: path, operation: operation)
    let layer = try await BlockingWork.run { () throws(ImageError) in
      try Self.open(path, operation: operation) { file throws(ImageError) in
        try Layer(file, path: path, format: format, operation: operation)
      }
    }
    let digest: String
    if let known = await cache?.digest(for: layer.key) {
      digest = known
    } else {
      digest = try await BlockingWork.runCancellable { isCancelled throws(ImageError) in
        try Self.open(path, operation: operation) { file throws(ImageError) in
          try Self.digest(of: file, layer, operation: operation, isCancelled: isCancelled, progress: progress)
        }
      }
      if isSettled(layer.key) { await cache?.store(digest, for: layer.key) }
    }
    return LayerIdentity(
      format: format, fileSize: layer.key.size, virtualSize: layer.header?.virtualSize ?? layer.key.size,
      header: layer.header, digest: digest)
  }

  /// The state of a file before it is digested.
  private struct Layer: Sendable {
    let key: DigestKey
    let header: QCOW2Header?

    init(_ file: FileDescriptor, path: String, format: String, operation: String) throws(ImageError) {
      let status = try FileStatus(of: file, operation: operation)
      guard status.isRegular else {
        throw ImageError(.unsupported, operation: operation, message: "it is not a regular file")
      }
      switch format {
      case "raw":
        header = nil
      case "qcow2":
        let bytes = try ImageError.wrapping(operation) {
          try LayerReader.read(file, at: 0, count: min(Int(status.size), QCOW2Header.length))
        }
        header = try QCOW2Header(bytes, operation: operation)
      default:
        throw ImageError(.unsupported, operation: operation, message: "layers of format \(format) are not supported")
      }
      key = DigestKey(path: path, status: status, offset: header?.clusterSize ?? 0)
    }
  }

  private static func digest(
    of file: FileDescriptor, _ layer: Layer, operation: String, isCancelled: () -> Bool,
    progress: (UInt64, UInt64) -> Void
  ) throws(ImageError) -> String {
    func requireUnchanged() throws(ImageError) {
      let status = try FileStatus(of: file, operation: operation)
      guard DigestKey(path: layer.key.path, status: status, offset: layer.key.offset) == layer.key else {
        throw ImageError(.changed, operation: operation, message: "it was written to while it was read")
      }
    }
    try requireUnchanged()
    let total = layer.key.size - min(layer.key.size, layer.key.offset)
    let hexadecimal = try ImageError.wrapping(operation) {
      var hash = SHA256()
      let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: readSize, alignment: 4096)
      defer { buffer.deallocate() }
      var done: UInt64 = 0
      while done < total {
        if isCancelled() {
          throw ImageError(.cancelled, operation: operation, message: "the task was cancelled")
        }
        let wanted = Int(min(UInt64(readSize), total - done))
        let count = try file.read(
          fromAbsoluteOffset: Int64(layer.key.offset + done), into: .init(rebasing: buffer[..<wanted]))
        guard count > 0 else {
          throw ImageError(.changed, operation: operation, message: "it became shorter while it was read")
        }
        hash.update(.init(rebasing: buffer[..<count]))
        done += UInt64(count)
        progress(done, total)
      }
      return hash.finalize()
    }
    try requireUnchanged()
    return hexadecimal
  }

  private static func open<Value>(
    _ path: String, operation: String, _ body: (FileDescriptor) throws(ImageError) -> Value
  ) throws(ImageError) -> Value {
    try ImageError.wrapping(operation) {
      let file = try FileDescriptor.open(FilePath(path), .readOnly, options: [.noFollow, .closeOnExec])
      return try file.closeAfter { try body(file) }
    }
  }

  private static func read(_ file: FileDescriptor, at offset: Int64, count: Int) throws -> [UInt8] {
    try [UInt8](unsafeUninitializedCapacity: count) { buffer, initialised in
      initialised = try file.read(fromAbsoluteOffset: offset, into: .init(buffer))
    }
  }

  private func isSettled(_ key: DigestKey) -> Bool {
    var now = timespec()
    clock_gettime(CLOCK_REALTIME, &now)
    let nanoseconds = Int64(now.tv_sec) * 1_000_000_000 + Int64(now.tv_nsec)
    return nanoseconds - max(key.modified, key.changed) > settlingTime
  }
}
