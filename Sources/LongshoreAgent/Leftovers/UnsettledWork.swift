internal import LongshoreMessages
internal import MigrationCore
internal import MigrationJournal

/// What a journal has that is not settled. Who removes the agent for good, or its journal, has to know: nobody else does.
struct UnsettledWork: Sendable, Hashable {
  /// What there is, a line each; empty where all is settled.
  var lines: [String] = []

  /// Reads what there is.
  init(of journal: Journal) throws(JournalError) {
    let sources = try journal.openSources()
    let destinations = try journal.openDestinations()
    let prefetches = try journal.openPrefetches()
    let drains = try journal.drains(includeEnded: false)
    lines += sources.migrations.map {
      "the migration \($0.id) of the guest \($0.guest.name) to \($0.destination.host) has not ended (\($0.publicPhase.rawValue))"
    }
    lines += destinations.migrations.map { "the migration \($0.id) from \($0.source.host) has not ended" }
    lines += prefetches.migrations.map { "the copying of the template \($0.id) has not ended" }
    lines += drains.migrations.map { "the drain \($0.id) has not ended" }
    lines += (sources.unreadable + destinations.unreadable + prefetches.unreadable + drains.unreadable).map {
      "\($0.id) cannot be read: \($0.reason)"
    }
    for file in try journal.files() {
      switch file.role {
      case .setAside: lines.append("the disk \(file.path) of a guest that has moved away is kept for its time of grace")
      case .stub: lines.append("the image \(file.path) was made for a guest that has not arrived")
      case .templateCopy: lines.append("the copy \(file.path) of a template is not complete")
      case .workFolder: lines.append("the folder \(file.path) was made for a migration")
      case .template: break
      }
    }
    let waiting = try journal.outboxStanding().count
    if waiting > 0 { lines.append("events and messages that the broker has not got: \(waiting)") }
  }
}
