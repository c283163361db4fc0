public import LongshoreMessages

/// Follows one move of a drain: says what the answer to its order and each look at its migration mean for the drain.
public struct MoveWatch: Sendable, Hashable {
  /// What is to be done next.
  public enum Next: Sendable, Hashable {
    /// Give the order again later.
    case orderAgain(Reason)
    /// Look at the migration again, at once or later.
    case look
    /// Tell the drain, and look again later.
    case tell(DrainOccurrence)
    /// Tell the drain; nothing more comes of the move.
    case end(DrainOccurrence)
    /// See whether the guest runs at the host, then tell the drain ``MoveWatch/end(of:runsHere:)``.
    case lookForGuest
  }

  /// For how long a migration needs attention before the drain is told, in milliseconds.
  static let attentionAfter: Int64 = 60_000

  /// The move.
  public let move: DrainMove
  private var attentionSince: Now?
  private var hasToldAttention = false

  /// A watch over a move.
  public init(_ move: DrainMove) { self.move = move }

  /// Takes in what became of the order.
  public func ordered(_ acceptance: HostMigrations.Acceptance) -> Next {
    switch acceptance {
    case .accepted: .look
    case .rejected(let reasons):
      // libvirt is away for a moment: the guest is not refused for that.
      reasons.first { $0.code == .unavailable }.map { .orderAgain($0) } ?? .end(.refused(move.migration, reasons))
    }
  }

  /// Takes in a look at the migration; nil where nothing is known of it.
  public mutating func look(at migration: SourceMigration?, at now: Now) -> Next {
    guard let migration else {
      let reason = Reason(.unknownMigration, "nothing is known of the migration \(move.migration) any more")
      return .end(.ended(move.migration, .failed([reason], runsHere: true)))
    }
    switch migration.publicPhase {
    case .completed: return .end(.ended(move.migration, .moved))
    case .cancelled, .failed: return .lookForGuest
    case .needsAttention:
      let since = attentionSince ?? now
      attentionSince = since
      guard !hasToldAttention, since.milliseconds(until: now) >= Self.attentionAfter else { return .look }
      hasToldAttention = true
      return .tell(.attention(move.migration, migration.reasons ?? [Reason(.undecided, "its migration needs attention")]))
    default:
      attentionSince = nil
      return .look
    }
  }

  /// How a migration that has not moved the guest has ended for the drain.
  ///
  /// - Parameter runsHere: Whether the guest runs at the host.
  public func end(of migration: SourceMigration, runsHere: Bool) -> DrainOccurrence {
    let reasons = migration.reasons ?? []
    return .ended(
      move.migration,
      migration.publicPhase == .cancelled ? .cancelled(reasons, runsHere: runsHere) : .failed(reasons, runsHere: runsHere))
  }
}
