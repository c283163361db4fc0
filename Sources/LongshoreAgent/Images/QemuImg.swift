internal import FoundationEssentials
internal import Glibc
internal import SystemPackage

/// The `qemu-img` program: reads, creates and rebases images.
///
/// All paths are absolute.
struct QemuImg: Sendable {
  let tool: ImageTool
  /// The most time that one call may take.
  let limit: Duration
  /// The most time that reading the tables of an image may take: about 2 GiB of them, of an image of 16 TiB, at 4 MiB/s.
  private static let checkLimit: Duration = .seconds(600)

  init(program: String = "qemu-img", limit: Duration = .seconds(60)) {
    self.tool = ImageTool(program: program)
    self.limit = limit
  }

  /// The image that another one lies on.
  struct Backing: Sendable, Hashable, Codable {
    let path: String
    let format: String
  }

  /// What a new image is to be.
  struct Specification: Sendable, Hashable, Codable {
    /// `qcow2` or `raw`.
    var format: String
    /// The size that a guest sees, in bytes; raw images are multiples of 512.
    var virtualSize: UInt64
    /// What the image lies on; qcow2 only.
    var backing: Backing?
    /// In bytes; qcow2 only, `nil` for QEMU's default.
    var clusterSize: UInt64?
    /// The version of qcow2, `0.10` or `1.1`; `nil` for QEMU's default.
    var compat: String?
    /// Whether clusters are split in 32; qcow2 only.
    var hasExtendedL2 = false
    /// Whether reference counts may be written late; qcow2 only.
    var hasLazyRefcounts = false
    /// The width of a reference count, in bits; qcow2 only, `nil` for QEMU's default.
    var refcountBits: UInt64?
    /// `zlib` or `zstd`; qcow2 only, `nil` for QEMU's default.
    var compressionType: String?
    /// Whether every cluster gets its place in the file at once; qcow2 only, and with a backing file only with extended L2 entries.
    var hasAllClusters = false
  }

  /// Reads an image and all that it lies on, the image itself first, without taking its locks (`-U`), so that it may
  /// be in use.
  ///
  /// - Parameter format: the format of the image itself. A guest can write any header into a raw image, so give it
  ///   where it is known; `nil` lets QEMU guess.
  /// - Throws: `notFound`, also for a missing layer; `toolFailed`; `malformed`.
  func chain(of path: String, format: String? = nil) async throws(ImageError) -> [ImageInfo] {
    let operation = "read the backing chain of \(path)"
    let arguments = ["info", "-U", "--backing-chain", "--output=json"] + Self.option("-f", format) + [path]
    return try await decode([ImageInfo].self, arguments: arguments, path: path, operation: operation)
  }

  /// Reads one image, without taking its locks and without what it lies on.
  func info(of path: String, format: String? = nil) async throws(ImageError) -> ImageInfo {
    let operation = "read the image \(path)"
    let arguments = ["info", "-U", "--output=json"] + Self.option("-f", format) + [path]
    return try await decode(ImageInfo.self, arguments: arguments, path: path, operation: operation)
  }

  /// Reads the tables of a qcow2 image that nobody uses and that is not encrypted, and tells what is wrong with them; nil where nothing is.
  /// Space that is taken and not used is no damage.
  ///
  /// - Throws: `toolFailed`, also where the image is in use; `notFound`; `timedOut`; `malformed`.
  func damage(of path: String) async throws(ImageError) -> String? {
    // How it ends where it has found damage, and where it has found such space.
    let result = try await decode(
      CheckResult.self, arguments: ["check", "--output=json", "-f", "qcow2", path], successes: [0, 2, 3], limit: Self.checkLimit,
      path: path, operation: "check the image \(path)")
    let faults = [
      result.corruptions.map { "\($0) damaged entries" }, result.errors == 0 ? nil : "\(result.errors) entries that cannot be read",
    ]
    let found = faults.compactMap(\.self)
    return found.isEmpty ? nil : found.joined(separator: " and ")
  }

  /// Creates an image in a new file of an exclusive name; see ``initialize(_:as:)``.
  ///
  /// - Throws: `alreadyExists` when there is any file of that name, which is not touched then.
  func create(at path: String, as specification: Specification) async throws(ImageError) -> ExclusiveFile {
    let file = try await ExclusiveFile.create(at: path)
    do throws(ImageError) {
      try await initialize(file, as: specification)
      return file
    } catch {
      _ = try? await file.remove()
      throw error
    }
  }

  /// Makes an image of an empty file that was created exclusively (and registered) before.
  ///
  /// `qemu-img create` truncates what has the name, so the file must be the registered one and empty. No data is
  /// allocated in advance. The image is read back: its virtual size, to the byte, its format and its backing file must
  /// be as asked for.
  ///
  /// - Parameter passphrase: What the image is encrypted by (LUKS); qcow2 only, nil for an image that is not. The program reads it from its
  ///   standard input, where nobody else sees it.
  /// - Throws: `changed` when the file is another or is not empty; `notAsRequested`; `noSpace`; `unmeasured`; `toolFailed`. Where an image
  ///   cannot be made, the program may have removed the file.
  @discardableResult
  func initialize(
    _ file: ExclusiveFile, as specification: Specification, passphrase: [UInt8]? = nil
  ) async throws(ImageError) -> ImageInfo {
    let operation = "create the image \(file.path)"
    try ImageError.check(path: file.path, operation: operation)
    try Self.check(specification, operation: operation)
    try await Self.requireEmpty(file, operation: operation)
    if passphrase != nil, specification.format != "qcow2" {
      throw ImageError(.unsupported, operation: operation, message: "only qcow2 images are encrypted")
    }
    let encryption: [String] =
      passphrase == nil
      ? []
      : ["--object", "secret,id=passphrase,file=/dev/stdin", "-o", "encrypt.format=luks,encrypt.key-secret=passphrase"]
    let backing = Self.option("-b", specification.backing?.path) + Self.option("-F", specification.backing?.format)
    try await tool.run(
      ["create", "-q", "-f", specification.format] + encryption + Self.options(of: specification) + backing
        + [file.path, String(specification.virtualSize)],
      input: passphrase ?? [], operation: operation, limit: limit)
    try await file.synchronize()
    let info = try await info(of: file.path, format: specification.format)
    guard info.virtualSize == specification.virtualSize else {
      throw ImageError(
        .notAsRequested, operation: operation,
        message: "its virtual size is \(info.virtualSize) bytes, not \(specification.virtualSize)")
    }
    guard info.backingFilename == specification.backing?.path, info.backingFormat == specification.backing?.format
    else {
      throw ImageError(
        .notAsRequested, operation: operation, message: "its backing file is \(info.backingFilename ?? "none")")
    }
    guard info.isEncrypted == (passphrase != nil) else {
      throw ImageError(.notAsRequested, operation: operation, message: "it is \(info.isEncrypted ? "" : "not ")encrypted")
    }
    return info
  }

  /// Writes another backing file's name into an image's header, without looking at either (`rebase -u`). The new
  /// backing file must have the same contents as the old one.
  ///
  /// - Throws: `toolFailed`, also when the image is in use.
  func rebaseUnsafe(_ path: String, format: String = "qcow2", onto backing: Backing?) async throws(ImageError) {
    let operation = "change the backing file of \(path)"
    try ImageError.check(path: path, operation: operation)
    if let backing { try ImageError.check(path: backing.path, operation: operation) }
    try await tool.run(
      ["rebase", "-q", "-u", "-f", format, "-b", backing?.path ?? ""] + Self.option("-F", backing?.format) + [path],
      operation: operation, limit: limit)
    let info = try await info(of: path, format: format)
    guard info.backingFilename == backing?.path, info.backingFormat == backing?.format else {
      throw ImageError(
        .notAsRequested, operation: operation, message: "its backing file is \(info.backingFilename ?? "none")")
    }
  }

  private struct CheckResult: Decodable {
    let corruptions: Int?
    let errors: Int

    enum CodingKeys: String, CodingKey {
      case corruptions
      case errors = "check-errors"
    }
  }

  private func decode<Value: Decodable>(
    _ type: Value.Type, arguments: [String], successes: Set<CInt> = [0], limit: Duration? = nil, path: String, operation: String
  ) async throws(ImageError) -> Value {
    try ImageError.check(path: path, operation: operation)
    let output: [UInt8]
    do throws(ImageError) {
      output = try await tool.run(arguments, successes: successes, operation: operation, limit: limit ?? self.limit)
    } catch {
      guard error.code == .toolFailed, error.message.contains("No such file or directory") else { throw error }
      throw ImageError(.notFound, operation: operation, message: error.message)
    }
    return try Self.decode(type, from: output, operation: operation)
  }

  /// Reads what the program has written.
  static func decode<Value: Decodable>(
    _ type: Value.Type, from output: [UInt8], operation: String
  ) throws(ImageError) -> Value {
    do {
      return try JSONDecoder().decode(type, from: Data(output))
    } catch {
      throw ImageError(.malformed, operation: operation, message: "qemu-img's answer: \(error)")
    }
  }

  private static func option(_ name: String, _ value: String?) -> [String] {
    value.map { [name, $0] } ?? []
  }

  private static func options(of specification: Specification) -> [String] {
    guard specification.format == "qcow2" else { return [] }
    var options = ["preallocation=\(specification.hasAllClusters ? "metadata" : "off")"]
    if let size = specification.clusterSize { options.append("cluster_size=\(size)") }
    if let compat = specification.compat { options.append("compat=\(compat)") }
    if specification.hasExtendedL2 { options.append("extended_l2=on") }
    if specification.hasLazyRefcounts { options.append("lazy_refcounts=on") }
    if let bits = specification.refcountBits { options.append("refcount_bits=\(bits)") }
    if let type = specification.compressionType { options.append("compression_type=\(type)") }
    return ["-o", options.joined(separator: ",")]
  }

  private static func check(_ specification: Specification, operation: String) throws(ImageError) {
    func refuse(_ message: String) -> ImageError {
      ImageError(.invalidArgument, operation: operation, message: message)
    }
    guard ["qcow2", "raw"].contains(specification.format) else {
      throw ImageError(
        .unsupported, operation: operation, message: "images of format \(specification.format) are not created")
    }
    guard specification.virtualSize <= UInt64(Int64.max) else { throw refuse("the virtual size is too large") }
    guard specification.compat == nil || ["0.10", "1.1"].contains(specification.compat) else {
      throw refuse("there is no version \(specification.compat ?? "") of qcow2")
    }
    guard specification.compressionType == nil || ["zlib", "zstd"].contains(specification.compressionType) else {
      throw refuse("there is no compression \(specification.compressionType ?? "") of qcow2")
    }
    if let backing = specification.backing {
      guard specification.format == "qcow2" else { throw refuse("a raw image has no backing file") }
      try ImageError.check(path: backing.path, operation: operation)
    }
  }

  private static func requireEmpty(_ file: ExclusiveFile, operation: String) async throws(ImageError) {
    try await BlockingWork.run { () throws(ImageError) in
      let status = try FileStatus(ofPath: file.path, operation: operation)
      guard status.isRegular, status.identity.isSameFile(as: file.identity), status.size == 0 else {
        throw ImageError(.changed, operation: operation, message: "it is not the empty file that was registered")
      }
    }
  }
}
