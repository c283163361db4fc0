internal import FoundationEssentials
internal import GRDB
internal import LongshoreMessages

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
  }

  private static func headers(_ text: String) throws -> [String: String] {
    text == "{}" ? [:] : try MessageCoding.decode(from: Array(text.utf8))
  }

  /// Adds the message to the end of the outbox.
  func insert(_ db: Database) throws {
    try db.cachedStatement(
      sql: """
        INSERT INTO outbox
          (exchange, routing_key, body, content_type, message_id, correlation_id, type, headers, persistent, mandatory)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
        """
    ).execute(
      arguments: [
        exchange, routingKey, Data(body), contentType, messageID, correlationID, type, headers.isEmpty ? "{}" : Shape.encode(headers),
        persistent, mandatory,
      ])
  }
}
