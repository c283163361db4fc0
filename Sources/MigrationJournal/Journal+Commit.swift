internal import GRDB
internal import LongshoreMessages
internal import MigrationCore

extension Journal {
  /// Stores a step in one transaction: the request's key, the migration, its history and numbered events, and the outbox.
  ///
  /// - Returns: ``CommitOutcome/committed`` where all of it is on the disk; else nothing of it was stored.
  /// - Throws: ``JournalError``; nothing was stored. ``JournalError/Code/invalidStep`` for a step whose parts do not belong together
  ///   or whose numbered events leave a gap, ``JournalError/Code/guestBusy`` for a second open migration of a guest at its source.
  public func commit(_ step: JournalStep) throws(JournalError) -> CommitOutcome { try commit([step]) }

  /// Stores steps in their order and in one transaction, which costs one wait for the disk: all of them, or none.
  ///
  /// - Returns: ``CommitOutcome/committed`` where all of them are on the disk; else what became of the first that could not be stored.
  /// - Throws: As ``commit(_:)-(JournalStep)`` does.
  public func commit(_ steps: [JournalStep]) throws(JournalError) -> CommitOutcome {
    for step in steps {
      guard let contradiction = step.contradiction else { continue }
      throw JournalError(.invalidStep, operation: step.operation, message: contradiction)
    }
    guard let first = steps.first else { return .committed }
    return try transaction(steps.count == 1 ? first.operation : "store \(steps.count) steps") { db in
      for step in steps {
        let outcome = try store(step, db)
        guard outcome == .committed else { return outcome }
      }
      return .committed
    }
  }

  private func store(_ step: JournalStep, _ db: Database) throws -> CommitOutcome {
    if let request = step.request {
      let outcome = try accept(request, at: step.at, db)
      guard outcome == .committed else { return outcome }
    }
    if let source = step.source {
      guard try store(source, event: step.sourceEvent.map(Shape.encode), at: step.at, step.operation, db) else { return .stale }
      try append(step, of: source, db)
    }
    if let destination = step.destination {
      let event = step.destinationEvent.map(Shape.encode)
      guard try store(destination, event: event, at: step.at, step.operation, db) else { return .stale }
    }
    for message in step.outbox { try message.insert(at: step.at, db) }
    return .committed
  }

  /// Stores the key of a request that is accepted.
  func accept(_ request: RequestKey, at now: Now, _ db: Database) throws -> CommitOutcome {
    try db.cachedStatement(sql: "INSERT INTO request (id, digest, accepted) VALUES (?, ?, ?) ON CONFLICT (id) DO NOTHING")
      .execute(arguments: [request.id.text, request.digest, now.wall.milliseconds])
    guard db.changesCount == 0 else { return .committed }
    let digest = try String.fetchOne(
      db.cachedStatement(sql: "SELECT digest FROM request WHERE id = ?"), arguments: [request.id.text])
    return digest == request.digest ? .duplicateRequest : .requestReused
  }

  /// Stores a migration and what made it so. Returns false, having stored nothing, where its revision does not follow the stored one.
  private func store<Migration: JournalledMigration>(
    _ migration: Migration, event: String?, at now: Now, _ operation: String, _ db: Database
  ) throws -> Bool {
    let side = Migration.side.rawValue
    let stored = try Int.fetchOne(
      db.cachedStatement(sql: "SELECT revision FROM migration WHERE side = ? AND id = ?"), arguments: [side, migration.id.text])
    guard migration.revision == (stored ?? 0) + 1 else { return false }
    if stored == nil, let other = try openMigration(like: migration, db) {
      throw JournalError(
        .guestBusy, operation: operation, message: "the migration \(other) moves the same guest and has not ended")
    }
    let snapshot = Shape.encode(migration)
    try db.cachedStatement(
      sql: """
        INSERT INTO migration (side, id, revision, shape, guest, ended, changed, snapshot) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
        ON CONFLICT (side, id) DO UPDATE SET
          revision = excluded.revision, shape = excluded.shape, guest = excluded.guest, ended = excluded.ended,
          changed = excluded.changed, snapshot = excluded.snapshot
        """
    ).execute(
      arguments: [
        side, migration.id.text, migration.revision, shape, migration.guestUUID, migration.isTerminal, now.wall.milliseconds, snapshot,
      ])
    try db.cachedStatement(
      sql: "INSERT INTO history (side, migration, revision, shape, at, began, applied) VALUES (?, ?, ?, ?, ?, ?, ?)"
    ).execute(
      arguments: [side, migration.id.text, migration.revision, shape, Shape.encode(now), event == nil ? snapshot : nil, event])
    return true
  }

  /// The id of the migration that moves the guest of `migration` from this host and has not ended.
  private func openMigration<Migration: JournalledMigration>(like migration: Migration, _ db: Database) throws -> String? {
    guard Migration.side == .source else { return nil }
    return try String.fetchOne(
      db.cachedStatement(sql: "SELECT id FROM migration WHERE side = 'source' AND ended = 0 AND guest = ?"),
      arguments: [migration.guestUUID])
  }

  /// Stores the numbered events that lead from the last one stored to the one that the migration has reached.
  private func append(_ step: JournalStep, of migration: SourceMigration, _ db: Database) throws {
    var last = 0
    if migration.revision > 1 {
      last =
        try Int.fetchOne(
          db.cachedStatement(sql: "SELECT max(sequence) FROM event WHERE migration = ?"), arguments: [migration.id.text]) ?? 0
    }
    for event in step.events {
      guard Int(event.sequence) == last + 1 else {
        throw JournalError(.invalidStep, operation: step.operation, message: "the event \(event.id) does not follow number \(last)")
      }
      last += 1
      try db.cachedStatement(sql: "INSERT INTO event (migration, sequence, terminal, body) VALUES (?, ?, ?, ?)")
        .execute(arguments: [migration.id.text, last, event.data.kind.isTerminal, step.body(of: event)])
    }
    guard last == migration.sequence else {
      throw JournalError(
        .invalidStep, operation: step.operation,
        message: "the migration has reached event \(migration.sequence), and the last one is \(last)")
    }
  }
}

extension JournalStep {
  /// An event as JSON. As a rule it was written already, into the outbox.
  fileprivate func body(of event: MigrationEvent) -> String {
    let published = outbox.first { $0.messageID == event.id && $0.type == event.type }
    return published.map { String(decoding: $0.body, as: UTF8.self) } ?? Shape.encode(event)
  }
}
