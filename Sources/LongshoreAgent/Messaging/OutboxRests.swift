internal import MigrationJournal

/// The messages of the outbox that the broker has refused, or has no queue for, which are tried again later: after one second, then two,
/// four and so on, up to half a minute, as a queue that is full is emptied or not.
struct OutboxRests: Sendable {
  private struct Rest {
    var waits = BackOffSteps()
    /// By the host's boot clock, in milliseconds.
    var due: Int64
  }

  private var rests: [Int64: Rest] = [:]

  /// How many messages rest.
  var count: Int { rests.count }

  /// Whether a message rests, or has rested and is being tried again.
  func hasRested(_ row: Int64) -> Bool { rests[row] != nil }

  /// When the next is tried again, by the host's boot clock, in milliseconds; nil where none rests.
  var nextDue: Int64? { rests.values.map(\.due).min() }

  /// Those messages that do not rest at a time.
  func awake(_ messages: [OutboxMessage], at now: Int64) -> [OutboxMessage] {
    messages.filter { message in rests[message.row].map { $0.due <= now } ?? true }
  }

  /// Lets messages rest, by their rows.
  mutating func begin(_ rows: [Int64], at now: Int64) {
    for row in rows {
      var rest = rests[row] ?? Rest(due: now)
      rest.due = now + rest.waits.step()
      rests[row] = rest
    }
  }

  /// Forgets messages that are not in the outbox any more, by their rows.
  mutating func end(_ rows: [Int64]) { for row in rows { rests[row] = nil } }
}
