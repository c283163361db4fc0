import LongshoreMessages
import Testing

/// A body that an agent refuses as a request.
struct BadRequest: Sendable, CustomTestStringConvertible {
  /// What is wrong with it, in words.
  let testDescription: String
  /// The reason that it is refused with.
  let code: Reason.Code
  /// The body. `GUEST` stands for the guest's name and `ID` for a new id.
  let body: String

  /// The body for a guest.
  func bytes(for guest: Guest) throws -> [UInt8] {
    let id = try Orchestrator.newID().text
    return Array(body.replacing("GUEST", with: guest.name).replacing("ID", with: id).utf8)
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
    BadRequest(testDescription: "not UTF-8 but a list", code: .malformed, body: "[1,2,3]"),
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
    BadRequest(
      testDescription: "more than 1 MiB", code: .tooLarge,
      body: #"{"schema":1,"type":"describe","id":"ID","padding":""# + String(repeating: "x", count: 1 << 20) + #""}"#),
  ]
}
