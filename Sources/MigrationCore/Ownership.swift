/// What a look at one host showed of the guest.
public enum GuestSight: Sendable, Hashable, Codable {
  /// The host's libvirt has no domain of the guest's UUID.
  case absent
  /// The host has the guest's definition; the guest does not run. The text is libvirt's state and reason.
  case inactive(String)
  /// The guest has a process there.
  case active(GuestState, job: GuestJob)
  /// The host's libvirt did not answer; nothing is known.
  case unreachable(String)

  /// The guest has ended here because a migration of it succeeded, in libvirt's words. They outlive neither a restart of its daemon nor
  /// another run of the guest.
  public static let migratedAway = Self.inactive("shut off (migrated)")
}

/// The state of a guest that has a process.
public enum GuestState: Sendable, Hashable, Codable {
  /// It runs.
  case running
  /// It runs again at the source, after a migration that was cancelled or failed.
  case runningMigrationCanceled
  /// It was paused by a call: by somebody, or by a migration that was asked to let it arrive paused.
  case pausedByUser
  /// A migration holds it.
  case pausedForMigration
  /// A post-copy migration is under way or failed.
  case postcopy(String)
  /// Another state, in libvirt's words.
  case other(String)

  /// Whether no migration has a part in it any more.
  var isFreeOfMigration: Bool {
    switch self {
    case .running, .runningMigrationCanceled, .pausedByUser: true
    case .pausedForMigration, .postcopy, .other: false
    }
  }
}

/// The job that libvirt reports on a guest.
public enum GuestJob: String, Sendable, Hashable, Codable {
  /// None.
  case none
  /// A migration to or from this host.
  case migration
  /// Something else.
  case other
}

/// What a look at both hosts showed.
public struct Observation: Sendable, Hashable, Codable {
  /// The guest at the source.
  public var source: GuestSight
  /// The guest at the destination.
  public var destination: GuestSight

  /// A look at both hosts.
  public init(source: GuestSight, destination: GuestSight) {
    self.source = source
    self.destination = destination
  }
}

extension Observation {
  /// The same, of a migration that has suspended the guest itself: libvirt calls it paused by a user where its own job on it had ended,
  /// or its daemon was restarted, but nobody wants it paused.
  var suspendedForMigration: Observation {
    guard case .active(.pausedByUser, let job) = source else { return self }
    return Observation(source: .active(.pausedForMigration, job: job), destination: destination)
  }
}

/// A deed that settles who has the guest.
public enum Settlement: String, Sendable, Hashable, Codable {
  /// Let the guest go on at the destination, where it arrived paused.
  case resumeDestination
  /// End the guest at the destination; its files stay.
  case destroyDestination
  /// Let the guest go on at the source.
  case resumeSource
  /// End the guest at the source; its files stay.
  case destroySource
}

/// One of a migration's hosts.
public enum Owner: String, Sendable, Hashable, Codable {
  case source, destination
}

/// Who has the guest, by the state of both hosts after a transfer has ended.
public enum Ownership: Sendable, Hashable {
  /// The source: undo everything at the destination. `running` tells whether the guest runs.
  case source(running: Bool)
  /// The destination: go forward.
  case destination
  /// The destination, by the operator's word alone: nothing of it can be seen, so that nothing is undone at the source either.
  case destinationUnseen
  /// One of them, once this is done.
  case settle(Settlement, splitBrain: Bool)
  /// Not known yet: look again.
  case undecided

  /// The host that gets the guest; nil where that is open.
  var owner: Owner? {
    switch self {
    case .source, .settle(.destroyDestination, _), .settle(.resumeSource, _): .source
    case .destination, .destinationUnseen, .settle(.resumeDestination, _), .settle(.destroySource, _): .destination
    case .undecided: nil
    }
  }

  /// Decides by the table of states. Nothing that is not positively seen counts: an unreachable host is not a dead one.
  ///
  /// - Parameters:
  ///   - observation: Both hosts, looked at after the transfer's end.
  ///   - fenced: Whether the guest was to arrive paused.
  ///   - persistent: Whether the guest has a definition that outlives its run.
  ///   - transferSucceeded: Whether libvirt reported success; false where it failed or nothing is known.
  ///   - confirmed: Whether the destination's confirmation is journalled.
  ///   - namedThere: The owner that the operator named at the destination, where that was carried out.
  ///   - named: The owner that the operator named. It counts only where the states leave the owner open.
  public static func decide(
    _ observation: Observation, fenced: Bool, persistent: Bool, transferSucceeded: Bool, confirmed: Bool, namedThere: Owner? = nil,
    named: Owner? = nil
  ) -> (ownership: Ownership, reason: String) {
    var seen = decide(
      observation, fenced: fenced, persistent: persistent, transferSucceeded: transferSucceeded,
      confirmed: confirmed || namedThere == .destination)
    if namedThere == .destination { seen = afterTakeover(observation, seen) }
    // A transient guest leaves no definition at the source.
    if namedThere == .source, seen.ownership == .undecided, observation == Observation(source: .absent, destination: .absent) {
      return (.source(running: false), "the operator named the source at the destination, which has given its copy up")
    }
    guard seen.ownership == .undecided, let named = named ?? (namedThere == .source ? .source : nil) else { return seen }
    return switch named {
    case .source: sourceNamed(observation)
    case .destination: destinationNamed(observation)
    }
  }

  private static func decide(
    _ observation: Observation, fenced: Bool, persistent: Bool, transferSucceeded: Bool, confirmed: Bool
  ) -> (ownership: Ownership, reason: String) {
    switch (observation.source, observation.destination) {
    case (.unreachable(let why), _):
      return (.undecided, "the source's libvirt does not answer: \(why)")
    case (_, .unreachable(let why)):
      return (.undecided, "the destination's libvirt does not answer: \(why)")
    case (.active(_, job: .migration), _):
      return (.undecided, "libvirt still has a migration job on the guest at the source")
    case (.active(let here, _), .active(.pausedForMigration, job: .migration)) where fenced && !transferSucceeded && here.isFreeOfMigration:
      // The destination waits for a source that is not at it any more, or hangs: only Longshore lets go on what arrives paused.
      return (.settle(.destroyDestination, splitBrain: false), "the source has the guest back, and the copy that was arriving never ran")
    case (_, .active(_, job: .migration)):
      return (.undecided, "libvirt still has a migration job on the guest at the destination")

    case (.absent, .active(let there, _)), (.inactive, .active(let there, _)):
      return sourceGone(there, fenced: fenced, transferSucceeded: transferSucceeded)
    case (.migratedAway, .inactive(let how)) where transferSucceeded && observation.destination != .migratedAway:
      return (.destination, "the guest has left the source, and has ended at the destination since it arrived (\(how))")
    case (.absent, .inactive(let how)), (.inactive, .inactive(let how)):
      // libvirt defines the guest at the destination just before it starts it there, and its answer can be lost.
      return (.undecided, "the guest runs nowhere, and may have run at the destination, where it is defined (\(how))")
    case (.inactive(let how), .absent):
      return transferSucceeded
        ? (.undecided, "libvirt reported success, but the destination does not have the guest")
        : (.source(running: false), "the guest ended at the source (\(how)) and never was at the destination")
    case (.absent, .absent):
      return (.undecided, "no host has the guest")

    case (.active(.pausedForMigration, _), .inactive(let how)) where !fenced:
      return (.undecided, "the guest is held at the source, and may have run at the destination, where it is defined (\(how))")
    case (.active(.pausedForMigration, _), .absent) where !fenced && !persistent:
      return (.undecided, "the guest is held at the source, and may have run and ended at the destination, which keeps no definition of it")
    case (.active(let here, _), .absent), (.active(let here, _), .inactive):
      return here == .pausedForMigration
        ? (
          .settle(.resumeSource, splitBrain: false),
          "the migration left the guest paused at the source, and the destination does not have it"
        )
        : (.source(running: true), "the guest is at the source and not at the destination")
    case (.active(let here, _), .active(let there, _)):
      return bothActive(here, there, confirmed: confirmed, failedFenced: fenced && !transferSucceeded)
    }
  }

  private static func sourceGone(_ there: GuestState, fenced: Bool, transferSucceeded: Bool) -> (Ownership, String) {
    switch there {
    case .running, .runningMigrationCanceled:
      (.destination, "the guest runs at the destination and has ended at the source")
    case .pausedByUser where fenced && !transferSucceeded:
      // The source takes the guest back when the migration fails. It may have run there, and ended since, unseen.
      (.undecided, "the guest has ended at the source, where it may have gone on after the transfer, and is paused at the destination")
    case .pausedByUser where fenced:
      (.settle(.resumeDestination, splitBrain: false), "the guest is complete at the destination and has ended at the source")
    case .pausedByUser:
      (.destination, "the guest is at the destination, paused, and has ended at the source")
    case .pausedForMigration:
      (.undecided, "the guest has ended at the source and is still held at the destination")
    case .postcopy(let how), .other(let how):
      (.undecided, "the guest has ended at the source and is \(how) at the destination")
    }
  }

  // MARK: - Where the operator has named the owner

  /// What is decided where the guest has gone on at the destination by the operator's word: never for the source, however little is left
  /// at the destination, for what the guest has written there is nowhere else.
  private static func afterTakeover(
    _ observation: Observation, _ seen: (ownership: Ownership, reason: String)
  ) -> (ownership: Ownership, reason: String) {
    let named = "the operator named the destination there, where the guest has gone on"
    switch (seen.ownership, observation.source, observation.destination) {
    case (.destination, _, _), (.destinationUnseen, _, _), (.settle(.destroySource, _), _, _): return seen
    // Whoever has paused it there since wants it so.
    case (.settle(.resumeDestination, _), _, _): return (.destination, named)
    case (.undecided, _, .active(_, job: .migration)): return seen
    case (.undecided, .absent, .active(.pausedByUser, _)), (.undecided, .inactive, .active(.pausedByUser, _)): return (.destination, named)
    case (.undecided, .absent, .inactive(let how)), (.undecided, .inactive, .inactive(let how)):
      return (.destination, "\(named), and has ended since (\(how))")
    case (.undecided, _, _): return seen
    default: return (.undecided, "\(named), but now \(seen.reason)")
    }
  }

  private static func sourceNamed(_ observation: Observation) -> (Ownership, String) {
    switch (observation.source, observation.destination) {
    case (.unreachable(let why), _): (.undecided, "the source's libvirt does not answer, so that the guest cannot be seen there: \(why)")
    case (.absent, _): (.undecided, "the source does not have the guest any more")
    case (.active(_, job: .migration), _): (.undecided, "the source's libvirt still has a migration job on the guest")
    case (_, .active(.running, _)), (_, .active(.runningMigrationCanceled, _)): (.undecided, "the guest runs at the destination")
    case (_, .active(.postcopy(let how), _)):
      (.undecided, "the guest is \(how) at the destination: in a post-copy migration its newest memory is there")
    case (_, .active): (.settle(.destroyDestination, splitBrain: false), "the operator named the source, and a copy is at the destination")
    case (.active(.pausedForMigration, _), _):
      (.settle(.resumeSource, splitBrain: false), "the operator named the source, where the migration left the guest paused")
    case (.active, _): (.source(running: true), "the operator named the source, where the guest is seen")
    case (.inactive, _): (.source(running: false), "the operator named the source, where the guest has ended")
    }
  }

  private static func destinationNamed(_ observation: Observation) -> (Ownership, String) {
    switch (observation.source, observation.destination) {
    case (.active(_, job: .migration), _): (.undecided, "the source's libvirt still has a migration job on the guest")
    case (.active(.running, _), _), (.active(.runningMigrationCanceled, _), _): (.undecided, "the guest runs at the source")
    case (_, .absent): (.undecided, "the destination does not have the guest")
    case (.active, _): (.settle(.destroySource, splitBrain: false), "the operator named the destination, and a copy is at the source")
    case (_, .active(.running, _)), (_, .active(.runningMigrationCanceled, _)):
      (.destination, "the operator named the destination, where the guest runs")
    case (_, .active): (.settle(.resumeDestination, splitBrain: false), "the operator named the destination, where the guest stands still")
    case (_, .inactive): (.destinationUnseen, "the operator named the destination, where the guest has ended")
    case (_, .unreachable): (.destinationUnseen, "the operator named the destination, which does not answer")
    }
  }

  private static func bothActive(
    _ here: GuestState, _ there: GuestState, confirmed: Bool, failedFenced: Bool
  ) -> (Ownership, String) {
    switch (here, there) {
    case (.running, .running), (.runningMigrationCanceled, .running):
      confirmed
        ? (.settle(.destroySource, splitBrain: true), "both hosts run the guest, and the destination's copy was confirmed")
        : (.settle(.destroyDestination, splitBrain: true), "both hosts run the guest, and the destination's copy was never confirmed")
    case (.running, .pausedByUser), (.runningMigrationCanceled, .pausedByUser):
      (.settle(.destroyDestination, splitBrain: false), "the source took the guest back, and the destination's copy never ran")
    case (.pausedForMigration, .pausedByUser) where failedFenced:
      (.settle(.destroyDestination, splitBrain: false), "the guest is held at the source, and the destination's copy never ran")
    case (.pausedForMigration, .running):
      (.settle(.destroySource, splitBrain: false), "the guest runs at the destination, and the source's copy is still held")
    default:
      (.undecided, "the guest is on both hosts, in states that no rule covers")
    }
  }
}
