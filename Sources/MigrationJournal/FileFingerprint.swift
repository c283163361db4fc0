/// What tells that a file's content is what it was: every write changes its times, every replacement its inode.
public struct FileFingerprint: Sendable, Hashable {
  /// The file's path.
  public var path: String
  /// The number of the device (`st_dev`).
  public var device: UInt64
  /// The number of the inode (`st_ino`).
  public var inode: UInt64
  /// The size, in bytes.
  public var size: UInt64
  /// When the content changed (`st_mtim`), in nanoseconds since 1970.
  public var modifiedNs: Int64
  /// When the content or the attributes changed (`st_ctim`), in nanoseconds since 1970.
  public var changedNs: Int64

  /// The fingerprint of a file.
  public init(path: String, device: UInt64, inode: UInt64, size: UInt64, modifiedNs: Int64, changedNs: Int64) {
    self.path = path
    self.device = device
    self.inode = inode
    self.size = size
    self.modifiedNs = modifiedNs
    self.changedNs = changedNs
  }
}
