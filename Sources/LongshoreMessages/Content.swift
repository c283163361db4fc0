/// What the destination has made for a view of a guest's disks as they were at the switch: libvirt's backup job in pull mode, which
/// keeps what the guest overwrites from then on in scratch files, and serves the view over NBD.
public struct PreparedView: Sendable, Hashable, Codable {
  /// The scratch file of a disk.
  public struct Scratch: Sendable, Hashable, Codable {
    /// The disk's target, such as `vda`; also the name of its NBD export.
    public var target: ResourceName
    /// The path at the destination of an empty qcow2 image of the disk's size.
    public var path: String

    /// A scratch file.
    public init(target: ResourceName, path: String) {
      self.target = target
      self.path = path
    }
  }

  /// The path at the destination of the Unix socket at which QEMU is to serve the view.
  public var socket: String
  /// The scratch files, one for each disk that is copied.
  public var scratch: [Scratch]

  /// A prepared view.
  public init(socket: String, scratch: [Scratch]) {
    self.socket = socket
    self.scratch = scratch
  }
}

/// The content of a disk as the guest sees it, by digests of its ranges, which are equal where the content is.
///
/// What a host keeps it in does not count: a hole, a cluster of zeros and written zeros are the same, and so are data of the disk's own
/// and of a layer below it.
public struct DiskContent: Sendable, Hashable, Codable {
  /// The size of the blocks that digests are made of, in bytes.
  public static let blockSize = 1 << 16
  /// The smallest range, in bytes.
  public static let smallestRange: UInt64 = 1 << 20
  /// The most ranges that the disks of a guest have together, or about so many: what a message can hold.
  public static let mostRanges: UInt64 = 1024

  /// The disk's target, such as `vda`.
  public var target: ResourceName
  /// The disk's size, in bytes.
  public var size: UInt64
  /// The size of a range, in bytes; the last one may be shorter.
  public var rangeSize: UInt64
  /// For each range the SHA-256 of its blocks that are not all zeros, each after its offset in the disk as eight bytes, the highest
  /// first; in hexadecimal, and empty for a range of zeros.
  public var digests: [String]

  /// A disk's content.
  public init(target: ResourceName, size: UInt64, rangeSize: UInt64, digests: [String]) {
    self.target = target
    self.size = size
    self.rangeSize = rangeSize
    self.digests = digests
  }

  /// The size of the ranges of a disk of `size` bytes, of a guest with so many: a power of two, the same on both hosts.
  public static func rangeSize(of size: UInt64, disks: Int) -> UInt64 {
    let most = max(1, mostRanges / UInt64(max(1, disks)))
    var range = smallestRange
    while range < 1 << 63, size > range, (size - 1) / range + 1 > most { range *= 2 }
    return range
  }
}

/// What came of reading a view of a guest's disks.
public struct ViewReading: Sendable, Hashable, Codable {
  /// The content of each disk that was copied; nil where it could not be read.
  public var disks: [DiskContent]?
  /// Why it could not be read; nil where it was.
  public var failure: Reason?

  /// What was read.
  public init(_ disks: [DiskContent]) { self.disks = disks }

  /// Why nothing was read.
  public init(failure: Reason) { self.failure = failure }
}

/// Whether the disks that were copied have the same content on both hosts.
public struct Verification: Sendable, Hashable, Codable {
  /// What was found.
  public enum Outcome: String, Hashable, WireWord {
    /// Every byte that the guest can read was the same at the switch.
    case equal
    /// Some was not.
    case differs
    /// It could not be found out.
    case unknown
  }

  /// A part of a disk that is not the same, in whole ranges of what is compared.
  public struct Difference: Sendable, Hashable, Codable {
    /// The disk's target, such as `vda`.
    public var target: ResourceName
    /// Where it begins, in bytes.
    public var offset: UInt64
    /// How long it is, in bytes.
    public var length: UInt64

    /// A difference.
    public init(target: ResourceName, offset: UInt64, length: UInt64) {
      self.target = target
      self.offset = offset
      self.length = length
    }
  }

  /// What was found.
  public var outcome: Outcome
  /// The bytes that were compared: the sizes of the disks.
  public var bytes: UInt64?
  /// `differs`: the first parts that are not the same.
  public var differences: [Difference]?

  /// What was found.
  public init(_ outcome: Outcome, bytes: UInt64? = nil, differences: [Difference]? = nil) {
    self.outcome = outcome
    self.bytes = bytes
    self.differences = differences
  }
}
