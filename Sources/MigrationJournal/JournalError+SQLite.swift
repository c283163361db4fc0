internal import GRDB

extension JournalError {
  /// An error that was caught while the file at `path` was used.
  init(_ error: any Error, operation: String, path: String) {
    if let error = error as? JournalError {
      self = error
    } else if let error = error as? DatabaseError {
      self.init(sqlite: error, operation: operation, path: path)
    } else {
      self.init(.unreadableRecord, operation: operation, message: "the journal \(path) holds what cannot be read: \(error)")
    }
  }

  private init(sqlite error: DatabaseError, operation: String, path: String) {
    let detail = "SQLite says: \(error.message ?? "\(error.resultCode)") (\(error.extendedResultCode.rawValue))"
    let (code, message): (Code, String) =
      switch error.resultCode {
      case .SQLITE_FULL:
        (.diskFull, "no space is left for the journal \(path): free some on its file system. \(detail)")
      case .SQLITE_READONLY, .SQLITE_PERM, .SQLITE_AUTH:
        (.readOnly, "the journal \(path) cannot be written: see the rights of the file and of its folder. \(detail)")
      case .SQLITE_BUSY, .SQLITE_LOCKED:
        (.locked, "the journal \(path) is in use: end the other process that has it open. \(detail)")
      case .SQLITE_CORRUPT:
        (.corrupted, "the journal \(path) is damaged. \(Self.recovery(of: path)). \(detail)")
      case .SQLITE_NOTADB:
        (.notAJournal, "\(path) is not a journal. \(Self.recovery(of: path)). \(detail)")
      case .SQLITE_CANTOPEN:
        (.cannotOpen, "\(path) cannot be opened: its folder must exist and be writable. \(detail)")
      case .SQLITE_IOERR:
        (.ioFailed, "reading or writing the journal \(path) failed: see the kernel's log. \(detail)")
      default:
        (.internalError, detail)
      }
    self.init(code, operation: operation, message: message)
  }

  /// How to go on without the file.
  static func recovery(of path: String) -> String {
    "Stop the agent and move \(path) and \(path)-wal away together; do not delete them, for they tell which files "
      + "migrations made. The next start makes an empty journal with a new id, by which the other hosts see that the past is unknown here"
  }
}
