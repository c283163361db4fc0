internal import LongshoreMessages
internal import MigrationCore

/// An order to drain a host, as it was sent.
struct DrainCall: Hashable {
  var number: Int
  var host: Int
  /// What it says: bits 0 and 1 what follows a failure (0: nothing said, 1: skip, 2: stop, 3: retry), bits 2 and 3 how many at once
  /// (0: nothing said), bits 4 and 5 whereto (1: the next host alone, 2: both other hosts, else nothing said).
  var options: Int
  /// 0: no deadline, 1: two minutes, 2: ten minutes.
  var deadline: Int
  /// Whether it has other content than the first one of its id.
  var isOther = false

  /// What is to follow where a guest cannot be moved.
  var rule: DrainFailureRule { [.retry, .skip, .stop, .retry][options & 3] }

  /// The order.
  func order(in setup: Setup) -> DrainOrder {
    let others = (1..<World.hostCount).map { Catalogue.hosts[(host + $0) % World.hostCount].host }
    let parallel = options >> 2 & 3
    return DrainOrder(
      to: [nil, Array(others.prefix(1)), others, nil][options >> 4 & 3], parallel: parallel == 0 ? nil : parallel,
      deadlineSeconds: [nil, 120, 600, nil][deadline & 3], onFailure: [nil, .skip, .stop, .retry][options & 3],
      options: MigrationOptions(
        onDeadline: setup.forces ? .force : nil, handover: setup.handover, verify: setup.verifies ? true : nil),
      priority: isOther ? .low : nil)
  }
}

/// What is true of a drain, whatever anybody has seen of it.
struct DrainTruth {
  var number: Int
  var call: DrainCall
  /// Whether it was accepted, and has not ended.
  var isBegun = false
  var isOpen = false
  /// The numbered events that the broker has taken.
  var published: [DrainEvent] = []
  /// How many were journalled.
  var journalled = 0
  /// The migrations that it has decided to order.
  var moves: Set<MigrationID> = []
  /// Why it may order nothing at present; nil where it may.
  var pause: String?
  /// Why it may order nothing any more; nil where it may.
  var ending: String?
  /// Whether that is because somebody does not want it any more.
  var isCancelled = false
  /// The round in which a guest could last not be moved, by the guests.
  var failures: [Int: Int] = [:]
  /// The guests that ran at the host when it was looked at last, whatever the agent was told.
  var seen: Set<Int> = []
  /// Whether a journal that knew of it was lost.
  var isForgotten = false
}

/// The kinds of work that a drain asks for.
enum DrainWorkKind: UInt8, CaseIterable {
  case survey, move, cancelMove, look, report, deadline
}

/// A piece of an agent's work for a drain, done in small steps, between any two of which the agent may end.
struct DrainWork {
  let kind: DrainWorkKind
  /// The effect, by its key.
  let effect: DrainEffect
  /// The guest that it is for; 0 where it is for none.
  let guest: Int
  var stage = 0
  /// When it goes on, in the world's milliseconds.
  var due: Int64
  var backOff: Int64 = 1000
  /// Whether it has ended; it does not begin again as long as the drain asks for the same.
  var isFinished = false
  /// What it has to report, where that could not be journalled yet.
  var report: DrainOccurrence?
  /// What was found out so far.
  var survey: DrainSurvey?
  var watch: MoveWatch?
  /// When it began to wait.
  var since: Int64?

  init(_ effect: DrainEffect, due: Int64) {
    self.effect = effect.key
    self.due = due
    switch effect {
    case .survey: (kind, guest) = (.survey, 0)
    case .move(let move):
      (kind, guest) = (.move, Catalogue.guest(move.guest))
      watch = MoveWatch(move)
    case .cancelMove(let id): (kind, guest) = (.cancelMove, Catalogue.guest(ofMove: id))
    case .look: (kind, guest) = (.look, 0)
    case .report: (kind, guest) = (.report, 0)
    case .awaitDeadline(let milliseconds):
      (kind, guest) = (.deadline, 0)
      self.due += milliseconds
    }
  }

  /// What comes of a step of the work.
  enum Progress {
    /// It goes on at its next step.
    case next
    /// It goes on after so many milliseconds.
    case wait(Int64)
    /// It goes on after a wait that grows.
    case backOff
    /// It has ended without anything to say.
    case done
    /// It says something and has ended.
    case tell(DrainOccurrence)
    /// It says something and goes on after so many milliseconds.
    case tellAndWait(DrainOccurrence, Int64)
  }
}

/// What an agent does for the drain of its host.
struct HostDraining {
  var drains: HostDrains
  var works: [DrainWork] = []
}
