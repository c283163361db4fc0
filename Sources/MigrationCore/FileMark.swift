/// Which file something is, so that another that takes its name is not taken for it.
public struct FileMark: Sendable, Hashable, Codable {
  /// The number of the device (`st_dev`).
  public var device: UInt64
  /// The number of the inode (`st_ino`).
  public var inode: UInt64
  /// The kernel's handle of the file; nil where its file system has none.
  public var handle: [UInt8]?

  /// A file's mark.
  public init(device: UInt64, inode: UInt64, handle: [UInt8]? = nil) {
    self.device = device
    self.inode = inode
    self.handle = handle
  }
}
