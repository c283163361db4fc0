import LongshoreMessages

/// Something that can be done from the dashboard, as its page's URL names it.
enum ActionAddress: Sendable, Hashable {
  /// Stop a migration.
  case cancel(MigrationID)
  /// Change what a migration may take.
  case tune(MigrationID)
  /// Move a guest of a host.
  case move(NodeName)

  /// The action of a path; nil where there is none.
  init?(path: String) {
    let parts = path.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
    guard parts.count == 4, parts[0].isEmpty else { return nil }
    switch (parts[1], parts[3]) {
    case ("migrations", "cancel"):
      guard let id = MigrationID(parts[2]) else { return nil }
      self = .cancel(id)
    case ("migrations", "tune"):
      guard let id = MigrationID(parts[2]) else { return nil }
      self = .tune(id)
    case ("hosts", "move"):
      guard let host = NodeName(parts[2]) else { return nil }
      self = .move(host)
    default: return nil
    }
  }

  /// Its page's path.
  var path: String {
    switch self {
    case .cancel(let id): "/migrations/\(id)/cancel"
    case .tune(let id): "/migrations/\(id)/tune"
    case .move(let host): "/hosts/\(host)/move"
    }
  }
}
