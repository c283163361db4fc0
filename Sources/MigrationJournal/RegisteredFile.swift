public import LongshoreMessages
public import MigrationCore

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
  /// The number of the file's inode (`st_ino`). A file of another inode at ``path`` is not this one.
  public var inode: UInt64?
  /// The kernel's handle of the file, which no later file has, also one that gets the same inode; nil where its file system has
  /// none.
  public var handle: [UInt8]?
  /// How long it is kept; nil for what is not deleted because of its age. Counted as ``Deadline`` counts: a step of the wall clock
  /// changes nothing.
  public var grace: Deadline?
  /// The path that it had before it was set aside.
  public var originalPath: String?
  /// The chunks of a template's copy that are on the disk.
  public var finishedChunks: ChunkSet

  /// A file of a migration.
  public init(
    migration: MigrationID, side: Side, role: Role, path: String, device: UInt64? = nil, inode: UInt64? = nil,
    handle: [UInt8]? = nil, grace: Deadline? = nil, originalPath: String? = nil, finishedChunks: ChunkSet = ChunkSet()
  ) {
    self.migration = migration
    self.side = side
    self.role = role
    self.path = path
    self.device = device
    self.inode = inode
    self.handle = handle
    self.grace = grace
    self.originalPath = originalPath
    self.finishedChunks = finishedChunks
  }
}
