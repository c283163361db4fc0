import LongshoreMessages
import MigrationCore
import MigrationJournal
import Testing

@Suite("Committing a step")
struct CommitTests {
  private let journal: Journal

  init() throws { journal = try Journal(path: Journal.inMemory) }

  @Test("stores all of it")
  func committed() throws {
    let (driven, step) = try DrivenSource.begin(1)

    #expect(try journal.commit(step) == .committed)

    #expect(try journal.source(driven.migration.id) == driven.migration)
    #expect(try journal.events(of: driven.migration.id) == step.events)
    #expect(step.events.map(\.data.kind) == [.accepted])
    #expect(try journal.outbox(limit: 10).map(\.messageID) == ["migration-1/1"])
    #expect(try journal.sourceHistory(of: driven.migration.id)?.began == driven.migration)
  }

  @Test("replaces the migration by its next revision")
  func nextRevision() throws {
    var (driven, step) = try DrivenSource.begin(1)
    #expect(try journal.commit(step) == .committed)
    step = try driven.apply(.admitted)

    #expect(try journal.commit(step) == .committed)

    #expect(try journal.source(driven.migration.id) == driven.migration)
    #expect(driven.migration.revision == 2)
  }

  @Test("stores several steps in their order, also those of one migration")
  func together() throws {
    var (driven, first) = try DrivenSource.begin(1)
    let (_, other) = try DrivenSource.begin(2)
    first.outbox += [Sample.message("reply")]

    #expect(try journal.commit([first, other, try driven.apply(.admitted)]) == .committed)

    #expect(try journal.source(driven.migration.id) == driven.migration)
    #expect(try journal.openSources().migrations.count == 2)
    #expect(try journal.outbox(limit: 10).map(\.messageID) == ["migration-1/1", "reply", "migration-2/1"])
    #expect(try journal.commit([]) == .committed)
  }

  @Test("stores none of several steps where one of them cannot be stored")
  func togetherOrNot() throws {
    let (_, stored) = try DrivenSource.begin(1)
    let (_, other) = try DrivenSource.begin(2)
    #expect(try journal.commit(stored) == .committed)

    #expect(try journal.commit([other, stored]) == .duplicateRequest)
    var (_, impossible) = try DrivenSource.begin(3)
    impossible.events = []
    #expect(throws: JournalError.self) { try journal.commit([other, impossible]) }

    #expect(try journal.openSources().migrations.count == 1)
    #expect(try journal.outbox(limit: 10).count == 1)
    #expect(try journal.commit([other]) == .committed)
  }

  @Test("answers a request that comes again")
  func duplicateRequest() throws {
    let (_, step) = try DrivenSource.begin(1)
    #expect(try journal.commit(step) == .committed)

    #expect(try journal.commit(step) == .duplicateRequest)

    #expect(try journal.outbox(limit: 10).count == 1)
    #expect(try journal.events(of: Sample.id(1)).count == 1)
  }

  @Test("refuses an id that is used again for something else")
  func requestReused() throws {
    let (_, step) = try DrivenSource.begin(1, digest: "one")
    #expect(try journal.commit(step) == .committed)
    let (_, other) = try DrivenSource.begin(1, digest: "other")

    #expect(try journal.commit(other) == .requestReused)

    #expect(try journal.outbox(limit: 10).count == 1)
    #expect(try journal.commit(step) == .duplicateRequest)
  }

  @Test("refuses a revision that is stored, and leaves nothing of the step")
  func staleRepeated() throws {
    var (driven, step) = try DrivenSource.begin(1)
    #expect(try journal.commit(step) == .committed)
    step = try driven.apply(.admitted)
    #expect(try journal.commit(step) == .committed)
    step.outbox = [Sample.message("never")]

    #expect(try journal.commit(step) == .stale)

    #expect(try journal.outbox(limit: 10).map(\.messageID) == ["migration-1/1"])
    #expect(try journal.sourceHistory(of: driven.migration.id)?.entries.count == 1)
  }

  @Test("refuses a revision that leaves one out, and leaves nothing of the step")
  func staleGap() throws {
    var (driven, step) = try DrivenSource.begin(1)
    #expect(try journal.commit(step) == .committed)
    let stored = driven.migration
    _ = try driven.apply(.admitted)
    step = try driven.apply(.inspected(Sample.inspection(1)))

    #expect(try journal.commit(step) == .stale)

    #expect(try journal.source(stored.id) == stored)
    #expect(try journal.events(of: stored.id).count == 1)
    #expect(try journal.outbox(limit: 10).count == 1)
  }

  @Test("refuses the beginning of a migration that is known without its request, and does not keep the request's key")
  func staleLeavesNoRequest() throws {
    var (_, step) = try DrivenSource.begin(1)
    let request = step.request
    step.request = nil
    #expect(try journal.commit(step) == .committed)
    step.request = request

    #expect(try journal.commit(step) == .stale)
    #expect(try journal.commit(step) == .stale, "a key that was kept would make the request a duplicate")
  }

  @Test("rolls back the whole when the numbered events do not lead to the migration's", arguments: [[], [2], [1, 2], [1, 1], [1, 3]])
  func eventGap(sequences: [Int]) throws {
    var (driven, step) = try DrivenSource.begin(1)
    let accepted = step
    step.events = sequences.map { event($0, of: driven.migration) }

    let error = #expect(throws: JournalError.self) { try journal.commit(step) }

    #expect(error?.code == .invalidStep)
    #expect(try journal.source(driven.migration.id) == nil)
    #expect(try journal.sourceHistory(of: driven.migration.id) == nil)
    #expect(try journal.events(of: driven.migration.id).isEmpty)
    #expect(try journal.outbox(limit: 10).isEmpty)
    #expect(try journal.commit(accepted) == .committed, "the request's key was not kept")

    step = try driven.apply(.admitted)
    step.events = [event(3, of: driven.migration)]
    #expect(throws: JournalError.self) { try journal.commit(step) }
    #expect(try journal.source(driven.migration.id)?.revision == 1)
  }

  @Test("refuses a second open migration of a guest at its source, and takes it when the first has ended")
  func guestBusy() throws {
    var (first, step) = try DrivenSource.begin(1)
    #expect(try journal.commit(step) == .committed)
    let other = SourceMigration.accept(
      id: try Sample.id(2), order: first.migration.order, guest: first.migration.guest, source: first.migration.source,
      destination: first.migration.destination, deadlineSeconds: 60, patience: Patience(), at: Sample.now()
    ).0
    let second = JournalStep(
      request: RequestKey(id: other.id, digest: "two"), source: other, at: Sample.now(), events: [event(1, of: other)])

    let error = #expect(throws: JournalError.self) { try journal.commit(second) }
    #expect(error?.code == .guestBusy)
    #expect(error?.message.contains("migration-1") == true)
    #expect(try journal.source(other.id) == nil)

    step = try first.apply(.cancel(Reason(.cancelled, "enough")))
    #expect(try journal.commit(step) == .committed)
    #expect(try journal.commit(second) == .committed)
  }

  @Test("keeps no event that changed nothing, but what it says")
  func unchanged() throws {
    let (driven, step) = try DrivenDestination.begin(1)
    #expect(try journal.commit(step) == .committed)

    let again = JournalStep(destinationEvent: .peer(.release), at: Sample.now(), outbox: [Sample.message("released")])
    #expect(try journal.commit(again) == .committed)

    #expect(try journal.destinationHistory(of: driven.migration.id)?.entries.isEmpty == true)
    #expect(try journal.outbox(limit: 10).map(\.messageID) == ["released"])
  }

  @Test("tells the digest of an accepted request, and of no other")
  func digestOfRequest() throws {
    #expect(try journal.digest(ofRequest: Sample.id(1)) == nil)
    #expect(try journal.commit(DrivenSource.begin(1, digest: "one").1) == .committed)
    #expect(try journal.digest(ofRequest: Sample.id(1)) == "one")
    #expect(try journal.digest(ofRequest: Sample.id(2)) == nil)
  }

  @Test("takes messages alone")
  func messagesAlone() throws {
    #expect(try journal.commit(JournalStep(at: Sample.now(), outbox: [Sample.message("reply")])) == .committed)

    #expect(try journal.outbox(limit: 10).map(\.messageID) == ["reply"])
  }

  @Test("refuses a step whose parts contradict each other", arguments: Contradiction.allCases)
  func contradictions(_ contradiction: Contradiction) throws {
    var (driven, step) = try DrivenSource.begin(1)
    switch contradiction {
    case .requestOfAnother: step.request = RequestKey(id: try Sample.id(2), digest: "digest")
    case .requestWithoutMigration: step.source = nil
    case .twoSides: step.destination = try DrivenDestination.begin(1).0.migration
    case .eventsWithoutMigration: (step.request, step.source) = (nil, nil)
    case .eventOfAnother: step.events = [event(1, of: try DrivenSource.begin(2).0.migration)]
    case .beginningWithEvent: step.sourceEvent = .admitted
    case .revisionWithoutEvent:
      step = try driven.apply(.admitted)
      step.sourceEvent = nil
    case .eventOfOtherSide:
      step = try driven.apply(.admitted)
      (step.sourceEvent, step.destinationEvent) = (nil, .admitted)
    }

    let error = #expect(throws: JournalError.self) { try journal.commit(step) }

    #expect(error?.code == .invalidStep)
    #expect(error?.isRetriable == false)
    #expect(try journal.outbox(limit: 10).isEmpty)
    #expect(try journal.openSources().migrations.isEmpty)
  }

  enum Contradiction: CaseIterable {
    case requestOfAnother, requestWithoutMigration, twoSides, eventsWithoutMigration, eventOfAnother
    case beginningWithEvent, revisionWithoutEvent, eventOfOtherSide
  }

  private func event(_ sequence: Int, of migration: SourceMigration) -> MigrationEvent {
    MigrationEvent(
      migration: migration.id, host: migration.source, sequence: sequence, time: Sample.now().wall,
      data: MigrationEventData(
        .accepted, guest: migration.guest, sourceHost: migration.source.host, destinationHost: migration.destination.host))
  }
}
