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
  /// After how many milliseconds the start counts as complete though something lacks. Whoever starts the agent and has all it needs learns
  /// that it can work; a broker that is away holds up neither the boot nor the installation of a package, and the agent takes up what
  /// runs without it.
  static let startPatience: Int64 = 30_000
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
    var isStarted = false
    var isReady = false
    let begun = clock.now().bootMilliseconds
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
        logger.info("Ready: broker, libvirt and journal are there")
      }
      if !isStarted, isReady || now - begun >= Self.startPatience {
        isStarted = true
        health.started()
        words.append(.ready)
        if !isReady {
          logger.warning("The start is complete, though something lacks", metadata: [LogKeys.error: "\(Self.text(of: faults))"])
        }
      }
      let status = faults.isEmpty ? standing : "\(Self.text(of: faults)); \(standing)"
      if status != told {
        told = status
        words.append(.status(status))
      }
      manager.tell(words)
      guard (try? await clock.wait(milliseconds: isStarted ? interval : min(interval, Self.startInterval))) != nil else { return }
    }
  }

  private static func text(of faults: [AgentHealth.Fault]) -> String {
    faults.map { "\($0.part): \($0.message)" }.joined(separator: "; ")
  }
}
