import LongshoreMessages

/// Something of which a host gives out a number of places: all migrations in a direction, those with one other host, those of a pool.
///
/// The places of a direction are all taken at once, when it is the migration's turn, and kept to its end. Those out of a source are taken
/// before those into a destination, and who has the latter waits for nothing but a template's copy, which waits for no migration: so
/// nobody waits in a ring, whatever moves whereto. A pool's places are counted apart for what leaves it and what comes into it, for the
/// same reason.
enum AdmissionResource: Sendable, Hashable {
  /// All migrations in the direction.
  case direction
  /// Those with one other host.
  case peer(NodeName)
  /// Those whose disks leave a pool, or come into it.
  case pool(ResourceName)
}

/// Whose turn it is, of migrations of one host in one direction: those that wait are gone through in their order, and get their places
/// where all that they need have room.
///
/// One that has to wait does not keep back others that need other things. But it lays claim to the places that it needs beside the
/// direction's own, so that nobody behind it takes them: as soon as these have room it only waits for a place of the direction, of which
/// it gets the first.
struct AdmissionRound {
  /// What a migration needs a place of, the direction's first: in this order a lack of it is told.
  typealias Needs = (MigrationID) -> [AdmissionResource]

  /// What a round says of a migration that has to wait.
  struct Blocked: Equatable {
    var id: MigrationID
    /// Of what there is no place.
    var resource: AdmissionResource
    /// Its place in the line, from 1.
    var position: Int
  }

  /// Those whose turn it is.
  private(set) var admitted: [MigrationID] = []
  /// The others.
  private(set) var blocked: [Blocked] = []

  /// Goes through those that wait.
  ///
  /// - Parameters:
  ///   - running: What those have places of that are at work.
  ///   - waiting: Those that wait, in their order.
  ///   - needs: What those need that wait. Not asked for where no more can go in the direction.
  ///   - capacity: How many places there are of something.
  init(running: [[AdmissionResource]], waiting: [MigrationID], needs: Needs, capacity: (AdmissionResource) -> Int) {
    var taken: [AdmissionResource: Int] = [:]
    for resource in running.joined() { taken[resource, default: 0] += 1 }
    let all = capacity(.direction)
    for id in waiting {
      guard taken[.direction, default: 0] < all else {
        blocked.append(Blocked(id: id, resource: .direction, position: blocked.count + 1))
        continue
      }
      let needed = needs(id)
      if let full = needed.first(where: { taken[$0, default: 0] >= capacity($0) }) {
        blocked.append(Blocked(id: id, resource: full, position: blocked.count + 1))
        for resource in needed where resource != .direction { taken[resource, default: 0] += 1 }
      } else {
        admitted.append(id)
        for resource in needed { taken[resource, default: 0] += 1 }
      }
    }
  }

  /// When those that wait are expected to start, in milliseconds from now. Those are missing that start after something of which the end
  /// is not known.
  ///
  /// - Parameter running: What those have places of that are at work, and in how many milliseconds they are predicted to end; nil where
  ///   nothing is predicted.
  static func expectedStarts(
    running: [(needs: [AdmissionResource], end: Int64?)], waiting: [MigrationID], needs: Needs, capacity: (AdmissionResource) -> Int
  ) -> [MigrationID: Int64] {
    var starts: [MigrationID: Int64] = [:]
    var unknown = running.filter { $0.end == nil }.map(\.needs)
    var ends = running.compactMap { running in running.end.map { (end: $0, needs: running.needs) } }.sorted { $0.end < $1.end }
    var waiting = waiting
    while !ends.isEmpty, !waiting.isEmpty {
      let next = ends.removeFirst()
      let round = AdmissionRound(running: unknown + ends.map(\.needs), waiting: waiting, needs: needs, capacity: capacity)
      for id in round.admitted {
        starts[id] = next.end
        unknown.append(needs(id))
      }
      waiting.removeAll { starts[$0] != nil }
    }
    return starts
  }
}

extension QueuePlace {
  /// What of two that wait says which goes first, the larger one: the time that it has waited and all that counts as such, in
  /// microseconds.
  func score(since: Now, at now: Now) -> Int64 {
    since.milliseconds(until: now).saturating(times: 1000).saturating(plus: advantage)
  }

  /// What counts as time that it has waited, in microseconds.
  var advantage: Int64 { (priority.level * MigrationPriority.agingMilliseconds * 1000).saturating(plus: headStartUs) }

  /// The place with so many microseconds more.
  func ahead(by microseconds: Int64) -> QueuePlace {
    QueuePlace(priority: priority, headStartUs: headStartUs.saturating(plus: microseconds))
  }
}

extension Int64 {
  /// The sum, or what is nearest to it.
  func saturating(plus other: Int64) -> Int64 {
    let (sum, overflow) = addingReportingOverflow(other)
    return overflow ? (other < 0 ? .min : .max) : sum
  }

  /// The product, or what is nearest to it.
  func saturating(times other: Int64) -> Int64 {
    let (product, overflow) = multipliedReportingOverflow(by: other)
    return overflow ? ((self < 0) == (other < 0) ? .max : .min) : product
  }
}
