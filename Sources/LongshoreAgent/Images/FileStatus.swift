internal import Glibc
internal import SystemPackage

/// What the file system says about a file.
struct FileStatus: Sendable, Equatable {
  let identity: FileIdentity
  let size: UInt64
  let isRegular: Bool
  let isFolder: Bool
  /// How many names the file has.
  let linkCount: UInt64
  /// The space that it takes, in bytes.
  let allocated: UInt64
  let permissions: UInt16
  /// When the contents changed last, in nanoseconds since 1970.
  let modified: Int64
  /// When the contents or attributes changed last, in nanoseconds since 1970.
  let changed: Int64

  private init(_ status: stat, handle: [UInt8]?) {
    identity = FileIdentity(device: UInt64(status.st_dev), inode: UInt64(status.st_ino), handle: handle)
    size = UInt64(max(0, status.st_size))
    isRegular = status.st_mode & S_IFMT == S_IFREG
    isFolder = status.st_mode & S_IFMT == S_IFDIR
    linkCount = UInt64(status.st_nlink)
    // `st_blocks` counts blocks of 512 bytes, whatever the file system's are (stat(2)).
    allocated = UInt64(max(0, status.st_blocks)) * 512
    permissions = UInt16(status.st_mode & 0o7777)
    modified = Int64(status.st_mtim.tv_sec) * 1_000_000_000 + Int64(status.st_mtim.tv_nsec)
    changed = Int64(status.st_ctim.tv_sec) * 1_000_000_000 + Int64(status.st_ctim.tv_nsec)
  }

  /// The status of an open file.
  init(of file: FileDescriptor, operation: String) throws(ImageError) {
    var status = stat()
    guard fstat(file.rawValue, &status) == 0 else { throw .last(operation: operation) }
    self.init(status, handle: FileHandles.handle(of: file.rawValue))
  }

  /// The status of the file of a name, which is not followed when it is a symbolic link.
  init(ofPath path: String, operation: String) throws(ImageError) {
    var status = stat()
    guard lstat(path, &status) == 0 else { throw .last(operation: operation) }
    self.init(status, handle: FileHandles.handle(ofPath: path))
  }
}
