internal import LongshoreMessages
internal import MigrationCore

/// The files that a migration or a prefetch brings to this host.
struct IncomingFiles: Sendable {
  /// The disks that are copied.
  var disks: [PlannedDisk] = []
  /// The layers below them, and those that are only read.
  var layers: [TemplateLayer]
  /// The layers that only media consist of which are ejected where they are not here.
  private var ejected: Set<Int> = []

  /// Whether a layer whose name another file has is put beside it.
  private(set) var renames = false
  /// The layers of which it is known that another file has their name, with the names that they get where these are known.
  var beside: [Int: ResourceName?] = [:]

  /// The files of a migration.
  init(_ plan: MigrationPlan) {
    disks = plan.disks
    layers = plan.layers
    ejected = Set(plan.layers.filter(plan.isEjected).map(\.id))
    renames = plan.templateConflict == .rename
  }

  /// What a migration that was let in still brings. Of a layer that is put beside another file of its name where that differs, nobody knows
  /// whether it is before it is in place: until then it is taken to be.
  init?(promisedBy migration: DestinationMigration) {
    guard let plan = migration.plan else { return nil }
    self.init(plan)
    guard renames else { return }
    for layer in needed where migration.layerPaths[layer.id] == nil { beside.updateValue(nil, forKey: layer.id) }
  }

  /// The files of a prefetch.
  init(layers: [TemplateLayer]) { self.layers = layers }

  /// The layers that have to be here.
  var needed: [TemplateLayer] { layers.filter { !ejected.contains($0.id) } }

  /// The pools that they need. That of a medium that would be ejected is not one.
  var pools: [ResourceName] {
    var pools: [ResourceName] = []
    for pool in disks.map(\.destinationPool) + needed.map(\.pool) where !pools.contains(pool) { pools.append(pool) }
    return pools
  }

  /// The largest file that is made in a pool, in bytes. A raw disk's file has the disk's size from the beginning; of the others it is what
  /// is known to be written.
  func largest(in pool: ResourceName) -> UInt64 {
    let disks = disks.filter { $0.destinationPool == pool }.map { $0.format == .raw ? max($0.virtualSize, $0.allocation) : $0.allocation }
    return (disks + needed.filter { $0.pool == pool }.map(\.fileSize)).max() ?? 0
  }

  /// The layers that are to be copied into a pool of this folder: those whose names are not there.
  func lacking(in pool: ResourceName, _ folder: String) -> [TemplateLayer] {
    needed.filter { $0.pool == pool && lacks($0, folder) }
  }

  /// Whether a layer that has to be in a folder is not there, under its own name or the one that it gets beside another file.
  func lacks(_ layer: TemplateLayer, _ folder: String) -> Bool {
    guard renames, let name = beside[layer.id] else { return !FileProbe.exists("\(folder)/\(layer.volume)") }
    return name.map { !FileProbe.exists("\(folder)/\($0)") } ?? true
  }

  /// Whether files are made in a pool: a pool that only has what is there already may be read-only.
  func bring(into pool: ResourceName, _ folder: String) -> Bool {
    disks.contains { $0.destinationPool == pool } || !lacking(in: pool, folder).isEmpty
  }
}
