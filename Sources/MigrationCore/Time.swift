public import LongshoreMessages

/// The time at which an event is applied, as the driver read it: the wall's for people, the boot clock's for decisions.
public struct Now: Sendable, Hashable, Codable {
  /// The wall clock.
  public var wall: Timestamp
  /// The id of the running boot (`/proc/sys/kernel/random/boot_id`).
  public var bootID: String
  /// `CLOCK_BOOTTIME`, in milliseconds.
  public var bootMilliseconds: Int64

  /// A reading of both clocks.
  public init(wall: Timestamp, bootID: String, bootMilliseconds: Int64) {
    self.wall = wall
    self.bootID = bootID
    self.bootMilliseconds = bootMilliseconds
  }

  /// Milliseconds from `self` to `later`. Across a reboot, where the boot clock started anew, the wall clock counts.
  public func milliseconds(until later: Now) -> Int64 {
    guard bootID == later.bootID else { return later.wall.milliseconds - wall.milliseconds }
    let (difference, overflow) = later.bootMilliseconds.subtractingReportingOverflow(bootMilliseconds)
    return overflow ? .max : difference
  }
}

/// The end of the time that a migration may take.
public struct Deadline: Sendable, Hashable, Codable {
  /// When the time started.
  public var start: Now
  /// The time allowed, in milliseconds.
  public var allowance: Int64

  /// A deadline `allowance` milliseconds after `start`.
  public init(start: Now, allowance: Int64) {
    self.start = start
    self.allowance = allowance
  }

  /// Milliseconds left, 0 when it has passed. A wall clock that stands before the start, after a reboot, makes it no longer.
  public func remaining(at now: Now) -> Int64 {
    let elapsed = start.milliseconds(until: now)
    let (rest, overflow) = allowance.subtractingReportingOverflow(elapsed)
    return max(0, overflow ? (elapsed < 0 ? allowance : 0) : min(allowance, rest))
  }

  /// The same deadline with what is left of it counted from `now`.
  public func rewound(at now: Now) -> Deadline { Deadline(start: now, allowance: remaining(at: now)) }
}

/// A timer that a machine asks for. The driver applies ``SourceEvent/timerFired(_:)`` when it is due.
public struct MigrationTimer: Sendable, Hashable, Codable {
  /// What the timer is for.
  public enum Purpose: String, Sendable, Hashable, Codable {
    /// The migration's deadline.
    case deadline
    /// The other host should have answered by now.
    case patience
    /// It is time to look at both hosts again.
    case lookAgain
  }

  /// What the timer is for.
  public var purpose: Purpose
  /// The step of the machine that asked for it: a timer of an earlier step is stale.
  public var step: Int

  /// A timer of a step.
  public init(_ purpose: Purpose, step: Int) {
    self.purpose = purpose
    self.step = step
  }
}

/// The lengths of waits, in milliseconds.
public struct Patience: Sendable, Hashable, Codable {
  /// For the first answer of the destination to a `prepare`, before the migration fails.
  public var firstAnswer: Int64
  /// For an answer of the destination, or for a decision, before the operator is called.
  public var attention: Int64
  /// Between two looks at both hosts while they cannot be decided.
  public var lookAgain: Int64

  /// The lengths of waits.
  public init(firstAnswer: Int64 = 30_000, attention: Int64 = 60_000, lookAgain: Int64 = 1_000) {
    self.firstAnswer = firstAnswer
    self.attention = attention
    self.lookAgain = lookAgain
  }
}

/// An event that a machine refuses, unchanged.
public struct Rejected: Error, Sendable, Hashable {
  /// Why.
  public var reason: Reason

  /// A refusal.
  public init(_ code: Reason.Code, _ message: String) { reason = Reason(code, message) }

  /// A refusal for a reason.
  public init(_ reason: Reason) { self.reason = reason }
}
