public import LongshoreMessages

/// A migration as a ``MigrationTable`` finds it.
public protocol TabledMigration: Sendable, Hashable {
  /// The migration's id.
  var id: MigrationID { get }
  /// The UUID of the guest that no other migration may take meanwhile; nil where it keeps none.
  var lockedGuest: String? { get }
  /// Whether it waits for its turn.
  var isQueued: Bool { get }
  /// Its place in the line.
  var place: QueuePlace { get }
  /// When it began.
  var acceptedAt: Now { get }
}

/// Migrations by their ids, by their guests and by their places in the line. Copying a table and going through it cost little, however much
/// the migrations hold: each is stored once and never changed in place.
public struct MigrationTable<Migration: TabledMigration>: Sendable, Hashable {
  /// A migration in memory that copies of the table share.
  private final class Box: Sendable, Hashable {
    let migration: Migration

    init(_ migration: Migration) { self.migration = migration }

    static func == (one: Box, other: Box) -> Bool { one === other || one.migration == other.migration }
    func hash(into hasher: inout Hasher) { hasher.combine(migration) }
  }

  private var boxes: [MigrationID: Box] = [:]
  /// The migrations that keep a guest, by its UUID.
  private var keepers: [String: [MigrationID]] = [:]
  /// How many wait with a rank.
  private var ranks: [QueueRank: Int] = [:]

  /// An empty table.
  public init() {}

  /// How many migrations there are.
  public var count: Int { boxes.count }
  /// Whether there are none.
  public var isEmpty: Bool { boxes.isEmpty }

  /// The migration of an id; nil where there is none.
  public subscript(id: MigrationID) -> Migration? {
    get { boxes[id]?.migration }
    set {
      let before = boxes[id]?.migration
      boxes[id] = newValue.map(Box.init)
      index(id, before, newValue)
    }
  }

  /// The migration that keeps a guest, the one that came first where there are several; nil where none does.
  public func keeper(ofGuest uuid: String) -> Migration? { keepers[uuid]?.first.flatMap { boxes[$0]?.migration } }

  /// Whether one waits with a rank.
  func hasQueued(_ rank: QueueRank) -> Bool { ranks[rank] != nil }

  /// All migrations, in no order.
  public var values: some Collection<Migration> { boxes.values.lazy.map(\.migration) }

  /// What is made of each migration, in no order; those of which nothing is made are left out.
  public func compactMap<Value>(_ transform: (borrowing Migration) -> Value?) -> [Value] {
    var values: [Value] = []
    for box in boxes.values { if let value = transform(box.migration) { values.append(value) } }
    return values
  }

  private mutating func index(_ id: MigrationID, _ before: Migration?, _ after: Migration?) {
    if before?.lockedGuest != after?.lockedGuest {
      if let guest = before?.lockedGuest {
        keepers[guest]?.removeAll { $0 == id }
        if keepers[guest]?.isEmpty == true { keepers[guest] = nil }
      }
      if let guest = after?.lockedGuest { keepers[guest, default: []].append(id) }
    }
    let (left, taken) = (before?.queueRank, after?.queueRank)
    guard left != taken else { return }
    if let left, let count = ranks[left] { ranks[left] = count == 1 ? nil : count - 1 }
    if let taken { ranks[taken, default: 0] += 1 }
  }

  // What is found by guests and places follows from the migrations.

  public static func == (one: MigrationTable, other: MigrationTable) -> Bool { one.boxes == other.boxes }
  public func hash(into hasher: inout Hasher) { hasher.combine(boxes) }
}

/// What says which of two goes first that have waited since the same boot, whatever the time is: the larger one.
struct QueueRank: Hashable {
  let bootID: String
  let microseconds: Int64

  /// The rank of who waits with a place since a time.
  init(_ place: QueuePlace, since: Now) {
    bootID = since.bootID
    microseconds = place.advantage.saturating(plus: since.bootMilliseconds.saturating(times: -1000))
  }
}

extension TabledMigration {
  fileprivate var queueRank: QueueRank? { isQueued ? QueueRank(place, since: acceptedAt) : nil }
}

extension SourceMigration: TabledMigration {
  /// The guest, until the migration has ended.
  public var lockedGuest: String? { isTerminal ? nil : guest.uuid }
}

extension DestinationMigration: TabledMigration {
  /// The guest, until the destination has let go of it.
  public var lockedGuest: String? { locksGuest ? plan?.guest.uuid : nil }
}
