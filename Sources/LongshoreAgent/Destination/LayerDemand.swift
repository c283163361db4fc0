internal import LongshoreMessages
internal import MigrationCore

/// The lower layers that have to be at this host, for a migration or for a prefetch, and how far that is.
struct LayerDemand: Sendable {
  /// The migration or the prefetch.
  let id: MigrationID
  /// The host that has the layers.
  let source: HostAddress
  /// The layers, each after the one below it.
  let layers: [TemplateLayer]
  /// Those that only media consist of which are ejected where they are not here.
  private let ejected: Set<Int>
  /// Whether a layer whose name another file has is put beside it.
  let renames: Bool
  /// The paths of the layers that are in place, by their ids.
  let paths: [Int: String]
  /// The bytes that had to be copied so far.
  let copiedBytes: UInt64

  /// The layers of a migration into this host.
  init(_ migration: DestinationMigration) {
    id = migration.id
    source = migration.source
    layers = migration.plan?.layers ?? []
    ejected = Set(layers.filter { migration.plan?.isEjected($0) == true }.map(\.id))
    renames = migration.plan?.templateConflict == .rename
    paths = migration.layerPaths
    copiedBytes = migration.templateBytes
  }

  /// The layers of a prefetch into this host.
  init(_ prefetch: TemplatePrefetch) {
    id = prefetch.id
    source = prefetch.source
    layers = prefetch.layers
    ejected = []
    renames = false
    paths = prefetch.layerPaths
    copiedBytes = prefetch.copiedBytes.values.reduce(0, +)
  }

  /// The layer of an id.
  func layer(_ id: Int) -> TemplateLayer? { layers.first { $0.id == id } }

  /// Whether a layer is that of a medium that is ejected where it is not here, and of nothing else.
  func isEjected(_ layer: TemplateLayer) -> Bool { ejected.contains(layer.id) }
}
