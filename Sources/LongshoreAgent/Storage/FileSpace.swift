internal import CFileHandle
internal import Glibc
internal import SystemPackage

/// The space that files take on their file systems.
enum FileSpace {
  /// Gives a file space for all its bytes, which stay what they are. The file may be in use.
  ///
  /// - Returns: Whether it has it: not every file system can.
  /// - Throws: `noSpace`, `notFound` and what else the file system refuses with.
  static func take(for path: String) async throws(ImageError) -> Bool {
    let operation = "take the space for \(path)"
    try ImageError.check(path: path, operation: operation)
    return try await BlockingWork.run { () throws(ImageError) in
      let status = try FileStatus(ofPath: path, operation: operation)
      guard status.size > status.allocated else { return true }
      return try ImageError.wrapping(operation) {
        let file = try FileDescriptor.open(FilePath(path), .writeOnly, options: [.noFollow, .closeOnExec])
        return try file.closeAfter {
          // The system's call: what the C library does where a file system cannot would write into the file of a running guest.
          while longshore_fallocate(file.rawValue, 0, 0, Int64(clamping: status.size)) != 0 {
            let error = Errno(rawValue: errno)
            if error == .notSupportedOnSocket { return false }
            if error != .interrupted { throw error }
          }
          return true
        }
      }
    }
  }
}
