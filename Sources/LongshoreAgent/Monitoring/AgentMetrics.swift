internal import CoreMetrics
internal import LongshoreMessages
internal import Metrics
internal import MigrationCore
internal import MigrationJournal
internal import PrometheusMetrics

/// What the agent measures as it happens, through swift-metrics.
struct AgentMetrics: Sendable {
  private let factory: any MetricsFactory

  init(factory: any MetricsFactory) { self.factory = factory }

  /// A registry of all that an agent measures.
  static func registry() throws -> PrometheusRegistry { try PrometheusRegistry(AgentMetric.all) }

  // MARK: - Migrations

  /// Counts a migration out of this host that has ended, and records how long it took and how long its guest stood still.
  func ended(_ migration: SourceMigration, at now: Now) {
    let outcome = [("outcome", migration.publicPhase.rawValue)]
    increment(AgentMetric.total, outcome)
    record(AgentMetric.duration, milliseconds: migration.acceptedAt.milliseconds(until: now), outcome)
    switch migration.phase {
    case .completed:
      if let downtime = migration.totals?.downtimeMs { record(AgentMetric.downtime, milliseconds: Int64(clamping: downtime)) }
    case .failed(let failure), .cancelled(let failure):
      for code in Set(failure.refusals) { increment(AgentMetric.checkFailures, [("code", code.text)]) }
    default: break
    }
  }

  /// Counts a call for the operator.
  func calledOperator(_ code: Reason.Code) { increment(AgentMetric.attentionCalls, [("code", code.text)]) }

  /// Records how long a migration out of this host was in a phase that it has left.
  func left(_ phase: MigrationPhase, after milliseconds: Int64) {
    record(AgentMetric.phaseDuration, milliseconds: milliseconds, [("phase", phase.rawValue)])
  }

  /// Counts bytes that were copied.
  func copied(_ bytes: CopiedBytes) {
    increment(AgentMetric.copiedBytes, [("kind", "disk")], by: bytes.disk)
    increment(AgentMetric.copiedBytes, [("kind", "memory")], by: bytes.memory)
    increment(AgentMetric.copiedBytes, [("kind", "template")], by: bytes.template)
  }

  // MARK: - The journal and the broker

  /// Records a write to the journal.
  func written(_ time: Duration, _ failure: JournalError?) {
    Timer(label: AgentMetric.commit.name, dimensions: [], factory: factory).recordNanoseconds(time.nanoseconds)
    if failure?.isOfFile == true { increment(AgentMetric.commitFailures) }
  }

  /// Records a message that the broker has confirmed, or has not.
  func published(_ time: Duration, isConfirmed: Bool) {
    if isConfirmed {
      Timer(label: AgentMetric.confirm.name, dimensions: [], factory: factory).recordNanoseconds(time.nanoseconds)
    } else {
      increment(AgentMetric.publishFailures)
    }
  }

  /// Counts a message from the inbox.
  func delivered(again: Bool) {
    increment(AgentMetric.deliveries)
    if again { increment(AgentMetric.redeliveries) }
  }

  /// Counts a connection to the broker that was made again.
  func reconnected(_ connection: String) { increment(AgentMetric.brokerReconnects, [("connection", connection)]) }

  /// Counts a connection to libvirt that was made again.
  func reconnectedToLibvirt() { increment(AgentMetric.libvirtReconnects) }

  // MARK: - What is left behind

  /// Notes the disks that are set aside.
  func setAside(files: Int, bytes: UInt64) {
    set(AgentMetric.graceFiles, Double(files))
    set(AgentMetric.graceBytes, Double(bytes))
  }

  /// Notes the orphans that were found; nil where nobody has looked yet.
  func orphans(_ found: [Orphan]?) {
    for state in [Orphan.State.removable, .kept] {
      set(
        AgentMetric.orphans, found.map { Double($0.count { $0.state == state }) } ?? .nan, [("state", state.rawValue)])
    }
  }

  // MARK: - Handlers

  private func increment(_ metric: MetricDescription, _ labels: [(String, String)] = [], by amount: UInt64 = 1) {
    guard amount > 0 else { return }
    Counter(label: metric.name, dimensions: labels, factory: factory).increment(by: Int64(clamping: amount))
  }

  private func record(_ metric: MetricDescription, milliseconds: Int64, _ labels: [(String, String)] = []) {
    Timer(label: metric.name, dimensions: labels, factory: factory).recordMilliseconds(max(0, milliseconds))
  }

  private func set(_ metric: MetricDescription, _ value: Double, _ labels: [(String, String)] = []) {
    Meter(label: metric.name, dimensions: labels, factory: factory).set(value)
  }
}

extension SourceMigration.Failure {
  /// The codes of the checks that refused; empty where it did not end by one.
  fileprivate var refusals: [Reason.Code] {
    guard stage == .checks, !cancelled else { return [] }
    return checks?.filter { $0.outcome == .refused }.map(\.code) ?? reasons.map(\.code)
  }
}

extension JournalError {
  /// Whether the journal's file or its disk is at fault, and not what was to be stored.
  var isOfFile: Bool { [.diskFull, .readOnly, .locked, .ioFailed, .cannotOpen, .corrupted, .internalError].contains(code) }
}

extension Duration {
  /// Nanoseconds, of times shorter than centuries.
  var nanoseconds: Int64 {
    let (seconds, attoseconds) = components
    return seconds * 1_000_000_000 + attoseconds / 1_000_000_000
  }

  /// Seconds.
  var seconds: Double { Double(nanoseconds) / 1e9 }
}

/// Bytes that were copied, by what they are.
struct CopiedBytes: Sendable, Hashable {
  var disk: UInt64 = 0
  var memory: UInt64 = 0
  var template: UInt64 = 0

  init(disk: UInt64 = 0, memory: UInt64 = 0, template: UInt64 = 0) {
    self.disk = disk
    self.memory = memory
    self.template = template
  }

  /// What a migration has copied, by its progress.
  init(_ progress: Progress) {
    self.init(
      disk: progress.disks.reduce(0) { $0 + $1.bytes.done }, memory: progress.memory?.done ?? 0, template: progress.template?.done ?? 0)
  }

  /// What was copied since `before`. A kind that is told no more, or counts back, was not.
  func since(_ before: CopiedBytes) -> CopiedBytes {
    CopiedBytes(
      disk: disk - min(disk, before.disk), memory: memory - min(memory, before.memory),
      template: template - min(template, before.template))
  }

  /// The larger of both, by kind.
  func most(_ other: CopiedBytes) -> CopiedBytes {
    CopiedBytes(disk: max(disk, other.disk), memory: max(memory, other.memory), template: max(template, other.template))
  }
}
