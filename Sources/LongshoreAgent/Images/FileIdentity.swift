/// Which file something is, whatever it is called: the file system and the file's number in it.
struct FileIdentity: Sendable, Hashable, Codable {
  /// The number of the device (`st_dev`).
  let device: UInt64
  /// The number of the inode (`st_ino`).
  let inode: UInt64
}
