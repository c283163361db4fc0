import LongshoreTestKit
import MigrationJournal
import Testing

@testable import LongshoreAgent

@Suite("Messages that the broker refuses")
struct OutboxRestsTests {
  @Test("rest longer each time, alone, until they are out of the outbox")
  func rests() throws {
    let journal = try Journal(path: Journal.inMemory)
    var step = JournalStep(at: MigrationSamples.now())
    step.outbox = ["1", "2"].map { id in
      OutboxMessage(exchange: "e", routingKey: "k", body: [], contentType: "t", messageID: id, correlationID: nil)
    }
    _ = try journal.commit(step)
    let messages = try journal.outbox(limit: 10)
    let refused = try #require(messages.first).row
    var rests = OutboxRests()
    func awake(_ now: Int64) -> [String] { rests.awake(messages, at: now).map(\.messageID) }
    #expect(awake(0) == ["1", "2"] && rests.nextDue == nil)

    rests.begin([refused], at: 100)
    #expect(rests.count == 1 && rests.nextDue == 1100)
    #expect(awake(1099) == ["2"])
    #expect(awake(1100) == ["1", "2"])

    rests.begin([refused], at: 1100)
    #expect(rests.nextDue == 3100)
    rests.end([refused])
    #expect(rests.count == 0 && awake(1100) == ["1", "2"])
    rests.begin([refused], at: 5000)
    #expect(rests.nextDue == 6000, "from the beginning again")
  }
}
