import LongshoreMessages
import MigrationCore
import MigrationJournal
import Testing

@Suite("Histories")
struct HistoryTests {
  private let journal: Journal

  init() throws { journal = try Journal(path: Journal.inMemory) }

  @Test("of a source's whole migration folds to its snapshot")
  func source() throws {
    var (driven, step) = try DrivenSource.begin(1)
    #expect(try journal.commit(step) == .committed)
    for event in try Sample.sourceEvents(1) {
      step = try driven.apply(event)
      #expect(try journal.commit(step) == .committed)
      #expect(try journal.sourceHistory(of: driven.migration.id)?.folded() == journal.source(driven.migration.id))
    }

    #expect(driven.migration.phase == .completed)
    let history = try #require(try journal.sourceHistory(of: driven.migration.id))
    #expect(try history.entries.map(\.event) == Sample.sourceEvents(1))
    #expect(history.entries.map(\.revision) == Array(2...driven.migration.revision))
    #expect(history.entries.last?.at == Sample.now(9))
    #expect(try history.folded() == driven.migration)

    let events = try journal.events(of: driven.migration.id)
    #expect(events.compactMap { Int($0.sequence) } == Array(1...driven.migration.sequence))
    #expect(events.map(\.data.kind) == [.accepted, .preparing, .prepared, .transferring, .switching, .confirming, .completed])
    #expect(try journal.outbox(limit: 100).map(\.messageID) == events.map(\.id))
    #expect(try journal.openSources().migrations.isEmpty)
  }

  @Test("of a destination's whole migration folds to its snapshot")
  func destination() throws {
    var (driven, step) = try DrivenDestination.begin(1)
    #expect(try journal.commit(step) == .committed)
    for event in try Sample.destinationEvents() {
      step = driven.apply(event)
      #expect(try journal.commit(step) == .committed)
      #expect(try journal.destinationHistory(of: driven.migration.id)?.folded() == journal.destination(driven.migration.id))
    }

    #expect(driven.migration.phase == .released)
    let history = try #require(try journal.destinationHistory(of: driven.migration.id))
    #expect(try history.entries.map(\.event) == Sample.destinationEvents())
    #expect(history.folded() == driven.migration)
    #expect(try journal.openDestinations().migrations.isEmpty)
    #expect(try journal.sourceHistory(of: driven.migration.id) == nil)
  }

  @Test("of unknown migrations are nil")
  func unknown() throws {
    #expect(try journal.sourceHistory(of: Sample.id(1)) == nil)
    #expect(try journal.destinationHistory(of: Sample.id(1)) == nil)
    #expect(try journal.source(Sample.id(1)) == nil)
    #expect(try journal.destination(Sample.id(1)) == nil)
    #expect(try journal.events(of: Sample.id(1)).isEmpty)
  }
}
