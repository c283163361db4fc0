package import LongshoreMessages

/// What is known of one migration.
package struct MigrationRecord: Sendable, Hashable {
  /// How a migration ended.
  package struct End: Sendable, Hashable {
    /// `completed`, `failed` or `cancelled`.
    package var phase: MigrationPhase
    /// When.
    package var at: Timestamp
    /// The terminal event; nil where a host alone said that it has ended.
    package var event: MigrationEventData?
  }

  /// The most events of one migration that are kept.
  package static let mostEvents = 64

  /// The migration.
  package let id: MigrationID
  /// The guest.
  package private(set) var guest: GuestReference
  /// The source host.
  package private(set) var source: NodeName
  /// The destination host.
  package private(set) var destination: NodeName
  /// Where it stands.
  package private(set) var phase: MigrationPhase
  /// Since when it stands there, as far as is known.
  package private(set) var phaseSince: Timestamp
  /// When it was accepted, as far as is known.
  package private(set) var acceptedAt: Timestamp
  /// Its events, by their sequence.
  package private(set) var events: [MigrationEvent] = []
  /// Why it waits, does not converge, needs attention or failed.
  package private(set) var reasons: [Reason] = []
  /// Where it waits for its turn; nil where it does not.
  package private(set) var waiting: Waiting?
  /// When its turn is expected to come; nil where that is not known.
  package var expectedStart: Timestamp?
  /// Its last progress.
  package private(set) var progress: Progress?
  /// When that was measured.
  package private(set) var progressAt: Timestamp?
  /// When bytes were last seen to move.
  package private(set) var movedAt: Timestamp?
  /// How far the copy is.
  package private(set) var bar = CopyBar()
  /// How far the comparison of the disks is; nil where none is made.
  package private(set) var verification: CopyBar?
  /// Its rates.
  package private(set) var rates = RateHistory()
  /// How it ended; nil while it goes on.
  package private(set) var end: End?
  /// When it was last heard of, on the reader's clock.
  package private(set) var heardAt: Timestamp
  /// How often its source told its migrations without it since it was last heard of.
  package var absences = 0

  /// The time of the fact that ``phase`` comes from.
  private var phaseKnownAt: Timestamp
  private var isAcceptanceKnown = false

  private init(
    _ id: MigrationID, guest: GuestReference, source: NodeName, destination: NodeName, phase: MigrationPhase, at time: Timestamp,
    now: Timestamp
  ) {
    self.id = id
    self.guest = guest
    self.source = source
    self.destination = destination
    self.phase = phase
    phaseSince = time
    phaseKnownAt = time
    acceptedAt = time
    heardAt = now
  }

  /// A migration whose first word is an event.
  package init(_ event: MigrationEvent, now: Timestamp) {
    self.init(
      event.subject, guest: event.data.guest, source: event.data.sourceHost, destination: event.data.destinationHost,
      phase: event.data.kind.phase, at: event.time, now: now)
    apply(event, now: now)
  }

  /// A migration whose first word is a host's answer.
  package init(_ status: MigrationStatus, now: Timestamp) {
    self.init(
      status.id, guest: status.guest, source: status.sourceHost, destination: status.destinationHost, phase: status.phase,
      at: status.updatedAt, now: now)
    apply(status, now: now)
  }

  /// Its disks, as its newest event that tells them has them.
  package var disks: [MigrationEventData.Disk] { events.last { $0.data.disks?.isEmpty == false }?.data.disks ?? [] }

  /// The checks that were made.
  package var checks: [Check] { events.last { $0.data.checks?.isEmpty == false }?.data.checks ?? [] }

  /// Whether it waits for its turn.
  package var isQueued: Bool { phase == .queued }

  /// Whether a later word than an event's end was heard twice of its source, and not of it.
  package var isUnknownToSource: Bool { absences >= 2 }

  /// Takes in an event. One that was heard before, or comes late, is no news but part of the story.
  package mutating func apply(_ event: MigrationEvent, now: Timestamp) {
    let place = events.firstIndex { $0.sequence >= event.sequence } ?? events.endIndex
    guard place == events.endIndex || events[place].sequence != event.sequence else { return }
    let isNewest = place == events.endIndex
    events.insert(event, at: place)
    // Beyond what a migration tells, those between its beginning and the newest go.
    if events.count > Self.mostEvents { events.remove(at: 1) }
    heardAt = max(heardAt, now)
    absences = 0
    if event.data.kind == .accepted {
      acceptedAt = event.time
      isAcceptanceKnown = true
    } else if !isAcceptanceKnown {
      let seconds = min(max(event.data.seconds ?? 0, 0), 1e9)
      acceptedAt = min(acceptedAt, event.time.adding(milliseconds: -Int64(seconds * 1000)))
    }
    if event.data.kind.isTerminal, end?.event == nil {
      end = End(phase: event.data.kind.phase, at: event.time, event: event.data)
      guest = event.data.guest
      (source, destination) = (event.data.sourceHost, event.data.destinationHost)
      reasons = event.data.reasons ?? []
      waiting = nil
      stand(at: event.data.kind.phase, event.time, isForced: true)
      if event.data.kind == .completed { bar.finish() }
      return
    }
    guard isNewest, end == nil else { return }
    guest = event.data.guest
    (source, destination) = (event.data.sourceHost, event.data.destinationHost)
    if stand(at: event.data.kind.phase, event.time, isForced: event.time >= phaseKnownAt) {
      waiting = event.data.kind == .queued ? event.data.waiting : nil
      expectedStart = event.data.kind == .queued ? expectedStart : nil
      reasons = event.data.reasons ?? waiting.map { [$0.reason] } ?? []
    }
  }

  /// Takes in progress. What is older than what is known is dropped.
  package mutating func apply(_ event: ProgressEvent, now: Timestamp) {
    heardAt = max(heardAt, now)
    absences = 0
    take(event.data, at: event.time)
  }

  /// Takes in what its source answers.
  package mutating func apply(_ status: MigrationStatus, now: Timestamp) {
    heardAt = max(heardAt, now)
    absences = 0
    if !isAcceptanceKnown {
      acceptedAt = status.acceptedAt
      isAcceptanceKnown = true
    }
    for event in status.events ?? [] where event.subject == id { apply(event, now: now) }
    guard end == nil else { return }
    if status.phase.isEnd {
      end = End(phase: status.phase, at: status.updatedAt, event: nil)
      reasons = status.reasons ?? []
      stand(at: status.phase, status.updatedAt, isForced: true)
      if status.phase == .completed { bar.finish() }
      return
    }
    if stand(at: status.phase, status.updatedAt, isForced: false) {
      reasons = status.reasons ?? []
      if status.phase != .queued { waiting = nil }
    }
    if let progress = status.progress, progressAt == nil { take(progress, at: status.updatedAt) }
  }

  /// Takes in where it waits, as the host says at which it does.
  package mutating func apply(_ entry: QueueEntry) {
    guard end == nil, isQueued else { return }
    waiting = entry.waiting
    expectedStart = entry.expectedStart
    reasons = [entry.waiting.reason]
  }

  private mutating func take(_ progress: Progress, at time: Timestamp) {
    guard end == nil, progressAt.map({ $0 < time }) ?? true else { return }
    let hasMoved = self.progress.map { $0.disks != progress.disks || $0.memory != progress.memory || $0.template != progress.template }
    if hasMoved ?? true { movedAt = time }
    self.progress = progress
    progressAt = time
    if progress.phase == .verifying {
      // What is read anew begins anew: it is not what was copied.
      var compared = verification ?? CopyBar()
      compared.update(progress)
      verification = compared
    } else {
      bar.update(progress)
    }
    if let rate = progress.rateBps, progress.phase != .verifying {
      rates.add(RateHistory.Sample(time: time, rate: rate, dirtyRate: progress.dirtyRateBps))
    }
    if !isAcceptanceKnown {
      acceptedAt = min(acceptedAt, time.adding(milliseconds: -Int64(min(max(progress.elapsedSeconds, 0), 1e9) * 1000)))
    }
    guard time >= phaseKnownAt else { return }
    stand(at: progress.phase, time, isForced: false)
    if phase != .needsAttention, phase != .queued { reasons = progress.reasons ?? [] }
  }

  /// Stands at a phase if that is news.
  /// - Returns: Whether what was told with the phase holds.
  @discardableResult
  private mutating func stand(at phase: MigrationPhase, _ time: Timestamp, isForced: Bool) -> Bool {
    guard isForced || time >= phaseKnownAt else { return false }
    phaseKnownAt = max(phaseKnownAt, time)
    if self.phase != phase {
      self.phase = phase
      phaseSince = time
    }
    return true
  }
}

extension MigrationEventData.Kind {
  /// Where a migration stands after an event of this kind.
  package var phase: MigrationPhase {
    switch self {
    case .accepted: .inspecting
    case .queued: .queued
    case .preparing, .prepared: .preparing
    case .transferring: .transferring
    case .switching: .switching
    case .confirming: .confirming
    case .completed: .completed
    case .failed: .failed
    case .cancelled: .cancelled
    case .needsAttention: .needsAttention
    }
  }
}

extension MigrationPhase {
  /// Whether a migration in this phase has ended.
  package var isEnd: Bool {
    switch self {
    case .completed, .failed, .cancelled: true
    default: false
    }
  }
}
