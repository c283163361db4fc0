import LongshoreMessages
import Testing

// What the documentation of LongshoreMessages shows (contrib/docs/check holds it against this file). It uses what is public alone.

/// Writes an order, as it is published.
private func order() throws -> [UInt8] {
  guard let cluster = NodeName("lab"), let source = NodeName("alpha"), let destination = NodeName("beta"),
    let guest = ResourceName("web-1"), let id = MigrationID("6f1c5a52-2b0e-4c6e-9d0a-0c3a1f6f7a11")
  else { throw NotAName() }
  let host = HostAddress(cluster: cluster, host: source)
  let order = MigrateCommand(guest: guest, destination: .init(host: destination), priority: .high)
  let body = MessageCoding.encode(Request(id: id, host: host, command: .migrate(order)))
  print("to the exchange \(Wire.requests), with the key \(host.routingKey), as \(Wire.jsonContentType)")
  return body
}

private struct NotAName: Error {}

/// Answers a request, as a host does it.
private func answer(to body: [UInt8], from host: HostAddress) -> [UInt8] {
  do throws(UnreadableMessage) {
    let request = try MessageCoding.read(Request.self, from: body)
    guard case .migrate(let order) = request.command else {
      return MessageCoding.encode(Reply(to: request.id, from: host, body: .rejected([Reason(.unknownType, "orders alone are taken here")])))
    }
    guard order.destination.host != host.host else {
      let reason = Reason(.sameHost, "the guest is on \(host.host) already: name another host")
      return MessageCoding.encode(Reply(to: request.id, from: host, body: .rejected([reason])))
    }
    return MessageCoding.encode(Reply(to: request.id, from: host, body: .accepted))
  } catch {
    // Each reason names the field that is wrong. The id is there where it could be read.
    return MessageCoding.encode(Reply(to: error.id, from: host, body: .rejected(error.reasons)))
  }
}

/// What a program does about a reason.
private func decision(_ reason: Reason) -> String {
  switch reason.code {
  case .noSpace, .noMemory: "choose another host"
  case .limitReached, .maintenance: "order it again later"
  // The set is open: newer agents have codes that this program does not know.
  default: "show a person: \(reason.message)"
  }
}

@Suite("The documentation's examples") struct ExampleTests {
  @Test("An order is read and taken, one to the same host refused with its code")
  func orders() throws {
    let cluster = try #require(NodeName("lab"))
    let (alpha, beta) = (try #require(NodeName("alpha")), try #require(NodeName("beta")))
    func reply(_ body: [UInt8], _ host: NodeName) throws -> Reply.Body {
      try MessageCoding.read(Reply.self, from: answer(to: body, from: HostAddress(cluster: cluster, host: host))).body
    }
    #expect(try reply(order(), alpha) == .accepted)
    #expect(try reply(order(), beta) == .rejected([Reason(.sameHost, "the guest is on beta already: name another host")]))
  }

  @Test("What cannot be read is refused by the field that is wrong, to its id where that can be read")
  func unreadable() throws {
    let host = HostAddress(cluster: try #require(NodeName("lab")), host: try #require(NodeName("alpha")))
    func reply(_ body: String) throws -> Reply { try MessageCoding.read(Reply.self, from: answer(to: Array(body.utf8), from: host)) }
    let missing = try reply(#"{"schema":1,"id":"m-1","type":"migrate","guest":"web-1"}"#)
    #expect(missing.id?.text == "m-1" && missing.body == .rejected([Reason(.malformed, "the field destination is missing")]))
    #expect(try reply("{}").id == nil)
  }

  @Test("A code that is not known is shown to a person")
  func openCodes() {
    #expect(decision(Reason(.noSpace, "full")) == "choose another host")
    #expect(decision(Reason(.maintenance, "in maintenance")) == "order it again later")
    #expect(decision(Reason(Reason.Code("moon-phase"), "the moon is full")) == "show a person: the moon is full")
  }
}
