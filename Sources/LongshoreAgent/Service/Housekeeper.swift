internal import Logging
internal import LongshoreMessages
internal import MigrationCore
internal import MigrationJournal
internal import ServiceLifecycle

/// Deletes the source disks that were set aside, when their grace period has ended, and forgets what ended long ago.
struct Housekeeper: Service, CustomStringConvertible {
  let description = "the housekeeper"

  /// How often it looks, in milliseconds.
  private static let interval: Int64 = 60_000
  /// For how long ended migrations are remembered, in milliseconds: 30 days.
  private static let historyAge: Int64 = 30 * 86_400_000
  /// For how long the ids of requests are, in milliseconds: 90 days. A request's own validity is a day unless it says more.
  private static let requestAge: Int64 = 90 * 86_400_000

  let journal: Journal
  let clock: any HostClock
  let logger: Logger

  func run() async throws {
    await cancelWhenGracefulShutdown {
      while !Task.isCancelled {
        await sweep()
        prune()
        try? await clock.wait(milliseconds: Self.interval)
      }
    }
  }

  private func prune() {
    let now = clock.now().wall
    do {
      try journal.forgetMigrations(endedBefore: now.adding(milliseconds: -Self.historyAge))
      try journal.forgetRequests(acceptedBefore: now.adding(milliseconds: -Self.requestAge))
    } catch {
      logger.error("The journal cannot be written", metadata: [LogKeys.error: "\(error)"])
    }
  }

  private func sweep() async {
    do {
      for file in try journal.filesDue(before: clock.now().wall) where file.role == .setAside {
        do {
          try await RegisteredFiles.remove(file, journal: journal)
          WorkFolder.removeIfEmpty(at: PathText.folder(of: file.path))
          logger.info(
            "A disk's grace period has ended; it is deleted",
            metadata: [LogKeys.migration: "\(file.migration)", LogKeys.path: "\(file.path)"])
        } catch {
          logger.warning(
            "A disk that was set aside cannot be deleted", metadata: [LogKeys.path: "\(file.path)", LogKeys.error: "\(error)"])
        }
      }
    } catch {
      logger.error("The journal cannot be read", metadata: [LogKeys.error: "\(error)"])
    }
  }
}
