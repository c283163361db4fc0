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

  /// What CloudStack would have published at an event of a migration, in its order.
  static func messages(of event: MigrationEvent) -> [BusMessage] {
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
    case .accepted: return [action, message("AsyncJobEvent", "submit", job(event, "IN_PROGRESS", result: nil))]
    case .transferring:
      return [action, message("ResourceStateEvent", "MigrationRequested", state(told, from: "Running", to: "Migrating"))]
    case .completed:
      return [
        message("ResourceStateEvent", "OperationSucceeded", state(told, from: "Migrating", to: "Running")), action,
        message("AsyncJobEvent", "complete", job(event, "SUCCEEDED", result: ResponseObject())),
      ]
    case .failed, .cancelled:
      var result = ResponseObject()
      result.add("errorcode", APIError.Code.internalError.rawValue)
      result.add("errortext", data.reasons?.map(\.message).joined(separator: "; ") ?? data.kind.rawValue)
      return [
        message("ResourceStateEvent", "OperationFailed", state(told, from: "Migrating", to: "Running")), action,
        message("AsyncJobEvent", "complete", job(event, "FAILED", result: result)),
      ]
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

  private static func job(_ event: MigrationEvent, _ status: String, result: ResponseObject?) -> ResponseObject {
    var body = ResponseObject()
    body.add("command", Job.command)
    body.add("user", Place.accountID)
    body.add("account", Place.accountID)
    body.add("processStatus", status == "SUCCEEDED" ? 100 : 0)
    body.add("resultCode", status == "FAILED" ? APIError.Code.internalError.rawValue : 0)
    body.add("instanceUuid", event.data.guest.uuid)
    body.add("instanceType", "VirtualMachine")
    body.add("commandEventType", CloudStackEvent.type)
    body.add("jobId", event.subject.text)
    body.add("jobResult", result)
    body.add("status", status)
    return body
  }
}
