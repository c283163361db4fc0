internal import FoundationEssentials
internal import GRDB

/// What a host knows about its migrations, on disk: accepted requests, the migrations and their histories, numbered events, messages
/// to be published, files made.
///
/// One SQLite file a host, on a local disk. A call that returned is on the disk: the write-ahead log with `synchronous=FULL` syncs every
/// commit once, where a rollback journal would four times. The file is locked exclusively while it is open, so that no other process reads
/// or writes it and no commit waits for one; the log's index is in memory then, and not in a file. A journal that is closed is one file
/// again; of an agent that died it is two, the file and its log (`-wal`).
///
/// All calls are synchronous and take milliseconds. They may come from any thread and are done one after the other.
public final class Journal: Sendable {
  /// The path that stands for a journal in memory, which is gone when it is closed.
  public static let inMemory = ":memory:"

  /// The journal's id: a UUID in lower case, made with the file. Another id means another past.
  public let id: String
  /// The file's path.
  public let path: String

  /// The version of the shapes in which snapshots and events are stored.
  let shape: Int
  private let queue: DatabaseQueue
  private let written: Written

  /// Gets, after each write, how long it took with the wait for the disk, and why it failed; nil where it did not.
  public typealias Written = @Sendable (_ time: Duration, _ failure: JournalError?) -> Void

  /// Opens the journal at `path`, or makes it, readable for its owner alone.
  ///
  /// - Parameters:
  ///   - path: The file, in a folder that exists, or ``inMemory``.
  ///   - written: Gets how each write went.
  /// - Throws: Among others ``JournalError/Code/locked``, ``JournalError/Code/corrupted``, ``JournalError/Code/notAJournal`` and
  ///   ``JournalError/Code/newerSchema``. The file is then left as it was.
  public convenience init(path: String, written: @escaping Written = { _, _ in }) throws(JournalError) {
    try self.init(path: path, schema: .current, shape: Shape.current, written: written)
  }

  init(
    path: String, schema: Schema, shape: Int, wholeCheckLimit: Int = wholeCheckLimit, written: @escaping Written = { _, _ in }
  ) throws(JournalError) {
    let operation = "open the journal"
    do {
      if path != Self.inMemory { try JournalFile.makeIfMissing(path, operation: operation) }
      let queue = try DatabaseQueue(path: path, configuration: Self.configuration)
      try queue.read { db in
        try Self.refuseStrangers(db, schema, wholeCheckLimit: wholeCheckLimit, operation: operation, path: path)
      }
      // Not before it is known to be a journal: this changes the file.
      try queue.writeWithoutTransaction { db in try db.execute(sql: "PRAGMA journal_mode = WAL") }
      try schema.migrator.migrate(queue)
      id = try queue.write(Self.proveWritable)
      self.queue = queue
    } catch {
      throw JournalError(error, operation: operation, path: path)
    }
    self.path = path
    self.shape = shape
    self.written = written
  }

  /// Writes to the file what it holds already, so that it is known whether more can be written.
  public func proveWritable() throws(JournalError) { _ = try write("prove that the journal can be written", Self.proveWritable) }

  /// The size of the file, in bytes; 0 where it is in memory.
  public var size: UInt64 {
    get throws(JournalError) {
      guard path != Self.inMemory else { return 0 }
      let pages = try read("read the journal's size") { db in
        try Int64.fetchOne(db, sql: "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()")
      }
      return UInt64(pages ?? 0)
    }
  }

  /// Closes the file and lets go of its lock. Every later call throws.
  public func close() throws(JournalError) {
    do {
      try queue.close()
    } catch {
      throw JournalError(error, operation: "close the journal", path: path)
    }
  }
}

extension Journal {
  private static var configuration: Configuration {
    var configuration = Configuration()
    configuration.label = "journal"
    configuration.prepareDatabase { db in
      // 2 MiB of cache at most: what a line of a thousand migrations takes, whose pages would else be read again with each order (a
      // sixth of the agent's processor time at 256 KiB, measured with two thousand). A step reads and writes a few pages.
      try db.execute(sql: "PRAGMA locking_mode = EXCLUSIVE; PRAGMA synchronous = FULL; PRAGMA cache_size = -2048")
    }
    return configuration
  }

  /// Up to this size, in bytes, a file is checked as a whole when it is opened, which takes a tenth of a second at most.
  static let wholeCheckLimit = 64 << 20
  /// The tables that grow with the past. Of a larger file they are not checked: damage in them is found when they are read.
  private static let pastTables = ["migration", "history", "event"]

  /// What SQLite says of the file: `ok`, or the first damage.
  private static func check(_ db: Database, wholeCheckLimit: Int) throws -> String {
    let pages = try Int.fetchOne(db, sql: "PRAGMA page_count") ?? 0
    let size = try pages * (Int.fetchOne(db, sql: "PRAGMA page_size") ?? 0)
    if size <= wholeCheckLimit { return try String.fetchOne(db, sql: "PRAGMA quick_check(1)") ?? "no verdict" }
    let tables = try String.fetchAll(db, sql: "SELECT name FROM sqlite_master WHERE type = 'table'").filter { !pastTables.contains($0) }
    for table in tables {
      let verdict = try String.fetchOne(db, sql: "SELECT quick_check FROM pragma_quick_check(?)", arguments: [table]) ?? "no verdict"
      if verdict != "ok" { return verdict }
    }
    return "ok"
  }

  /// Refuses what is damaged, belongs to another program or was written by a later version; an empty file is welcome.
  private static func refuseStrangers(
    _ db: Database, _ schema: Schema, wholeCheckLimit: Int, operation: String, path: String
  ) throws {
    let verdict = try check(db, wholeCheckLimit: wholeCheckLimit)
    guard verdict == "ok" else {
      let line = verdict.split(whereSeparator: \.isNewline).joined(separator: "; ")
      throw JournalError(
        .corrupted, operation: operation, message: "the journal \(path) is damaged (\(line)). \(JournalError.recovery(of: path))")
    }
    guard try Bool.fetchOne(db, sql: "SELECT EXISTS (SELECT 1 FROM sqlite_master)") ?? true else { return }
    guard try Int64.fetchOne(db, sql: "PRAGMA application_id") == Schema.applicationID else {
      throw JournalError(
        .notAJournal, operation: operation,
        message: "\(path) is a database of another program: give the journal another path")
    }
    guard try !schema.migrator.hasBeenSuperseded(db) else {
      throw JournalError(
        .newerSchema, operation: operation,
        message: "the journal \(path) was written by a later version of Longshore: install that version again. To go back all the same: "
          + "\(JournalError.recovery(of: path))")
    }
  }

  /// Writes to the file, so that a full disk or a read-only folder is known at once, and returns the journal's id.
  private static func proveWritable(_ db: Database) throws -> String {
    if let id = try String.fetchOne(db, sql: "SELECT id FROM journal") {
      try db.execute(sql: "UPDATE journal SET id = id")
      return id
    }
    let id = UUID().uuidString.lowercased()
    try db.execute(sql: "INSERT INTO journal (id) VALUES (?)", arguments: [id])
    return id
  }

  /// Reads one consistent state: nothing else comes to the file's only connection meanwhile, and nobody else may open the file. A
  /// transaction, and what else a read of several connections takes, would be four statements more each time.
  func read<Value>(_ operation: String, _ body: (Database) throws -> Value) throws(JournalError) -> Value {
    do {
      return try queue.unsafeRead(body)
    } catch {
      throw JournalError(error, operation: operation, path: path)
    }
  }

  /// Writes in one transaction, which is rolled back when `body` throws.
  func write<Value>(_ operation: String, _ body: (Database) throws -> Value) throws(JournalError) -> Value {
    try measured { () throws(JournalError) in
      do {
        return try queue.write(body)
      } catch {
        throw JournalError(error, operation: operation, path: path)
      }
    }
  }

  private func measured<Value>(_ body: () throws(JournalError) -> Value) throws(JournalError) -> Value {
    let clock = ContinuousClock()
    let start = clock.now
    do throws(JournalError) {
      let value = try body()
      written(start.duration(to: clock.now), nil)
      return value
    } catch {
      written(start.duration(to: clock.now), error)
      throw error
    }
  }

  /// Writes in one transaction, which is rolled back when `body` throws or returns anything but ``CommitOutcome/committed``.
  func transaction(
    _ operation: String, _ body: (Database) throws -> CommitOutcome
  ) throws(JournalError) -> CommitOutcome {
    try measured { () throws(JournalError) in
      do {
        return try queue.writeWithoutTransaction { db in
          var outcome = CommitOutcome.committed
          try db.inTransaction(.immediate) {
            outcome = try body(db)
            return outcome == .committed ? .commit : .rollback
          }
          return outcome
        }
      } catch {
        throw JournalError(error, operation: operation, path: path)
      }
    }
  }

  /// The value of a pragma of the connection, which may be set at the same time: `cache_size`, `cache_size = -256`.
  func pragma(_ text: String) throws(JournalError) -> Int64? {
    do {
      return try queue.writeWithoutTransaction { db in try Int64.fetchOne(db, sql: "PRAGMA \(text)") }
    } catch {
      throw JournalError(error, operation: "set or read the pragma \(text)", path: path)
    }
  }
}
