import LongshoreMessages
import LongshoreTestKit
import Testing

@testable import MigrationCore

/// Hosts whose migrations go in rings, with limits of one: whatever happens in whatever order, all of them end.
@Suite("Rings of migrations")
struct RingTests {
  /// Hosts that work without faults: what happens when is open.
  struct Fleet: Hashable {
    private(set) var hosts: [HostMigrations]
    private(set) var inboxes: [[PeerMessage]]
    /// What was said once, which needs not be said again: nothing is lost.
    private var said: Set<String> = []
    let count: Int

    /// - Parameter ways: From which host to which each migration goes.
    init(hosts count: Int, ways: [(from: Int, to: Int)], limit: Int = 1) throws {
      hosts = try (0..<count).map {
        HostMigrations(
          here: try QueueSamples.host($0), journal: "journal", limits: .init(outgoing: limit, incoming: limit, pair: limit, pool: limit))
      }
      inboxes = Array(repeating: [], count: count)
      self.count = ways.count
      for (number, way) in ways.enumerated() {
        let destination = try QueueSamples.host(way.to)
        let step = try hosts[way.from].accept(
          RequestKey(id: QueueSamples.id(number), digest: ""),
          order: MigrateCommand(guest: MigrationSamples.name("guest"), destination: .init(host: destination.host)),
          guest: QueueSamples.guest(number), sourcePools: [MigrationSamples.name("shared")], destination: destination,
          deadlineSeconds: 3600, patience: Patience(), at: MigrationSamples.now())
        take(step, at: way.from)
      }
    }

    var hasEnded: Bool { hosts.allSatisfy { $0.count == 0 } && inboxes.allSatisfy(\.isEmpty) }

    private mutating func take(_ step: HostStep?, at host: Int) {
      guard let step else { return }
      for case .peer(let message) in step.messages { send(message) }
      hosts[host].adopt(step)
    }

    private mutating func send(_ message: PeerMessage) {
      if let host = hosts.firstIndex(where: { $0.here == message.to }) { inboxes[host].append(message) }
    }

    /// All that can happen next.
    func followers() -> [Fleet] {
      var followers: [Fleet] = []
      func happens(_ change: (inout Fleet) -> Void) {
        var fleet = self
        change(&fleet)
        if fleet != self { followers.append(fleet) }
      }
      for host in hosts.indices {
        if let message = inboxes[host].first {
          happens { fleet in
            fleet.inboxes[host].removeFirst()
            let step = fleet.hosts[host].step(of: message, endpoint: MigrationSamples.endpoint, at: MigrationSamples.now()) {
              _ throws(Never) in nil
            }
            fleet.take(step, at: host)
          }
        }
        happens { $0.admit(host) }
        for migration in hosts[host].sources.values {
          for effect in migration.outstanding(at: MigrationSamples.now()) {
            if case .ask(let body) = effect {
              let word = "\(migration.id) \(body.typeName)"
              if said.contains(word) { continue }
              happens { fleet in
                fleet.said.insert(word)
                fleet.send(
                  PeerMessage(
                    migration: migration.id, from: migration.source, to: migration.destination, journal: "journal", body: body))
              }
            } else if let event = Self.success(of: effect, migration) {
              happens { $0.take(try? $0.hosts[host].step(of: event, for: migration.id, at: MigrationSamples.now()), at: host) }
            }
          }
        }
        for migration in hosts[host].destinations.values {
          for effect in migration.outstanding {
            guard let event = Self.success(of: effect) else { continue }
            happens { $0.take($0.hosts[host].step(of: event, for: migration.id, at: MigrationSamples.now()), at: host) }
          }
        }
      }
      return followers
    }

    private mutating func admit(_ host: Int) {
      for side in [MigrationSide.source, .destination] {
        for step in hosts[host].admission(to: side, at: MigrationSamples.now()) { take(step, at: host) }
      }
    }

    private static func success(of effect: SourceEffect, _ migration: SourceMigration) -> SourceEvent? {
      switch effect {
      case .inspect:
        var inspection = MigrationSamples.inspection
        inspection.plan = QueueSamples.plan(Int(migration.id.text.dropFirst()) ?? 0, from: "shared", into: "shared")
        return .inspected(inspection)
      case .followTransfer: return .transferEnded(error: nil, MigrationSamples.totals)
      case .observe(let step): return .observed(Observation(source: .off, destination: .runs), step: step)
      case .retireSource: return .sourceRetired
      default: return nil
      }
    }

    private static func success(of effect: DestinationEffect) -> DestinationEvent? {
      switch effect {
      case .check: .checked([])
      case .provideLayer(let id): .layerProvided(id, path: "/mnt/slow/debian.qcow2", copied: 0)
      case .makeStubs: .stubsMade(MigrationSamples.preparedDisks)
      case .postCheck: .postChecked(MigrationSamples.confirmation, [])
      case .keepFiles: .filesKept
      case .removeFiles: .filesRemoved
      default: nil
      }
    }
  }

  /// Goes through everything that can happen, in every order.
  @Test("two that cross each other, and one beside them, end in every order of all that happens")
  func everyOrder() throws {
    for ways in [[(0, 1), (1, 0)], [(0, 1), (1, 0), (0, 1)]] as [[(from: Int, to: Int)]] {
      var seen: Set<Fleet> = []
      var frontier = [try Fleet(hosts: 2, ways: ways)]
      seen.formUnion(frontier)
      var ends = 0
      while let fleet = frontier.popLast() {
        let followers = fleet.followers()
        if followers.isEmpty {
          #expect(fleet.hasEnded)
          ends += 1
        }
        for follower in followers where seen.insert(follower).inserted { frontier.append(follower) }
        try #require(seen.count < 400_000)
      }
      #expect(ends > 0)
    }
  }

  @Test("rings of up to six hosts, each with several migrations around it, end in drawn orders", arguments: UInt64(0)..<40)
  func rings(seed: UInt64) throws {
    var numbers = SeededNumbers(seed: seed)
    let count = Int.random(in: 2...6, using: &numbers)
    var ways: [(from: Int, to: Int)] = (0..<count).map { ($0, ($0 + 1) % count) }
    for _ in 0..<count {
      let from = Int.random(in: 0..<count, using: &numbers)
      ways.append((from, (from + Int.random(in: 1..<count, using: &numbers)) % count))
    }
    var fleet = try Fleet(hosts: count, ways: ways.shuffled(using: &numbers), limit: seed.isMultiple(of: 4) ? 2 : 1)
    var steps = 0
    while let next = fleet.followers().randomElement(using: &numbers) {
      fleet = next
      steps += 1
      try #require(steps < 10_000)
      for host in fleet.hosts {
        #expect(host.sources.values.count { $0.phase != .queued } <= host.limits.outgoing)
        #expect(host.destinations.values.count { $0.phase != .queued } <= host.limits.incoming)
      }
    }
    #expect(fleet.hasEnded)
  }
}
