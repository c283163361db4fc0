package import LongshoreMessages

/// The migrations that have ended, the newest of them in a bounded number.
package struct EndedList: Sendable, Hashable {
  /// One that has ended, in a row.
  package struct Row: Sendable, Hashable {
    /// The migration.
    package var id: MigrationID
    /// The guest.
    package var guest: GuestReference
    /// The source host.
    package var source: NodeName
    /// The destination host.
    package var destination: NodeName
    /// `completed`, `failed` or `cancelled`.
    package var phase: MigrationPhase
    /// When it ended.
    package var at: Timestamp
    /// Seconds from acceptance to the end; nil where that is not known.
    package var seconds: Double?
    /// The guest's pause; nil where that is not known.
    package var downtimeMs: UInt64?
    /// Bytes moved; nil where that is not known.
    package var bytes: UInt64?
    /// What the disks' comparison found; nil where none was ordered.
    package var verification: Verification.Outcome?
    /// Why it failed or was cancelled, in a line; nil where nothing is said.
    package var reason: String?

    /// The row of a migration; nil where it goes on.
    package init?(_ record: MigrationRecord) {
      guard let end = record.end else { return nil }
      id = record.id
      guest = record.guest
      source = record.source
      destination = record.destination
      phase = end.phase
      at = end.at
      seconds = end.event?.seconds ?? Double(max(0, end.at.milliseconds - record.acceptedAt.milliseconds)) / 1000
      downtimeMs = end.event?.downtimeMs
      bytes = end.event?.bytes?.total
      verification = end.event?.verification?.outcome
      // The cause stands first; a row has room for little.
      reason = record.reasons.first.map { String($0.words.prefix(300)) }
    }
  }

  /// Which of them are wanted.
  package struct Filter: Sendable, Hashable {
    /// A host that is the source or the destination.
    package var host: NodeName?
    /// How they ended.
    package var phase: MigrationPhase?
    /// A part of the guest's name or UUID, in any case, or of the migration's id.
    package var text = ""

    /// A filter that wants all but what is not as it is said.
    package init(host: NodeName? = nil, phase: MigrationPhase? = nil, text: String = "") {
      self.host = host
      self.phase = phase
      self.text = text
    }

    /// All of them.
    package static let all = Filter()

    package func matches(_ row: Row) -> Bool {
      if let host, row.source != host, row.destination != host { return false }
      if let phase, row.phase != phase { return false }
      guard !text.isEmpty else { return true }
      let wanted = text.lowercased()
      return [row.guest.name, row.guest.uuid, row.id.text].contains { $0.lowercased().contains(wanted) }
    }
  }

  /// A page of them, the newest first.
  package struct Page: Sendable, Hashable {
    /// The rows.
    package var rows: [Row]
    /// How many there are on all pages.
    package var count: Int
    /// The page's number, from 1.
    package var number: Int
    /// How many pages there are, at least 1.
    package var pages: Int
  }

  /// The most that are kept, but for a tenth.
  package let limit: Int
  /// All of them, those that ended first at the front.
  package private(set) var rows: [Row] = []
  private var ids: Set<MigrationID> = []

  /// An empty list.
  package init(limit: Int) { self.limit = limit }

  /// Whether one is in the list.
  package func contains(_ id: MigrationID) -> Bool { ids.contains(id) }

  /// The row of one.
  package func row(of id: MigrationID) -> Row? { ids.contains(id) ? rows.last { $0.id == id } : nil }

  /// The time before which the list knows nothing; nil while it has room.
  package var horizon: Timestamp? { rows.count >= limit ? rows.first?.at : nil }

  /// Puts one in its place.
  /// - Returns: Those that fell out.
  package mutating func insert(_ row: Row) -> [MigrationID] {
    guard ids.insert(row.id).inserted else { return [] }
    rows.insert(row, at: place(of: row.at))
    // Many at once: each takes its time with the rows behind it.
    guard rows.count > limit + limit / 10 else { return [] }
    let fallen = rows.prefix(rows.count - limit).map(\.id)
    rows.removeFirst(fallen.count)
    ids.subtract(fallen)
    return fallen
  }

  /// A page of those that a filter wants; a number beyond the last is the last.
  package func page(_ number: Int, of size: Int, _ filter: Filter) -> Page {
    let wanted = filter == .all ? rows : rows.filter(filter.matches)
    let pages = max(1, (wanted.count + size - 1) / size)
    let number = min(max(1, number), pages)
    let end = wanted.count - (number - 1) * size
    return Page(rows: wanted[max(0, end - size)..<max(0, end)].reversed(), count: wanted.count, number: number, pages: pages)
  }

  private func place(of time: Timestamp) -> Int {
    guard let last = rows.last, last.at > time else { return rows.count }
    var (low, high) = (0, rows.count)
    while low < high {
      let middle = (low + high) / 2
      if rows[middle].at <= time { low = middle + 1 } else { high = middle }
    }
    return low
  }
}
