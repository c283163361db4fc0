import AMQP
import LongshoreMessages
import LongshoreTestKit
import MigrationCore
import MigrationJournal
import Testing

@testable import LongshoreAgent

@Suite("Messages as they are published")
struct OutboxMessageTests {
  private let here = MigrationSamples.source

  @Test("A reply goes where the request says, with its correlation id, and does not outlive the broker")
  func reply() throws {
    let request = AMQP.Message.Properties(correlationID: "c-1", replyTo: "orchestrator.7")
    let reply = Reply(to: MigrationSamples.id, from: here, body: .accepted)
    let message = try #require(OutboxMessage.reply(reply, to: request))
    #expect(message.exchange == Wire.replies)
    #expect(message.routingKey == "orchestrator.7")
    #expect(message.correlationID == "c-1")
    #expect(message.type == "accepted")
    #expect(message.persistent == false)
    #expect(message.mandatory == false)
    #expect(message.published(by: "agent-alpha").properties.deliveryMode == .transient)
    #expect(try MessageCoding.read(Reply.self, from: message.body) == reply)
  }

  @Test("A request without a correlation id is answered with its own id")
  func replyWithoutCorrelation() {
    let request = AMQP.Message.Properties(replyTo: "orchestrator.7")
    let known = OutboxMessage.reply(Reply(to: MigrationSamples.id, from: here, body: .accepted), to: request)
    #expect(known?.correlationID == MigrationSamples.id.text)
    let unknown = OutboxMessage.reply(Reply(to: nil, from: here, body: .rejected([Reason(.malformed, "no id")])), to: request)
    #expect(unknown != nil)
    #expect(unknown?.correlationID == nil)
  }

  @Test("A request that does not say whereto gets no reply", arguments: [nil, ""])
  func noReply(_ replyTo: String?) {
    let reply = Reply(to: MigrationSamples.id, from: here, body: .accepted)
    #expect(OutboxMessage.reply(reply, to: AMQP.Message.Properties(replyTo: replyTo)) == nil)
  }

  @Test("A message to another agent is addressed to its host and must find a queue")
  func peer() throws {
    let peer = PeerMessage(
      migration: MigrationSamples.id, from: here, to: MigrationSamples.destination, journal: "j", body: .prepare(MigrationSamples.plan))
    let message = OutboxMessage.peer(peer)
    #expect(message.exchange == Wire.peers)
    #expect(message.routingKey == "lab.beta")
    #expect(message.mandatory)
    #expect(message.persistent)
    #expect(message.published(by: "agent-alpha").properties.deliveryMode == .persistent)
    #expect(try MessageCoding.read(PeerMessage.self, from: message.body) == peer)
  }

  @Test("Of a migration's events one is under way at a time, and all else at once")
  func independence() throws {
    func message(_ exchange: String, _ id: String, _ migration: String?) -> OutboxMessage {
      OutboxMessage(exchange: exchange, routingKey: "k", body: [], contentType: "t", messageID: id, correlationID: migration)
    }
    let waiting = [
      message(Wire.replies, "1", "a"), message(Wire.events, "2", "a"), message(Wire.peers, "3", "a"), message(Wire.events, "4", "b"),
      message(Wire.events, "5", "a"), message(Wire.peers, "6", "a"), message(Wire.events, "7", nil), message(Wire.events, "8", "b"),
    ]
    #expect(OutboxPublisher.independent(waiting).map(\.messageID) == ["1", "2", "3", "4", "6", "7"])
    #expect(OutboxPublisher.independent(Array(waiting.dropFirst(4))).map(\.messageID) == ["5", "6", "7", "8"])
  }

  @Test("A numbered event is a CloudEvent that is known again by its id")
  func event() throws {
    let event = MigrationEvent(
      migration: MigrationSamples.id, host: here, sequence: 3, time: MigrationSamples.now().wall,
      data: MigrationEventData(
        .prepared, guest: MigrationSamples.guest, sourceHost: here.host, destinationHost: MigrationSamples.destination.host))
    let message = OutboxMessage.event(event, host: here)
    #expect(message.exchange == Wire.events)
    #expect(message.routingKey == "lab.alpha.\(MigrationSamples.guest.uuid).prepared")
    #expect(message.persistent)
    let published = message.published(by: "agent-alpha")
    #expect(published.properties.contentType == Wire.eventContentType)
    #expect(published.properties.messageID == "\(MigrationSamples.id)/3")
    #expect(published.properties.correlationID == MigrationSamples.id.text)
    #expect(published.properties.type == "io.longshore.migration.prepared.v1")
    #expect(published.properties.userID == "agent-alpha")
    #expect(published.body == message.body)
  }

  @Test("Headers are published as texts")
  func headers() {
    let message = OutboxMessage(
      exchange: Wire.deadLetters, routingKey: "k", body: [1], contentType: "text/plain", messageID: "m", headers: ["x-reason": "why"])
    #expect(message.published(by: "agent-alpha").properties.headers == ["x-reason": .string("why")])
    #expect(message.published(by: "agent-alpha").properties.contentType == "text/plain")
  }
}
