import LongshoreMessages

/// Where the disks of a guest go at another host.
struct Placement: Sendable, Hashable {
  /// The pools that disks are copied into, by their targets.
  var pools: [ResourceName: ResourceName] = [:]
  /// The targets of the disks that stay where they are, because both hosts see their pool.
  var inPlace: [ResourceName] = []
  /// Whether something is to be copied.
  var requiresStorageMotion = false

  /// Chooses for each disk: the pool that is wanted for it; else to stay, where both hosts see its pool; else a pool of the same name; else
  /// the pool with the most room.
  /// - Parameter wanted: The ids of pools, by the ids of volumes.
  /// - Throws: ``APIError`` with 431 where a pool that is wanted is not at the host, or no pool there can take a disk.
  init(of guest: Inventory.Guest, to host: Inventory.Host, wanted: [String: String] = [:], in inventory: Inventory) throws(APIError) {
    for disk in guest.volumes {
      guard let target = ResourceName(disk.target) else { continue }
      let current = inventory.pool(of: disk, at: guest.host)
      let pool: HostInventory.Pool
      if let id = wanted[disk.id] {
        pool = try Self.pool(id, at: host, in: inventory)
      } else if let current, let twin = Self.twin(of: current, at: host) {
        pool = twin
      } else if let same = current.flatMap({ host.pool(named: $0.name) }), same.active, same.allowed {
        pool = same
      } else if let roomy = host.told.pools.filter({ $0.active && $0.allowed }).max(by: { $0.available < $1.available }) {
        pool = roomy
      } else {
        throw APIError(.parameter, "Host \(host.name) has no storage pool that can take disk \(disk.target)", .invalidParameterValue)
      }
      if let current, Self.isSame(current, pool) {
        inPlace.append(target)
      } else {
        requiresStorageMotion = true
        pools[target] = ResourceName(pool.name)
      }
    }
  }

  /// The pools as an order names them.
  var order: MigrateCommand.Pools {
    MigrateCommand.Pools(disks: pools.isEmpty ? nil : pools, inPlace: inPlace.isEmpty ? nil : inPlace)
  }

  /// The pool of a host that is wanted by its id, or by that of the same storage at another host.
  /// - Throws: ``APIError`` with 431 where it is not at the host.
  static func pool(_ id: String, at host: Inventory.Host, in inventory: Inventory) throws(APIError) -> HostInventory.Pool {
    guard let pool = host.pool(id: id) ?? inventory.pool(id: id).flatMap({ twin(of: $0.told, at: host) }) else {
      throw APIError(
        .parameter, "The storage pool \(inventory.pool(id: id)?.told.name ?? id) is not at host \(host.name)", .invalidParameterValue)
    }
    return pool
  }

  /// The pool of a host that is the same storage as another host's pool.
  private static func twin(of pool: HostInventory.Pool, at host: Inventory.Host) -> HostInventory.Pool? {
    host.told.pools.first { $0.active && isSame(pool, $0) }
  }

  /// Whether two hosts' pools are the same storage, as far as libvirt says it. The agents look at the files before anything is done.
  static func isSame(_ left: HostInventory.Pool, _ right: HostInventory.Pool) -> Bool {
    if left.uuid == right.uuid { return true }
    guard let servers = left.sourceHosts, let folder = left.sourceDirectory else { return false }
    return left.type == right.type && servers == right.sourceHosts && folder == right.sourceDirectory
  }
}
