import LongshoreMessages
import MigrationCore
import MigrationJournal
import Testing

@Suite("The outbox")
struct OutboxTests {
  private let journal: Journal

  init() throws { journal = try Journal(path: Journal.inMemory) }

  private func store(_ messages: [OutboxMessage]) throws {
    #expect(try journal.commit(JournalStep(at: Sample.now(), outbox: messages)) == .committed)
  }

  @Test("keeps the order of the steps and of the messages in each")
  func order() throws {
    try store(["a", "b"].map(Sample.message))
    try store([])
    try store(["c", "d", "e"].map(Sample.message))

    let all = try journal.outbox(limit: 100)
    #expect(all.map(\.messageID) == ["a", "b", "c", "d", "e"])
    #expect(all.map(\.row) == all.map(\.row).sorted())
    #expect(all.allSatisfy { $0.row > 0 })

    let two = try journal.outbox(limit: 2)
    #expect(two.map(\.messageID) == ["a", "b"])
    #expect(try journal.outbox(after: two[1].row, limit: 2).map(\.messageID) == ["c", "d"])
  }

  @Test("removes what was confirmed, in any order and twice")
  func removal() throws {
    try store(["a", "b", "c"].map(Sample.message))
    let rows = try journal.outbox(limit: 10).map(\.row)

    try journal.removeFromOutbox([rows[1]])
    #expect(try journal.outbox(limit: 10).map(\.messageID) == ["a", "c"])
    try journal.removeFromOutbox([rows[1], rows[0]])
    #expect(try journal.outbox(limit: 10).map(\.messageID) == ["c"])
    try journal.removeFromOutbox([])
    #expect(try journal.outbox(limit: 10).count == 1)
  }

  @Test("never uses a row's number again")
  func numbers() throws {
    try store([Sample.message("a")])
    let first = try #require(try journal.outbox(limit: 1).first)
    try journal.removeFromOutbox([first.row])
    try store([Sample.message("b")])

    let second = try #require(try journal.outbox(limit: 1).first)
    #expect(second.row > first.row)
  }

  @Test("keeps every property of a message")
  func properties() throws {
    let full = OutboxMessage(
      exchange: "e", routingKey: "k", body: [0, 255, 10, 0], contentType: "application/json", messageID: "m", correlationID: "c",
      type: "t", headers: ["x": "ü", "y": ""], persistent: false, mandatory: true)
    let plain = OutboxMessage(exchange: "", routingKey: "", body: [], contentType: "", messageID: "")
    try store([full, plain])

    let stored = try journal.outbox(limit: 10)
    #expect(stored[0].body == full.body)
    #expect(stored[0].correlationID == "c")
    #expect(stored[0].type == "t")
    #expect(stored[0].headers == full.headers)
    #expect(stored[0].exchange == "e")
    #expect(stored[0].routingKey == "k")
    #expect(stored[0].contentType == "application/json")
    #expect(!stored[0].persistent)
    #expect(stored[0].mandatory)
    #expect(stored[1].body.isEmpty)
    #expect(stored[1].correlationID == nil)
    #expect(stored[1].type == nil)
    #expect(stored[1].persistent)
    #expect(!stored[1].mandatory)
  }
}
