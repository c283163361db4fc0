import LongshoreMessages

/// What is known of one host.
struct HostRecord: Sendable, Hashable {
  /// The host.
  let name: NodeName
  /// What it says of itself; nil before its first answer.
  private(set) var description: HostDescription?
  /// When it last answered, on the dashboard's clock.
  private(set) var answeredAt: Timestamp?
  /// How often in a row it was asked and did not answer.
  private(set) var silences = 0
  /// Since when it does not answer; nil where it does.
  private(set) var silentSince: Timestamp?

  /// A host of which nothing is known but its name.
  init(_ name: NodeName) { self.name = name }

  /// Whether it was asked twice and did not answer: one answer may be late.
  var isSilent: Bool { silences >= 2 }

  /// Takes in its answer.
  mutating func answer(_ description: HostDescription, at now: Timestamp) {
    self.description = description
    answeredAt = now
    silences = 0
    silentSince = nil
  }

  /// It was asked, and did not answer.
  mutating func stayedSilent(at now: Timestamp) {
    silences += 1
    silentSince = silentSince ?? now
  }
}

/// What all hosts answered when they were asked at a time.
struct HostRound: Sendable, Hashable {
  /// When they were asked, on the dashboard's clock.
  var askedAt: Timestamp
  /// What they are.
  var hosts: [NodeName: HostDescription] = [:]
  /// The migrations that they have not ended.
  var migrations: [NodeName: [MigrationStatus]] = [:]
  /// The migrations that wait at them.
  var queues: [NodeName: [QueueEntry]] = [:]
  /// Their drains.
  var drains: [NodeName: [DrainStatus]] = [:]

  /// A round without answers yet.
  init(askedAt: Timestamp) { self.askedAt = askedAt }

  /// Takes in an answer.
  mutating func take(_ reply: Reply) {
    let host = reply.from.host
    switch reply.body {
    case .host(let description): hosts[host] = description
    case .migrations(let migrations): self.migrations[host] = migrations
    case .queue(let entries): queues[host] = entries
    case .drains(let drains): self.drains[host] = drains
    default: break
    }
  }
}
