public import LongshoreMessages

/// A file or folder that a migration makes: registered before it is made, so that whatever is found on a disk after a crash is known.
///
/// Migration, side and path together name it in the journal.
public struct RegisteredFile: Sendable, Hashable {
  /// What the file is.
  public enum Role: String, Sendable, Hashable, CaseIterable {
    /// An empty image that a disk is copied into.
    case stub
    /// A template that is being copied, under a name of its own.
    case templateCopy
    /// A template that was copied here and published. Never deleted.
    case template
    /// A disk of a guest that has left, kept for the grace period.
    case setAside
    /// A folder of a migration's work.
    case workFolder
  }

  /// The migration that makes it.
  public let migration: MigrationID
  /// The side of the migration that this host is.
  public let side: Side
  /// What the file is.
  public var role: Role
  /// The file's path.
  public let path: String
  /// The number of the file's device (`st_dev`); nil, as ``inode``, until it was made.
  public var device: UInt64?
  /// The number of the file's inode (`st_ino`). A file of another device or inode at ``path`` is not this one.
  public var inode: UInt64?
  /// When it may be deleted; nil while nobody may.
  public var deleteAfter: Timestamp?
  /// The path that it had before it was set aside.
  public var originalPath: String?
  /// The chunks of a template's copy that are on the disk.
  public var finishedChunks: ChunkSet

  /// A file of a migration.
  public init(
    migration: MigrationID, side: Side, role: Role, path: String, device: UInt64? = nil, inode: UInt64? = nil,
    deleteAfter: Timestamp? = nil, originalPath: String? = nil, finishedChunks: ChunkSet = ChunkSet()
  ) {
    self.migration = migration
    self.side = side
    self.role = role
    self.path = path
    self.device = device
    self.inode = inode
    self.deleteAfter = deleteAfter
    self.originalPath = originalPath
    self.finishedChunks = finishedChunks
  }
}
