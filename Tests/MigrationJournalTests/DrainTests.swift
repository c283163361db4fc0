import LongshoreMessages
import LongshoreTestKit
import MigrationCore
import MigrationJournal
import Testing

@Suite("Drains in the journal")
struct DrainTests {
  private let journal: Journal
  private let now = Sample.now()

  init() throws { journal = try Journal(path: Journal.inMemory) }

  private func drain(_ number: Int) throws -> Drain {
    Drain.accept(id: try Sample.id(number), order: DrainOrder(), host: MigrationSamples.source.host, at: now).drain
  }

  private func begin(_ drain: Drain, digest: String = "a") throws -> CommitOutcome {
    try journal.begin(drain, request: RequestKey(id: drain.id, digest: digest), at: now)
  }

  @Test("are stored step by step with the host's maintenance, and known until they are forgotten")
  func stored() throws {
    var drain = try drain(1)
    #expect(try journal.maintenance() == nil)
    #expect(try begin(drain) == .committed)
    #expect(try begin(drain) == .duplicateRequest)
    #expect(try begin(drain, digest: "b") == .requestReused)
    #expect(try journal.maintenance() == Maintenance(isOn: true, since: now.wall, drain: drain.id))
    #expect(try journal.drains(includeEnded: false).migrations == [drain])
    let stale = drain
    _ = drain.apply(.cancel(Reason(.cancelled, "enough"), running: false), at: now)
    #expect(try journal.commit(drain, at: now) == .committed)
    #expect(try journal.commit(drain, at: now) == .stale)
    #expect(try journal.commit(stale, at: now) == .stale)
    #expect(try journal.drains(includeEnded: false).migrations == [])
    #expect(try journal.drains(includeEnded: true).migrations == [drain])
    #expect(try journal.drain(drain.id) == drain)
    #expect(try journal.forgetRequests(acceptedBefore: Sample.now(9).wall) == 0)
    try journal.forgetMigrations(endedBefore: Sample.now(9).wall)
    #expect(try journal.drain(drain.id) == nil)
    #expect(try journal.forgetRequests(acceptedBefore: Sample.now(9).wall) == 1)
    #expect(try journal.maintenance() != nil, "only somebody's word ends it")
  }

  @Test("are one at a time")
  func one() throws {
    #expect(try begin(try drain(1)) == .committed)
    #expect(throws: JournalError.self) { try begin(try drain(2)) }
    #expect(try journal.digest(ofRequest: Sample.id(2)) == nil, "nothing of it is stored")
  }

  @Test("leave a maintenance alone that somebody has begun")
  func maintenance() throws {
    try journal.setMaintenance(true, at: now)
    #expect(try begin(try drain(1)) == .committed)
    try journal.setMaintenance(true, at: Sample.now(5))
    #expect(try journal.maintenance() == Maintenance(isOn: true, since: now.wall))
    try journal.setMaintenance(false, at: now)
    #expect(try journal.maintenance() == nil)
  }
}
