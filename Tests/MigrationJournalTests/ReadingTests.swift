import LongshoreMessages
import MigrationCore
import Testing

@testable import MigrationJournal

@Suite("Reading migrations")
struct ReadingTests {
  @Test("lists open ones oldest first, all newest first, up to the limit")
  func lists() throws {
    let journal = try Journal(path: Journal.inMemory)
    for number in 1...3 { #expect(try journal.commit(DrivenSource.begin(number).1) == .committed) }
    var (ended, step) = try DrivenSource.begin(4)
    #expect(try journal.commit(step) == .committed)
    step = try ended.apply(.cancel(Reason(.cancelled, "enough")))
    #expect(try journal.commit(step) == .committed)

    #expect(try journal.openSources().migrations.map(\.id.text) == ["migration-1", "migration-2", "migration-3"])
    #expect(
      try journal.sources(includeEnded: true, limit: 10).migrations.map(\.id.text)
        == ["migration-4", "migration-3", "migration-2", "migration-1"])
    #expect(try journal.sources(includeEnded: false, limit: 2).migrations.map(\.id.text) == ["migration-3", "migration-2"])
    #expect(try journal.openDestinations().migrations.isEmpty)
  }

  @Test("names those of an unknown shape and goes on with the others")
  func unknownShape() async throws {
    try await withTemporaryFolder { folder in
      let path = "\(folder)/journal"
      let later = try Journal(path: path, schema: .current, shape: 2)
      #expect(try later.commit(DrivenSource.begin(1).1) == .committed)
      #expect(try later.commit(DrivenDestination.begin(1).1) == .committed)
      try later.close()

      let journal = try Journal(path: path)
      #expect(try journal.commit(DrivenSource.begin(2).1) == .committed)

      let sources = try journal.openSources()
      #expect(sources.migrations.map(\.id.text) == ["migration-2"])
      #expect(sources.unreadable.map(\.id.text) == ["migration-1"])
      #expect(sources.unreadable.map(\.reason.code) == [.unknownShape])
      #expect(try journal.openDestinations().unreadable.count == 1)
      let error = #expect(throws: JournalError.self) { try journal.source(Sample.id(1)) }
      #expect(error?.code == .unknownShape)
      #expect(error?.description.contains("migration-1") == true)
      #expect(throws: JournalError.self) { try journal.sourceHistory(of: Sample.id(1)) }
    }
  }

  @Test("says which record does not fit its shape")
  func unreadableRecord() throws {
    let error = #expect(throws: JournalError.self) {
      try Shape.decode(#"{"revision": 1}"#, shape: 1, known: 1, what: "the migration m at its source") as SourceMigration
    }

    #expect(error?.code == .unreadableRecord)
    #expect(error?.operation == "read the migration m at its source")
  }
}
