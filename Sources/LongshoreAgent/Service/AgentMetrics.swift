internal import CoreMetrics
internal import LongshoreMessages
internal import Metrics
internal import MigrationCore

/// What the agent measures, through swift-metrics: nothing is kept where the process has no metrics backend.
struct AgentMetrics: Sendable {
  private let factory: any MetricsFactory

  init(factory: any MetricsFactory = MetricsSystem.factory) { self.factory = factory }

  /// Counts a migration out of this host that has ended, and records how long it took and how long its guest stood still.
  func ended(_ migration: SourceMigration, at now: Now) {
    let outcome = [("outcome", migration.publicPhase.rawValue)]
    Counter(label: "longshore_migrations_total", dimensions: outcome, factory: factory).increment()
    Timer(label: "longshore_migration_duration_seconds", dimensions: outcome, factory: factory)
      .recordMilliseconds(migration.acceptedAt.milliseconds(until: now))
    if case .completed = migration.phase, let downtime = migration.totals?.downtimeMs {
      Timer(label: "longshore_migration_downtime_seconds", dimensions: [], factory: factory).recordMilliseconds(Int64(clamping: downtime))
    }
  }
}
