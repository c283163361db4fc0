import LongshoreMessages
import MigrationCore
import Testing

@testable import LongshoreSimulation

/// A rule of the product, broken on purpose between its decisions and the simulated world.
struct Mutant: Sendable, CustomTestStringConvertible {
  /// What is broken.
  let name: String
  /// The invariant that is violated then.
  let invariant: String
  let seams: @Sendable () -> Seams
  /// Whether it takes more seeds to notice than a test run has: its recorded schedule does then.
  var isRare = false

  var testDescription: String { "\(invariant): \(name)" }

  init(_ invariant: String, _ name: String, _ change: @escaping @Sendable (inout Seams) -> Void) {
    self.invariant = invariant
    self.name = name
    seams = {
      var seams = Seams()
      change(&seams)
      return seams
    }
  }

  private var rare: Mutant {
    var mutant = self
    mutant.isRare = true
    return mutant
  }

  static let all: [Mutant] = [
    Mutant("I1", "the destination is resumed although the source runs") { seams in
      seams.settlesBlindly = true
      seams.sourceEvent = { event, _ in
        guard case .observed(let seen, let step) = event, case .active(.runningMigrationCanceled, _) = seen.source,
          case .active(.pausedByUser, _) = seen.destination
        else { return succeeded(event) }
        return .observed(Observation(source: .inactive("shut off"), destination: seen.destination), step: step)
      }
    },
    Mutant("I2", "the source's disks are moved away while libvirt copies") { seams in
      seams.retiresBlindly = true
      seams.sourceEffects = { effects, migration in
        if case .transferring = migration.phase { effects + [.retireSource] } else { effects }
      }
    },
    Mutant("I2", "the fence kills a source that may have taken the guest back") { $0.fencesBlindly = true },
    Mutant("I2", "disks are compared as they are, and not as they were at the switch") { $0.readsLive = true },
    Mutant("I2", "disks that differ from their copies are kept no longer than others") { $0.forgetsDifference = true },
    Mutant("limit", "the limits of what is at work at once do not count") { $0.ignoresLimits = true },
    Mutant("I3", "a file is removed whatever inode it has") { $0.ignoresInodes = true }.rare,
    Mutant("I3", "a file is made before it is registered") { $0.registersLate = true },
    Mutant("I3", "publishing overwrites") { $0.overwrites = true },
    Mutant("I4", "the destination is never asked to release the guest") { seams in
      seams.sourceEffects = { effects, _ in effects.filter { $0 != .ask(.release) } }
    },
    Mutant("I4", "what a failed migration has made is not removed") { seams in
      seams.destinationEffects = { effects, _ in effects.filter { $0 != .removeFiles(evenDefined: true) } }
    },
    Mutant("I4", "the second name of a template stays") { $0.keepsDrafts = true }.rare,
    Mutant("I4", "a guest that was suspended until it has moved is taken for one that runs") { seams in
      seams.sourceEvent = { event, migration in
        guard case .observed(let seen, let step) = event, migration.isSuspending, case .active(_, let job) = seen.source else {
          return event
        }
        return .observed(Observation(source: .active(.running, job: job), destination: seen.destination), step: step)
      }
    },
    Mutant("I5", "a delivery is acknowledged before it is journalled") { $0.acknowledgesEarly = true },
    Mutant("I5", "an event leaves the outbox before it is confirmed") { $0.forgetsUnconfirmed = true },
    Mutant("I6", "the guest's lock does not count") { $0.ignoresLock = true },
    Mutant("I7", "an unreachable host is taken for one without the guest") { seams in
      seams.sourceEvent = { event, _ in
        guard case .observed(let seen, let step) = event else { return event }
        return .observed(Observation(source: seen.source, destination: absentIfSilent(seen.destination)), step: step)
      }
    },
    Mutant("drain", "a cancelled drain goes on") { seams in
      seams.drainOccurrence = { occurrence, _ in if case .cancel = occurrence { nil } else { occurrence } }
    },
    Mutant("drain", "a drain goes on where it is to stop") { seams in
      seams.drainOrder = { order in changed(order) { if $0.onFailure == .stop { $0.onFailure = .skip } } }
    },
    Mutant("drain", "a guest is tried elsewhere where it is to be left") { seams in
      seams.drainOrder = { order in changed(order) { $0.onFailure = .retry } }
    },
    Mutant("drain", "as many guests move at once as like") { seams in
      seams.drainOrder = { order in changed(order) { $0.parallel = 64 } }
    },
    Mutant("drain", "a guest that could not be moved is told as moved") { seams in
      seams.drainOccurrence = { occurrence, _ in
        if case .ended(let id, .failed(_, runsHere: true)) = occurrence { .ended(id, .moved) } else { occurrence }
      }
    },
    Mutant("drain", "guests that were started meanwhile are not seen") { seams in
      seams.drainOccurrence = { occurrence, _ in if case .looked = occurrence { .looked([]) } else { occurrence } }
    },
    Mutant("drain", "a host is never looked at again") { seams in
      seams.drainEffects = { effects, _ in effects.filter { if case .look = $0 { false } else { true } } }
    },
    Mutant("drain", "a move is ordered by another migration than is journalled") { seams in
      seams.drainEffects = { effects, drain in effects.map { renamed($0, of: drain) } }
    },
    Mutant("I8", "the guest's autostart is turned off before the checks") { $0.touchesEarly = true },
  ]

  private static func changed(_ order: DrainOrder, _ change: (inout DrainOrder) -> Void) -> DrainOrder {
    var order = order
    change(&order)
    return order
  }

  private static func renamed(_ effect: DrainEffect, of drain: Drain) -> DrainEffect {
    guard case .move(var move) = effect, move.isOwn else { return effect }
    move.migration = DrainMove.id(drain.id, guest: move.guest, round: Drain.roundLimit, attempt: move.attempt)
    return .move(move)
  }

  private static func succeeded(_ event: SourceEvent) -> SourceEvent {
    if case .transferEnded(_, let totals) = event { .transferEnded(error: nil, totals) } else { event }
  }

  private static func absentIfSilent(_ sight: GuestSight) -> GuestSight { if case .unreachable = sight { .absent } else { sight } }
}
