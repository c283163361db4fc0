internal import LongshoreMessages
internal import MigrationCore
internal import MigrationJournal

/// Something that must never happen, and did.
public struct Violation: Sendable, Hashable {
  /// The invariant, `I1` to `I8`; `journal` where the journal in SQLite did otherwise than the one in memory.
  public var invariant: String
  /// What happened.
  public var message: String
}

/// What happened in a world, line by line.
final class Recorder {
  var lines: [String] = []
}

/// Who lets a guest's vCPUs run.
enum Cause {
  case libvirt, agent, host
}

/// What is true of a guest, whatever anybody has seen of it.
struct Truth {
  /// The number of the guest's last write.
  var writes = 0
  /// The number of the last write that counts: that of the copy that goes on.
  var newest = 0
  /// Whether libvirt itself may let it run twice: its last migration was `direct`.
  var mayTear = false
  /// Whether libvirt did.
  var isSplit = false
  /// Whether it was ended from outside.
  var wasEnded = false
  /// Whether the operator has said who has it, and cleans up what they were told is left.
  var isNamed = false
}

/// What is true of a migration, whatever anybody has seen of it.
struct MigrationTruth {
  var number: Int
  var order: Order
  /// Whether any of its work has changed anything but journals.
  var touched = false
  /// The numbered events that the broker has taken.
  var published: [MigrationEvent] = []
  /// Whether a journal that knew of it was lost.
  var isForgotten = false
}

/// An order as it was sent.
struct Order: Hashable {
  var number: Int
  var source: Int
  var guest: Int
  var destination: Int
  /// Whether it has other content than the first one of its id.
  var isOther = false
}

/// A message in a host's queue at the broker.
enum Delivery {
  case order(Order)
  case cancel(Int)
  case requeue(Int)
  case nameOwner(Int, Owner)
  case tune(Int, Int)
  case force(Int)
  case drain(DrainCall)
  case steerDrain(Int, DrainSteering.Action, running: Bool)
  case openHost
  case peer(PeerMessage, isConfirmed: Bool)
}

/// A host with its daemon, its agent and its journal.
struct Host {
  enum Daemon { case up, stalled, down }

  var daemon = Daemon.up
  var domains: [Domain?]
  /// The guests of whose last process the daemon has noted in its log that it was ended because the guest has migrated.
  var left: Set<Int> = []
  var store: Store
  var journals = 1
  /// Whether the agent's process is there.
  var isUp = true
  var migrations: HostMigrations
  var works: [Work] = []
  var queue: [Delivery] = []
  var isAtBroker = true
  var boot = 1
  var bootedAt: Int64 = 0
  var wallOffset: Int64 = 0
}

/// The simulated world: hosts, libvirt, files, the broker, and what is true whoever knows it.
struct World {
  static let sharedPool = 3
  static let hostCount = 3

  let setup: Setup
  let seams: Seams
  var now: Int64 = 1000
  var hosts: [Host] = []
  var pools: [PoolFolder] = Array(repeating: PoolFolder(), count: 4)
  var inodes: [Inode] = []
  var moves: [Move] = []
  var lastMove = 0
  /// Whether the agent of the first host can reach the daemon of the second.
  var remote = Array(repeating: Array(repeating: true, count: 3), count: 3)
  var daemonLinks = Array(repeating: Array(repeating: true, count: 3), count: 3)
  var truths: [Truth] = []
  var migrations: [MigrationTruth] = []
  /// What the agents do for drains; empty in a world without.
  var draining: [HostDraining] = []
  var drainTruths: [DrainTruth] = []
  /// How often a guest that had ended was started by somebody.
  var starts = 0
  /// Every message that an agent was ever sent, to be sent again.
  var sent: [[PeerMessage]] = Array(repeating: [], count: 3)
  private(set) var violation: Violation?
  /// Keeps what happens, in words; nil where nobody reads it.
  let recorder: Recorder?
  /// Whether a journal was lost: what it knew is unknown from then on.
  var hasForgotten = false
  /// Whether nothing goes wrong any more.
  var isHealing = false
  var rejections = 0
  /// How often the operator has named the source or the destination at the destination.
  var namings: [String: Int] = [:]
  /// What migrations have said of their disks.
  var verifications: [String: Int] = [:]

  init(_ setup: Setup, seams: Seams, isRecorded: Bool = false) {
    self.setup = setup
    self.seams = seams
    recorder = isRecorded ? Recorder() : nil
    for number in 0..<Self.hostCount {
      let id = "\(Catalogue.hosts[number].host)-1"
      hosts.append(
        Host(
          domains: Array(repeating: nil, count: setup.guests), store: newStore(id: id, of: number),
          migrations: HostMigrations(here: Catalogue.hosts[number], journal: id, limits: limits)))
    }
    if setup.drains { draining = Catalogue.hosts.map { HostDraining(drains: HostDrains(here: $0)) } }
    for guest in 0..<setup.guests { bringUp(guest) }
    if setup.leftover { addStranger(to: 1, .volume(Self.volume(of: 0, 0, in: setup))) }
  }

  var limits: HostMigrations.Limits {
    if seams.ignoresLimits { return HostMigrations.Limits(outgoing: 64, incoming: 64) }
    let narrow = setup.ranks ? setup.limit : Int.max
    return HostMigrations.Limits(outgoing: setup.limit, incoming: setup.limit, pair: narrow, pool: narrow)
  }

  func newStore(id: String, of host: Int) -> Store {
    Store(id: id, here: Catalogue.hosts[host], shadow: setup.usesSQLite ? try? Journal(path: Journal.inMemory) : nil)
  }

  /// The number of the volume of a guest's disk.
  static func volume(of guest: Int, _ disk: Int, in setup: Setup) -> Int { (setup.sameNames ? 0 : guest * 2) + disk }

  private mutating func bringUp(_ guest: Int) {
    let host = setup.isGathered ? 0 : guest % Self.hostCount
    var disks: [Int] = []
    for disk in 0..<setup.disks {
      inodes.append(Inode(disk: Inode.Disk(guest: guest, number: disk), content: 0, maker: nil))
      disks.append(inodes.count - 1)
      pools[host].link(.volume(Self.volume(of: guest, disk, in: setup)), inodes.count - 1)
    }
    if setup.isLinked, pools[host][.template] == nil {
      inodes.append(Inode(disk: nil, content: 1, maker: nil))
      pools[host].link(.template, inodes.count - 1)
    }
    truths.append(Truth())
    hosts[host].domains[guest] = Domain(
      process: Process(state: .running, disks: disks, memory: 0), isDefined: setup.isPersistent, pool: host, autostart: setup.autostart)
  }

  mutating func addStranger(to pool: Int, _ name: FileName) {
    guard pools[pool][name] == nil else { return }
    inodes.append(Inode(disk: nil, content: 0, maker: nil))
    pools[pool].link(name, inodes.count - 1)
  }

  // MARK: - Words

  func name(_ host: Int) -> String { Catalogue.hosts[host].host.text }

  func note(_ text: @autoclosure () -> String) { recorder?.lines.append("    \(text())") }

  /// Notes what must never happen. The first one counts.
  mutating func fail(_ invariant: String, _ message: String) {
    if violation == nil { violation = Violation(invariant: invariant, message: message) }
    note("!! \(invariant): \(message)")
  }

  // MARK: - Clocks

  func clock(_ host: Int) -> Now {
    Now(
      wall: Timestamp(milliseconds: 1_790_000_000_000 + now + hosts[host].wallOffset), bootID: "boot-\(hosts[host].boot)",
      bootMilliseconds: now - hosts[host].bootedAt)
  }

  // MARK: - Pools

  /// The pool of a name at a host.
  func pool(_ name: ResourceName, at host: Int) -> Int { name == Catalogue.sharedPool ? Self.sharedPool : host }

  /// Notes that a migration's work has changed something.
  mutating func touch(_ migration: Int) {
    if let index = migrations.firstIndex(where: { $0.number == migration }) { migrations[index].touched = true }
  }

  /// An agent makes a file. It must have registered it, and nothing may have the name.
  mutating func make(_ record: FileRecord, at host: Int, _ inode: Inode) -> Int? {
    guard pools[record.pool][record.name] == nil else { return nil }
    if hosts[host].store.record(of: record.name, in: record.pool, migration: record.migration, record.side) == nil {
      fail("I3", "\(name(host)) makes \(record.name) in the pool \(record.pool) without having registered it")
    }
    inodes.append(inode)
    pools[record.pool].link(record.name, inodes.count - 1)
    touch(record.migration)
    return inodes.count - 1
  }

  /// An agent gives a file another name, which nothing has. Returns false where something has it.
  mutating func publish(_ inode: Int, as target: FileName, in pool: Int, at host: Int, for migration: Int) -> Bool {
    if let there = pools[pool][target] {
      if there == inode { return true }
      guard seams.overwrites else { return false }
      fail("I3", "\(name(host)) overwrites \(target) in the pool \(pool)")
      pools[pool].unlink(target)
    }
    pools[pool].link(target, inode)
    touch(migration)
    return true
  }

  /// An agent takes a name from a file.
  mutating func unlink(_ name: FileName, in pool: Int, at host: Int, for migration: Int) {
    guard let inode = pools[pool][name] else { return }
    let isOurs = inodes[inode].maker == migration || hosts[host].store.files.contains { $0.migration == migration && $0.inode == inode }
    if !isOurs { fail("I3", "\(self.name(host)) removes \(name) in the pool \(pool), which the migration m\(migration) did not make") }
    pools[pool].unlink(name)
    touch(migration)
  }

  /// Whether a process has a file open.
  func isInUse(_ inode: Int) -> Bool {
    hosts.contains { $0.domains.contains { $0?.process?.disks.contains(inode) == true } }
  }
}
