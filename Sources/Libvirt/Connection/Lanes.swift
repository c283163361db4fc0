/// The threads of one connection, by sort of call.
struct Lanes: Sendable {
  /// A sort of call; ``CallLimits`` describes them.
  enum Sort {
    case control
    case storage
    case migrations
  }

  let control: BlockingLane
  private let storage: BlockingLane
  private let migrations: BlockingLane

  init(_ limits: CallLimits) {
    control = BlockingLane(limit: limits.control)
    storage = BlockingLane(limit: limits.storage)
    migrations = BlockingLane(limit: limits.migrations)
  }

  subscript(sort: Sort) -> BlockingLane {
    switch sort {
    case .control: control
    case .storage: storage
    case .migrations: migrations
    }
  }
}
