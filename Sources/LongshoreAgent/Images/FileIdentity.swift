internal import CFileHandle
internal import MigrationCore

/// Which file something is, whatever it is called.
///
/// Device and inode alone name a file only for as long as it exists and its file system stays mounted: ext4 gives the inode of a
/// deleted file to the very next one, and an NFS mount gets another device at each boot. The kernel's handle of a file has the
/// inode's generation in it (on NFS it is the server's own handle), so that no later file ever has it, and is the same after a
/// remount. Unlike a mark in an attribute it has not to be written into a file that is somebody's disk.
struct FileIdentity: Sendable, Hashable, Codable {
  /// The number of the device (`st_dev`).
  let device: UInt64
  /// The number of the inode (`st_ino`).
  let inode: UInt64
  /// The kernel's handle with its type before it; nil where the file system has none (overlayfs), or where it was not noted.
  var handle: [UInt8]?

  /// Whether both are the same file: by their handles, and where one has none by device and inode.
  func isSameFile(as other: FileIdentity) -> Bool {
    guard inode == other.inode else { return false }
    guard let handle, let otherHandle = other.handle else { return device == other.device }
    return handle == otherHandle
  }
}

extension FileIdentity {
  /// The identity of a file that a migration has noted.
  init(_ mark: FileMark) { self.init(device: mark.device, inode: mark.inode, handle: mark.handle) }

  /// The identity as migrations note it.
  var mark: FileMark { FileMark(device: device, inode: inode, handle: handle) }
}

/// The kernel's handles of files (`name_to_handle_at(2)`).
enum FileHandles {
  /// `AT_EMPTY_PATH` of `linux/fcntl.h`: the file is the descriptor's own.
  private static let emptyPath: Int32 = 0x1000

  /// The handle of an open file; nil where its file system has none.
  static func handle(of descriptor: Int32) -> [UInt8]? { handle(descriptor, "", emptyPath) }

  /// The handle of what has a name, which is not followed where it is a symbolic link; nil where there is none.
  ///
  /// - Parameter path: The absolute path.
  static func handle(ofPath path: String) -> [UInt8]? { handle(-1, path, 0) }

  private static func handle(_ directory: Int32, _ path: String, _ flags: Int32) -> [UInt8]? {
    var handle = longshore_file_handle()
    handle.handle_bytes = UInt32(LONGSHORE_MAX_HANDLE_SIZE)
    var mount: Int32 = 0
    guard longshore_name_to_handle_at(directory, path, &handle, &mount, flags) == 0 else { return nil }
    let bytes = withUnsafeBytes(of: &handle.f_handle) { $0.prefix(Int(handle.handle_bytes)).map(\.self) }
    return withUnsafeBytes(of: handle.handle_type.littleEndian) { $0.map(\.self) } + bytes
  }
}
