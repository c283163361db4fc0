package import LongshoreMessages

/// What is known of one drain.
package struct DrainRecord: Sendable, Hashable {
  /// The most guests that are shown of one.
  package static let mostGuests = 1000

  /// The drain.
  package let id: MigrationID
  /// The host that is drained.
  package private(set) var host: NodeName
  /// Where it stands.
  package private(set) var phase: DrainStatus.Phase
  /// Its guests, counted.
  package private(set) var counts: DrainEventData.Counts
  /// Its guests, as far as they were told.
  package private(set) var guests: [DrainGuest] = []
  /// Why it is paused, ends or has ended.
  package private(set) var reasons: [Reason] = []
  /// Seconds to its expected end when that was said; nil where it is not predicted.
  package private(set) var expectedSeconds: Double?
  /// When it was last told of.
  package private(set) var updatedAt: Timestamp
  /// The furthest that it has come, from 0 to 1. A guest that is started meanwhile moves nothing back.
  package private(set) var furthest = 0.0

  /// A drain whose first word is an event.
  package init(_ event: DrainEvent) {
    id = event.subject
    host = event.data.host
    phase = event.data.phase
    counts = event.data.counts
    updatedAt = event.time
    take(event)
  }

  /// A drain whose first word is a host's answer.
  package init(_ status: DrainStatus) {
    id = status.id
    host = status.host
    phase = status.phase
    counts = DrainEventData.Counts(status.guests)
    updatedAt = status.updatedAt
    take(status)
  }

  /// Takes in an event, unless something newer is known.
  package mutating func apply(_ event: DrainEvent) {
    guard event.time >= updatedAt, !phase.isTerminal || event.data.phase.isTerminal else { return }
    take(event)
  }

  /// Takes in a host's answer, unless something newer is known.
  package mutating func apply(_ status: DrainStatus) {
    guard status.updatedAt >= updatedAt, !phase.isTerminal || status.phase.isTerminal else { return }
    take(status)
  }

  private mutating func take(_ event: DrainEvent) {
    let data = event.data
    phase = data.phase
    counts = data.counts
    if let all = data.guests { guests = Array(all.prefix(Self.mostGuests)) }
    if let guest = data.guest {
      if let place = guests.firstIndex(where: { $0.guest.uuid == guest.guest.uuid }) {
        guests[place] = guest
      } else if guests.count < Self.mostGuests {
        guests.append(guest)
      }
    }
    if let reasons = data.reasons { self.reasons = reasons }
    if data.kind == .resumed { reasons = [] }
    expectedSeconds = data.expectedSeconds ?? expectedSeconds
    updatedAt = event.time
    settle()
  }

  private mutating func take(_ status: DrainStatus) {
    phase = status.phase
    counts = DrainEventData.Counts(status.guests)
    guests = Array(status.guests.prefix(Self.mostGuests))
    reasons = status.reasons ?? []
    expectedSeconds = status.expectedSeconds
    updatedAt = status.updatedAt
    settle()
  }

  private mutating func settle() {
    let total = Double(max(0, counts.total))
    let settled = Double(max(0, counts.done)) + Double(max(0, counts.left))
    if phase.isTerminal { furthest = 1 } else if total > 0 { furthest = max(furthest, min(1, settled / total)) }
  }
}

extension DrainEventData.Counts {
  /// Guests, counted.
  package init(_ guests: [DrainGuest]) {
    self.init(
      total: guests.count, waiting: guests.filter { $0.state == .waiting }.count, moving: guests.filter { $0.state == .moving }.count,
      done: guests.filter { $0.state == .moved || $0.state == .gone }.count,
      left: guests.filter { $0.state.isFinal && $0.state != .moved && $0.state != .gone }.count)
  }
}
