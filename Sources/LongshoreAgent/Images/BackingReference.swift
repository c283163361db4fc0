internal import Glibc
internal import SystemPackage

/// What the header of a qcow2 image names as its backing file, read without starting a program: a pool may have thousands of images.
///
/// QEMU's `docs/interop/qcow2.txt` defines the fields.
struct BackingReference: Sendable, Hashable {
  /// The name as it stands in the header.
  let name: String
  /// The format that the header says the backing file has; nil where it says none.
  let format: String?

  /// How much of a file is read, in bytes: the header with its extensions and the name are in the first cluster.
  static let length = 64 << 10
  /// The longest name, in bytes.
  private static let longestName = 1023
  /// The extension with the backing file's format.
  private static let formatExtension: UInt32 = 0xE279_2ACA

  /// Reads the first bytes of a file; nil for what is no qcow2 image, or has no backing file.
  init?(_ bytes: [UInt8]) {
    func number(_ offset: Int, bytes count: Int) -> UInt64? {
      guard offset >= 0, offset <= bytes.count - count else { return nil }
      return bytes[offset..<(offset + count)].reduce(0) { $0 << 8 | UInt64($1) }
    }
    guard bytes.starts(with: [0x51, 0x46, 0x49, 0xFB]), let version = number(4, bytes: 4), (2...3).contains(version),
      let start = number(8, bytes: 8), let count = number(16, bytes: 4), start > 0, (1...UInt64(Self.longestName)).contains(count),
      start <= UInt64(bytes.count), count <= UInt64(bytes.count) - start
    else { return nil }
    name = String(decoding: bytes[Int(start)..<Int(start + count)], as: UTF8.self)
    var offset = version == 3 ? number(100, bytes: 4).flatMap { Int(exactly: $0) } ?? Int.max : 72
    var format: String?
    // Each extension has its type, its length, and its content filled up to 8 bytes; the type 0 ends them.
    while offset < Self.length, let type = number(offset, bytes: 4), let size = number(offset + 4, bytes: 4), type != 0,
      size <= UInt64(Self.length), offset + 8 + Int(size) <= bytes.count
    {
      if type == UInt64(Self.formatExtension) {
        format = String(decoding: bytes[(offset + 8)..<(offset + 8 + Int(size))], as: UTF8.self)
      }
      offset += 8 + (Int(size) + 7) / 8 * 8
    }
    self.format = format
  }

  /// Reads an image file; nil for what is no regular file, no qcow2 image, has no backing file or cannot be read.
  init?(of path: String) {
    guard let file = try? FileDescriptor.open(FilePath(path), .readOnly, options: [.noFollow, .closeOnExec, .nonBlocking]) else {
      return nil
    }
    defer { try? file.close() }
    guard let status = try? FileStatus(of: file, operation: "look at \(path)"), status.isRegular,
      let bytes = try? [UInt8](
        unsafeUninitializedCapacity: Self.length,
        initializingWith: { buffer, count in count = try file.read(fromAbsoluteOffset: 0, into: UnsafeMutableRawBufferPointer(buffer)) })
    else { return nil }
    self.init(bytes)
  }

  /// The backing file's path, for an image in a folder; nil where it is no file.
  func path(in folder: String) -> String? {
    var name = name[...]
    if name.hasPrefix("file:") {
      name = name.dropFirst("file:".count)
    } else if let colon = name.firstIndex(of: ":"), !name[..<colon].contains("/") {
      // `json:` and the protocols of QEMU: no file of a pool is named so.
      return nil
    }
    return PathText.normalized(name.hasPrefix("/") ? String(name) : "\(folder)/\(name)")
  }
}
