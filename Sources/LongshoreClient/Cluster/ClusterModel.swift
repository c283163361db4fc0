package import LongshoreMessages

/// All that a reader of the events knows of a cluster, from what it has heard: a value without clock or connection.
///
/// Events may come late, twice and in any order; the whole history comes again when the broker was away. Memory is bounded by
/// ``Limits`` whatever is heard.
package struct ClusterModel: Sendable {
  /// How much is kept.
  package struct Limits: Sendable, Hashable {
    /// Migrations that go on.
    package var live: Int
    /// Rows of those that have ended.
    package var ended: Int
    /// Of those, the newest of which the whole story is kept.
    package var stories: Int
    /// Drains.
    package var drains: Int
    /// Hosts.
    package var hosts: Int
    /// Pairs of hosts whose highest rate is remembered.
    package var links: Int

    /// Limits, of which some can be others.
    package init(
      live: Int = 4_000, ended: Int = 10_000, stories: Int = 500, drains: Int = 100, hosts: Int = 4_000, links: Int = 4_000
    ) {
      self.live = live
      self.ended = ended
      self.stories = stories
      self.drains = drains
      self.hosts = hosts
      self.links = links
    }
  }

  /// What can be heard.
  package enum Input: Sendable, Hashable {
    /// A numbered event of a migration.
    case event(MigrationEvent)
    /// A numbered event of a drain.
    case drain(DrainEvent)
    /// Progress of a migration.
    case progress(ProgressEvent)
    /// All hosts were asked, and these have answered.
    case round(HostRound)
    /// A host has told how a migration stands.
    case status(MigrationStatus)
    /// The connection to the broker is lost, or could not be made.
    case brokerLost(reason: String)
    /// The connection to the broker is there.
    case brokerBack
    /// The history of events is read from now on, from that time to the present.
    case replaying(since: Timestamp)
    /// The history of events has been read up to now.
    case replayed
    /// The hosts were asked, and that could not be done.
    case askedInVain
  }

  /// How the broker stands.
  package struct Broker: Sendable, Hashable {
    /// Why it is away; nil while it is there.
    package var awayBecause: String? = "not connected yet"
    /// Since when it is away; nil while it is there, and before the first connection.
    package var awaySince: Timestamp?
    /// Whether the history has been read, at least once.
    package var isReplayed = false
    /// How far the history is read; nil before its reading has begun. It is read anew when the broker was away.
    package var history: History?
    /// Whether there was a connection.
    package var wasConnected = false

    /// Whether the history is being read, or is yet to be.
    package var isReading: Bool { !isReplayed || history.map { !$0.isRead } ?? false }
  }

  /// How far the history of events is read.
  package struct History: Sendable, Hashable {
    /// From when on it is read. The broker may not have kept what is so old.
    package let since: Timestamp
    /// The times of its oldest and of its newest event that was read; nil before the first.
    package private(set) var read: ClosedRange<Timestamp>?
    /// Whether it has been read to its end.
    package private(set) var isRead = false

    /// A history of which nothing is read.
    package init(since: Timestamp) { self.since = since }

    fileprivate mutating func note(_ time: Timestamp) {
      guard !isRead else { return }
      read = read.map { min($0.lowerBound, time)...max($0.upperBound, time) } ?? time...time
    }

    fileprivate mutating func end() { isRead = true }
  }

  /// What the hosts of one pair move between them.
  package struct LinkLoad: Sendable, Hashable {
    /// The source host.
    package var source: NodeName
    /// The destination host.
    package var destination: NodeName
    /// The migrations that are under way on it.
    package var moving: Int
    /// Those that wait for their turn.
    package var waiting: Int
    /// Bytes a second, by what was last measured.
    package var rate: UInt64
    /// The highest rate that was seen on it.
    package var highest: UInt64
  }

  /// What wants somebody to look.
  package struct Alarm: Sendable, Hashable {
    /// How much.
    package enum Severity: Sendable, Hashable {
      /// Somebody has to do something.
      case alarm
      /// Something goes on that may need somebody.
      case warning
    }

    /// What it is about, unique among alarms: `migration ID`, `host NAME`.
    package var key: String
    /// How much.
    package var severity: Severity
    /// What is the matter, in a sentence without a full stop.
    package var text: String
    /// Why.
    package var reasons: [Reason]
    /// The migration that it is about.
    package var migration: MigrationID?
    /// The host that it is about.
    package var host: NodeName?
    /// Since when.
    package var since: Timestamp
  }

  /// Bytes that have not moved for this long in a transfer are said to stand still, in milliseconds.
  package static let stillAfter: Int64 = 30_000
  /// A migration whose disks were found to differ stays an alarm for this long after its end, in milliseconds.
  package static let contentAlarmFor: Int64 = 86_400_000

  /// The cluster.
  package let cluster: NodeName
  /// How much is kept.
  package let limits: Limits
  /// How the broker stands.
  package private(set) var broker = Broker()
  /// Whether hosts have been asked and have answered, or could not.
  package private(set) var hasAsked = false
  /// When anything was last heard.
  package private(set) var heardAt: Timestamp?
  /// The migrations that have ended.
  package private(set) var ended: EndedList
  /// The hosts that are known.
  package private(set) var hosts: [NodeName: HostRecord] = [:]
  /// A number that changes with all that is known.
  package private(set) var revision: UInt64 = 0

  private var live: [MigrationID: MigrationRecord] = [:]
  private var stories: [MigrationID: MigrationRecord] = [:]
  private var storyOrder: [MigrationID] = []
  private var drains: [MigrationID: DrainRecord] = [:]
  private var loads: [Pair: UInt64] = [:]
  private var highest: [Pair: UInt64] = [:]

  private struct Pair: Sendable, Hashable {
    var source: NodeName
    var destination: NodeName
  }

  /// Nothing is known.
  package init(cluster: NodeName, limits: Limits = Limits()) {
    self.cluster = cluster
    self.limits = limits
    ended = EndedList(limit: limits.ended)
  }

  // MARK: What is heard

  /// Takes in what was heard.
  /// - Parameter now: The reader's clock.
  package mutating func apply(_ input: Input, at now: Timestamp) {
    revision &+= 1
    switch input {
    case .event(let event):
      heardAt = now
      broker.history?.note(event.time)
      take(event, now)
    case .drain(let event):
      heardAt = now
      broker.history?.note(event.time)
      know(event.data.host)
      if let drain = drains[event.subject], drain.host != event.data.host { return }
      if drains[event.subject] == nil { drains[event.subject] = DrainRecord(event) } else { drains[event.subject]?.apply(event) }
      boundDrains()
    case .progress(let progress):
      heardAt = now
      guard var record = live[progress.subject], isOfSource(progress, record) else { return }
      record.apply(progress, now: now)
      keep(record)
    case .round(let round):
      hasAsked = true
      take(round, now)
    case .askedInVain: hasAsked = true
    case .status(let status):
      heardAt = now
      take(status, now)
    case .brokerLost(let reason):
      broker.awayBecause = reason
      if broker.wasConnected { broker.awaySince = broker.awaySince ?? now }
    case .brokerBack:
      broker.awayBecause = nil
      broker.awaySince = nil
      broker.wasConnected = true
    case .replaying(let time): broker.history = History(since: time)
    case .replayed:
      broker.isReplayed = true
      broker.history?.end()
    }
  }

  /// Whether all is known that can be: the broker is there, the history has been read to its end, and the hosts were asked. What is not
  /// known then is not there to be found.
  package var isComplete: Bool { broker.awayBecause == nil && !broker.isReading && hasAsked }

  private mutating func take(_ event: MigrationEvent, _ now: Timestamp) {
    // A migration is told of by its source alone.
    if let known = migration(event.subject), known.source != event.data.sourceHost { return }
    know(event.data.sourceHost)
    know(event.data.destinationHost)
    if ended.contains(event.subject) {
      // Its story may lack this one.
      stories[event.subject]?.apply(event, now: now)
      return
    }
    if var record = live[event.subject] {
      record.apply(event, now: now)
      keep(record)
      return
    }
    // What is older than the list of the ended ones has ended, or its host tells it.
    if let horizon = ended.horizon, event.time < horizon { return }
    keep(MigrationRecord(event, now: now))
  }

  private func isOfSource(_ progress: ProgressEvent, _ record: MigrationRecord) -> Bool {
    progress.source == HostAddress(cluster: cluster, host: record.source).eventSource
  }

  private mutating func take(_ round: HostRound, _ now: Timestamp) {
    for (name, description) in round.hosts {
      know(name)
      hosts[name]?.answer(description, at: now)
    }
    for name in hosts.keys where round.hosts[name] == nil { hosts[name]?.stayedSilent(at: now) }
    for status in round.migrations.values.joined() { take(status, now) }
    for entry in round.queues.values.joined() { live[entry.id]?.apply(entry) }
    for status in round.drains.values.joined() {
      if drains[status.id] == nil { drains[status.id] = DrainRecord(status) } else { drains[status.id]?.apply(status) }
    }
    boundDrains()
    for (id, record) in live {
      guard let told = round.migrations[record.source], record.heardAt < round.askedAt, !told.contains(where: { $0.id == id }) else {
        continue
      }
      live[id]?.absences += 1
    }
    if !round.hosts.isEmpty { heardAt = now }
  }

  private mutating func take(_ status: MigrationStatus, _ now: Timestamp) {
    guard !ended.contains(status.id) else { return }
    know(status.sourceHost)
    know(status.destinationHost)
    guard var record = live[status.id] else { return keep(MigrationRecord(status, now: now)) }
    record.apply(status, now: now)
    keep(record)
  }

  /// Keeps a migration where it belongs.
  private mutating func keep(_ record: MigrationRecord) {
    guard let row = EndedList.Row(record) else {
      reckon(record, instead: live[record.id])
      live[record.id] = record
      if live.count > limits.live, let oldest = live.values.min(by: { $0.heardAt < $1.heardAt }) { forget(oldest) }
      return
    }
    if let old = live[record.id] { forget(old) }
    for fallen in ended.insert(row) { stories[fallen] = nil }
    guard ended.contains(record.id), limits.stories > 0 else { return }
    stories[record.id] = record
    storyOrder.append(record.id)
    if storyOrder.count > limits.stories { stories[storyOrder.removeFirst()] = nil }
  }

  private mutating func forget(_ record: MigrationRecord) {
    unreckon(record)
    live[record.id] = nil
  }

  private mutating func know(_ host: NodeName) {
    guard hosts[host] == nil, hosts.count < limits.hosts else { return }
    hosts[host] = HostRecord(host)
  }

  private mutating func boundDrains() {
    guard drains.count > limits.drains else { return }
    let order = drains.values.sorted { ($0.phase.isTerminal ? 0 : 1, $0.updatedAt) < ($1.phase.isTerminal ? 0 : 1, $1.updatedAt) }
    for drain in order.prefix(drains.count - limits.drains) { drains[drain.id] = nil }
  }

  /// Reckons in what a migration moves now instead of what it moved before, so that the highest load of its link is known.
  private mutating func reckon(_ record: MigrationRecord, instead old: MigrationRecord?) {
    let pair = Pair(source: record.source, destination: record.destination)
    if let old, old.source != record.source || old.destination != record.destination {
      unreckon(old)
      loads[pair] = Self.add(loads[pair] ?? 0, record.rate)
    } else {
      let rest = (loads[pair] ?? 0) - min(loads[pair] ?? 0, old?.rate ?? 0)
      loads[pair] = Self.add(rest, record.rate)
    }
    guard highest[pair] != nil || highest.count < limits.links else { return }
    highest[pair] = max(highest[pair] ?? 0, loads[pair] ?? 0)
  }

  private mutating func unreckon(_ old: MigrationRecord) {
    let pair = Pair(source: old.source, destination: old.destination)
    let rest = (loads[pair] ?? 0) - min(loads[pair] ?? 0, old.rate)
    loads[pair] = rest == 0 ? nil : rest
  }

  private static func add(_ left: UInt64, _ right: UInt64) -> UInt64 {
    let (sum, overflow) = left.addingReportingOverflow(right)
    return overflow ? .max : sum
  }

  // MARK: What is known

  /// The migrations that are under way, those that were accepted first at the front.
  package var running: [MigrationRecord] {
    live.values.filter { !$0.isQueued }.sorted { ($0.acceptedAt, $0.id.text) < ($1.acceptedAt, $1.id.text) }
  }

  /// The migrations that wait for their turn, by where they wait and their place there.
  package var queue: [MigrationRecord] {
    live.values.filter(\.isQueued).sorted { left, right in
      (left.waitsAt.text, left.waiting?.position ?? .max, left.acceptedAt, left.id.text)
        < (right.waitsAt.text, right.waiting?.position ?? .max, right.acceptedAt, right.id.text)
    }
  }

  /// The story of a migration; nil where nothing is known of it, or its row alone.
  package func migration(_ id: MigrationID) -> MigrationRecord? { live[id] ?? stories[id] }

  /// The migrations of which the whole story is kept, in no order.
  package var records: [MigrationRecord] { Array(live.values) + Array(stories.values) }

  /// The migration that moves a guest now; nil where none does.
  package func migration(ofGuest uuid: String) -> MigrationRecord? { live.values.first { $0.guest.uuid == uuid } }

  /// The drains, those that go on before those that have ended, the newest first.
  package var allDrains: [DrainRecord] {
    drains.values.sorted { left, right in
      if left.phase.isTerminal != right.phase.isTerminal { return right.phase.isTerminal }
      return (left.updatedAt, left.id.text) > (right.updatedAt, right.id.text)
    }
  }

  /// The links that are used, by the hosts' names.
  package var links: [LinkLoad] {
    var links: [Pair: LinkLoad] = [:]
    for record in live.values {
      let pair = Pair(source: record.source, destination: record.destination)
      var load =
        links[pair]
        ?? LinkLoad(
          source: pair.source, destination: pair.destination, moving: 0, waiting: 0, rate: 0, highest: highest[pair] ?? 0)
      if record.isQueued { load.waiting += 1 } else { load.moving += 1 }
      load.rate = Self.add(load.rate, record.rate)
      links[pair] = load
    }
    return links.values.sorted { ($0.source.text, $0.destination.text) < ($1.source.text, $1.destination.text) }
  }

  /// The migrations that move guests out of a host and into it.
  package func moving(_ host: NodeName) -> (out: [MigrationRecord], into: [MigrationRecord]) {
    let all = live.values.sorted { ($0.acceptedAt, $0.id.text) < ($1.acceptedAt, $1.id.text) }
    return (all.filter { $0.source == host }, all.filter { $0.destination == host && $0.source != host })
  }

  /// What wants somebody to look, alarms before warnings, the oldest first.
  package func alarms(at now: Timestamp) -> [Alarm] {
    var alarms: [Alarm] = []
    for record in live.values {
      guard let (severity, text) = record.trouble else { continue }
      alarms.append(
        Alarm(
          key: "migration \(record.id)", severity: severity, text: "\(record.guest.name): \(text)", reasons: record.reasons,
          migration: record.id,
          host: nil, since: record.phaseSince))
    }
    for record in stories.values {
      guard let end = record.end, end.event?.verification?.outcome == .differs,
        now.milliseconds - end.at.milliseconds < Self.contentAlarmFor
      else { continue }
      alarms.append(
        Alarm(
          key: "migration \(record.id)", severity: .alarm, text: "\(record.guest.name): the disks do not hold what they held before",
          reasons: record.reasons, migration: record.id, host: nil, since: end.at))
    }
    let busy = Set(live.values.flatMap { [$0.source, $0.destination] })
    for host in hosts.values where host.isSilent && broker.awayBecause == nil && busy.contains(host.name) {
      alarms.append(
        Alarm(
          key: "host \(host.name)", severity: .warning, text: "\(host.name): the agent does not answer, and migrations need it",
          reasons: [], migration: nil, host: host.name, since: host.silentSince ?? now))
    }
    return alarms.sorted { left, right in
      if left.severity != right.severity { return left.severity == .alarm }
      return (left.since, left.key) < (right.since, right.key)
    }
  }
}

extension MigrationRecord {
  /// The host at which it waits.
  package var waitsAt: NodeName { waiting?.host ?? source }

  /// Bytes a second that it moves, by what was last measured.
  package var rate: UInt64 {
    switch phase {
    case .preparing, .transferring: progress?.rateBps ?? 0
    default: 0
    }
  }

  /// What is the matter with it, in a sentence without a full stop; nil where nothing is.
  package var trouble: (ClusterModel.Alarm.Severity, String)? {
    guard end == nil else { return nil }
    if phase == .needsAttention { return (.alarm, "it needs attention, the agents cannot decide alone") }
    if isUnknownToSource { return (.warning, "\(source) does not know the migration any more") }
    if phase == .transferring, !reasons.isEmpty { return (.warning, "the transfer does not come to its end") }
    if let still = stillFor {
      return (.warning, "no byte has moved for \(Quantity.seconds(Double(still / 1000)))")
    }
    return nil
  }

  /// For how long no byte has moved in its transfer, by its own progress, in milliseconds; nil while bytes move, or need not. Where nothing
  /// is heard of it, nobody knows whether they do.
  package var stillFor: Int64? {
    guard end == nil, phase == .transferring, let movedAt, let progressAt else { return nil }
    let still = progressAt.milliseconds - movedAt.milliseconds
    return still >= ClusterModel.stillAfter ? still : nil
  }
}
