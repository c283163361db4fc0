import LongshoreClient
import LongshoreMessages

/// What the hosts of a cluster are and have, as they told it last.
struct Inventory: Sendable {
  /// A host.
  struct Host: Sendable, Hashable {
    /// Its name.
    var name: NodeName
    /// Its id.
    var id: String
    /// What it told.
    var told: HostInventory
    /// When.
    var toldAt: Timestamp
    /// Whether it does not answer any more.
    var isDown: Bool

    /// Whether it takes guests.
    var takesGuests: Bool { !isDown && !told.machine.maintenance.isOn && told.machine.libvirtVersion != nil }

    /// A pool of it, by its UUID.
    func pool(id: String) -> HostInventory.Pool? { told.pools.first { $0.uuid == id } }
    /// A pool of it, by its name.
    func pool(named name: String) -> HostInventory.Pool? { told.pools.first { $0.name == name } }
  }

  /// A guest, at the host that has it.
  struct Guest: Sendable, Hashable {
    /// The host that has it.
    var host: Host
    /// What that told of it.
    var told: HostInventory.Guest

    /// The guest as the bus names it.
    var reference: GuestReference { GuestReference(uuid: told.uuid, name: told.name) }
    /// What CloudStack calls volumes: disks, without drives for media.
    var volumes: [HostInventory.Disk] { told.disks.filter { $0.device == "disk" } }
    /// Whether it runs, as far as is known.
    var isRunning: Bool { !host.isDown && Self.running.contains(told.state) }

    private static let running: Set = ["running", "idle", "blocked", "paused", "pmsuspended"]
  }

  /// A pool, which several hosts may have.
  struct Pool: Sendable, Hashable {
    /// What the first of its hosts told of it, one that answers before others.
    var told: HostInventory.Pool
    /// The hosts that have it.
    var hosts: [Host]

    /// Whether several hosts have it.
    var isShared: Bool { hosts.count > 1 }
    /// Whether guests can move into it.
    var isUp: Bool { told.active && hosts.contains { !$0.isDown } }
  }

  /// The cluster.
  let place: Place
  /// The hosts, by name.
  let hosts: [Host]
  /// The guests, by name.
  let guests: [Guest]
  /// The pools, by name.
  let pools: [Pool]

  /// An inventory of hosts.
  init(_ cluster: NodeName, hosts: [Host]) {
    place = Place(cluster)
    self.hosts = hosts.sorted { $0.name.text < $1.name.text }
    var guests: [String: Guest] = [:]
    for host in self.hosts {
      for told in host.told.guests {
        let guest = Guest(host: host, told: told)
        if let other = guests[told.uuid], Self.rank(other) <= Self.rank(guest) { continue }
        guests[told.uuid] = guest
      }
    }
    self.guests = guests.values.sorted { ($0.told.name, $0.told.uuid) < ($1.told.name, $1.told.uuid) }
    var pools: [String: Pool] = [:]
    for host in self.hosts.sorted(by: { !$0.isDown && $1.isDown }) {
      for told in host.told.pools { pools[told.uuid, default: Pool(told: told, hosts: [])].hosts.append(host) }
    }
    self.pools = pools.values.sorted { ($0.told.name, $0.told.uuid) < ($1.told.name, $1.told.uuid) }
  }

  /// A guest that is being moved is known to both hosts, and a host that is down may tell what was: the lowest has it.
  private static func rank(_ guest: Guest) -> Int {
    (guest.host.isDown ? 4 : 0) + (guest.told.migration?.incoming == true ? 2 : 0) + (guest.isRunning ? 0 : 1)
  }

  /// A host, by its id.
  func host(id: String) -> Host? { hosts.first { $0.id == id.lowercased() } }
  /// A host, by its name.
  func host(named name: NodeName) -> Host? { hosts.first { $0.name == name } }
  /// A guest, by its UUID.
  func guest(id: String) -> Guest? { guests.first { $0.told.uuid == id.lowercased() } }
  /// A pool, by its UUID.
  func pool(id: String) -> Pool? { pools.first { $0.told.uuid == id.lowercased() } }
  /// A volume, by its id, and its guest.
  func volume(id: String) -> (guest: Guest, disk: HostInventory.Disk)? {
    for guest in guests {
      if let disk = guest.volumes.first(where: { $0.id == id.lowercased() }) { return (guest, disk) }
    }
    return nil
  }

  /// The pool that a disk is in; nil where its host knows none.
  func pool(of disk: HostInventory.Disk, at host: Host) -> HostInventory.Pool? { disk.pool.flatMap { host.pool(named: $0) } }
}
