public import LongshoreMessages

/// Migrations by their ids. Copying a table and going through it cost little, however much the migrations hold: each is stored once and
/// never changed in place.
public struct MigrationTable<Migration: Sendable & Hashable>: Sendable, Hashable {
  /// A migration in memory that copies of the table share.
  private final class Box: Sendable, Hashable {
    let migration: Migration

    init(_ migration: Migration) { self.migration = migration }

    static func == (one: Box, other: Box) -> Bool { one === other || one.migration == other.migration }
    func hash(into hasher: inout Hasher) { hasher.combine(migration) }
  }

  private var boxes: [MigrationID: Box] = [:]

  /// An empty table.
  public init() {}

  /// How many migrations there are.
  public var count: Int { boxes.count }
  /// Whether there are none.
  public var isEmpty: Bool { boxes.isEmpty }

  /// The migration of an id; nil where there is none.
  public subscript(id: MigrationID) -> Migration? {
    get { boxes[id]?.migration }
    set { boxes[id] = newValue.map(Box.init) }
  }

  /// All migrations, in no order.
  public var values: some Collection<Migration> { boxes.values.lazy.map(\.migration) }

  /// What is made of each migration, in no order; those of which nothing is made are left out.
  public func compactMap<Value>(_ transform: (borrowing Migration) -> Value?) -> [Value] {
    var values: [Value] = []
    for box in boxes.values { if let value = transform(box.migration) { values.append(value) } }
    return values
  }

  /// A migration that fulfils a condition; nil where none does.
  public func first(where condition: (borrowing Migration) -> Bool) -> Migration? {
    for box in boxes.values where condition(box.migration) { return box.migration }
    return nil
  }
}
