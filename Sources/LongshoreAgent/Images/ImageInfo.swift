/// What `qemu-img info` says about one image.
struct ImageInfo: Sendable, Equatable {
  /// A dirty bitmap that is stored in the image.
  struct Bitmap: Sendable, Equatable, Decodable {
    let name: String
    /// Bytes for each bit.
    let granularity: UInt64
    /// `auto` (recording), `in-use` (not stored properly).
    let flags: [String]
  }

  /// The name as it was given or as the image above says it.
  let filename: String
  let format: String
  /// The size that a guest sees, in bytes.
  let virtualSize: UInt64
  /// The space that is used on the file system, in bytes.
  let actualSize: UInt64?
  /// In bytes.
  let clusterSize: UInt64?
  /// The backing file's name as it stands in the header.
  let backingFilename: String?
  /// The backing file's name, resolved against the image's folder.
  let fullBackingFilename: String?
  let backingFormat: String?
  let isEncrypted: Bool
  /// Whether the image was not closed properly, or is open for writing now.
  let isDirty: Bool
  let isCorrupt: Bool
  /// The file that has the data, where it is not the image itself.
  let dataFile: String?
  let bitmaps: [Bitmap]
  /// The number of internal snapshots.
  let snapshots: Int
  /// The version of qcow2: `0.10` or `1.1`.
  let compat: String?
  /// `zlib` or `zstd`.
  let compressionType: String?
  let hasExtendedL2: Bool
  let hasLazyRefcounts: Bool
  /// The width of a reference count, in bits.
  let refcountBits: UInt64?
}

extension ImageInfo: Decodable {
  private enum CodingKeys: String, CodingKey {
    case filename, format, snapshots
    case virtualSize = "virtual-size"
    case actualSize = "actual-size"
    case clusterSize = "cluster-size"
    case backingFilename = "backing-filename"
    case fullBackingFilename = "full-backing-filename"
    case backingFormat = "backing-filename-format"
    case isEncrypted = "encrypted"
    case isDirty = "dirty-flag"
    case specific = "format-specific"
  }

  private struct Snapshot: Decodable {}

  private struct Specific: Decodable {
    let type: String
    let qcow2: QCOW2?

    enum CodingKeys: String, CodingKey { case type, data }

    init(from decoder: any Decoder) throws {
      let container = try decoder.container(keyedBy: CodingKeys.self)
      type = try container.decode(String.self, forKey: .type)
      // Other formats have other fields under the same key.
      qcow2 = type == "qcow2" ? try container.decode(QCOW2.self, forKey: .data) : nil
    }
  }

  private struct QCOW2: Decodable {
    let compat: String?
    let compressionType: String?
    let dataFile: String?
    let bitmaps: [Bitmap]?
    let corrupt: Bool?
    let extendedL2: Bool?
    let lazyRefcounts: Bool?
    let refcountBits: UInt64?

    enum CodingKeys: String, CodingKey {
      case compat, bitmaps, corrupt
      case compressionType = "compression-type"
      case dataFile = "data-file"
      case extendedL2 = "extended-l2"
      case lazyRefcounts = "lazy-refcounts"
      case refcountBits = "refcount-bits"
    }
  }

  init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    filename = try container.decode(String.self, forKey: .filename)
    format = try container.decode(String.self, forKey: .format)
    virtualSize = try container.decode(UInt64.self, forKey: .virtualSize)
    actualSize = try container.decodeIfPresent(UInt64.self, forKey: .actualSize)
    clusterSize = try container.decodeIfPresent(UInt64.self, forKey: .clusterSize)
    backingFilename = try container.decodeIfPresent(String.self, forKey: .backingFilename)
    fullBackingFilename = try container.decodeIfPresent(String.self, forKey: .fullBackingFilename)
    backingFormat = try container.decodeIfPresent(String.self, forKey: .backingFormat)
    isEncrypted = try container.decodeIfPresent(Bool.self, forKey: .isEncrypted) ?? false
    isDirty = try container.decodeIfPresent(Bool.self, forKey: .isDirty) ?? false
    snapshots = try container.decodeIfPresent([Snapshot].self, forKey: .snapshots)?.count ?? 0
    let qcow2 = try container.decodeIfPresent(Specific.self, forKey: .specific)?.qcow2
    isCorrupt = qcow2?.corrupt ?? false
    dataFile = qcow2?.dataFile
    bitmaps = qcow2?.bitmaps ?? []
    compat = qcow2?.compat
    compressionType = qcow2?.compressionType
    hasExtendedL2 = qcow2?.extendedL2 ?? false
    hasLazyRefcounts = qcow2?.lazyRefcounts ?? false
    refcountBits = qcow2?.refcountBits
  }
}
