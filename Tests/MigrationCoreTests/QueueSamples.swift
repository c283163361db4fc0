import LongshoreMessages
import LongshoreTestKit
import MigrationCore
import Testing

/// Migrations that wait, for tests.
enum QueueSamples {
  static func waiting(at host: HostAddress = MigrationSamples.source, limit: String = "limits.outgoing", position: Int = 1) -> Waiting {
    Waiting(host: host.host, limit: limit, position: position, reason: Reason(.limitReached, "\(limit) of \(host.host)"))
  }

  static func id(_ number: Int) throws -> MigrationID { try #require(MigrationID("m\(number)")) }

  static func host(_ number: Int) throws -> HostAddress {
    HostAddress(cluster: MigrationSamples.source.cluster, host: try #require(NodeName("host-\(number)")))
  }

  static func guest(_ number: Int) -> GuestReference {
    GuestReference(uuid: "0b5f0c1e-8a9d-4d8e-b7a7-\(100_000_000_000 + number)", name: "guest-\(number)")
  }

  /// The plan of a guest whose disks leave a pool and come into one.
  static func plan(_ number: Int, from source: String = "fast", into destination: String = "slow") -> MigrationPlan {
    var plan = MigrationSamples.plan
    plan.guest.uuid = guest(number).uuid
    for index in plan.disks.indices {
      plan.disks[index].sourcePool = MigrationSamples.name(source)
      plan.disks[index].destinationPool = MigrationSamples.name(destination)
    }
    return plan
  }
}

/// A generator of numbers that is the same for the same seed (SplitMix64).
struct SeededNumbers: RandomNumberGenerator {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
    return mixed ^ (mixed >> 31)
  }
}

/// A host whose migrations out of it are ordered, started and ended by a test, without anything else of them.
struct QueueHost {
  struct Order: Hashable {
    var number: Int
    var destination = 1
    var pools = ["fast"]
    var priority: MigrationPriority?
  }

  private(set) var migrations: HostMigrations
  private(set) var orders: [MigrationID: (order: Order, at: Now)] = [:]
  /// The numbered events of all migrations.
  private(set) var events: [MigrationEvent] = []
  var milliseconds: Int64 = 0

  init(_ limits: HostMigrations.Limits) throws {
    migrations = HostMigrations(here: try QueueSamples.host(0), journal: "journal", limits: limits)
  }

  var now: Now { MigrationSamples.now(milliseconds) }

  /// Those that wait, in their order.
  var line: [MigrationID] { migrations.queue(ends: [:], at: now).map(\.id) }
  /// Those that are at work.
  var running: [MigrationID] { migrations.sources.values.filter { $0.phase != .queued }.map(\.id) }

  mutating func accept(_ order: Order) throws { take(try begin(order)) }

  /// Takes orders and starts those of them whose turn it is in one write, and returns its steps.
  mutating func accept(together all: [Order]) throws -> [HostStep] {
    var draft = self
    var steps: [HostStep] = []
    for order in all {
      let step = try draft.begin(order)
      draft.take(step)
      steps.append(step)
    }
    steps = draft.migrations.admission(following: steps, at: now)
    orders = draft.orders
    for step in steps { take(step) }
    return steps
  }

  private mutating func begin(_ order: Order) throws -> HostStep {
    let id = try QueueSamples.id(order.number)
    orders[id] = (order, now)
    let command = MigrateCommand(
      guest: MigrationSamples.name("guest"), destination: .init(host: try QueueSamples.host(order.destination).host),
      priority: order.priority)
    return try migrations.accept(
      RequestKey(id: id, digest: ""), order: command, guest: QueueSamples.guest(order.number),
      sourcePools: order.pools.map(MigrationSamples.name), destination: try QueueSamples.host(order.destination),
      deadlineSeconds: 3600, patience: Patience(), at: now)
  }

  /// Starts those whose turn it is, and returns them.
  @discardableResult
  mutating func admit() throws -> [MigrationID] {
    let steps = migrations.admission(to: .source, at: now)
    for step in steps { take(step) }
    return steps.compactMap { $0.sourceEvent == .admitted ? $0.source?.id : nil }
  }

  mutating func end(_ id: MigrationID) throws {
    take(try migrations.step(of: SourceEvent.cancel(Reason(.cancelled, "ended")), for: id, at: now))
  }

  mutating func move(_ number: Int, to place: QueueMove.Place) throws {
    for (id, _, place) in try migrations.places(for: QueueMove(try QueueSamples.id(number), to: place), at: now) {
      take(try migrations.step(of: SourceEvent.placed(place), for: id, at: now))
    }
  }

  /// The host as it is after its agent's restart: what the journal holds.
  mutating func restart() throws {
    let stored = try migrations.sources.values.map {
      try MessageCoding.decode(SourceMigration.self, from: MessageCoding.encode($0))
    }
    migrations = HostMigrations(here: migrations.here, journal: "journal", limits: migrations.limits, sources: stored)
  }

  private mutating func take(_ step: HostStep?) {
    guard let step else { return }
    for case .event(let event) in step.messages { events.append(event) }
    migrations.adopt(step)
  }
}
