import LongshoreClient
import LongshoreMessages

/// What CloudStack says of a migration's events: `VM.MIGRATE`, scheduled, started and completed.
struct CloudStackEvent: Sendable, Hashable {
  /// What an event says of an action.
  enum Status: String, Sendable, Hashable {
    case scheduled = "Scheduled"
    case started = "Started"
    case completed = "Completed"
  }

  /// The type of all of them.
  static let type = "VM.MIGRATE"

  /// The migration.
  let migration: MigrationID
  /// The guest.
  let guest: GuestReference
  /// What is said.
  let status: Status
  /// `INFO` or `ERROR`.
  let level: String
  /// What happened, beginning with the words that tell success from failure.
  let description: String
  /// When.
  let time: Timestamp

  /// What CloudStack says of an event; nil where it says nothing.
  init?(_ event: MigrationEvent) {
    let data = event.data
    let action =
      "migrating Instance \(data.guest.name) with ID: \(data.guest.uuid) from host \(data.sourceHost) to host \(data.destinationHost)"
    switch data.kind {
    case .accepted:
      (status, level, description) = (
        .scheduled, "INFO",
        "Attempting to migrate Instance \(data.guest.name) with ID: \(data.guest.uuid) from host \(data.sourceHost) to host \(data.destinationHost)"
      )
    case .transferring where data.reasons?.isEmpty != false: (status, level, description) = (.started, "INFO", "Starting \(action)")
    case .completed: (status, level, description) = (.completed, "INFO", "Successfully completed \(action)")
    case .failed, .cancelled:
      let why = data.reasons.flatMap { $0.isEmpty ? nil : $0.map(\.message).joined(separator: "; ") }
      let text = data.kind == .cancelled ? why.map { "cancelled: \($0)" } ?? "cancelled" : why
      (status, level, description) = (.completed, "ERROR", "Error while \(action)\(text.map { ": \($0)" } ?? "")")
    default: return nil
    }
    migration = event.subject
    guest = data.guest
    time = event.time
  }

  /// The event's id.
  var id: String { StableID.make("event", "\(migration) \(status.rawValue)") }

  /// The row of `listEvents`.
  func row(_ place: Place) -> ResponseObject {
    var row = ResponseObject()
    row.add("id", id)
    row.add("username", Place.account)
    row.add("type", Self.type)
    row.add("level", level)
    row.add("description", description)
    Place.addOwner(to: &row)
    row.add("resourceid", guest.uuid)
    row.add("resourcetype", "VirtualMachine")
    row.add("resourcename", guest.name)
    row.add("created", CloudStackTime.text(time))
    row.add("state", status.rawValue)
    if status != .scheduled { row.add("parentid", StableID.make("event", "\(migration) \(Status.scheduled.rawValue)")) }
    row.add("archived", false)
    return row
  }
}
