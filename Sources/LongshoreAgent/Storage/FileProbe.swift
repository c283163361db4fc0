internal import Glibc

/// Questions to the file system that need no more than `stat`.
enum FileProbe {
  /// Whether anything has this name, also a link to nothing.
  static func exists(_ path: String) -> Bool {
    var status = stat()
    return lstat(path, &status) == 0
  }

  /// A file's size, in bytes; nil where there is none.
  static func size(of path: String) -> UInt64? {
    var status = stat()
    return stat(path, &status) == 0 ? UInt64(status.st_size) : nil
  }

  /// The number of the device that something is on, behind symbolic links; nil where there is nothing.
  static func device(of path: String) -> UInt64? {
    var status = stat()
    return stat(path, &status) == 0 ? UInt64(status.st_dev) : nil
  }

  /// The free space of the file system that a folder is in, for all users, in bytes; nil where it cannot be asked.
  static func availableBytes(in folder: String) -> UInt64? {
    var status = statvfs()
    guard statvfs(folder, &status) == 0 else { return nil }
    return UInt64(status.f_bavail) * UInt64(status.f_frsize)
  }
}
