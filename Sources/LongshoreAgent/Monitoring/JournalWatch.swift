internal import MigrationJournal
internal import Synchronization

/// Passes on how writes to the journal went. It is there before the journal is, and the agent's health after it.
final class JournalWatch: Sendable {
  private let metrics: AgentMetrics
  private let health = Mutex<AgentHealth?>(nil)

  init(metrics: AgentMetrics) { self.metrics = metrics }

  /// Tells the agent's health as well, from now on.
  func tell(_ health: AgentHealth) { self.health.withLock { $0 = health } }

  /// A write took so long, and failed or did not.
  func note(_ time: Duration, _ failure: JournalError?) {
    metrics.written(time, failure)
    health.withLock { $0 }?.written(failure)
  }
}
