import LongshoreMessages
import MigrationCore
import MigrationJournal
import Testing

@Suite("Forgetting")
struct PruningTests {
  private let journal: Journal
  private let later = Sample.now(1_000_000).wall

  init() throws { journal = try Journal(path: Journal.inMemory) }

  private func end(_ number: Int) throws {
    var (driven, step) = try DrivenSource.begin(number)
    #expect(try journal.commit(step) == .committed)
    step = try driven.apply(.cancel(Reason(.cancelled, "enough")))
    #expect(try journal.commit(step) == .committed)
  }

  @Test("takes ended migrations with all of theirs but the request's key")
  func ended() throws {
    try end(1)
    #expect(try journal.commit(DrivenSource.begin(2).1) == .committed)

    #expect(try journal.forgetMigrations(endedBefore: Sample.now().wall) == 0)
    #expect(try journal.forgetMigrations(endedBefore: later) == 1)

    #expect(try journal.source(Sample.id(1)) == nil)
    #expect(try journal.sourceHistory(of: Sample.id(1)) == nil)
    #expect(try journal.events(of: Sample.id(1)).isEmpty)
    #expect(try journal.events(of: Sample.id(2)).count == 1)
    #expect(try journal.sourceHistory(of: Sample.id(2)) != nil)
    #expect(try journal.commit(DrivenSource.begin(1).1) == .duplicateRequest)
    #expect(try journal.outbox(limit: 10).count == 3, "what was not published yet still is")
  }

  @Test("takes the oldest first, and no more than are asked for")
  func limited() throws {
    for number in 1...5 { try end(number) }
    #expect(try journal.forgetMigrations(endedBefore: later, limit: 2) == 2)
    #expect(try journal.sources(includeEnded: true, limit: 10).migrations.map(\.id.text) == ["migration-5", "migration-4", "migration-3"])
    #expect(try journal.sourceHistory(of: Sample.id(2)) == nil)
    #expect(try journal.sourceHistory(of: Sample.id(3)) != nil)
    #expect(try journal.forgetMigrations(endedBefore: later, limit: 10) == 3)
  }

  @Test("leaves ended migrations that still have files")
  func withFiles() throws {
    try end(1)
    let file = RegisteredFile(migration: try Sample.id(1), side: .source, role: .setAside, path: "/pool/a")
    try journal.register(file)

    #expect(try journal.forgetMigrations(endedBefore: later) == 0)
    try journal.forget(file)
    #expect(try journal.forgetMigrations(endedBefore: later) == 1)
  }

  @Test("takes the keys of old requests whose migrations are forgotten")
  func requests() throws {
    try end(1)
    #expect(try journal.forgetRequests(acceptedBefore: later) == 0)
    try journal.forgetMigrations(endedBefore: later)
    #expect(try journal.forgetRequests(acceptedBefore: Sample.now().wall) == 0)
    #expect(try journal.forgetRequests(acceptedBefore: later) == 1)
    #expect(try journal.commit(DrivenSource.begin(1).1) == .committed)
  }
}
