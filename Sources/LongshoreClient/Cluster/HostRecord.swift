package import LongshoreMessages

/// What is known of one host.
package struct HostRecord: Sendable, Hashable {
  /// The host.
  package let name: NodeName
  /// What it says of itself; nil before its first answer.
  package private(set) var description: HostDescription?
  /// When it last answered, on the reader's clock.
  package private(set) var answeredAt: Timestamp?
  /// How often in a row it was asked and did not answer.
  package private(set) var silences = 0
  /// Since when it does not answer; nil where it does.
  package private(set) var silentSince: Timestamp?

  /// A host of which nothing is known but its name.
  package init(_ name: NodeName) { self.name = name }

  /// Whether it was asked twice and did not answer: one answer may be late.
  package var isSilent: Bool { silences >= 2 }

  /// Takes in its answer.
  package mutating func answer(_ description: HostDescription, at now: Timestamp) {
    self.description = description
    answeredAt = now
    silences = 0
    silentSince = nil
  }

  /// It was asked, and did not answer.
  package mutating func stayedSilent(at now: Timestamp) {
    silences += 1
    silentSince = silentSince ?? now
  }
}

/// What all hosts answered when they were asked at a time.
package struct HostRound: Sendable, Hashable {
  /// When they were asked, on the reader's clock.
  package var askedAt: Timestamp
  /// What they are.
  package var hosts: [NodeName: HostDescription] = [:]
  /// The migrations that they have not ended.
  package var migrations: [NodeName: [MigrationStatus]] = [:]
  /// The migrations that wait at them.
  package var queues: [NodeName: [QueueEntry]] = [:]
  /// Their drains.
  package var drains: [NodeName: [DrainStatus]] = [:]

  /// A round without answers yet.
  package init(askedAt: Timestamp) { self.askedAt = askedAt }

  /// Takes in an answer.
  package mutating func take(_ reply: Reply) {
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
