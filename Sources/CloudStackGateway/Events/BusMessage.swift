import LongshoreClient
import LongshoreMessages

/// A message of the kind that CloudStack publishes on its bus of events.
struct BusMessage: Sendable, Hashable {
  /// CloudStack's documented exchange.
  static let exchange = "cloudstack-events"
  /// The first word of all keys, where CloudStack's own management server writes `management-server`: who listens to that alone is not
  /// misled.
  static let source = "longshore"

  /// The routing key: five words.
  var key: String
  /// The body.
  var body: ResponseObject
  /// The same whenever the same is told again.
  var id: String
  /// When it happened.
  var time: Timestamp
  /// The job that it belongs to.
  var job: MigrationID

  /// What CloudStack would have published at an event of a migration of a cluster, in its order.
  static func messages(of event: MigrationEvent, in cluster: NodeName) -> [BusMessage] {
    guard let told = CloudStackEvent(event) else { return [] }
    func message(_ category: String, _ type: String, _ body: ResponseObject) -> BusMessage {
      BusMessage(
        key: [source, category, type, "VirtualMachine", told.guest.uuid].map { $0.replacing(".", with: "-") }.joined(separator: "."),
        body: body,
        id: StableID.make("bus", "\(event.id) \(category) \(type)"), time: event.time, job: event.subject)
    }
    let action = message("ActionEvent", CloudStackEvent.type, action(told))
    let data = event.data
    switch data.kind {
    case .accepted: return [action, message("AsyncJobEvent", "submit", job(event, in: cluster))]
    case .transferring:
      return [action, message("ResourceStateEvent", "MigrationRequested", state(told, from: "Running", to: "Migrating"))]
    case .completed:
      return [
        message("ResourceStateEvent", "OperationSucceeded", state(told, from: "Migrating", to: "Running")), action,
        message("AsyncJobEvent", "complete", job(event, in: cluster)),
      ]
    case .failed, .cancelled:
      let ended = [action, message("AsyncJobEvent", "complete", job(event, in: cluster))]
      // Before the transfer nobody was told that the guest's state has changed.
      guard data.stage == .transfer || data.stage == .handover else { return ended }
      return [message("ResourceStateEvent", "OperationFailed", state(told, from: "Migrating", to: "Running"))] + ended
    default: return []
    }
  }

  private static func action(_ event: CloudStackEvent) -> ResponseObject {
    var body = ResponseObject()
    body.add("event", CloudStackEvent.type)
    body.add("status", event.status.rawValue)
    body.add("entity", "VirtualMachine")
    body.add("entityuuid", event.guest.uuid)
    body.add("description", event.description)
    body.add("user", Place.accountID)
    body.add("account", Place.accountID)
    body.add("eventDateTime", CloudStackTime.busText(event.time))
    body.add("VirtualMachine", event.guest.uuid)
    return body
  }

  private static func state(_ event: CloudStackEvent, from old: String, to new: String) -> ResponseObject {
    var body = ResponseObject()
    body.add("resource", "VirtualMachine")
    body.add("id", event.guest.uuid)
    body.add("old-state", old)
    body.add("new-state", new)
    body.add("status", "postStateTransitionEvent")
    body.add("eventDateTime", CloudStackTime.busText(event.time))
    return body
  }

  /// What is said of the job: its end as `queryAsyncJobResult` tells it.
  private static func job(_ event: MigrationEvent, in cluster: NodeName) -> ResponseObject {
    let job = Job(MigrationRecord(event, now: event.time))
    var body = ResponseObject()
    body.add("command", Job.command)
    body.add("user", Place.accountID)
    body.add("account", Place.accountID)
    body.add("processStatus", job.percent)
    body.add("resultCode", job.failure?.code.rawValue ?? 0)
    body.add("instanceUuid", job.guest.uuid)
    body.add("instanceType", "VirtualMachine")
    body.add("commandEventType", CloudStackEvent.type)
    body.add("jobId", job.id.text)
    // No host is asked for a message: the guest is told as the event has it.
    let rows = Rows(Inventory(cluster, hosts: []))
    body.add("jobResult", job.result(machine: rows.unknownMachine(job.guest, at: job.runsAt ?? job.destination)))
    var order = ResponseObject()
    order.add("virtualmachineid", job.guest.uuid)
    body.add("cmdInfo", order)
    switch job.status {
    case .pending: body.add("status", "IN_PROGRESS")
    case .succeeded: body.add("status", "SUCCEEDED")
    case .failed: body.add("status", "FAILED")
    }
    return body
  }
}
