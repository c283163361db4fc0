internal import SystemPackage

/// What the header of a qcow2 image says about its contents: everything fixed except the backing file's name, which
/// depends on the pool.
///
/// QEMU's `docs/interop/qcow2.txt` defines the fields.
struct QCOW2Header: Sendable, Equatable, Codable {
  let version: UInt32
  /// The size of a cluster as a power of two.
  let clusterBits: UInt32
  let virtualSize: UInt64
  let encryptionMethod: UInt32
  let l1Size: UInt32
  let l1TableOffset: UInt64
  let refcountTableOffset: UInt64
  let refcountTableClusters: UInt32
  let snapshotCount: UInt32
  let snapshotsOffset: UInt64
  let incompatibleFeatures: UInt64
  let compatibleFeatures: UInt64
  let autoclearFeatures: UInt64
  let refcountOrder: UInt32
  let compressionType: UInt8

  /// The longest header with all fields, in bytes.
  static let length = 112

  /// In bytes.
  var clusterSize: UInt64 { 1 << UInt64(clusterBits) }

  /// Incompatible feature bit 0: reference counts may be wrong.
  private static let dirty: UInt64 = 1 << 0
  /// Incompatible feature bit 1: the image is damaged.
  private static let corrupt: UInt64 = 1 << 1
  /// Incompatible feature bit 2: the data is in another file.
  private static let externalData: UInt64 = 1 << 2
  /// Incompatible features that change nothing about where the contents are: compression type, extended L2 entries.
  private static let understood: UInt64 = 1 << 3 | 1 << 4

  /// The first bytes of every image of this format.
  private static let magic: [UInt8] = [0x51, 0x46, 0x49, 0xFB]

  /// Whether a file begins as an image of this format does.
  static func begins(_ path: String) -> Bool {
    guard let file = try? FileDescriptor.open(FilePath(path), .readOnly, options: [.noFollow, .closeOnExec, .nonBlocking]) else {
      return false
    }
    defer { try? file.close() }
    let bytes = try? [UInt8](unsafeUninitializedCapacity: magic.count) { buffer, count in
      count = try file.read(fromAbsoluteOffset: 0, into: UnsafeMutableRawBufferPointer(buffer))
    }
    return bytes == magic
  }

  /// Reads the header from the first bytes of a file.
  ///
  /// - Throws: `malformed`, or `unsupported` for images that are not closed properly, damaged, or whose data is in
  ///   another file: none of these is identified by its own bytes.
  init(_ bytes: [UInt8], operation: String) throws(ImageError) {
    func refuse(_ message: String) -> ImageError { ImageError(.malformed, operation: operation, message: message) }
    guard bytes.count >= 72, bytes.starts(with: Self.magic) else {
      throw refuse("it has no qcow2 header")
    }
    func number<Number: FixedWidthInteger>(at offset: Int) -> Number {
      bytes[offset..<(offset + Number.bitWidth / 8)].reduce(0) { $0 << 8 | Number($1) }
    }
    version = number(at: 4)
    clusterBits = number(at: 20)
    virtualSize = number(at: 24)
    encryptionMethod = number(at: 32)
    l1Size = number(at: 36)
    l1TableOffset = number(at: 40)
    refcountTableOffset = number(at: 48)
    refcountTableClusters = number(at: 56)
    snapshotCount = number(at: 60)
    snapshotsOffset = number(at: 64)
    guard version == 2 || version == 3 else { throw refuse("qcow2 has no version \(version)") }
    guard (9...21).contains(clusterBits) else { throw refuse("its clusters have 2^\(clusterBits) bytes") }
    if version == 3 {
      guard bytes.count >= 104 else { throw refuse("its header is cut off") }
      incompatibleFeatures = number(at: 72)
      compatibleFeatures = number(at: 80)
      autoclearFeatures = number(at: 88)
      refcountOrder = number(at: 96)
      let headerLength: UInt32 = number(at: 100)
      compressionType = headerLength > 104 && bytes.count > 104 ? bytes[104] : 0
    } else {
      (incompatibleFeatures, compatibleFeatures, autoclearFeatures) = (0, 0, 0)
      refcountOrder = 4
      compressionType = 0
    }
    try checkFeatures(operation: operation)
  }

  private func checkFeatures(operation: String) throws(ImageError) {
    let reason: String? =
      if incompatibleFeatures & Self.dirty != 0 {
        "it was not closed properly"
      } else if incompatibleFeatures & Self.corrupt != 0 {
        "it is marked as damaged"
      } else if incompatibleFeatures & Self.externalData != 0 {
        "its data is in another file"
      } else if incompatibleFeatures & ~Self.understood != 0 {
        "it has unknown features"
      } else {
        nil
      }
    if let reason { throw ImageError(.unsupported, operation: operation, message: reason) }
  }
}
