internal import Logging
internal import LongshoreMessages
internal import MigrationCore
internal import MigrationJournal
internal import ServiceLifecycle

/// Deletes the source disks that were set aside, as soon as their time of grace has ended, forgets what ended long ago, and gives
/// memory back.
struct Housekeeper: Service, CustomStringConvertible {
  let description = "the housekeeper"

  /// How often it looks where nothing calls it, in milliseconds: what could not be deleted is tried again then. No more often does it
  /// forget and give memory back, however many migrations end.
  private static let interval: Int64 = 60_000
  /// How often it looks for orphans, in milliseconds: that asks libvirt for all, and looks through the folders of all pools.
  private static let orphanInterval: Int64 = 3_600_000
  /// For how long ended migrations are remembered, in milliseconds: 30 days.
  private static let historyAge: Int64 = 30 * 86_400_000
  /// How many of them are forgotten in one write, for which all other writes wait: some milliseconds.
  private static let forgottenAtOnce = 100
  /// For how long the ids of requests are, in milliseconds: 90 days. A request's own validity is a day unless it says more.
  private static let requestAge: Int64 = 90 * 86_400_000

  let journal: Journal
  let disks: SetAsideDisks
  let calls: HousekeeperCalls
  let clock: any HostClock
  let logger: Logger
  /// Gets how many disks are set aside, and what they take, in bytes.
  var setAside: @Sendable (_ files: Int, _ bytes: UInt64) -> Void = { _, _ in }
  /// Looks for orphans, which are listed and not removed. Returns whether it could.
  var lookForOrphans: @Sendable () async -> Bool = { true }

  func run() async throws {
    await cancelWhenGracefulShutdown {
      await withTaskExecutorPreference(BlockingExecutor.shared) { await keepHouse() }
    }
  }

  private func keepHouse() async {
    calls.call()
    var alarm: Task<Void, Never>?
    var tidied: Int64?
    var looked: Int64?
    for await _ in calls.stream {
      let next = await sweep()
      let now = clock.now().bootMilliseconds
      if tidied.map({ now - $0 >= Self.interval }) ?? true {
        tidied = now
        await prune()
        await measure()
        if looked.map({ now - $0 >= Self.orphanInterval }) ?? true, await lookForOrphans() { looked = now }
        ProgramPages.giveBack()
      }
      alarm?.cancel()
      alarm = Task {
        guard (try? await clock.wait(milliseconds: min(next ?? Self.interval, Self.interval))) != nil else { return }
        calls.call()
      }
    }
    alarm?.cancel()
  }

  private func prune() async {
    // A clock that is ahead at the boot is believed only when there was time to put it right.
    guard clock.now().bootMilliseconds >= SetAsideDisks.settlingTime else { return }
    let now = clock.now().wall
    do {
      while try journal.forgetMigrations(endedBefore: now.adding(milliseconds: -Self.historyAge), limit: Self.forgottenAtOnce)
        == Self.forgottenAtOnce
      {
        await Task.yield()
      }
      try journal.forgetRequests(acceptedBefore: now.adding(milliseconds: -Self.requestAge))
    } catch {
      logger.error("The journal cannot be written", metadata: [LogKeys.error: "\(error)"])
    }
  }

  private func measure() async {
    guard let space = try? await disks.space() else { return }
    setAside(space.files, space.bytes)
  }

  private func sweep() async -> Int64? {
    do {
      return try await disks.sweep()
    } catch {
      logger.warning("The disks that were set aside cannot be looked at", metadata: [LogKeys.error: "\(error)"])
      return nil
    }
  }
}

/// Calls the housekeeper to look at once: a migration has ended, whose disks may have no time of grace.
struct HousekeeperCalls: Sendable {
  /// An element for each call, of those that come together one.
  let stream: AsyncStream<Void>
  private let caller: AsyncStream<Void>.Continuation

  init() { (stream, caller) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1)) }

  /// Calls it.
  func call() { caller.yield() }
}
