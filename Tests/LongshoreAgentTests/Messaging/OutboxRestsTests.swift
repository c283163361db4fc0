import LongshoreMessages
import LongshoreTestKit
import MigrationCore
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

    #expect(!rests.hasRested(refused))
    rests.begin([refused], at: 100)
    #expect(rests.hasRested(refused))
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

  @Test(
    "what nobody says again waits for its receiver's queue, for a week",
    arguments: [
      (PeerMessage.Body.rollback(Reason(.cancelled, "no answer")), true), (.disown(Reason(.ownerNamed, "named")), true), (.assign, true),
      (.released, false), (.yielded, false), (.confirm, false),
    ])
  func receivers(body: PeerMessage.Body, isKept: Bool) throws {
    let journal = try Journal(path: Journal.inMemory)
    let start = MigrationSamples.now()
    var step = JournalStep(at: start)
    step.outbox = [
      .peer(
        PeerMessage(
          migration: MigrationSamples.id, from: MigrationSamples.source, to: MigrationSamples.destination, journal: "j", body: body))
    ]
    #expect(!OutboxPublisher.waitsForReceiver(step.outbox[0], at: start), "it is not stored")
    _ = try journal.commit(step)
    let message = try #require(try journal.outbox(limit: 1).first)
    #expect(message.stored == start.wall)
    let week: Int64 = 7 * 24 * 3_600_000
    func waits(after milliseconds: Int64) -> Bool {
      OutboxPublisher.waitsForReceiver(message, at: MigrationSamples.now(milliseconds))
    }
    #expect(waits(after: 0) == isKept)
    #expect(waits(after: week - 1) == isKept)
    #expect(!waits(after: week))
  }
}
