internal import FoundationEssentials
internal import Glibc
internal import LongshoreMessages
internal import MigrationCore
internal import MigrationJournal
internal import PrometheusMetrics

/// What a host's migrations are at a moment, in numbers.
struct MigrationCensus: Sendable, Hashable {
  /// Why a migration waits, and where.
  struct Line: Sendable, Hashable {
    /// `outgoing` or `incoming`.
    var queue: String
    /// The setting whose limit is reached.
    var limit: String
  }

  /// How many wait, and for how long.
  struct Wait: Sendable, Hashable {
    var count = 0
    /// In milliseconds, of the one that has waited longest.
    var longest: Int64 = 0
  }

  /// Those out of the host, by phase.
  var outgoing: [MigrationPhase: Int] = [:]
  /// Those into it, by phase.
  var incoming: [String: Int] = [:]
  /// Those that need attention, by the code of the reason.
  var attention: [String: Int] = [:]
  /// Those that wait.
  var waiting: [Line: Wait] = [:]

  /// Counts the migrations of a host.
  init(of migrations: HostMigrations, at now: Now) {
    for migration in migrations.sources.values {
      outgoing[migration.publicPhase, default: 0] += 1
      if migration.publicPhase == .needsAttention { attention[migration.attention?.code.text ?? "unknown", default: 0] += 1 }
      if migration.isQueued || migration.waiting != nil {
        note("outgoing", migration.waiting, for: migration.acceptedAt.milliseconds(until: now))
      }
    }
    for migration in migrations.destinations.values {
      incoming[migration.phase.word, default: 0] += 1
      if migration.isQueued { note("incoming", migration.waiting, for: migration.acceptedAt.milliseconds(until: now)) }
    }
  }

  private mutating func note(_ queue: String, _ waits: Waiting?, for milliseconds: Int64) {
    // One that has just come, and that nobody has told what it waits for, waits for its turn among all.
    let line = Line(queue: queue, limit: waits?.limit ?? "limits.\(queue)")
    waiting[line, default: Wait()].count += 1
    waiting[line, default: Wait()].longest = max(waiting[line]?.longest ?? 0, milliseconds)
  }

  /// The same in one line.
  var line: String {
    let running = outgoing.values.reduce(0, +)
    let coming = incoming.values.reduce(0, +)
    let waits = waiting.values.reduce(0) { $0 + $1.count }
    let troubled = outgoing[.needsAttention] ?? 0
    if running + coming == 0 { return "idle" }
    return (troubled > 0 ? "\(troubled) NEED ATTENTION; " : "") + "\(running) out, \(coming) in"
      + (waits > 0 ? ", of them \(waits) wait" : "")
  }
}

/// Takes what is measured at the moment at which somebody asks.
struct MetricsSampler: Sendable {
  /// The state of what is copied.
  struct Transfers: Sendable {
    var rate: UInt64 = 0
    var dirtyRate: UInt64 = 0
    var remaining = CopiedBytes()
    /// By the host to which they go.
    var rates: [NodeName: UInt64] = [:]
  }

  let registry: PrometheusRegistry
  let health: AgentHealth
  let journal: Journal
  /// Whether the configuration lets guests come.
  let takesGuests: @Sendable () -> Bool
  let census: @Sendable () async -> MigrationCensus
  let transfers: @Sendable () async -> Transfers
  /// How many templates are copied out of this host, into it, and how many wait.
  let templates: @Sendable () async -> (outgoing: Int, incoming: Int, waiting: Int)
  /// The budgets that hold now, by scope and the other host of a link.
  let budgets: @Sendable () async -> [(scope: String, peer: String, rate: UInt64)]
  let drains: @Sendable () async -> Int
  let clock: any HostClock

  /// Puts all that is known now into the registry.
  func sample() async {
    sampleStanding()
    let census = await census()
    func gauge(_ metric: MetricDescription, _ values: [([(String, String)], Double)]) {
      registry.replace(metric.name, with: values.map { (labels: $0.0, value: $0.1) })
    }
    gauge(AgentMetric.active, census.outgoing.map { ([("phase", $0.key.rawValue)], Double($0.value)) })
    gauge(AgentMetric.incoming, census.incoming.map { ([("phase", $0.key)], Double($0.value)) })
    gauge(AgentMetric.needsAttention, census.attention.map { ([("code", $0.key)], Double($0.value)) })
    gauge(AgentMetric.queued, census.waiting.map { ([("queue", $0.key.queue), ("limit", $0.key.limit)], Double($0.value.count)) })
    gauge(
      AgentMetric.queueWait,
      census.waiting.map { ([("queue", $0.key.queue), ("limit", $0.key.limit)], Double($0.value.longest) / 1000) })
    let transfers = await transfers()
    gauge(AgentMetric.rate, [([], Double(transfers.rate))])
    gauge(AgentMetric.dirtyRate, [([], Double(transfers.dirtyRate))])
    gauge(
      AgentMetric.remainingBytes,
      [
        ([("kind", "disk")], Double(transfers.remaining.disk)), ([("kind", "memory")], Double(transfers.remaining.memory)),
        ([("kind", "template")], Double(transfers.remaining.template)),
      ])
    gauge(AgentMetric.budgetUsed, transfers.rates.map { ([("peer", $0.key.text)], Double($0.value)) })
    let templates = await templates()
    gauge(
      AgentMetric.templateCopies,
      [([("direction", "outgoing")], Double(templates.outgoing)), ([("direction", "incoming")], Double(templates.incoming))])
    gauge(AgentMetric.templateCopiesWaiting, [([], Double(templates.waiting))])
    gauge(AgentMetric.budget, await budgets().map { ([("scope", $0.scope), ("peer", $0.peer)], Double($0.rate)) })
    gauge(AgentMetric.drains, [([], Double(await drains()))])
    sampleJournal()
  }

  /// What is known without asking anybody.
  private func sampleStanding() {
    func gauge(_ metric: MetricDescription, _ value: Double, _ labels: [(String, String)] = []) {
      registry.replace(metric.name, with: [(labels: labels, value: value)])
    }
    gauge(AgentMetric.lastProgress, Double(health.lastProgress.milliseconds) / 1000)
    gauge(AgentMetric.ready, health.faults.isEmpty ? 1 : 0)
    gauge(AgentMetric.brokerConsuming, health.isConsuming ? 1 : 0)
    gauge(AgentMetric.libvirtConnected, health.hasLibvirt ? 1 : 0)
    registry.replace(
      AgentMetric.brokerConnected.name, with: health.broker.map { ([("connection", $0.name)], $0.isConnected ? 1.0 : 0) })
    registry.follow(AgentMetric.dropped.name, count: Double(registry.droppedCount))
    if let process = ProcessFigures() {
      gauge(AgentMetric.startTime, process.startTime)
      gauge(AgentMetric.residentMemory, process.residentBytes)
      gauge(AgentMetric.openDescriptors, process.openDescriptors)
      registry.follow(AgentMetric.cpuSeconds.name, count: process.cpuSeconds)
    }
  }

  private func sampleJournal() {
    func gauge(_ metric: MetricDescription, _ value: Double) { registry.replace(metric.name, with: [(labels: [], value: value)]) }
    if let size = try? journal.size { gauge(AgentMetric.journalSize, Double(size)) }
    if let outbox = try? journal.outboxStanding() {
      gauge(AgentMetric.outbox, Double(outbox.count))
      let age = outbox.oldest.map { max(0, clock.now().wall.milliseconds - $0.milliseconds) } ?? 0
      gauge(AgentMetric.outboxAge, Double(age) / 1000)
    }
    if let maintenance = try? journal.maintenance() {
      gauge(AgentMetric.maintenance, !takesGuests() || maintenance.isOn ? 1 : 0)
    } else {
      gauge(AgentMetric.maintenance, takesGuests() ? 0 : 1)
    }
  }
}

/// What the kernel says of this process.
private struct ProcessFigures {
  var startTime: Double
  var residentBytes: Double
  var cpuSeconds: Double
  var openDescriptors: Double

  /// Nil where `/proc` does not say it.
  init?() {
    guard let text = try? String(contentsOfFile: "/proc/self/stat", encoding: .utf8), let end = text.lastIndex(of: ")") else { return nil }
    // From the third field on: the second may hold anything.
    let fields = text[text.index(after: end)...].split(separator: " ")
    guard fields.count > 21, let user = Double(fields[11]), let system = Double(fields[12]), let start = Double(fields[19]),
      let pages = Double(fields[21]),
      let uptime = try? String(contentsOfFile: "/proc/uptime", encoding: .utf8).split(separator: " ").first.flatMap({ Double($0) })
    else { return nil }
    let ticks = Double(sysconf(Int32(_SC_CLK_TCK)))
    cpuSeconds = (user + system) / ticks
    residentBytes = pages * Double(sysconf(Int32(_SC_PAGESIZE)))
    startTime = ((Date().timeIntervalSince1970 - uptime + start / ticks) * 10).rounded() / 10
    openDescriptors = Double((try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").count) ?? 0)
  }
}
