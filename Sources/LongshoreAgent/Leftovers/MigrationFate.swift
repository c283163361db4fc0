internal import LongshoreMessages
internal import MigrationCore
internal import MigrationJournal

/// How a migration or a prefetch stands on this host, as far as the journal tells.
enum MigrationFate: Sendable, Hashable {
  /// It has not ended here: nothing of it is an orphan.
  case open
  /// It has ended, and its guest was on this host then.
  case guestHere(since: Timestamp)
  /// It has ended, and its guest was on the other host then.
  case guestElsewhere(since: Timestamp)
  /// It was a prefetch of a template, and has ended.
  case prefetchEnded(since: Timestamp)
  /// It has ended, and this version cannot read how.
  case unreadable(since: Timestamp)
  /// The journal does not know it: it ended long ago, or the journal was made anew since.
  case unknown

  /// When it ended; nil while it has not, and where it is unknown.
  var since: Timestamp? {
    switch self {
    case .open, .unknown: nil
    case .guestHere(let time), .guestElsewhere(let time), .prefetchEnded(let time), .unreadable(let time): time
    }
  }

  /// The fate for people, as it stands after "of a migration that".
  var words: String {
    switch self {
    case .open: "has not ended"
    case .guestHere: "has ended with the guest on this host"
    case .guestElsewhere: "has ended with the guest on the other host"
    case .prefetchEnded: "was a prefetch and has ended"
    case .unreadable: "has ended, and whose record this version cannot read"
    case .unknown: "is unknown here"
    }
  }
}

extension Journal {
  /// How a migration stands on this host, on whichever side of it the host is.
  func fate(of id: MigrationID) throws(JournalError) -> MigrationFate {
    for side in Side.allCases {
      switch try standing(of: id, host: side) {
      case .unknown: continue
      case .open: return .open
      case .ended(let time): return try fate(of: id, host: side, endedAt: time)
      }
    }
    return switch try standing(ofPrefetch: id) {
    case .unknown: .unknown
    case .open: .open
    case .ended(let time): .prefetchEnded(since: time)
    }
  }

  private func fate(of id: MigrationID, host side: Side, endedAt time: Timestamp) throws(JournalError) -> MigrationFate {
    do throws(JournalError) {
      let isHere =
        switch side {
        case .source: try source(id)?.publicPhase != .completed
        case .destination: try destination(id)?.phase == .released
        }
      return isHere ? .guestHere(since: time) : .guestElsewhere(since: time)
    } catch {
      guard [.unknownShape, .unreadableRecord].contains(error.code) else { throw error }
      return .unreadable(since: time)
    }
  }
}
