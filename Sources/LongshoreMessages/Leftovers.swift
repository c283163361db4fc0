/// A source disk that was set aside after its guest had moved, and is kept for a time of grace.
public struct SetAsideDisk: Sendable, Hashable, Codable {
  /// What has become of the disk.
  public enum State: String, Hashable, WireWord {
    /// It is there.
    case kept
    /// It was deleted now.
    case deleted
  }

  /// Names the disk on its host: 16 hexadecimal digits, the same at every answer.
  public var id: String
  /// The migration that moved the guest.
  public var migration: MigrationID
  /// The guest; absent where the migration's record cannot be read.
  public var guest: GuestReference?
  /// Where the file is now.
  public var path: String
  /// Where it was when the guest ran on it.
  public var originalPath: String?
  /// The space that it takes, in bytes; absent where the file is not seen: its pool is not mounted, or somebody has removed it.
  public var size: UInt64?
  /// When it is deleted, by the host's clock as it stands now.
  public var deleteAt: Timestamp
  /// What has become of it.
  public var state: State
  /// Why it was not deleted although that was asked.
  public var reason: Reason?

  /// A disk that was set aside.
  public init(
    id: String, migration: MigrationID, guest: GuestReference?, path: String, originalPath: String?, size: UInt64?, deleteAt: Timestamp,
    state: State = .kept, reason: Reason? = nil
  ) {
    self.id = id
    self.migration = migration
    self.guest = guest
    self.path = path
    self.originalPath = originalPath
    self.size = size
    self.deleteAt = deleteAt
    self.state = state
    self.reason = reason
  }
}

/// Something on a host that belongs to no migration that runs.
public struct Orphan: Sendable, Hashable, Codable {
  /// What it is.
  public enum Kind: String, Hashable, WireWord {
    /// A stub that was published in a pool.
    case stub
    /// A stub that was not published.
    case draft
    /// A part of a template, or a whole one that was not published.
    case templateCopy = "template-copy"
    /// A source disk that was set aside, and whose time of grace is over or unknown.
    case setAside = "set-aside"
    /// A migration's work folder.
    case workFolder = "work-folder"
    /// Something else in this host's work folders.
    case file
    /// A process that serves a template.
    case export
    /// A definition or a process of a guest.
    case domain
    /// An entry of the journal without a file.
    case registration
  }

  /// Whether it can be removed, or what has become of it.
  public enum State: String, Hashable, WireWord {
    /// It is proven to be Longshore's own and unused: `remove-orphans` removes it.
    case removable
    /// It stays.
    case kept
    /// It was removed now.
    case removed
  }

  /// Names it on its host: 16 hexadecimal digits, the same at every answer.
  public var id: String
  /// What it is.
  public var kind: Kind
  /// Its path; a domain's name; of an export its pid file.
  public var name: String
  /// The migration that it comes from; absent where that is unknown.
  public var migration: MigrationID?
  /// When it changed last; absent where that is unknown.
  public var since: Timestamp?
  /// The space that it takes, in bytes; absent for what takes none.
  public var size: UInt64?
  /// Whether it can be removed, or what has become of it.
  public var state: State
  /// Why.
  public var why: String

  /// Something that belongs to no migration that runs.
  public init(
    id: String, kind: Kind, name: String, migration: MigrationID? = nil, since: Timestamp? = nil, size: UInt64? = nil, state: State,
    why: String
  ) {
    self.id = id
    self.kind = kind
    self.name = name
    self.migration = migration
    self.since = since
    self.size = size
    self.state = state
    self.why = why
  }
}
