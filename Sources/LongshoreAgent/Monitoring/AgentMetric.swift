internal import LongshoreMessages
internal import MigrationCore
internal import PrometheusMetrics

/// All that an agent measures. The reference of the metrics, `contrib/metrics/README.md`, is written from these.
enum AgentMetric {
  private typealias Label = MetricDescription.Label

  /// Bounds for work that takes seconds to a day.
  private static let longTimes: [Double] = [1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200, 14_400, 43_200, 86_400]
  /// Bounds for a guest's pause at the switch.
  private static let pauses: [Double] = [0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 1, 2, 5, 10, 30]
  /// Bounds for what waits for a disk or for the broker.
  private static let shortTimes: [Double] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30]

  /// The phases in which a migration out of a host can be.
  static let phases: [MigrationPhase] = [
    .queued, .inspecting, .preparing, .transferring, .switching, .confirming, .verifying, .releasing, .rollingBack, .needsAttention,
  ]
  /// How a migration out of a host can end.
  static let outcomes: [MigrationPhase] = [.completed, .failed, .cancelled]
  /// Why migrations out of a host wait for the operator. Where a call to libvirt or to the file system fails with a code of its own, that
  /// one stands in the place of `operation-failed`.
  static let attentionCodes: [Reason.Code] = [
    .splitBrain, .undecided, .postCheckFailed, .destinationUnreachable, .transferStalled, .journalChanged, .operationFailed,
  ]
  /// The settings for whose limits migrations wait.
  static let limits = ["limits.outgoing", "limits.incoming", "limits.pair", "limits.pool"]

  private static let outcome = Label("outcome", outcomes.map(\.rawValue))
  private static let phase = Label("phase", phases.map(\.rawValue))
  private static let queue = Label("queue", ["outgoing", "incoming"])
  private static let limit = Label("limit", limits)
  private static let kind = Label("kind", ["disk", "memory", "template"])
  private static let connection = Label("connection", ["consuming", "publishing"])

  // MARK: - The agent

  static let buildInfo = MetricDescription(
    "longshore_build_info", .info, labels: [Label("version", [LongshoreVersion.current])], help: "The version of the agent; always 1.")
  static let startTime = MetricDescription(
    "process_start_time_seconds", .gauge, help: "When the agent was started, in seconds since 1970.")
  static let residentMemory = MetricDescription(
    "process_resident_memory_bytes", .gauge, help: "The memory of the agent that is in RAM, shared libraries included.")
  static let cpuSeconds = MetricDescription(
    "process_cpu_seconds_total", .counter, help: "The processor time that the agent has used, in user and kernel mode.")
  static let openDescriptors = MetricDescription("process_open_fds", .gauge, help: "How many file descriptors the agent has open.")
  static let lastProgress = MetricDescription(
    "longshore_agent_last_progress_timestamp_seconds", .gauge,
    help: "When the agent's loops last went round, in seconds since 1970; every 5 seconds where all is well.")
  static let ready = MetricDescription(
    "longshore_agent_ready", .gauge, help: "1 while the agent can do its work: broker, libvirt and journal are there; else 0.")
  static let dropped = MetricDescription(
    "longshore_metrics_dropped_total", .counter, help: "How often something was measured for which the metric had no room.")

  // MARK: - Migrations

  static let active = MetricDescription(
    "longshore_migrations_active", .gauge, labels: [phase], help: "Migrations out of this host that have not ended, by phase.")
  static let incoming = MetricDescription(
    "longshore_incoming_migrations_active", .gauge, labels: [Label("phase", DestinationMigration.Phase.openWords)],
    help: "Migrations into this host that have not ended, by phase at the destination.")
  static let total = MetricDescription(
    "longshore_migrations_total", .counter, labels: [outcome], help: "Migrations out of this host that have ended, by outcome.")
  static let duration = MetricDescription(
    "longshore_migration_duration_seconds", .histogram(bounds: longTimes), labels: [outcome],
    help: "The time from a migration's acceptance to its end, by outcome.")
  static let phaseDuration = MetricDescription(
    "longshore_migration_phase_duration_seconds", .histogram(bounds: longTimes), labels: [phase],
    help: "The time that a migration out of this host spent in a phase, taken when it left it.")
  static let downtime = MetricDescription(
    "longshore_migration_downtime_seconds", .histogram(bounds: pauses),
    help: "The pause of a guest at the switch, of completed migrations out of this host.")
  static let needsAttention = MetricDescription(
    "longshore_needs_attention_migrations", .gauge,
    labels: [Label("code", attentionCodes.map(\.text))],
    help: "Migrations out of this host that wait for the operator, by the code of the reason.")
  static let attentionCalls = MetricDescription(
    "longshore_needs_attention_total", .counter, labels: [Label("code", (attentionCodes + [.contentDiffers]).map(\.text))],
    help: "Events of the kind needs-attention of migrations out of this host, by the code of the reason, also where the agents settled it.")
  static let checkFailures = MetricDescription(
    "longshore_check_failures_total", .counter, labels: [Label("code", Set(CheckRule.all.map(\.code.text)).sorted())],
    help: "Checks that refused a migration out of this host, by the code of the reason.")

  // MARK: - What is copied

  static let copiedBytes = MetricDescription(
    "longshore_copied_bytes_total", .counter, labels: [kind],
    help: "Bytes that migrations out of this host have copied, by what they are, since the agent was started.")
  static let rate = MetricDescription(
    "longshore_transfer_rate_bytes_per_second", .gauge, help: "What running transfers out of this host copy now, disks and memory.")
  static let dirtyRate = MetricDescription(
    "longshore_memory_dirty_rate_bytes_per_second", .gauge, help: "How fast guests that are being moved away change their memory now.")
  static let remainingBytes = MetricDescription(
    "longshore_remaining_bytes", .gauge, labels: [kind],
    help: "Bytes that running migrations out of this host still have to copy, as known now.")
  static let templateCopies = MetricDescription(
    "longshore_template_copies", .gauge, labels: [Label("direction", ["incoming", "outgoing"])],
    help: "Templates that are being copied into and out of this host.")
  static let templateCopiesWaiting = MetricDescription(
    "longshore_template_copies_waiting", .gauge, help: "Templates that wait for their turn to be copied into this host.")
  static let budget = MetricDescription(
    "longshore_bandwidth_budget_bytes_per_second", .gauge, labels: [Label("scope"), Label("peer")],
    help: "The bandwidth budgets that hold now: outgoing, incoming, and of each link that has one; missing where there is no limit.")
  static let budgetUsed = MetricDescription(
    "longshore_bandwidth_used_bytes_per_second", .gauge, labels: [Label("peer")],
    help: "What transfers out of this host copy now, by the host to which it goes.")

  // MARK: - The queue

  static let queued = MetricDescription(
    "longshore_queue_migrations", .gauge, labels: [queue, limit],
    help: "Migrations that wait for their turn, out of this host (here or at the destination) or into it, by the limit that is reached.")
  static let queueWait = MetricDescription(
    "longshore_queue_oldest_wait_seconds", .gauge, labels: [queue, limit],
    help: "For how long the one that has waited longest has waited, by the limit that is reached; 0 where none waits.")

  // MARK: - The journal

  static let commit = MetricDescription(
    "longshore_journal_commit_seconds", .histogram(bounds: shortTimes),
    help: "The time of a write to the journal, with the wait for the disk.")
  static let commitFailures = MetricDescription(
    "longshore_journal_commit_failures_total", .counter, help: "Writes to the journal that failed because of its file or its disk.")
  static let journalSize = MetricDescription("longshore_journal_size_bytes", .gauge, help: "The size of the journal's file.")
  static let outbox = MetricDescription(
    "longshore_outbox_messages", .gauge, help: "Messages in the journal that the broker has not confirmed yet.")
  static let outboxAge = MetricDescription(
    "longshore_outbox_oldest_age_seconds", .gauge,
    help: "The age of the oldest message that the broker has not confirmed; 0 where none waits.")

  // MARK: - The broker and libvirt

  static let brokerConnected = MetricDescription(
    "longshore_broker_connected", .gauge, labels: [connection], help: "1 while the connection to the broker is there, else 0.")
  static let brokerConsuming = MetricDescription(
    "longshore_broker_consuming", .gauge, help: "1 while the broker delivers from this host's inbox, else 0.")
  static let brokerReconnects = MetricDescription(
    "longshore_broker_reconnects_total", .counter, labels: [connection],
    help: "How often the connection to the broker was made again after the first time.")
  static let confirm = MetricDescription(
    "longshore_broker_publish_confirm_seconds", .histogram(bounds: shortTimes),
    help: "The time from handing a message to the connection to the broker's confirm.")
  static let publishFailures = MetricDescription(
    "longshore_broker_publish_failures_total", .counter,
    help: "Messages that the broker did not confirm; they are published again where they must not be lost.")
  static let deliveries = MetricDescription(
    "longshore_broker_deliveries_total", .counter, help: "Messages taken from this host's inbox.")
  static let redeliveries = MetricDescription(
    "longshore_broker_redeliveries_total", .counter, help: "Messages taken from this host's inbox that the broker had delivered before.")
  static let libvirtConnected = MetricDescription(
    "longshore_libvirt_connected", .gauge, help: "1 while there is a connection to this host's libvirt, else 0.")
  static let libvirtReconnects = MetricDescription(
    "longshore_libvirt_reconnects_total", .counter,
    help: "How often the connection to this host's libvirt was made again after the first time.")

  // MARK: - What is left behind, and the host

  static let graceFiles = MetricDescription(
    "longshore_grace_files", .gauge,
    help: "Disks of guests that have moved away that are kept for their time of grace; looked at each minute.")
  static let graceBytes = MetricDescription(
    "longshore_grace_bytes", .gauge, help: "The space that those disks take; looked at each minute.")
  static let orphans = MetricDescription(
    "longshore_orphans", .gauge, labels: [Label("state", [Orphan.State.removable.rawValue, Orphan.State.kept.rawValue])],
    help: "What is on this host and belongs to no migration that runs; looked for each hour, NaN before.")
  static let drains = MetricDescription("longshore_drains_active", .gauge, help: "Drains of this host that have not ended: 0 or 1.")
  static let maintenance = MetricDescription(
    "longshore_maintenance", .gauge, help: "1 while this host takes no guests, by its configuration or for maintenance; else 0.")

  /// All of them, in the order in which they are shown.
  static let all: [MetricDescription] = [
    buildInfo, startTime, residentMemory, cpuSeconds, openDescriptors, lastProgress, ready, dropped,
    active, incoming, total, duration, phaseDuration, downtime, needsAttention, attentionCalls, checkFailures,
    copiedBytes, rate, dirtyRate, remainingBytes, templateCopies, templateCopiesWaiting, budget, budgetUsed, queued, queueWait,
    commit, commitFailures, journalSize, outbox, outboxAge,
    brokerConnected, brokerConsuming, brokerReconnects, confirm, publishFailures, deliveries, redeliveries, libvirtConnected,
    libvirtReconnects, graceFiles, graceBytes, orphans, drains, maintenance,
  ]
}
