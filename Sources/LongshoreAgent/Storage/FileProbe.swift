internal import Glibc
internal import SystemPackage

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

  /// Whether everybody can read a file, as far as its own permissions go.
  static func isReadableByAll(_ path: String) -> Bool {
    var status = stat()
    return stat(path, &status) == 0 && status.st_mode & S_IROTH != 0
  }

  /// A file's inode number, of a link itself; nil where there is none.
  static func inode(of path: String) -> UInt64? {
    var status = stat()
    return lstat(path, &status) == 0 ? UInt64(status.st_ino) : nil
  }

  /// Whether another file system is mounted on a folder than the one that holds it. One that stands still is asked
  /// only behind a symbolic link.
  static func isMountPoint(_ folder: String) -> Bool {
    // The table names a folder of the same file system that is bound there, too, but none by its symbolic links.
    if mounts().contains(folder) { return true }
    guard let inner = device(of: folder), let outer = device(of: "\(folder)/..") else { return false }
    return inner != outer
  }

  private static func mounts() -> Set<String> {
    guard let table = try? ProcessFile.contents(of: "/proc/self/mountinfo") else { return [] }
    // Field 5 is the mount point, with blanks and the like as octal numbers.
    return Set(
      table.split(separator: UInt8(ascii: "\n")).compactMap { line in
        let fields = line.split(separator: UInt8(ascii: " "))
        return fields.count > 4 ? unescaped(String(decoding: fields[4], as: UTF8.self)) : nil
      })
  }

  private static func unescaped(_ text: String) -> String {
    text.replacing("\\040", with: " ").replacing("\\011", with: "\t").replacing("\\012", with: "\n").replacing("\\134", with: "\\")
  }

  /// `O_TMPFILE`, a macro that Swift does not import (Linux's asm-generic/fcntl.h).
  private static let unnamedFile = 0o20000000 | O_DIRECTORY

  /// Why files cannot be made in a folder; nil where they can. Leaves nothing behind.
  static func obstacleToFiles(in folder: String) -> Errno? {
    var status = statvfs()
    guard statvfs(folder, &status) == 0 else { return Errno(rawValue: errno) }
    if status.f_flag & UInt(ST_RDONLY) != 0 { return .readOnlyFileSystem }
    // A file without a name, where the file system can make one: it sees what permissions alone do not show.
    let file = open(folder, unnamedFile | O_WRONLY | O_CLOEXEC, 0o600)
    if file >= 0 {
      close(file)
      return nil
    }
    let error = Errno(rawValue: errno)
    guard error == .notSupportedOnSocket || error == .isDirectory else { return error }
    return access(folder, W_OK | X_OK) == 0 ? nil : Errno(rawValue: errno)
  }

  /// Whether a file system takes files of a size, in bytes; nil where that cannot be tried without leaving a file behind, as on NFS.
  static func takesFiles(of size: UInt64, in folder: String) -> Bool? {
    let file = open(folder, unnamedFile | O_WRONLY | O_CLOEXEC, 0o600)
    guard file >= 0 else { return nil }
    defer { close(file) }
    // A hole takes no room.
    if ftruncate(file, off_t(clamping: size)) == 0 { return true }
    return errno == EFBIG || errno == EINVAL ? false : nil
  }

  /// How many more files a file system takes; nil where it does not count them.
  static func availableFiles(in folder: String) -> UInt64? {
    var status = statvfs()
    // A file system that makes inodes as it needs them has a total of none.
    guard statvfs(folder, &status) == 0, status.f_files > 0 else { return nil }
    return UInt64(status.f_favail)
  }

  /// The size of the file system that a folder is in, in bytes; nil where it cannot be asked.
  static func totalBytes(in folder: String) -> UInt64? {
    var status = statvfs()
    guard statvfs(folder, &status) == 0 else { return nil }
    return UInt64(status.f_blocks) * UInt64(status.f_frsize)
  }

  /// The free space of the file system that a folder is in, for all users, in bytes; nil where it cannot be asked.
  static func availableBytes(in folder: String) -> UInt64? {
    var status = statvfs()
    guard statvfs(folder, &status) == 0 else { return nil }
    return UInt64(status.f_bavail) * UInt64(status.f_frsize)
  }
}
