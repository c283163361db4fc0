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
}
