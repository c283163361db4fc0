/// What makes two files the same layer of a backing chain, on whatever hosts and under whatever names.
///
/// A qcow2 header holds the backing file's name, which differs by pool. So the identity of a qcow2 image is its header
/// without that name, and the SHA-256 of all that follows the first cluster, which the header has for itself. Of a raw
/// image it is the SHA-256 of the whole file.
struct LayerIdentity: Sendable, Equatable, Codable {
  /// `qcow2` or `raw`.
  let format: String
  /// The length of the file, in bytes.
  let fileSize: UInt64
  /// The size that a guest sees, in bytes.
  let virtualSize: UInt64
  /// The header, for qcow2.
  let header: QCOW2Header?
  /// SHA-256, in lower-case hexadecimal digits.
  let digest: String

  /// The format and the header as text, equal for equal headers.
  var headerText: String {
    guard let header else { return format }
    return "\(format) version \(header.version), clusters 2^\(header.clusterBits), size \(header.virtualSize), "
      + "encryption \(header.encryptionMethod), L1 \(header.l1Size) at \(header.l1TableOffset), "
      + "refcounts \(header.refcountTableClusters) of order \(header.refcountOrder) at \(header.refcountTableOffset), "
      + "snapshots \(header.snapshotCount) at \(header.snapshotsOffset), features \(header.incompatibleFeatures)/"
      + "\(header.compatibleFeatures)/\(header.autoclearFeatures), compression \(header.compressionType)"
  }

  /// The first thing in which another layer differs, in words; `nil` when it is the same.
  func firstDifference(from other: LayerIdentity) -> String? {
    if format != other.format { return "the format is \(format), not \(other.format)" }
    if virtualSize != other.virtualSize {
      return "the virtual size is \(virtualSize) bytes, not \(other.virtualSize)"
    }
    if fileSize != other.fileSize { return "the file has \(fileSize) bytes, not \(other.fileSize)" }
    if header != other.header { return "the qcow2 headers differ in more than the backing file" }
    if digest != other.digest { return "the contents differ (SHA-256 \(digest), not \(other.digest))" }
    return nil
  }
}
