internal import FoundationEssentials
internal import GRDB
public import LongshoreMessages
public import MigrationCore

extension Journal {
  /// Stores a prefetch that begins, with the key of its order.
  ///
  /// - Returns: ``CommitOutcome/committed``, or what the journal holds of the order's id already; nothing is stored then.
  public func begin(_ prefetch: TemplatePrefetch, request: RequestKey, at now: Now) throws(JournalError) -> CommitOutcome {
    try transaction("begin the prefetch \(prefetch.id)") { db in
      let outcome = try accept(request, at: now, db)
      guard outcome == .committed else { return outcome }
      return try store(prefetch, at: now, db) ? .committed : .stale
    }
  }

  /// Stores a prefetch as an event has left it, with the messages that go out with that.
  ///
  /// - Returns: ``CommitOutcome/stale`` where its revision does not follow the stored one; nothing is stored then.
  public func commit(
    _ prefetch: TemplatePrefetch, outbox: [OutboxMessage] = [], at now: Now
  ) throws(JournalError) -> CommitOutcome {
    try commitWork(prefetch, outbox: outbox, at: now)
  }

  /// A prefetch into this host, ended or not; nil where it is unknown.
  public func prefetch(_ id: MigrationID) throws(JournalError) -> TemplatePrefetch? { try work(id) }

  /// The prefetches into this host that have not ended, the oldest first.
  public func openPrefetches() throws(JournalError) -> StoredMigrations<TemplatePrefetch> {
    try works("WHERE ended = 0 ORDER BY number")
  }

  // MARK: - Templates that were copied

  /// Notes that a template is published here which was copied, in place of what was noted of its name before.
  public func note(_ copy: CopiedTemplate) throws(JournalError) {
    try write("note the template \(copy.path)") { db in
      try db.execute(
        sql: "INSERT OR REPLACE INTO copied_template (path, device, inode, handle, source, published) VALUES (?, ?, ?, ?, ?, ?)",
        arguments: [
          copy.path, copy.device.map(Int64.init(bitPattern:)), copy.inode.map(Int64.init(bitPattern:)), copy.handle.map { Data($0) },
          copy.source.text, copy.published.milliseconds,
        ])
    }
  }

  /// What was noted of the template of a name, which may be another file by now; nil for nothing.
  public func copiedTemplate(at path: String) throws(JournalError) -> CopiedTemplate? {
    try read("read where \(path) comes from") { db in
      try Row.fetchOne(db, sql: "SELECT * FROM copied_template WHERE path = ?", arguments: [path]).flatMap(CopiedTemplate.init(stored:))
    }
  }

  /// What was noted of all templates that were copied here, by their names.
  public func copiedTemplates() throws(JournalError) -> [CopiedTemplate] {
    try read("read which templates were copied") { db in
      try Row.fetchAll(db, sql: "SELECT * FROM copied_template ORDER BY path").compactMap(CopiedTemplate.init(stored:))
    }
  }
}

extension TemplatePrefetch: JournalledWork {
  static var table: String { "prefetch" }
}

extension CopiedTemplate {
  fileprivate init?(stored row: Row) {
    guard let source = NodeName(row["source"]) else { return nil }
    self.init(
      path: row["path"], device: (row["device"] as Int64?).map(UInt64.init(bitPattern:)),
      inode: (row["inode"] as Int64?).map(UInt64.init(bitPattern:)), handle: (row["handle"] as Data?).map { [UInt8]($0) }, source: source,
      published: Timestamp(milliseconds: row["published"]))
  }
}

/// A template that was copied to this host and published under a name.
public struct CopiedTemplate: Sendable, Hashable {
  /// The name under which it was published, as a path.
  public var path: String
  /// The number of the file's device (`st_dev`).
  public var device: UInt64?
  /// The number of the file's inode (`st_ino`).
  public var inode: UInt64?
  /// The kernel's handle of the file; nil where its file system has none.
  public var handle: [UInt8]?
  /// The host that it was copied from.
  public var source: NodeName
  /// When it was published.
  public var published: Timestamp

  /// A template that was copied.
  public init(
    path: String, device: UInt64?, inode: UInt64?, handle: [UInt8]? = nil, source: NodeName, published: Timestamp
  ) {
    self.path = path
    self.device = device
    self.inode = inode
    self.handle = handle
    self.source = source
    self.published = published
  }
}
