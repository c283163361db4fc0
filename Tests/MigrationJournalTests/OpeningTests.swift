import Glibc
import LongshoreMessages
import LongshoreTestKit
import MigrationCore
import Testing

@testable import MigrationJournal

@Suite("Opening a journal")
struct OpeningTests {
  @Test("syncs every commit of the write-ahead log, shares no index of it, and is one file again when it is closed")
  func durability() async throws {
    try await withTemporaryFolder { folder in
      let journal = try Journal(path: "\(folder)/journal")
      #expect(try journal.commit(DrivenSource.begin(1).1) == .committed)

      #expect(try journal.pragma("synchronous") == 2, "2 is FULL")
      #expect(names(in: folder).sorted() == ["journal", "journal-wal"])
      try journal.close()
      #expect(names(in: folder) == ["journal"])
    }
  }

  @Test("takes up what an agent that died has left in the write-ahead log")
  func recovery() async throws {
    try await withTemporaryFolder { folder in
      let journal = try Journal(path: "\(folder)/journal")
      let (driven, step) = try DrivenSource.begin(1)
      #expect(try journal.commit(step) == .committed)
      let left = try ["", "-wal"].map { try content(of: "\(folder)/journal\($0)") }
      let (copy, log) = ("\(folder)/copy", "\(folder)/copy-wal")
      try overwrite(copy, with: left[0])
      try overwrite(log, with: left[1])

      let found = try Journal(path: copy)
      #expect(found.id == journal.id)
      #expect(try found.openSources().migrations == [driven.migration])
    }
  }

  @Test("begins anew where the file is gone and its log is not")
  func logAlone() async throws {
    try await withTemporaryFolder { folder in
      let journal = try Journal(path: "\(folder)/journal")
      #expect(try journal.commit(DrivenSource.begin(1).1) == .committed)
      try overwrite("\(folder)/copy-wal", with: content(of: "\(folder)/journal-wal"))

      let anew = try Journal(path: "\(folder)/copy")
      #expect(anew.id != journal.id)
      #expect(try anew.openSources().migrations.isEmpty)
    }
  }

  @Test("finds what was stored, under the same id")
  func reopening() async throws {
    try await withTemporaryFolder { folder in
      let path = "\(folder)/journal"
      let first = try Journal(path: path)
      let (driven, step) = try DrivenSource.begin(1)
      #expect(try first.commit(step) == .committed)
      try first.close()

      let second = try Journal(path: path)
      #expect(second.id == first.id)
      #expect(try second.openSources().migrations == [driven.migration])
      #expect(try second.commit(step) == .duplicateRequest)
      #expect(try second.outbox(limit: 10).count == 1)
    }
  }

  @Test("gives each new file an id of its own and its owner alone the right to read it")
  func newFiles() async throws {
    try await withTemporaryFolder { folder in
      let one = try Journal(path: "\(folder)/one")
      let two = try Journal(path: "\(folder)/two")

      #expect(one.id != two.id)
      var status = stat()
      #expect(stat("\(folder)/one", &status) == 0)
      #expect(status.st_mode & 0o777 == 0o600)
    }
  }

  @Test("refuses a file that is open, in this process and in another", .enabled(if: ExitTests.run, ExitTests.requirement))
  func locked() async throws {
    try await withTemporaryFolder { folder in
      let path = "\(folder)/journal"
      let journal = try Journal(path: path)

      let error = #expect(throws: JournalError.self) { try Journal(path: path) }
      #expect(error?.code == .locked)
      #expect(error?.isRetriable == true)
      await #expect(processExitsWith: .success) { [path = path as String] in
        let error = #expect(throws: JournalError.self) { try Journal(path: path) }
        #expect(error?.code == .locked)
      }

      try journal.close()
      #expect(try Journal(path: path).id == journal.id)
    }
  }

  @Test("refuses a damaged file, says how to go on and leaves the file as it is", arguments: [Journal.wholeCheckLimit, 0])
  func corrupted(wholeCheckLimit: Int) async throws {
    try await withTemporaryFolder { folder in
      let path = "\(folder)/journal"
      let journal = try Journal(path: path)
      for number in 1...3 { #expect(try journal.commit(DrivenSource.begin(number).1) == .committed) }
      try journal.close()
      let pageSize = 4096
      try overwrite(path, at: pageSize, with: Array(repeating: 0xa5, count: 4 * pageSize))
      let damaged = try content(of: path)

      let error = #expect(throws: JournalError.self) {
        try Journal(path: path, schema: .current, shape: Shape.current, wholeCheckLimit: wholeCheckLimit)
      }

      #expect(error?.code == .corrupted)
      #expect(error?.message.contains("move \(path) and \(path)-wal away") == true)
      #expect(try content(of: path) == damaged)
    }
  }

  @Test("refuses what is no database and leaves it as it is")
  func noDatabase() async throws {
    try await withTemporaryFolder { folder in
      let path = "\(folder)/journal"
      let text = Array(String(repeating: "not a journal\n", count: 100).utf8)
      try overwrite(path, with: text)

      let error = #expect(throws: JournalError.self) { try Journal(path: path) }

      #expect(error?.code == .notAJournal)
      #expect(try content(of: path) == text)
    }
  }

  @Test("refuses another program's database and leaves it as it is")
  func otherDatabase() async throws {
    try await withTemporaryFolder { folder in
      let path = "\(folder)/journal"
      let other = Schema(versions: [.init(name: "1", statements: "CREATE TABLE journal (id TEXT)")])
      try Journal(path: path, schema: other, shape: 1).close()
      let before = try content(of: path)

      let error = #expect(throws: JournalError.self) { try Journal(path: path) }

      #expect(error?.code == .notAJournal)
      #expect(try content(of: path) == before)
    }
  }

  @Test("refuses a journal of a later version and leaves it as it is")
  func newerSchema() async throws {
    try await withTemporaryFolder { folder in
      let path = "\(folder)/journal"
      let later = Schema(versions: Schema.current.versions + [.init(name: "later", statements: "CREATE TABLE later (id TEXT)")])
      try Journal(path: path, schema: later, shape: 1).close()
      let before = try content(of: path)

      let error = #expect(throws: JournalError.self) { try Journal(path: path) }

      #expect(error?.code == .newerSchema)
      #expect(error?.message.contains("later version") == true)
      #expect(try content(of: path) == before)
    }
  }

  @Test("brings a journal of an earlier version up and keeps what it holds")
  func upgrade() async throws {
    try await withTemporaryFolder { folder in
      let path = "\(folder)/journal"
      let journal = try Journal(path: path)
      let (driven, step) = try DrivenSource.begin(1)
      #expect(try journal.commit(step) == .committed)
      try journal.close()

      let later = Schema(versions: Schema.current.versions + [.init(name: "later", statements: "CREATE TABLE later (id TEXT)")])
      let upgraded = try Journal(path: path, schema: later, shape: 1)

      #expect(upgraded.id == journal.id)
      #expect(try upgraded.openSources().migrations == [driven.migration])
    }
  }

  @Test("keeps a disk that an earlier version set aside until the time that it stored")
  func upgradedGrace() async throws {
    try await withTemporaryFolder { folder in
      let path = "\(folder)/journal"
      var first = Schema.current.versions[0]
      first.statements += """
        INSERT INTO file (migration, side, role, path, device, inode, delete_after)
        VALUES ('m-1', 'source', 'setAside', '/pool/disk', 1, 2, \(Sample.now(3 * 86_400).wall.milliseconds));
        """
      try Journal(path: path, schema: Schema(versions: [first]), shape: 1).close()

      let file = try #require(try Journal(path: path).files().first)
      #expect(file.handle == nil)
      let threeDays: Int64 = 3 * 86_400_000
      #expect(file.grace?.remaining(at: Sample.now()) == threeDays)
      #expect(file.grace?.remaining(at: Sample.now(3 * 86_400)) == 0)
    }
  }

  @Test("refuses a missing folder")
  func missingFolder() async throws {
    try await withTemporaryFolder { folder in
      let error = #expect(throws: JournalError.self) { try Journal(path: "\(folder)/missing/journal") }
      #expect(error?.code == .cannotOpen)
    }
  }

  @Test("refuses a file that it may not write", .enabled(if: ExitTests.run, ExitTests.requirement))
  func readOnlyFile() async throws {
    try await withTemporaryFolder { folder in
      let path = "\(folder)/journal"
      try Journal(path: path).close()
      chmod(path, 0o444)

      await #expect(processExitsWith: .success) { [path = path as String] in
        // Root may write every file: take the place of a user who may not.
        if geteuid() == 0 { #expect(setuid(65534) == 0) }
        let error = #expect(throws: JournalError.self) { try Journal(path: path) }
        #expect(error?.code == .readOnly)
      }
    }
  }

  @Test("A journal that is closed throws")
  func closed() async throws {
    try await withTemporaryFolder { folder in
      let journal = try Journal(path: "\(folder)/journal")
      try journal.close()

      #expect(throws: JournalError.self) { try journal.commit(DrivenSource.begin(1).1) }
    }
  }

  @Test("A file that becomes read-only fails the commit, and nothing of it is stored")
  func becomesReadOnly() throws {
    let journal = try Journal(path: Journal.inMemory)
    _ = try journal.pragma("query_only = 1")

    let error = #expect(throws: JournalError.self) { try journal.commit(DrivenSource.begin(1).1) }

    #expect(error?.code == .readOnly)
    #expect(error?.operation == "commit revision 1 of the migration migration-1 at its source")
    _ = try journal.pragma("query_only = 0")
    #expect(try journal.commit(DrivenSource.begin(1).1) == .committed)
  }

  @Test("A full disk fails the commit, and nothing of it is stored")
  func diskFull() async throws {
    try await withTemporaryFolder { folder in
      let journal = try Journal(path: "\(folder)/journal")
      #expect(try journal.commit(DrivenSource.begin(1).1) == .committed)
      let pages = try #require(try journal.pragma("page_count"))
      _ = try journal.pragma("max_page_count = \(pages)")
      var (_, step) = try DrivenSource.begin(2)
      step.outbox.append(Sample.message(String(repeating: "x", count: 100_000)))

      let error = #expect(throws: JournalError.self) { try journal.commit(step) }

      #expect(error?.code == .diskFull)
      #expect(error?.isRetriable == true)
      #expect(try journal.source(Sample.id(2)) == nil)
      #expect(try journal.outbox(limit: 10).map(\.messageID) == ["migration-1/1"])
      _ = try journal.pragma("max_page_count = 100000")
      #expect(try journal.commit(step) == .committed)
    }
  }
}
