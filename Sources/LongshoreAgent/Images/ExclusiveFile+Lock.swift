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
    let operation = "look for locks on \(path)"
    return try await BlockingWork.run { () throws(ImageError) in
      try ImageError.wrapping(operation) {
        let file = try FileDescriptor.open(FilePath(path), .readOnly, options: [.noFollow, .closeOnExec])
        return try file.closeAfter {
          // A write lock on the whole file would conflict with every lock there is.
          var lock = flock()
          lock.l_type = Int16(F_WRLCK)
          lock.l_whence = Int16(SEEK_SET)
          guard fcntl(file.rawValue, getOpenFileDescriptionLock, &lock) == 0 else { throw Errno(rawValue: errno) }
          return lock.l_type != Int16(F_UNLCK)
        }
      }
    }
  }
}
