internal import Glibc

/// The file of a journal before SQLite opens it.
enum JournalFile {
  /// Makes the file where it is missing, readable for its owner alone (it holds definitions of guests), and looks whether it may be
  /// written, of which SQLite says only that it cannot lock it. A file that exists is not even opened: closing it again would end the
  /// locks that SQLite has on it in this process (`fcntl(2)`, `F_SETLK`).
  static func makeIfMissing(_ path: String, operation: String) throws(JournalError) {
    let descriptor = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else {
      var reason = errno
      if reason == EEXIST {
        guard faccessat(AT_FDCWD, path, W_OK, AT_EACCESS) != 0 else { return }
        reason = errno
      }
      let text = String(cString: strerror(reason))
      switch reason {
      case EACCES, EPERM, EROFS:
        throw JournalError(
          .readOnly, operation: operation,
          message: "the journal \(path) cannot be written: see the rights of the file and of its folder. The system says: \(text)")
      case ENOSPC, EDQUOT:
        throw JournalError(.diskFull, operation: operation, message: "no space is left for the journal \(path)")
      default:
        throw JournalError(
          .cannotOpen, operation: operation,
          message: "\(path) cannot be opened: its folder must exist and be writable. The system says: \(text)")
      }
    }
    close(descriptor)
  }
}
