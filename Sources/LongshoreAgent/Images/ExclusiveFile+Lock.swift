internal import Glibc
internal import SystemPackage

extension ExclusiveFile {
  /// `F_OFD_GETLK` (`asm-generic/fcntl.h`), which the C library's headers show only to GNU sources.
  private static let getOpenFileDescriptionLock: CInt = 36

  /// Whether any process holds a lock on a file: QEMU locks single bytes from 100 and from 200 on (`block/file-posix.c`)
  /// of every image that it has open, also of one that it only reads, on NFS for all hosts to see.
  ///
  /// Nothing is locked by asking. A `false` is true only for the moment.
  static func isInUse(_ path: String) async throws(ImageError) -> Bool {
    // A write lock on the whole file would conflict with every lock there is.
    try await hasLock(path, from: 0, length: 0)
  }

  /// Whether a process has an image open that may write to it: QEMU then holds a lock on the byte of that permission
  /// (`RAW_LOCK_PERM_BASE` and the bit of `BLK_PERM_WRITE`, `block/file-posix.c`).
  ///
  /// Nothing is locked by asking. A `false` is true only for the moment.
  static func isWritten(_ path: String) async throws(ImageError) -> Bool { try await hasLock(path, from: 101, length: 1) }

  private static func hasLock(_ path: String, from start: off_t, length: off_t) async throws(ImageError) -> Bool {
    let operation = "look for locks on \(path)"
    return try await BlockingWork.run { () throws(ImageError) in
      try ImageError.wrapping(operation) {
        let file = try FileDescriptor.open(FilePath(path), .readOnly, options: [.noFollow, .closeOnExec])
        return try file.closeAfter {
          var lock = flock()
          lock.l_type = Int16(F_WRLCK)
          lock.l_whence = Int16(SEEK_SET)
          lock.l_start = start
          lock.l_len = length
          guard fcntl(file.rawValue, getOpenFileDescriptionLock, &lock) == 0 else { throw Errno(rawValue: errno) }
          return lock.l_type != Int16(F_UNLCK)
        }
      }
    }
  }
}
