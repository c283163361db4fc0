import LongshoreMessages
import LongshoreTestKit
import MigrationCore
import MigrationJournal
import PrometheusMetrics
import Testing

@testable import LongshoreAgent

@Suite("The agent's metrics")
struct AgentMetricsTests {
  private let registry: PrometheusRegistry
  private let metrics: AgentMetrics

  init() throws {
    registry = try AgentMetrics.registry()
    metrics = AgentMetrics(factory: registry)
  }

  private func expect(_ lines: String..., from location: SourceLocation = #_sourceLocation) {
    let shown = Set(registry.exposition().split(separator: "\n"))
    // Not the whole of it, should one lack.
    #expect(lines.filter { !shown.contains($0[...]) } == [], sourceLocation: location)
  }

  @Test("An ended migration is counted by its outcome, with the time that it took")
  func ended() throws {
    var (migration, _) = MigrationSamples.accepted()
    _ = try migration.apply(.cancel(Reason(.cancelled, "enough")), at: MigrationSamples.now(1500))
    metrics.ended(migration, at: MigrationSamples.now(1500))
    metrics.ended(migration, at: MigrationSamples.now(2750))
    expect(
      "longshore_migrations_total{outcome=\"cancelled\"} 2", "longshore_migrations_total{outcome=\"completed\"} 0",
      "longshore_migration_duration_seconds_bucket{outcome=\"cancelled\",le=\"1.0\"} 0",
      "longshore_migration_duration_seconds_bucket{outcome=\"cancelled\",le=\"2.5\"} 1",
      "longshore_migration_duration_seconds_sum{outcome=\"cancelled\"} 4.25", "longshore_migration_downtime_seconds_count 0")
  }

  @Test("A migration that checks have refused is counted by the code of each")
  func checks() throws {
    var (migration, _) = MigrationSamples.accepted()
    _ = try migration.apply(.admitted, at: MigrationSamples.now(1))
    let here = migration.source.host
    _ = try migration.apply(
      .refused([
        CheckRule.noSnapshots.failed(on: here, "two"), CheckRule.knownDisks.passed(on: here, "all"),
        Check(.noMemory, on: here, .warning, "little"),
      ]), at: MigrationSamples.now(2))
    metrics.ended(migration, at: MigrationSamples.now(2))
    expect(
      "longshore_check_failures_total{code=\"has-snapshots\"} 1", "longshore_check_failures_total{code=\"unknown-disk\"} 0",
      "longshore_check_failures_total{code=\"no-memory\"} 0", "longshore_migrations_total{outcome=\"failed\"} 1")
  }

  @Test("Calls for the operator are counted by the code of the reason, also those that are over at once")
  func calls() {
    expect("longshore_needs_attention_total{code=\"content-differs\"} 0", "longshore_needs_attention_total{code=\"split-brain\"} 0")
    metrics.calledOperator(.contentDiffers)
    metrics.calledOperator(.splitBrain)
    metrics.calledOperator(.splitBrain)
    expect("longshore_needs_attention_total{code=\"content-differs\"} 1", "longshore_needs_attention_total{code=\"split-brain\"} 2")
  }

  @Test("Writes to the journal are timed, and those that its disk has failed are counted")
  func journal() {
    metrics.written(.milliseconds(3), nil)
    metrics.written(.milliseconds(30), JournalError(.diskFull, operation: "write", message: "full"))
    metrics.written(.milliseconds(1), JournalError(.guestBusy, operation: "write", message: "busy"))
    expect(
      "longshore_journal_commit_seconds_count 3", "longshore_journal_commit_seconds_bucket{le=\"0.005\"} 2",
      "longshore_journal_commit_failures_total 1")
  }

  @Test("Messages, connections and what is left behind are counted")
  func others() {
    metrics.published(.milliseconds(7), isConfirmed: true)
    metrics.published(.seconds(9), isConfirmed: false)
    metrics.delivered(again: false)
    metrics.delivered(again: true)
    metrics.reconnected("publishing")
    metrics.setAside(files: 2, bytes: 1 << 33)
    metrics.orphans(nil)
    metrics.left(.preparing, after: 4000)
    expect(
      "longshore_broker_publish_confirm_seconds_count 1", "longshore_broker_publish_failures_total 1",
      "longshore_broker_deliveries_total 2", "longshore_broker_redeliveries_total 1",
      "longshore_broker_reconnects_total{connection=\"publishing\"} 1", "longshore_broker_reconnects_total{connection=\"consuming\"} 0",
      "longshore_grace_files 2", "longshore_grace_bytes 8589934592", "longshore_orphans{state=\"kept\"} NaN",
      "longshore_migration_phase_duration_seconds_sum{phase=\"preparing\"} 4")
    metrics.orphans([])
    expect("longshore_orphans{state=\"kept\"} 0")
  }

  @Test("Bytes are counted once, by kind, and never back")
  func bytes() {
    let before = CopiedBytes(disk: 10, memory: 20, template: 5)
    #expect(CopiedBytes(disk: 15, memory: 18).since(before) == CopiedBytes(disk: 5))
    #expect(CopiedBytes(disk: 15, memory: 18).most(before) == CopiedBytes(disk: 15, memory: 20, template: 5))
    metrics.copied(CopiedBytes(disk: 5))
    metrics.copied(CopiedBytes(memory: 7))
    metrics.copied(CopiedBytes(disk: 1))
    expect("longshore_copied_bytes_total{kind=\"disk\"} 6", "longshore_copied_bytes_total{kind=\"memory\"} 7")
  }
}
