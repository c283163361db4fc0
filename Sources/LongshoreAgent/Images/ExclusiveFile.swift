internal import Glibc
internal import SystemPackage

/// A file that was created here and nowhere else, by its name and its identity.
///
/// It is made under a name that nobody else uses, registered by its identity, filled, and then given its final name
/// with ``publish(to:)``, which never overwrites. It is deleted only while it still is the same file.
struct ExclusiveFile: Sendable, Hashable, Codable {
  /// The name that the file was created under.
  let path: String
  /// Which file it is.
  let identity: FileIdentity

  /// What ``remove()`` found.
  enum Removal: Sendable, Equatable {
    /// The file was there and was deleted.
    case removed
    /// There is no file of that name.
    case absent
    /// Another file has the name; it was not touched.
    case otherFile(FileIdentity)
  }

  /// Creates an empty file that did not exist, with `O_CREAT | O_EXCL | O_NOFOLLOW`, and makes its name durable.
  ///
  /// - Throws: `alreadyExists` for any file or link of that name.
  static func create(at path: String, permissions: FilePermissions = [.ownerReadWrite]) async throws(ImageError)
    -> ExclusiveFile
  {
    let operation = "create the file \(path)"
    try ImageError.check(path: path, operation: operation)
    return try await BlockingWork.run { () throws(ImageError) in
      try ImageError.wrapping(operation) {
        let file = try FileDescriptor.open(
          FilePath(path), .readWrite, options: [.create, .exclusiveCreate, .noFollow, .closeOnExec],
          permissions: permissions)
        return try file.closeAfter {
          let identity = try FileStatus(of: file, operation: operation).identity
          try synchronize(file, operation: operation)
          try synchronizeDirectory(of: path, operation: operation)
          return ExclusiveFile(path: path, identity: identity)
        }
      }
    }
  }

  /// Gives the file its final name and takes the first one away: `link()` and `unlink()`, which never overwrite, and
  /// which NFS has, unlike `RENAME_NOREPLACE`.
  ///
  /// Publishing again what is published already succeeds, also where only the first half was done.
  ///
  /// - Throws: `alreadyExists` when another file has the final name; `changed` when the first name has become another
  ///   file's; `notFound` when the file has neither name.
  func publish(to destination: String) async throws(ImageError) {
    let operation = "publish \(path) as \(destination)"
    try ImageError.check(path: destination, operation: operation)
    let file = self
    try await BlockingWork.run { () throws(ImageError) in
      guard let found = try Self.identity(ofPath: file.path, operation: operation) else {
        if try file.isThere(at: destination, operation: operation) { return }
        throw ImageError(.notFound, operation: operation, message: "the file is gone")
      }
      guard found.isSameFile(as: file.identity) else {
        throw ImageError(.changed, operation: operation, message: "another file has its name")
      }
      if link(file.path, destination) != 0 {
        let error = ImageError.last(operation: operation)
        // A repeated NFS request says that the name exists although the first one made it.
        guard error.code == .alreadyExists, try file.isThere(at: destination, operation: operation) else { throw error }
      }
      try Self.synchronizeDirectory(of: destination, operation: operation)
      CrashPoint.fileLinked.reached()
      guard unlink(file.path) == 0 || errno == ENOENT else { throw .last(operation: operation) }
      try Self.synchronizeDirectory(of: file.path, operation: operation)
    }
  }

  /// Deletes the file if its name still belongs to it, and tells what was found.
  ///
  /// Between looking and deleting another process could exchange the file; so this is for names in folders that only
  /// this host uses.
  func remove() async throws(ImageError) -> Removal {
    let operation = "delete \(path)"
    let file = self
    return try await BlockingWork.run { () throws(ImageError) in
      guard let found = try Self.identity(ofPath: file.path, operation: operation) else { return .absent }
      guard found.isSameFile(as: file.identity) else { return .otherFile(found) }
      guard unlink(file.path) == 0 else { throw .last(operation: operation) }
      try Self.synchronizeDirectory(of: file.path, operation: operation)
      return .removed
    }
  }

  /// Makes the contents durable, after making sure that the name still belongs to the file.
  func synchronize() async throws(ImageError) {
    let operation = "write \(path) to disk"
    let registered = self
    try await BlockingWork.run { () throws(ImageError) in
      try ImageError.wrapping(operation) {
        let file = try FileDescriptor.open(FilePath(registered.path), .readWrite, options: [.noFollow, .closeOnExec])
        try file.closeAfter {
          try registered.requireSame(file, operation: operation)
          try Self.synchronize(file, operation: operation)
        }
      }
    }
  }

  /// Refuses an open file that is not this one.
  func requireSame(_ file: FileDescriptor, operation: String) throws(ImageError) {
    let found = try FileStatus(of: file, operation: operation).identity
    guard found.isSameFile(as: identity) else {
      throw ImageError(.changed, operation: operation, message: "it is another file than inode \(identity.inode) was")
    }
  }

  /// Whether the file has a name.
  private func isThere(at path: String, operation: String) throws(ImageError) -> Bool {
    try Self.identity(ofPath: path, operation: operation)?.isSameFile(as: identity) ?? false
  }

  /// The identity of what has a name now; `nil` for nothing.
  private static func identity(ofPath path: String, operation: String) throws(ImageError) -> FileIdentity? {
    do throws(ImageError) {
      return try FileStatus(ofPath: path, operation: operation).identity
    } catch {
      guard error.code == .notFound else { throw error }
      return nil
    }
  }

  private static func synchronize(_ file: FileDescriptor, operation: String) throws(ImageError) {
    guard fsync(file.rawValue) == 0 else { throw .last(operation: operation) }
  }

  /// Makes the names in a file's folder durable.
  private static func synchronizeDirectory(of path: String, operation: String) throws(ImageError) {
    let folder = FilePath(path).removingLastComponent()
    try ImageError.wrapping(operation) {
      let directory = try FileDescriptor.open(folder, .readOnly, options: [.directory, .closeOnExec])
      try directory.closeAfter { try synchronize(directory, operation: operation) }
    }
  }
}
