import AMQP
import InMemoryTracing
import LongshoreMessages
import LongshoreTestKit
import MigrationCore
import MigrationJournal
import Testing
import Tracing

@testable import LongshoreAgent

@Suite("Traces")
struct TracingTests {
  private static let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
  private let here = MigrationSamples.source
  private let trace: TraceContext

  init() throws { trace = try #require(TraceContext(traceparent: Self.parent, tracestate: "a=1")) }

  @Test("are taken from headers as texts and as bytes, and not from what is no trace")
  func headers() {
    #expect(TraceContext(["traceparent": .string(Self.parent), "tracestate": .string("a=1")]) == trace)
    #expect(TraceContext(["traceparent": .bytes(Array(Self.parent.utf8)), "tracestate": .bytes(Array("a=1".utf8))]) == trace)
    #expect(TraceContext(["traceparent": .string(Self.parent), "tracestate": .int64(1)])?.tracestate == nil)
    for wrong: FieldValue in [.string("00-no"), .bytes([0xff, 0xfe]), .int64(7), .void] {
      #expect(TraceContext(["traceparent": wrong]) == nil)
    }
    #expect(TraceContext([:]) == nil)
  }

  @Test("of an order go on in its events, in what is said to the destination, in what that answers, and in both journals")
  func migration() throws {
    let source = HostMigrations(here: here, journal: "s", limits: HostMigrations.Limits(outgoing: 1, incoming: 1))
    var atSource = source
    let key = RequestKey(id: MigrationSamples.id, digest: "d")
    let begun = try source.accept(
      key, order: MigrationSamples.order(), guest: MigrationSamples.guest, destination: MigrationSamples.destination, deadlineSeconds: 60,
      patience: Patience(), trace: trace, at: MigrationSamples.now())
    atSource.adopt(begun)
    #expect(begun.source?.trace == trace)
    let published = JournalStep(begun, of: here).outbox
    #expect(published.count == 1 && published.allSatisfy { $0.headers == trace.fields })
    let event = try MessageCoding.decode(MigrationEvent.self, from: try #require(published.first).body)
    #expect(event.trace == trace && event.traceparent == Self.parent)

    let there = HostMigrations(
      here: MigrationSamples.destination, journal: "d", limits: HostMigrations.Limits(outgoing: 1, incoming: 1))
    let order = PeerMessage(
      migration: MigrationSamples.id, from: here, to: MigrationSamples.destination, journal: "s", body: .prepare(MigrationSamples.plan),
      trace: trace)
    let prepared = try #require(
      there.step(of: order, endpoint: MigrationSamples.endpoint, at: MigrationSamples.now()) { _ in nil })
    #expect(prepared.destination?.trace == trace)
    let answers = JournalStep(prepared, of: MigrationSamples.destination).outbox
    #expect(!answers.isEmpty && answers.allSatisfy { $0.headers == trace.fields })

    let journal = try Journal(path: Journal.inMemory)
    #expect(try journal.commit(JournalStep(begun, of: here)) == .committed)
    #expect(try journal.openSources().migrations.first?.trace == trace)
    #expect(try journal.outbox(limit: 1).first?.headers == trace.fields)
  }

  @Test("of a drain's order go on in its events and in the journal, whatever happens to it, and from where it is planned")
  func drain() throws {
    var drains = HostDrains(here: here)
    let key = RequestKey(id: MigrationSamples.id, digest: "d")
    let acceptance = drains.accept(DrainOrder(), key, known: nil, trace: trace, at: MigrationSamples.now())
    let begun = try #require({ if case .begins(let step) = acceptance { step } else { nil } }())
    #expect(begun.drain.trace == trace)
    drains.adopt(begun)
    let paused = try #require(drains.step(of: .pause(Reason(.drainPaused, "by the test")), at: MigrationSamples.now()))
    let events = begun.events + paused.events
    #expect(events.map(\.data.kind) == [.accepted, .paused])
    for event in events {
      #expect(event.trace == trace)
      #expect(OutboxMessage.event(event, host: here).headers == trace.fields)
    }
    let journal = try Journal(path: Journal.inMemory)
    #expect(try journal.begin(begun.drain, request: key, outbox: [], at: begun.at) == .committed)
    #expect(try journal.drains(includeEnded: false).migrations.map(\.trace) == [trace])
  }

  @Test("of a migration are in its progress, as attributes and as headers")
  func progress() throws {
    func message(_ trace: TraceContext?) throws -> (event: ProgressEvent, headers: Table) {
      let message = ProgressEvent(
        id: "p", migration: MigrationSamples.id, host: here, time: MigrationSamples.now().wall,
        data: Progress(phase: .transferring, guest: MigrationSamples.guest, elapsedSeconds: 1), trace: trace
      ).published(by: "agent")
      return (try MessageCoding.decode(ProgressEvent.self, from: message.body), message.properties.headers)
    }
    let traced = try message(trace)
    #expect(traced.event.trace == trace)
    #expect(traced.headers == ["traceparent": .string(Self.parent), "tracestate": .string("a=1")])
    let untraced = try message(nil)
    #expect(untraced.event.trace == nil && untraced.headers == [:])
  }

  @Test("of a request go on in its reply")
  func reply() {
    let reply = Reply(to: MigrationSamples.id, from: here, body: .accepted)
    func message(_ headers: Table) -> OutboxMessage? {
      OutboxMessage.reply(reply, to: AMQP.Message.Properties(headers: headers, replyTo: "q"))
    }
    #expect(message(["traceparent": .string(Self.parent), "tracestate": .string("a=1"), "other": .string("x")])?.headers == trace.fields)
    #expect(message(["traceparent": .string("no")])?.headers == [:])
  }

  @Test("go through where there is no tracer")
  func noTracer() async throws {
    #expect(TraceContext.current == nil)
    await withWork(of: MigrationSamples.id, in: trace) {
      #expect(TraceContext.current == trace && MigrationID.current == MigrationSamples.id)
    }
    await withWork(of: MigrationSamples.id, in: nil) { #expect(TraceContext.current == nil) }
    await withWork(of: nil, in: trace) { #expect(TraceContext.current == trace && MigrationID.current == nil) }
    let message = OutboxMessage(
      exchange: Wire.events, routingKey: "k", body: [1], contentType: "c", messageID: "m", headers: trace.fields)
    let headers = try await withPublishingSpan(of: message, by: "agent") { $0.properties.headers }
    #expect(headers == ["traceparent": .string(Self.parent), "tracestate": .string("a=1")])
  }

  @Test("have spans named by the conventions for messaging")
  func spans() async throws {
    let tracer = InMemoryTracer()
    let message = OutboxMessage(
      exchange: Wire.peers, routingKey: "lab.beta", body: [1, 2], contentType: "c", messageID: "m", correlationID: "id",
      headers: trace.fields)
    try await withPublishingSpan(of: message, by: "agent", tracer: tracer) { _ in }
    let delivery = Delivery(
      message: message.published(by: "agent"), exchange: Wire.peers, routingKey: "lab.beta", deliveryTag: 7
    ) { _ in }
    await withProcessingSpan(of: [delivery], from: "longshore.host.lab.beta", tracer: tracer) {}
    await withProcessingSpan(of: [delivery, delivery], from: "longshore.host.lab.beta", tracer: tracer) {}
    await withEffectSpan("inspect", of: MigrationSamples.id, in: trace, tracer: tracer) {}
    let spans = tracer.finishedSpans
    try #require(spans.count == 4)
    #expect(
      spans.map(\.operationName) == [
        "publish longshore.peers", "process longshore.host.lab.beta", "process longshore.host.lab.beta", "longshore inspect",
      ])
    #expect(spans.map(\.kind) == [.producer, .consumer, .consumer, .internal])
    for span in spans.prefix(3) { #expect(span.attributes.get("messaging.system") == .string("rabbitmq")) }
    #expect(spans[0].attributes.get("messaging.destination.name") == .string("longshore.peers:lab.beta"))
    #expect(spans[0].attributes.get("messaging.message.conversation_id") == .string("id"))
    #expect(spans[1].attributes.get("messaging.destination.name") == .string("longshore.peers:lab.beta:longshore.host.lab.beta"))
    #expect(spans[1].attributes.get("messaging.rabbitmq.message.delivery_tag") == .int64(7))
    #expect(spans[2].attributes.get("messaging.batch.message_count") == .int64(2))
    #expect(spans[2].links.count == 2)
  }
}
