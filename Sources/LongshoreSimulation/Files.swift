internal import MigrationJournal

/// A file's name in a pool, as a value.
enum FileName: Hashable {
  /// A guest's disk.
  case volume(Int)
  /// The template of the linked clones.
  case template
  /// A stub that is being made, in the work folder of a migration at its destination.
  case stubDraft(host: Int, migration: Int, disk: Int)
  /// A template that is being copied, in the work folder of a migration at its destination.
  case layerDraft(host: Int, migration: Int)
  /// A disk that was set aside, in the work folder of a migration at its source.
  case aside(host: Int, migration: Int, disk: Int)

  /// Whether the name is in the work folder of a migration.
  func isInWorkFolder(of number: Int) -> Bool {
    switch self {
    case .volume, .template: false
    case .stubDraft(_, let migration, _), .layerDraft(_, let migration), .aside(_, let migration, _): migration == number
    }
  }
}

/// What a file is, whatever its names.
struct Inode {
  /// Which disk's content it has; nil for a template and for a stranger's file.
  var disk: Disk?
  /// The number of the guest's last write that it has; -1 for an unfinished copy. For templates: 1 when it is whole.
  var content: Int
  /// How often it was copied wrongly, and those that it was copied from.
  var flaws = 0
  /// The migration that made it; nil where it was there before, or is a stranger's.
  var maker: Int?

  /// A guest's disk.
  struct Disk: Hashable {
    var guest: Int
    var number: Int
  }
}

/// The folder of a pool.
struct PoolFolder {
  private(set) var entries: [(name: FileName, inode: Int)] = []

  subscript(name: FileName) -> Int? { entries.first { $0.name == name }?.inode }

  /// Gives a file a name that nothing has.
  mutating func link(_ name: FileName, _ inode: Int) { entries.append((name, inode)) }

  mutating func unlink(_ name: FileName) { entries.removeAll { $0.name == name } }

  func has(_ inode: Int) -> Bool { entries.contains { $0.inode == inode } }
}

/// A file that an agent has registered in its journal.
struct FileRecord: Hashable {
  var migration: Int
  var side: Side
  var role: RegisteredFile.Role
  var pool: Int
  var name: FileName
  var inode: Int?
  /// Milliseconds of the wall clock.
  var deleteAfter: Int64?
}
