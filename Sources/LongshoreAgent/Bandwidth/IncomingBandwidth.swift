internal import Logging
internal import LongshoreMessages
internal import MigrationCore
internal import ServiceLifecycle

/// Divides what may come into this host among the migrations into it, and tells their sources when their parts change: with each that
/// begins or ends, and with the time of day. Nothing waits for it: while the broker is away, sources keep what they were told last.
struct IncomingBandwidth: Service, CustomStringConvertible {
  let description = "the bandwidth of what comes"

  /// How often it is looked whether parts have changed, in milliseconds.
  private static let interval: Int64 = 500

  /// The budget of this moment, by the time of day.
  let schedule: @Sendable () -> BandwidthSchedule
  /// The parts of a budget.
  let shares: @Sendable (UInt64?) async -> [IncomingShare]
  let peers: any PeerLink
  let clock: any HostClock
  let logger: Logger

  func run() async throws { await cancelWhenGracefulShutdown { await divide() } }

  /// Tells sources their parts until cancelled.
  private func divide() async {
    // What was told, by this run of the agent: after a restart all is told again.
    var told: [MigrationID: UInt64?] = [:]
    // Migrations that another run of the agent, which had a budget, may have limited.
    var unsure = Set(await shares(nil).map(\.migration))
    while !Task.isCancelled {
      let now = clock.now().wall
      let schedule = schedule()
      let shares = await shares(schedule.rate(at: now, in: LocalTime.ofHost(from: now)))
      told = told.filter { id, _ in shares.contains { $0.migration == id } }
      unsure.formIntersection(shares.map(\.migration))
      // Without a budget those alone hear of it who have, or may have, a limit.
      let concerned = shares.filter { share in
        !schedule.isUnlimited || unsure.contains(share.migration) || told[share.migration].flatMap(\.self) != nil
      }
      // Those that get less are told first.
      for share in concerned.sorted(by: { ($0.rate ?? .max) < ($1.rate ?? .max) }) where told[share.migration] != .some(share.rate) {
        do {
          try await peers.send(.limitBandwidth(share.rate), of: share.migration, to: share.source)
          told[share.migration] = .some(share.rate)
          unsure.remove(share.migration)
        } catch {
          logger.debug(
            "A source is not told its bandwidth", metadata: [LogKeys.migration: "\(share.migration)", LogKeys.error: "\(error)"])
        }
      }
      try? await clock.wait(milliseconds: Self.interval)
    }
  }
}
