import LongshoreMessages
import LongshoreTestKit
import MetricsTestKit
import MigrationCore
import Testing

@testable import LongshoreAgent

@Suite("The agent's metrics")
struct AgentMetricsTests {
  @Test("An ended migration is counted by its outcome, with the time that it took")
  func ended() throws {
    let backend = TestMetrics()
    let metrics = AgentMetrics(factory: backend)
    var (migration, _) = MigrationSamples.accepted()
    _ = try migration.apply(.cancel(Reason(.cancelled, "enough")), at: MigrationSamples.now(1500))
    metrics.ended(migration, at: MigrationSamples.now(1500))
    metrics.ended(migration, at: MigrationSamples.now(2500))

    let cancelled = [("outcome", "cancelled")]
    #expect(try backend.expectCounter("longshore_migrations_total", cancelled).totalValue == 2)
    #expect(
      try backend.expectTimer("longshore_migration_duration_seconds", cancelled).values == [1_500_000_000, 2_500_000_000])
  }
}
