internal import LongshoreMessages

/// Tells those that follow migrations out of this host which have ended.
actor EndedMigrations {
  private var waiting: [MigrationID: [Int: AsyncStream<Void>.Continuation]] = [:]
  private var last = 0

  /// Says that a migration has ended.
  func note(_ id: MigrationID) { for continuation in (waiting[id] ?? [:]).values { continuation.yield() } }

  /// Gets an element when the migration ends, if it has not ended before.
  func end(of id: MigrationID) -> AsyncStream<Void> {
    last += 1
    let number = last
    let (stream, continuation) = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))
    waiting[id, default: [:]][number] = continuation
    continuation.onTermination = { [weak self] _ in Task { await self?.forget(number, of: id) } }
    return stream
  }

  private func forget(_ number: Int, of id: MigrationID) {
    waiting[id]?[number] = nil
    if waiting[id]?.isEmpty == true { waiting[id] = nil }
  }
}
