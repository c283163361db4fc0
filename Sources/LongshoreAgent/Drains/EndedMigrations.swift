internal import LongshoreMessages

/// Tells those that follow migrations out of this host which have ended.
actor EndedMigrations {
  private var waiting: [MigrationID: [Int: AsyncStream<Void>.Continuation]] = [:]
  private var last = 0

  /// Says that a migration has ended.
  func note(_ id: MigrationID) { for continuation in (waiting[id] ?? [:]).values { continuation.yield() } }

  /// When to look at a migration that is followed: at once, when it ends, and every so often, since it may need attention.
  func looks(at id: MigrationID, every milliseconds: Int64, clock: any HostClock) -> AsyncStream<Void> {
    last += 1
    let number = last
    let (stream, continuation) = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))
    continuation.yield()
    waiting[id, default: [:]][number] = continuation
    let ticks = Task { while (try? await clock.wait(milliseconds: milliseconds)) != nil { continuation.yield() } }
    continuation.onTermination = { [weak self] _ in
      ticks.cancel()
      Task { await self?.forget(number, of: id) }
    }
    return stream
  }

  private func forget(_ number: Int, of id: MigrationID) {
    waiting[id]?[number] = nil
    if waiting[id]?.isEmpty == true { waiting[id] = nil }
  }
}
