import LongshoreMessages
import Testing

/// A body that an agent refuses as a request.
struct BadRequest: Sendable, CustomTestStringConvertible {
  /// What is wrong with it, in words.
  let testDescription: String
  /// The reason that it is refused with.
  let code: Reason.Code
  /// The body. `GUEST` stands for the guest's name, `ID` for a new id, and `BYTE` for a byte that no UTF-8 has.
  let body: String

  /// The body for a guest.
  func bytes(for guest: Guest) throws -> [UInt8] {
    let id = try Orchestrator.newID().text
    return Array(body.replacing("GUEST", with: guest.name).replacing("ID", with: id).utf8).replacing("BYTE".utf8, with: [0xff])
  }

  /// An order or a question of a type, with other fields.
  private static func request(
    _ type: String, _ fields: String, _ description: String, _ code: Reason.Code = .malformed
  ) -> BadRequest {
    BadRequest(testDescription: description, code: code, body: #"{"schema":1,"type":"\#(type)","id":"ID",\#(fields)}"#)
  }

  /// A request whose name is a path, or is too long for a name.
  private static func named(_ name: String, _ description: String) -> BadRequest {
    BadRequest(
      testDescription: description, code: .malformed,
      body: #"{"schema":1,"type":"migrate","id":"ID","guest":"\#(name)","destination":{"host":"beta"}}"#)
  }

  static let all = [
    BadRequest(testDescription: "broken JSON", code: .malformed, body: #"{"schema":1,"type":"migrate","id":"#),
    BadRequest(testDescription: "nothing at all", code: .malformed, body: ""),
    BadRequest(testDescription: "a list", code: .malformed, body: "[1,2,3]"),
    BadRequest(testDescription: "bytes that are no text", code: .malformed, body: "BYTEBYTE\0BYTE"),
    request("migrate", #""guest":"GUESTBYTE","destination":{"host":"beta"}"#, "a name with a byte that no UTF-8 has"),
    BadRequest(
      testDescription: "a field of the wrong type", code: .malformed,
      body: #"{"schema":1,"type":"migrate","id":"ID","guest":17,"destination":{"host":"beta"}}"#),
    BadRequest(
      testDescription: "a field of the wrong shape", code: .malformed,
      body: #"{"schema":1,"type":"migrate","id":"ID","guest":"GUEST","destination":"beta"}"#),
    BadRequest(
      testDescription: "a missing field", code: .malformed, body: #"{"schema":1,"type":"migrate","id":"ID","guest":"GUEST"}"#),
    BadRequest(
      testDescription: "an unknown schema", code: .unknownSchema,
      body: #"{"schema":2,"type":"migrate","id":"ID","guest":"GUEST","destination":{"host":"beta"}}"#),
    BadRequest(testDescription: "an unknown type", code: .unknownType, body: #"{"schema":1,"type":"teleport","id":"ID"}"#),
    BadRequest(
      testDescription: "an unknown guest", code: .unknownGuest,
      body: #"{"schema":1,"type":"migrate","id":"ID","guest":"nobody","destination":{"host":"beta"}}"#),
    named("../GUEST", "a name that climbs"),
    named("/etc/passwd", "a name that is an absolute path"),
    named(#"GUEST\u0000"#, "a name with a NUL"),
    named(String(repeating: "x", count: 10_000), "a name of 10 kB"),
    named("", "an empty name"),
    BadRequest(
      testDescription: "a pool that climbs", code: .malformed,
      body:
        #"{"schema":1,"type":"migrate","id":"ID","guest":"GUEST","destination":{"host":"beta"},"pools":{"default":"../x"}}"#),
    BadRequest(
      testDescription: "an id that is a path", code: .malformed,
      body: #"{"schema":1,"type":"migrate","id":"../ID","guest":"GUEST","destination":{"host":"beta"}}"#),
    BadRequest(
      testDescription: "another cluster", code: .otherCluster,
      body: #"{"schema":1,"type":"migrate","id":"ID","guest":"GUEST","destination":{"cluster":"south","host":"beta"}}"#),
    BadRequest(
      testDescription: "the same host", code: .sameHost,
      body: #"{"schema":1,"type":"migrate","id":"ID","guest":"GUEST","destination":{"host":"alpha"}}"#),
    BadRequest(
      testDescription: "a time that has passed", code: .expired,
      body:
        #"{"schema":1,"type":"migrate","id":"ID","guest":"GUEST","destination":{"host":"beta"},"notAfter":"2020-01-01T00:00:00Z"}"#),
    BadRequest(
      testDescription: "a message that names another host", code: .wrongHost,
      body:
        #"{"schema":1,"type":"migrate","id":"ID","cluster":"lab","host":"beta","guest":"GUEST","destination":{"host":"beta"}}"#),
    BadRequest(
      testDescription: "an option that is not offered", code: .unsupportedOption,
      body:
        #"{"schema":1,"type":"migrate","id":"ID","guest":"GUEST","destination":{"host":"beta"},"options":{"postCopy":true}}"#),
    BadRequest(
      testDescription: "a deadline that is not a time", code: .malformed,
      body:
        #"{"schema":1,"type":"migrate","id":"ID","guest":"GUEST","destination":{"host":"beta"},"deadlineSeconds":-5}"#),
    BadRequest(
      testDescription: "a migration that nobody knows", code: .unknownMigration,
      body: #"{"schema":1,"type":"cancel","id":"ID","migration":"ID"}"#),
    request("cancel", #""migration":7"#, "a cancel of a number"),
    request("tune", #""migration":"ID""#, "a tuning of nothing"),
    request("tune", #""migration":"ID","maxDowntimeMs":0"#, "a tuning to no downtime"),
    request("tune", #""migration":"ID","bandwidthMiBps":"fast""#, "a tuning to a word"),
    request("tune", #""migration":"ID","maxDowntimeMs":300"#, "a tuning of a migration that nobody knows", .unknownMigration),
    request("force-complete", #""migration":"../ID""#, "a completion of a path"),
    request("force-complete", #""migration":"ID""#, "a completion of a migration that nobody knows", .unknownMigration),
    request("resolve", #""migration":"ID""#, "an owner that is not named"),
    request("resolve", #""migration":"ID","owner":"beta""#, "the owner of a migration that nobody knows", .unknownMigration),
    request("move-queued", #""migration":"ID""#, "a move within the queue to nowhere"),
    request("move-queued", #""migration":"ID","first":true,"priority":"high""#, "a move within the queue to two places"),
    request("move-queued", #""migration":"ID","priority":"urgent""#, "a priority that there is not"),
    request("move-queued", #""migration":"ID","first":true"#, "a move of what does not wait", .unknownMigration),
    request("cancel-queued", #""migration":"ID""#, "a cancel of what does not wait", .unknownMigration),
    request("drain", #""to":"beta""#, "a drain to a word"),
    request("drain", #""to":["../beta"]"#, "a drain to a path"),
    request("drain", #""parallel":0"#, "a drain of nothing at a time"),
    request("drain", #""onFailure":"pray""#, "a rule for failures that there is not"),
    request("drain", #""pools":{"../x":"primary"}"#, "a drain out of a path"),
    request("drain-status", #""drain":null"#, "no drain"),
    request("steer-drain", #""drain":"ID","action":"hurry""#, "a steering that there is not"),
    request("set-maintenance", #""on":"yes""#, "a maintenance that is neither on nor off"),
    request("prefetch-template", #""template":"../debian.qcow2","from":"beta""#, "a template that climbs"),
    request("prefetch-template", #""template":"debian.qcow2""#, "a template from nowhere"),
    request("prefetch-template", #""template":"debian.qcow2","from":"alpha""#, "a template from the host itself", .sameHost),
    request("verify-templates", #""pool":"/""#, "templates of a path"),
    request("list-templates", #""pool":[]"#, "templates of a list"),
    request("extend-grace", #""until":"tomorrow""#, "a grace until no time"),
    request("remove-orphans", #""orphans":"all""#, "orphans by a word"),
    request("configure", #""deadlineSeconds":"soon""#, "a setting of a word"),
    BadRequest(
      testDescription: "more than 1 MiB", code: .tooLarge,
      body: #"{"schema":1,"type":"describe","id":"ID","padding":""# + String(repeating: "x", count: 1 << 20) + #""}"#),
  ]
}
