internal import Digests
internal import Glibc
internal import SystemPackage

/// Finds out the identity of layers by reading them.
struct LayerReader: Sendable {
  /// Where digests are remembered; `nil` for nowhere.
  let cache: (any DigestCache)?
  /// How much is read at once, in bytes.
  static let readSize = 4 << 20
  /// How often a file is read at most whose names or permissions change meanwhile.
  private static let readings = 3
  /// How long a file must have been left alone before its digest is remembered, in nanoseconds: file systems note
  /// times in steps, so that a write in the same step would not be seen.
  let settlingTime: Int64

  /// Enough for NFS and for file systems that note whole seconds.
  static let defaultSettlingTime: Int64 = 2_000_000_000

  init(cache: (any DigestCache)? = nil, settlingTime: Int64 = defaultSettlingTime) {
    self.cache = cache
    self.settlingTime = settlingTime
  }

  /// Reads a layer.
  ///
  /// The file is read by a thread of its own, which yields to the rest of the host. A cancelled task stops within one read.
  ///
  /// - Parameters:
  ///   - path: an absolute path of a regular file.
  ///   - format: `qcow2` or `raw`.
  ///   - progress: gets the bytes up to the end of each read and the bytes in all; not called when the cache answers.
  /// - Throws: `changed` when the file was written to meanwhile; `unsupported`; `malformed`; `notFound`; `cancelled`.
  func identity(
    of path: String, format: String,
    progress: @escaping @Sendable (_ done: UInt64, _ total: UInt64) -> Void = { _, _ in }
  ) async throws(ImageError) -> LayerIdentity {
    let operation = "identify the layer \(path)"
    try ImageError.check(path: path, operation: operation)
    func look() async throws(ImageError) -> Layer {
      try await BlockingWork.run { () throws(ImageError) in
        try Self.open(path, operation: operation) { file throws(ImageError) in
          try Layer(file, path: path, format: format, operation: operation)
        }
      }
    }
    var layer = try await look()
    var readings = 0
    while true {
      do throws(ImageError) {
        return layer.identity(of: format, digest: try await digest(of: layer, operation: operation, progress: progress))
      } catch {
        readings += 1
        guard error.code == .changed, readings < Self.readings else { throw error }
        // A host that publishes the file takes its other name away when this one is there, which the time of the last change shows. What
        // was read may be the whole of it, and is read again to be sure.
        let now = try await look()
        guard now.key.size == layer.key.size, now.key.modified == layer.key.modified else { throw error }
        layer = now
      }
    }
  }

  /// The digest of a layer, read where it is not remembered.
  private func digest(
    of layer: Layer, operation: String, progress: @escaping @Sendable (_ done: UInt64, _ total: UInt64) -> Void
  ) async throws(ImageError) -> String {
    if let known = await cache?.digest(for: layer.key) { return known }
    let digest = try await BlockingWork.runCancellable(inBackground: true) { isCancelled throws(ImageError) in
      try Self.open(layer.key.path, operation: operation) { file throws(ImageError) in
        try Self.digest(of: file, layer, operation: operation, isCancelled: isCancelled, progress: progress)
      }
    }
    if isSettled(layer.key) { await cache?.store(digest, for: layer.key) }
    return digest
  }

  /// Reads a layer while it is copied, each byte as soon as it is there, so that its identity is known when the copy ends.
  ///
  /// Nothing is remembered: the file is yet to change.
  ///
  /// - Parameters:
  ///   - path: an absolute path of a regular file.
  ///   - format: `qcow2` or `raw`.
  ///   - byteCount: the length that the file will have.
  ///   - prefix: grows with the copy.
  /// - Throws: `unsupported`; `malformed`; `notFound`; `cancelled`.
  func identity(
    ofCopy path: String, format: String, byteCount: UInt64, following prefix: CopiedPrefix
  ) async throws(ImageError) -> LayerIdentity {
    let operation = "identify the copied layer \(path)"
    try ImageError.check(path: path, operation: operation)
    return try await BlockingWork.runCancellable(inBackground: true) { isCancelled throws(ImageError) in
      try Self.wait(for: min(byteCount, UInt64(QCOW2Header.length)), of: prefix, isCancelled, operation)
      return try Self.open(path, operation: operation) { file throws(ImageError) in
        let header = try Self.header(of: file, format: format, size: byteCount, operation: operation)
        let offset = UInt64(header?.clusterSize ?? 0)
        let digest = try Self.digest(of: file, min(offset, byteCount)..<byteCount, operation: operation, isCancelled: isCancelled) {
          end throws(ImageError) in try Self.wait(for: end, of: prefix, isCancelled, operation)
        }
        return LayerIdentity(
          format: format, fileSize: byteCount, virtualSize: header?.virtualSize ?? byteCount, header: header, digest: digest)
      }
    }
  }

  private static func wait(
    for length: UInt64, of prefix: CopiedPrefix, _ isCancelled: () -> Bool, _ operation: String
  ) throws(ImageError) {
    guard prefix.wait(for: length, isCancelled: isCancelled) else {
      throw ImageError(.cancelled, operation: operation, message: "the task was cancelled")
    }
  }

  private static func header(
    of file: FileDescriptor, format: String, size: UInt64, operation: String
  ) throws(ImageError) -> QCOW2Header? {
    switch format {
    case "raw": return nil
    case "qcow2":
      let bytes = try ImageError.wrapping(operation) {
        try read(file, at: 0, count: Int(min(size, UInt64(QCOW2Header.length))))
      }
      return try QCOW2Header(bytes, operation: operation)
    default:
      throw ImageError(.unsupported, operation: operation, message: "layers of format \(format) are not supported")
    }
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
      header = try LayerReader.header(of: file, format: format, size: status.size, operation: operation)
      key = DigestKey(path: path, status: status, offset: header?.clusterSize ?? 0)
    }

    func identity(of format: String, digest: String) -> LayerIdentity {
      LayerIdentity(
        format: format, fileSize: key.size, virtualSize: header?.virtualSize ?? key.size, header: header, digest: digest)
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
    let start = min(layer.key.size, layer.key.offset)
    let digest = try digest(of: file, start..<layer.key.size, operation: operation, isCancelled: isCancelled) { end throws(ImageError) in
      progress(end - start, layer.key.size - start)
    }
    try requireUnchanged()
    return digest
  }

  /// Digests a range of a file.
  ///
  /// - Parameter willRead: is called before the bytes up to an offset are read.
  private static func digest(
    of file: FileDescriptor, _ range: Range<UInt64>, operation: String, isCancelled: () -> Bool,
    willRead: (_ end: UInt64) throws(ImageError) -> Void
  ) throws(ImageError) -> String {
    try ImageError.wrapping(operation) {
      var hash = SHA256()
      let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: readSize, alignment: 4096)
      defer { buffer.deallocate() }
      var position = range.lowerBound
      while position < range.upperBound {
        if isCancelled() {
          throw ImageError(.cancelled, operation: operation, message: "the task was cancelled")
        }
        let end = min(range.upperBound, position + UInt64(readSize))
        try willRead(end)
        let count = try file.read(fromAbsoluteOffset: Int64(position), into: .init(rebasing: buffer[..<Int(end - position)]))
        guard count > 0 else {
          throw ImageError(.changed, operation: operation, message: "it became shorter while it was read")
        }
        hash.update(.init(rebasing: buffer[..<count]))
        position += UInt64(count)
      }
      return hash.finalize()
    }
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

  private func isSettled(_ key: DigestKey) -> Bool { isSettled(modified: key.modified, changed: key.changed) }

  /// Whether a file of these times, in nanoseconds since 1970, has been left alone long enough for its digest to be remembered.
  func isSettled(modified: Int64, changed: Int64) -> Bool {
    var now = timespec()
    clock_gettime(CLOCK_REALTIME, &now)
    let nanoseconds = Int64(now.tv_sec) * 1_000_000_000 + Int64(now.tv_nsec)
    return nanoseconds - max(modified, changed) > settlingTime
  }
}
