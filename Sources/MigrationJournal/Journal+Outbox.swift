internal import FoundationEssentials
internal import GRDB
public import LongshoreMessages
internal import MigrationCore

extension Journal {
  /// The first messages with numbers greater than `row`, in the order in which they were stored.
  ///
  /// - Parameters:
  ///   - row: The number of the last message already read; 0 to read from the first.
  ///   - limit: How many messages to read at most.
  public func outbox(after row: Int64 = 0, limit: Int) throws(JournalError) -> [OutboxMessage] {
    try read("read the outbox") { db in
      try Row.fetchAll(db, sql: "SELECT * FROM outbox WHERE number > ? ORDER BY number LIMIT ?", arguments: [row, limit])
        .map(OutboxMessage.init(stored:))
    }
  }

  /// How many messages wait for the broker, and when the oldest of them was stored; nil where none waits, or an earlier version has
  /// stored it. More than a thousand are not counted but told by their numbers, which grow: where the broker refuses the oldest of them,
  /// there may be fewer.
  public func outboxStanding() throws(JournalError) -> (count: Int, oldest: Timestamp?) {
    try read("read how many messages are in the outbox") { db in
      let row = try Row.fetchOne(
        db.cachedStatement(
          sql: """
            SELECT (SELECT min(number) FROM outbox) AS first, (SELECT max(number) FROM outbox) AS last,
              (SELECT count(*) FROM (SELECT number FROM outbox LIMIT 1001)) AS counted
            """))
      let counted: Int = row?["counted"] ?? 0
      guard let first = row?["first"] as Int64?, let last = row?["last"] as Int64? else { return (0, nil) }
      let stored = try Int64.fetchOne(db.cachedStatement(sql: "SELECT stored FROM outbox WHERE number = ?"), arguments: [first])
      return (counted > 1000 ? Int(last - first + 1) : counted, stored.map { Timestamp(milliseconds: $0) })
    }
  }

  /// Removes messages that the broker has confirmed. Those that are not there any more are passed over.
  public func removeFromOutbox(_ rows: [Int64]) throws(JournalError) {
    guard !rows.isEmpty else { return }
    try write("remove \(rows.count) messages from the outbox") { db in
      let statement = try db.cachedStatement(sql: "DELETE FROM outbox WHERE number = ?")
      for row in rows { try statement.execute(arguments: [row]) }
    }
  }
}

extension OutboxMessage {
  init(stored row: Row) throws {
    self.init(
      exchange: row["exchange"], routingKey: row["routing_key"], body: [UInt8](row["body"] as Data),
      contentType: row["content_type"], messageID: row["message_id"], correlationID: row["correlation_id"], type: row["type"],
      headers: try Self.headers(row["headers"]), persistent: row["persistent"], mandatory: row["mandatory"])
    self.row = row["number"]
    stored = (row["stored"] as Int64?).map { Timestamp(milliseconds: $0) }
  }

  private static func headers(_ text: String) throws -> [String: String] {
    text == "{}" ? [:] : try MessageCoding.decode(from: Array(text.utf8))
  }

  /// Adds the message to the end of the outbox.
  func insert(at now: Now, _ db: Database) throws {
    try db.cachedStatement(
      sql: """
        INSERT INTO outbox
          (exchange, routing_key, body, content_type, message_id, correlation_id, type, headers, persistent, mandatory, stored)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
        """
    ).execute(
      arguments: [
        exchange, routingKey, Data(body), contentType, messageID, correlationID, type, headers.isEmpty ? "{}" : Shape.encode(headers),
        persistent, mandatory, now.wall.milliseconds,
      ])
  }
}
