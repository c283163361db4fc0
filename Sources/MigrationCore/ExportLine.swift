public import LongshoreMessages

/// Who may copy a template out of a host, where that is limited: the destinations ask again and again, and get their places in the order
/// in which they asked first. Who asks no longer leaves the line.
public struct ExportLine: Sendable, Hashable {
  /// A layer of a migration or of a prefetch.
  public struct Copy: Sendable, Hashable {
    /// The migration or the prefetch.
    public var migration: MigrationID
    /// The layer, by its id in the plan.
    public var layer: Int

    /// A copy of a layer.
    public init(_ migration: MigrationID, layer: Int) {
      self.migration = migration
      self.layer = layer
    }
  }

  /// What who asks is told.
  public enum Place: Sendable, Hashable {
    /// The copy may be made.
    case granted
    /// So many wait before it.
    case waiting(before: Int)
    /// It ended a moment ago: the question may be one from before. Who means it asks again.
    case ended
  }

  /// How long who waits may be silent, in milliseconds: some of the intervals in which a destination asks.
  public static let silence: Int64 = 10_000
  /// How long after its end a copy gets no place anew, in milliseconds: a question from before its end may come late.
  public static let lateness: Int64 = 5_000

  private struct Waiter: Sendable, Hashable {
    var copy: Copy
    var heard: Now
  }

  /// How many copies are made at once. Where it is lowered, those that are made go on.
  public var limit: Int
  private var running: Set<Copy> = []
  private var waiting: [Waiter] = []
  private var ended: [Copy: Now] = [:]

  /// A line for so many copies at once.
  public init(limit: Int) { self.limit = limit }

  /// Takes a place for a copy, or its place in the line.
  public mutating func ask(for copy: Copy, at now: Now) -> Place {
    if running.contains(copy) { return .granted }
    ended = ended.filter { $0.value.milliseconds(until: now) < Self.lateness }
    guard ended[copy] == nil else { return .ended }
    waiting.removeAll { $0.copy != copy && $0.heard.milliseconds(until: now) > Self.silence }
    let place = waiting.firstIndex { $0.copy == copy } ?? waiting.count
    guard place < limit - running.count else {
      if place == waiting.count {
        waiting.append(Waiter(copy: copy, heard: now))
      } else {
        waiting[place].heard = now
      }
      return .waiting(before: place)
    }
    waiting.removeAll { $0.copy == copy }
    running.insert(copy)
    return .granted
  }

  /// A copy has ended, or its place is not wanted any more.
  public mutating func end(_ copy: Copy, at now: Now) {
    waiting.removeAll { $0.copy == copy }
    if running.remove(copy) != nil { ended[copy] = now }
  }

  /// All copies of a migration or prefetch have ended.
  public mutating func end(_ migration: MigrationID) {
    running = running.filter { $0.migration != migration }
    waiting.removeAll { $0.copy.migration == migration }
    ended = ended.filter { $0.key.migration != migration }
  }
}
