internal import Logging
internal import LongshoreMessages
internal import MigrationCore
internal import MigrationJournal
internal import ServiceLifecycle

/// Goes round through all that must not hang, and tells that it did: to the agent's health, and to systemd.
///
/// A round passes through the actors that decide and through the journal, which holds them all up where the disk does. So a watchdog that
/// hears of rounds hears of work that goes on, and not of a timer.
struct Heartbeat: Service, CustomStringConvertible {
  let description = "the heartbeat"

  /// The time between two rounds, in milliseconds, where the watchdog does not want to hear more often.
  static let interval: Int64 = 5000
  /// The time between two rounds until the agent is ready, in milliseconds.
  private static let startInterval: Int64 = 250
  /// How often it is proven that the journal can be written, where nothing else writes to it, in milliseconds.
  private static let proofInterval: Int64 = 30_000

  let health: AgentHealth
  let journal: Journal
  let manager: ServiceManager
  /// Asks all that decides, and returns when they have answered, with what they say in one line.
  let round: @Sendable () async -> String
  let clock: any HostClock
  let logger: Logger

  func run() async throws {
    await withGracefulShutdownHandler {
      await cancelWhenGracefulShutdown { await beat() }
    } onGracefulShutdown: {
      manager.tell(.stopping, .status("stopping: running migrations are taken up at the next start"))
    }
  }

  private func beat() async {
    var isReady = false
    var told: String?
    var provenAt: Int64?
    let interval = manager.watchdogMilliseconds.map { min(Self.interval, max(1, $0 / 2)) } ?? Self.interval
    while !Task.isCancelled {
      let standing = await round()
      let now = clock.now().bootMilliseconds
      if !health.canWrite || provenAt.map({ now - $0 >= Self.proofInterval }) ?? true {
        provenAt = now
        // What it says is noted where the journal is written.
        try? journal.proveWritable()
      }
      health.progressed()
      let faults = health.faults
      var words: [ServiceManager.Word] = [.watchdog]
      if !isReady, faults.isEmpty {
        isReady = true
        health.started()
        words.append(.ready)
        logger.info("Ready: broker, libvirt and journal are there")
      }
      let status = faults.isEmpty ? standing : "\(faults.map { "\($0.part): \($0.message)" }.joined(separator: "; ")); \(standing)"
      if status != told {
        told = status
        words.append(.status(status))
      }
      manager.tell(words)
      guard (try? await clock.wait(milliseconds: isReady ? interval : min(interval, Self.startInterval))) != nil else { return }
    }
  }
}
