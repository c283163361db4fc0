import AMQP
import Logging
import LongshoreMessages
import LongshoreTestKit
import Synchronization
import Testing

@testable import LongshoreClient

@Suite("Whose a message is") struct SenderCheckTests {
  /// What a stream of the history, or a queue of the client's own, delivers.
  private static func delivery(
    _ body: [UInt8], exchange: String, key: String, user: String? = nil
  ) -> Delivery {
    Delivery(message: Message(body: body, properties: Message.Properties(userID: user)), exchange: exchange, routingKey: key) { _ in }
  }

  private static func inbox(_ senders: SenderCheck) throws -> EventInbox {
    try #require(EventInbox(Subscription(.cluster(MessageSamples.source.cluster), history: .seconds(60)), senders: senders))
  }

  @Test("An event is of the host that its routing key names, through the exchange of events")
  func events() throws {
    let log = LogLines()
    let inbox = try Self.inbox(SenderCheck(peerUser: nil, logger: log.logger))
    let event = try #require(MessageSamples.events(of: .completed).first)
    #expect(event.source == "/clusters/north/hosts/alpha")
    let body = MessageCoding.encode(event)
    #expect(inbox.notice(in: Self.delivery(body, exchange: Wire.events, key: "north.alpha.x.completed")) == .event(event))
    let foreign = [
      (Wire.events, "north.beta.x.completed"), (Wire.events, "north.alphabet.x"), (Wire.events, "north.alpha"),
      (Wire.events, "other.alpha.x"),
      (Wire.events, ""), (Wire.progress, "north.alpha.x"), (Wire.deadLetters, "north.alpha.x"), ("", "north.alpha.x"),
    ]
    for (exchange, key) in foreign {
      #expect(inbox.notice(in: Self.delivery(body, exchange: exchange, key: key)) == nil, "\(exchange) \(key)")
    }
    var misnamed = event
    misnamed.data.sourceHost = event.data.destinationHost
    #expect(inbox.notice(in: Self.delivery(MessageCoding.encode(misnamed), exchange: Wire.events, key: "north.alpha.x")) == nil)
  }

  @Test("So are progress and a drain's events")
  func progress() throws {
    let inbox = try Self.inbox(SenderCheck(peerUser: nil, logger: LogLines().logger))
    let progress = try #require(MessageSamples.progressEvents.first)
    let body = MessageCoding.encode(progress)
    #expect(inbox.notice(in: Self.delivery(body, exchange: Wire.progress, key: "north.alpha.x.progress")) == .progress(progress))
    #expect(inbox.notice(in: Self.delivery(body, exchange: Wire.progress, key: "north.beta.x.progress")) == nil)
    #expect(inbox.notice(in: Self.delivery(body, exchange: Wire.events, key: "north.alpha.x.progress")) == nil)
    let drain = try #require(MessageSamples.drainEvents(of: .finished).first)
    let told = MessageCoding.encode(drain)
    #expect(inbox.notice(in: Self.delivery(told, exchange: Wire.events, key: "north.alpha.drain.finished")) == .drain(drain))
    #expect(inbox.notice(in: Self.delivery(told, exchange: Wire.events, key: "north.beta.drain.finished")) == nil)
  }

  @Test("An answer is of the host that was asked and, where the users are named, of that host's user")
  func replies() throws {
    let log = LogLines()
    let senders = SenderCheck(peerUser: PeerUser("agent-{host}"), logger: log.logger)
    let trusting = SenderCheck(peerUser: nil, logger: log.logger)
    let (alpha, beta) = (MessageSamples.source, MessageSamples.destination)
    let reply = Reply(to: nil, from: beta, body: .accepted)
    func delivery(_ user: String?) -> Delivery {
      Self.delivery(MessageCoding.encode(reply), exchange: Wire.replies, key: "amq.gen-x", user: user)
    }
    #expect(senders.objection(to: reply, asked: beta, delivery("agent-beta")) == nil)
    #expect(senders.objection(to: reply, asked: nil, delivery("agent-beta")) == nil)
    for user in ["agent-alpha", "", nil] {
      let objection = try #require(senders.objection(to: reply, asked: nil, delivery(user)))
      #expect(objection.contains("agent-beta") && objection.contains("peers.user"))
    }
    #expect(senders.objection(to: reply, asked: alpha, delivery("agent-beta"))?.contains("alpha (cluster north) was asked") == true)
    #expect(trusting.objection(to: reply, asked: nil, delivery("agent-alpha")) == nil)
    #expect(trusting.objection(to: reply, asked: alpha, delivery("agent-alpha")) != nil)
  }

  @Test("The log tells each case once, and no more cases than somebody reads")
  func log() throws {
    let log = LogLines()
    let inbox = try Self.inbox(SenderCheck(peerUser: nil, logger: log.logger))
    let body = MessageCoding.encode(try #require(MessageSamples.events(of: .completed).first))
    for _ in 0..<3 { _ = inbox.notice(in: Self.delivery(body, exchange: Wire.events, key: "north.beta.\u{1b}[2J")) }
    #expect(log.lines.count == 1)
    #expect(log.lines.first?.contains("/clusters/north/hosts/alpha") == true && log.lines.first?.contains("\u{1b}") == false)
    for number in 0..<200 { _ = inbox.notice(in: Self.delivery(body, exchange: Wire.events, key: "north.beta.\(number)")) }
    #expect(log.lines.count == 100)
  }
}

/// A log that is kept.
private final class LogLines: LogHandler, Sendable {
  private let kept = Mutex<[String]>([])
  var lines: [String] { kept.withLock { $0 } }
  var logger: Logger { Logger(label: "test") { [self] _ in self } }

  var metadata: Logger.Metadata {
    get { [:] }
    set {}
  }
  var logLevel: Logger.Level {
    get { .trace }
    set {}
  }
  subscript(metadataKey _: String) -> Logger.Metadata.Value? {
    get { nil }
    set {}
  }

  func log(event: LogEvent) {
    kept.withLock { $0.append("\(event.message) \(event.metadata ?? [:])") }
  }
}
