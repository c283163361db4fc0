internal import Logging
internal import LongshoreMessages
internal import MigrationCore
internal import ServiceLifecycle

/// Divides what may come into this host among the migrations into it, and tells their sources when their parts change: with each that
/// begins or ends, and with the time of day. It does nothing where no budget is set, and nothing waits for it: while the broker is away,
/// sources keep what they were told last.
struct IncomingBandwidth: Service, CustomStringConvertible {
  let description = "the bandwidth of what comes"

  /// How often it is looked whether parts have changed, in milliseconds.
  private static let interval: Int64 = 500

  let schedule: BandwidthSchedule
  /// The parts of a budget.
  let shares: @Sendable (UInt64?) async -> [IncomingShare]
  let peers: any PeerLink
  let clock: any HostClock
  let logger: Logger

  func run() async throws {
    await cancelWhenGracefulShutdown {
      // Migrations that another run of the agent, which had a budget, has limited are free again.
      let taken = schedule.isUnlimited ? await Set(shares(nil).map(\.migration)) : nil
      await divide(among: taken)
      try? await gracefulShutdown()
    }
  }

  /// Tells sources their parts until cancelled.
  ///
  /// - Parameter only: The migrations of which one word is enough, after which it ends; nil for all, for ever.
  private func divide(among only: Set<MigrationID>?) async {
    // What was told, by this run of the agent: after a restart all is told again.
    var told: [MigrationID: UInt64?] = [:]
    while !Task.isCancelled {
      let now = clock.now().wall
      let shares = await shares(schedule.rate(at: now, in: LocalTime.ofHost(from: now))).filter { only?.contains($0.migration) != false }
      told = told.filter { id, _ in shares.contains { $0.migration == id } }
      // Those that get less are told first.
      for share in shares.sorted(by: { ($0.rate ?? .max) < ($1.rate ?? .max) }) where told[share.migration] != .some(share.rate) {
        do {
          try await peers.send(.limitBandwidth(share.rate), of: share.migration, to: share.source)
          told[share.migration] = .some(share.rate)
        } catch {
          logger.debug(
            "A source is not told its bandwidth", metadata: [LogKeys.migration: "\(share.migration)", LogKeys.error: "\(error)"])
        }
      }
      if only != nil, shares.allSatisfy({ told[$0.migration] != nil }) { return }
      try? await clock.wait(milliseconds: Self.interval)
    }
  }
}
