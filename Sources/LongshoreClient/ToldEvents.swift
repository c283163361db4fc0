internal import LongshoreMessages

/// Which events of the history were told: after a connection was lost, it is read again from where it was read at first.
struct ToldEvents {
  private struct Key: Hashable {
    var source: String
    var subject: String
    var sequence: String
  }

  /// How many are remembered: some MiB of memory.
  private let limit: Int
  private var keys: Set<Key> = []
  private var order: [Key] = []
  /// The oldest of `order`, which is filled as a ring.
  private var oldest = 0

  init(limit: Int = 32_768) { self.limit = limit }

  /// Notes what is told. False where it was told before; progress is told always.
  mutating func isNew(_ notice: LinkNotice) -> Bool {
    switch notice {
    case .event(let event): note(Key(source: event.source, subject: event.subject.text, sequence: event.sequence))
    case .drain(let event): note(Key(source: event.source, subject: event.subject.text, sequence: event.sequence))
    case .progress, .lost, .restored: true
    }
  }

  private mutating func note(_ key: Key) -> Bool {
    guard keys.insert(key).inserted else { return false }
    if order.count < limit {
      order.append(key)
    } else {
      keys.remove(order[oldest])
      order[oldest] = key
      oldest = (oldest + 1) % limit
    }
    return true
  }
}
