internal import Synchronization

/// What can be done once, by whoever comes first.
final class SingleUse: Sendable {
  private let isUsed = Atomic(false)

  /// Whether the caller is the first.
  func begin() -> Bool { !isUsed.exchange(true, ordering: .relaxed) }
}
