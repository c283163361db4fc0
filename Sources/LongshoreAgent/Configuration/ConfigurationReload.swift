internal import Logging
internal import ServiceLifecycle
internal import UnixSignals

/// Reads the configuration anew at SIGHUP, and takes over what counts while the agent runs.
///
/// A configuration that cannot be used changes nothing.
struct ConfigurationReload: Service, CustomStringConvertible {
  let description = "the configuration"

  let live: LiveConfiguration
  /// Reads the configuration as at the start; nil where it is not read from anywhere.
  let read: (@Sendable () async throws -> AgentConfiguration)?
  /// Tells those who hold a part of the configuration what holds now.
  let tell: @Sendable (AgentConfiguration) async -> Void
  let manager: ServiceManager
  /// Whether the start is complete: before that systemd is told of no reload, whose end would pass for that of the start.
  let isStarted: @Sendable () -> Bool
  let logger: Logger

  func run() async throws {
    await cancelWhenGracefulShutdown {
      // Where nothing can be read the signal is taken all the same: it would end the agent.
      for await _ in await UnixSignalsSequence(trapping: .sighup) { await reload() }
    }
  }

  /// Reads the configuration and takes it over.
  func reload() async {
    let isStarted = isStarted()
    if isStarted { manager.tell(.reloading(monotonicMicroseconds: ServiceManager.monotonicMicroseconds())) }
    defer { if isStarted { manager.tell(.ready) } }
    guard let read else { return }
    let change: SettingsChange
    do {
      change = live.adopt(try await read())
    } catch {
      logger.error("The configuration was read anew and cannot be used: nothing is changed", metadata: [LogKeys.error: "\(error)"])
      return
    }
    await tell(live.now)
    logger.notice("The configuration was read anew", metadata: [LogKeys.applied: "\(Self.names(change.applied))"])
    guard !change.needRestart.isEmpty else { return }
    logger.warning(
      "Settings that have changed count after a restart alone", metadata: [LogKeys.needRestart: "\(Self.names(change.needRestart))"])
  }

  private static func names(_ settings: [Setting]) -> String {
    settings.isEmpty ? "nothing" : settings.map(\.rawValue).joined(separator: ", ")
  }
}
