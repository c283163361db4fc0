import LongshoreMessages
import LongshoreTestKit
import Testing

/// Whatever arrives is either read or refused with a reason that says which field is wrong; nothing traps.
@Suite("Unreadable messages")
struct ReadingErrorsTests {
  private func refusal<Message: WireMessage>(
    of body: some Sequence<UInt8>, as type: Message.Type = Request.self
  ) -> UnreadableMessage? {
    do {
      _ = try MessageCoding.read(type, from: Array(body))
      return nil
    } catch {
      return error
    }
  }

  private func migrate(_ fields: String) -> String {
    #"{"schema":1,"id":"m-1","type":"migrate","guest":"web-1","destination":{"host":"beta"},\#(fields)}"#
  }

  @Test(
    "Bodies that are not JSON",
    arguments: [
      "", " ", "{", "}", "{]", "nope", "{\"schema\":1", "{\"schema\":1}trailing", #"{"schema":1,"id":"\ud800"}"#,
      "{'schema':1}", #"{"schema":01}"#,
    ])
  func brokenJSON(body: String) throws {
    let unreadable = try #require(refusal(of: body.utf8))
    #expect(unreadable.reasons.map(\.code) == [.malformed])
    #expect(unreadable.reasons.first?.message.hasPrefix("the body is not valid JSON") == true)
    #expect(unreadable.id == nil)
  }

  @Test("Bytes that are not text", arguments: [[0xff, 0xfe, 0xfd], [0x00], Array(#"{"id":""#.utf8) + [0xc3, 0x28]])
  func brokenText(body: [UInt8]) {
    #expect(refusal(of: body)?.reasons.map(\.code) == [.malformed])
  }

  @Test(
    "JSON that is no object",
    arguments: [
      ("[]", "the body has the wrong type: expected an object"), ("1", "the body has the wrong type: expected an object"),
      ("\"x\"", "the body has the wrong type: expected an object"), ("null", "the body is null"),
    ])
  func noObject(body: String, message: String) {
    #expect(refusal(of: body.utf8)?.reasons == [Reason(.malformed, message)])
  }

  @Test(
    "Missing fields are named",
    arguments: [
      ("{}", "schema"), (#"{"schema":1}"#, "id"), (#"{"schema":1,"id":"m-1"}"#, "type"),
      (#"{"schema":1,"id":"m-1","type":"migrate"}"#, "guest"),
      (#"{"schema":1,"id":"m-1","type":"migrate","guest":"a"}"#, "destination"),
      (#"{"schema":1,"id":"m-1","type":"migrate","guest":"a","destination":{}}"#, "destination.host"),
      (#"{"schema":1,"id":"m-1","type":"cancel"}"#, "migration"),
      (#"{"schema":1,"id":"m-1","type":"status"}"#, "migration"),
    ])
  func missingField(body: String, field: String) {
    #expect(refusal(of: body.utf8)?.reasons == [Reason(.malformed, "the field \(field) is missing")])
  }

  @Test(
    "Wrong types are named, with their fields",
    arguments: [
      (#""pools":[]"#, "the field pools has the wrong type: expected an object"),
      (#""pools":{"disks":["vda"]}"#, "the field pools.disks has the wrong type: expected an object"),
      (#""pools":{"disks":{"vda":1}}"#, "the field pools.disks.vda has the wrong type: expected a string"),
      (#""dryRun":1"#, "the field dryRun has the wrong type: expected true or false"),
      (#""dryRun":"true""#, "the field dryRun has the wrong type: expected true or false"),
      (#""deadlineSeconds":"2h""#, "the field deadlineSeconds has the wrong type: expected a number"),
      (#""options":{"bandwidthMiBps":{}}"#, "the field options.bandwidthMiBps has the wrong type: expected a number"),
      (#""options":true"#, "the field options has the wrong type: expected an object"),
      (#""notAfter":0"#, "the field notAfter has the wrong type: expected a string"),
    ])
  func wrongType(field: String, message: String) {
    #expect(refusal(of: migrate(field).utf8)?.reasons == [Reason(.malformed, message)])
  }

  @Test(
    "Impossible values are named, with their fields",
    arguments: [
      (#""deadlineSeconds":0"#, "deadlineSeconds"), (#""deadlineSeconds":-1"#, "deadlineSeconds"),
      (#""deadlineSeconds":2592001"#, "deadlineSeconds"), (#""deadlineSeconds":1e300"#, "deadlineSeconds"),
      (#""deadlineSeconds":99999999999999999999999"#, "deadlineSeconds"), (#""deadlineSeconds":1.5"#, "deadlineSeconds"),
      (#""options":{"bandwidthMiBps":0}"#, "options.bandwidthMiBps"),
      (#""options":{"bandwidthMiBps":-1}"#, "options.bandwidthMiBps"),
      (#""options":{"bandwidthMiBps":18446744073709551615}"#, "options.bandwidthMiBps"),
      (#""options":{"maxDowntimeMs":2000001}"#, "options.maxDowntimeMs"),
      (#""options":{"handover":"quick"}"#, "options.handover"),
      (#""notAfter":"tomorrow""#, "notAfter"), (#""cluster":"north""#, "cluster"), (#""host":"alpha""#, "host"),
      (#""cluster":"North","host":"alpha""#, "cluster"),
      (#""pools":{"default":"/srv/pool"}"#, "pools.default"), (#""pools":{"disks":{"vda":"../x"}}"#, "pools.disks.vda"),
      (#""pools":{"disks":{"../vda":"x"}}"#, "pools.disks"),
    ])
  func impossibleValue(field: String, name: String) throws {
    let reason = try #require(refusal(of: migrate(field).utf8)?.reasons.first)
    #expect(reason.code == .malformed)
    #expect(reason.message.hasPrefix("the field \(name) is wrong: "), "\(reason.message)")
  }

  @Test(
    "Paths are no names of guests",
    arguments: ["../x", "/etc/passwd", "..", ".", "", "a/b", "a\\u0000", "\\u001b[31m"])
  func pathAsName(text: String) throws {
    let body = #"{"schema":1,"id":"m-1","type":"migrate","guest":"\#(text)","destination":{"host":"beta"}}"#
    let unreadable = try #require(refusal(of: body.utf8))
    #expect(unreadable.reasons.first?.message.hasPrefix("the field guest is wrong: ") == true)
    #expect(unreadable.reasons.first?.message.utf8.allSatisfy { $0 >= 0x20 } == true, "no control characters in logs")
    #expect(unreadable.id == MigrationID("m-1"))
  }

  @Test("A name of 10 kB is refused in few words")
  func longName() throws {
    let name = String(repeating: "x", count: 10_000)
    let body = #"{"schema":1,"id":"m-1","type":"migrate","guest":"\#(name)","destination":{"host":"beta"}}"#
    let message = try #require(refusal(of: body.utf8)?.reasons.first?.message)
    #expect(message.hasPrefix("the field guest is wrong: "))
    #expect(message.utf8.count < 300)
  }

  @Test("A key of 10 kB is refused in few words")
  func longKey() throws {
    let message = try #require(
      refusal(of: migrate(#""pools":{"disks":{"\#(String(repeating: "k", count: 10_000))":1}}"#).utf8)?.reasons.first?
        .message)
    #expect(message.utf8.count < 300)
  }

  @Test("Other schemas are refused by number, with the id", arguments: ["2", "0", "-1"])
  func unknownSchema(schema: String) throws {
    let unreadable = try #require(refusal(of: #"{"schema":\#(schema),"id":"m-1","kind":"of the future"}"#.utf8))
    #expect(unreadable.reasons == [Reason(.unknownSchema, "schema \(schema) is unknown here: send 1")])
    #expect(unreadable.id == MigrationID("m-1"))
  }

  @Test("A schema that is no number", arguments: [#""1""#, "null", "true", "{}", "1.5", "1e999"])
  func brokenSchema(schema: String) {
    #expect(refusal(of: #"{"schema":\#(schema),"id":"m-1"}"#.utf8)?.reasons.map(\.code) == [.malformed])
  }

  @Test("Other types are refused by name")
  func unknownType() throws {
    let request = try #require(refusal(of: #"{"schema":1,"id":"m-1","type":"fly\u001b[31m"}"#.utf8))
    #expect(request.reasons == [Reason(.unknownType, #"the type "fly\u{1B}[31m" is unknown here"#)])
    #expect(request.id == MigrationID("m-1"))

    let host = #"{"cluster":"north","host":"alpha"}"#
    let reply = refusal(of: #"{"schema":1,"type":"maybe","from":\#(host)}"#.utf8, as: Reply.self)
    #expect(reply?.reasons.map(\.code) == [.unknownType])
    let peer = refusal(
      of: #"{"schema":1,"type":"gossip","migration":"m-1","from":\#(host),"to":\#(host),"journal":"j"}"#.utf8,
      as: PeerMessage.self)
    #expect(peer?.reasons.map(\.code) == [.unknownType])
  }

  @Test("Fields that are unknown are ignored, everywhere")
  func unknownFields() throws {
    let more = #""x":{"deep":[1,null,{"y":"z"}]}"#
    for entry in WireEntries.all {
      // The keys of these objects are disks and pools, so that no field of them can be unknown.
      let extended = String(decoding: entry.payload, as: UTF8.self).replacing("{", with: "{\(more),")
        .replacing("{\(more),}", with: "{\(more)}").replacing(#""disks":{\#(more),"#, with: #""disks":{"#)
        .replacing(#""pools":{\#(more),"primary":"#, with: #""pools":{"primary":"#)
      try expectSame(entry, Array(extended.utf8))
    }
  }

  private func expectSame(_ entry: ContractChecker.Entry, _ extended: [UInt8]) throws {
    switch entry.message.prefix(while: { $0 != "." }) {
    case "request":
      let plain = try MessageCoding.read(Request.self, from: entry.payload)
      #expect(try MessageCoding.read(Request.self, from: extended) == plain)
    case "reply":
      let plain = try MessageCoding.read(Reply.self, from: entry.payload)
      #expect(try MessageCoding.read(Reply.self, from: extended) == plain)
    case "peer":
      let plain = try MessageCoding.read(PeerMessage.self, from: entry.payload)
      #expect(try MessageCoding.read(PeerMessage.self, from: extended) == plain)
    case "event":
      let plain = try MessageCoding.decode(MigrationEvent.self, from: entry.payload)
      #expect(try MessageCoding.decode(MigrationEvent.self, from: extended) == plain)
    case "drain":
      let plain = try MessageCoding.decode(DrainEvent.self, from: entry.payload)
      #expect(try MessageCoding.decode(DrainEvent.self, from: extended) == plain)
    default:
      let plain = try MessageCoding.decode(ProgressEvent.self, from: entry.payload)
      #expect(try MessageCoding.decode(ProgressEvent.self, from: extended) == plain)
    }
  }

  @Test("Null is the same as absent where a field is optional")
  func nulls() throws {
    let body = migrate(#""pools":null,"deadlineSeconds":null,"options":{"handover":null},"notAfter":null,"host":null"#)
    let request = try MessageCoding.read(Request.self, from: Array(body.utf8))
    #expect(request.host == nil)
    #expect(request.notAfter == nil)
  }

  @Test("Nesting too deep is refused and does not exhaust the stack", arguments: [600, 500_000])
  func deepNesting(depth: Int) {
    let nested = String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
    let body = #"{"schema":1,"id":"m-1","type":"describe","x":\#(nested)}"#
    #expect(refusal(of: body.utf8)?.reasons.map(\.code) == [.malformed])
    #expect(refusal(of: String(repeating: #"{"a":"#, count: depth / 5).utf8)?.reasons.map(\.code) == [.malformed])
  }

  @Test("A body of 2 MiB is refused before it is read")
  func largeBody() throws {
    let body = [UInt8](repeating: UInt8(ascii: " "), count: 2 << 20)
    let unreadable = try #require(refusal(of: body))
    #expect(unreadable.reasons == [Reason(.tooLarge, "the message has 2097152 bytes: at most 1048576 are read")])
  }

  @Test("A body of the largest size is read")
  func largestBody() throws {
    let body = #"{"schema":1,"id":"m-1","type":"describe"}"#
    let padded = body + String(repeating: " ", count: Wire.maximumMessageSize - body.utf8.count)
    #expect(refusal(of: padded.utf8) == nil)
    #expect(refusal(of: (padded + " ").utf8)?.reasons.map(\.code) == [.tooLarge])
  }

  @Test("A plan whose sizes could not be added is refused", arguments: [("fileSize", 2), ("virtualSize", 1), ("allocation", 1)])
  func sizes(field: String, count: Int) throws {
    let text = String(decoding: MessageCoding.encode(MessageSamples.peerMessages(of: .prepare).last), as: UTF8.self)
    let parts = text.split(separator: "\"\(field)\":", omittingEmptySubsequences: false)
    try #require(parts.count > count)
    // Each number is one that a file can have, but for one disk or layer alone.
    let size = count == 1 ? "9223372036854775808" : "4611686018427387904"
    let body = parts.dropFirst().reduce(String(parts[0])) { $0 + "\"\(field)\":\(size)" + $1.drop { $0.isNumber } }
    let reasons = try #require(refusal(of: body.utf8, as: PeerMessage.self)?.reasons)
    #expect(reasons.map(\.code) == [.malformed])
    #expect(reasons.first?.message.contains("9223372036854775807 bytes") == true)
  }

  @Test("Every way to cut a message short is refused")
  func truncation() {
    let body = MessageCoding.encode(MessageSamples.requests(of: .migrate).last)
    for length in 0..<body.count {
      #expect(refusal(of: body.prefix(length)) != nil)
    }
  }
}
