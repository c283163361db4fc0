import AMQP
import FoundationEssentials
import Logging
import LongshoreMessages
import LongshoreTestKit
import Testing

/// A client as the contract describes it: it sends requests, and reads replies, events, progress and dead letters from queues of
/// its own.
///
/// The queues are durable, unlike those of most clients, so that nothing is missed while a test has the broker down; where the
/// broker is a cluster, they have replicas.
struct Orchestrator: Sendable {
  /// A reply with the correlation id that it came with.
  struct ReceivedReply: Sendable {
    let correlation: String?
    let reply: Reply
  }

  /// An event with the key that it came with.
  struct ReceivedEvent: Sendable {
    let routingKey: String
    let event: MigrationEvent
  }

  /// Progress with the time of its coming.
  struct ReceivedProgress: Sendable {
    let at: Timestamp
    let event: ProgressEvent
  }

  private let connection: AMQPConnection
  private let replyQueue: String
  private let replies = Arrivals<ReceivedReply>()
  private let events = Arrivals<ReceivedEvent>()
  private let progress = Arrivals<ReceivedProgress>()
  private let deadLetters = Arrivals<Message>()
  /// Migrations whose end nobody can tell.
  private let endless = Arrivals<MigrationID>()
  /// Everything that passed, for the contract.
  private let entries = Arrivals<ContractChecker.Entry>()
}

// MARK: - Its life

extension Orchestrator {
  /// Runs the body with an orchestrator. Afterwards everything that agents have sent it is held against the contract.
  static func with<Value: Sendable>(
    _ lab: Lab, _ body: (Orchestrator) async throws -> Value
  ) async throws -> Value {
    let name = "longshore-test.\(UUID().uuidString.lowercased())"
    let sources = [
      ("replies", Wire.replies, "\(name).replies"), ("events", Wire.events, "#"), ("progress", Wire.progress, "#"),
      ("dead-letters", Wire.deadLetters, ""),
    ]
    let kind: Queue.Kind = try lab.brokerNodes > 1 ? .quorum : .classic
    // Of a test that was killed, the queues go after ten minutes.
    let topology = Topology(
      queues: sources.map { Queue("\(name).\($0.0)", kind: kind, arguments: ["x-expires": 600_000]) },
      bindings: sources.map { Binding(.queue("\(name).\($0.0)"), to: $0.1, routingKey: $0.2) })
    var configuration = try AMQPConfiguration(url: lab.administratorURL)
    configuration.connectionName = "longshore-tests"
    configuration.backOff = BackOff(minimum: .milliseconds(50), maximum: .milliseconds(500))
    var logger = Logger(label: "longshore.tests")
    logger.logLevel = .critical
    let connection = try AMQPConnection(configuration: configuration, topology: topology, logger: logger)
    let orchestrator = Orchestrator(connection: connection, replyQueue: "\(name).replies")

    async let running: Void = connection.run()
    let reading = Task { await orchestrator.read(name) }
    let outcome: Result<Value, any Error>
    do {
      try await connection.waitUntilConnected()
      let value = try await body(orchestrator)
      try await orchestrator.expectSoundHistories()
      try await orchestrator.expectContract()
      outcome = .success(value)
    } catch {
      outcome = .failure(error)
    }
    // A reader that lost its queue would have it declared again.
    reading.cancel()
    await reading.value
    for source in sources { try? await connection.deleteQueue("\(name).\(source.0)") }
    connection.beginShutdown()
    try await running
    return try outcome.get()
  }

  private func read(_ name: String) async {
    await withDiscardingTaskGroup { group in
      group.addTask {
        await each(of: "\(name).replies") { delivery in
          let reply = try MessageCoding.read(Reply.self, from: delivery.body)
          await entries.add(ContractChecker.Entry("reply.\(reply.typeName)", payload: delivery.body))
          await replies.add(ReceivedReply(correlation: delivery.properties.correlationID, reply: reply))
        }
      }
      group.addTask {
        await each(of: "\(name).events") { delivery in
          let event = try MessageCoding.decode(MigrationEvent.self, from: delivery.body)
          await entries.add(ContractChecker.Entry("event.\(event.data.kind.rawValue)", payload: delivery.body))
          await events.add(ReceivedEvent(routingKey: delivery.routingKey, event: event))
        }
      }
      group.addTask {
        await each(of: "\(name).progress") { delivery in
          await entries.add(ContractChecker.Entry("progress", payload: delivery.body))
          let event = try MessageCoding.decode(ProgressEvent.self, from: delivery.body)
          await progress.add(ReceivedProgress(at: .now, event: event))
        }
      }
      group.addTask { await each(of: "\(name).dead-letters") { await deadLetters.add($0.message) } }
    }
  }

  private func each(of queue: String, _ take: @Sendable (Delivery) async throws -> Void) async {
    for await delivery in connection.consume(queue, prefetch: 100) {
      do {
        try await take(delivery)
      } catch {
        Issue.record(error, "a message of \(queue) cannot be read: \(String(decoding: delivery.body, as: UTF8.self))")
      }
      // It fails where the connection was lost meanwhile; the delivery comes again then.
      try? await delivery.ack()
    }
  }
}

// MARK: - Sending

extension Orchestrator {
  /// An id that nobody has used.
  static func newID() throws -> MigrationID { try #require(MigrationID(UUID().uuidString.lowercased())) }

  /// Publishes a message as it is.
  ///
  /// - Parameters:
  ///   - correlation: the correlation id with which the reply shall come; nil for a message without `reply_to`.
  ///   - user: the broker's user that the message names.
  func publish(
    _ body: [UInt8], to host: Lab.Host, exchange: String = Wire.requests, correlation: String?, user: String? = nil
  ) async throws {
    var properties = Message.Properties(contentType: Wire.jsonContentType, userID: user)
    properties.correlationID = correlation
    properties.replyTo = correlation.map { _ in replyQueue }
    try await connection.waitUntilConnected()
    try await connection.publish(
      Message(body: body, properties: properties), to: exchange, routingKey: "\(Lab.cluster).\(host)")
  }

  /// Sends a request and returns the reply.
  func ask(_ request: Request, of host: Lab.Host, as user: String? = nil) async throws -> Reply {
    await entries.add(ContractChecker.Entry(request))
    return try await ask(MessageCoding.encode(request), of: host, as: user)
  }

  /// Sends a body as a request and returns the reply.
  func ask(_ body: [UInt8], of host: Lab.Host, as user: String? = nil) async throws -> Reply {
    let correlation = UUID().uuidString
    try await publish(body, to: host, correlation: correlation, user: user)
    return try await replies.wait(for: "the reply to \(String(decoding: body.prefix(300), as: UTF8.self))") { replies in
      replies.first { $0.correlation == correlation }?.reply
    }
  }

  /// Orders a migration and expects it to be accepted.
  func migrate(
    _ guest: Guest, from source: Lab.Host, pools: MigrateCommand.Pools? = nil, deadlineSeconds: Int64? = nil,
    options: MigrationOptions? = nil, priority: MigrationPriority? = nil
  ) async throws -> MigrationID {
    let id = try Self.newID()
    var order = try order(guest, from: source, pools: pools, deadlineSeconds: deadlineSeconds, options: options)
    order.priority = priority
    let reply = try await ask(Request(id: id, command: .migrate(order)), of: source)
    try #require(reply.body == .accepted)
    #expect(reply.id == id)
    return id
  }

  /// The order to move a guest to the other host.
  func order(
    _ guest: Guest, from source: Lab.Host, pools: MigrateCommand.Pools? = nil, deadlineSeconds: Int64? = nil,
    options: MigrationOptions? = nil
  ) throws -> MigrateCommand {
    MigrateCommand(
      guest: try guest.resourceName,
      destination: MigrateCommand.Destination(host: try #require(NodeName(source.other.rawValue))), pools: pools,
      deadlineSeconds: deadlineSeconds, options: options)
  }

  /// The migrations that wait at a host.
  func queue(of host: Lab.Host) async throws -> [QueueEntry] {
    let reply = try await ask(Request(id: Self.newID(), command: .queue), of: host)
    guard case .queue(let entries) = reply.body else { throw UnexpectedReply(reply: reply) }
    return entries
  }

  /// Deletes the queue of a host whose agent is away, as where a broker was made anew: the agent declares it again.
  func deleteInbox(of host: Lab.Host) async throws { try await connection.deleteQueue("longshore.host.\(Lab.cluster).\(host)") }

  /// Asks for a migration's end.
  func cancel(_ id: MigrationID, on host: Lab.Host) async throws -> Reply {
    try await ask(Request(id: Self.newID(), command: .cancel(migration: id)), of: host)
  }

  /// Asks for the guest of a migration to be suspended until it has moved.
  func force(_ id: MigrationID, on host: Lab.Host) async throws -> Reply {
    try await ask(Request(id: Self.newID(), command: .forceComplete(migration: id)), of: host)
  }

  /// Asks for a migration's limits to be changed.
  func tune(_ id: MigrationID, _ limits: TransferLimits, on host: Lab.Host) async throws -> Reply {
    try await ask(Request(id: Self.newID(), command: .tune(migration: id, limits)), of: host)
  }
}

// MARK: - Waiting

extension Orchestrator {
  /// The first event of a kind of a migration, for a reason where one is given.
  @discardableResult
  func event(_ kind: MigrationEventData.Kind, for code: Reason.Code? = nil, of id: MigrationID) async throws -> MigrationEvent {
    try await events.wait(for: "the event \(kind.rawValue) of \(id)") { events in
      let history = events.map(\.event).filter { $0.subject == id }
      let found = history.first { $0.data.kind == kind && (code == nil || $0.data.reasons?.map { $0.code as Reason.Code? } == [code]) }
      if found == nil, let end = history.first(where: \.data.kind.isTerminal), end.data.kind != kind { throw EndedOtherwise(event: end) }
      return found
    }
  }

  /// The first progress of a migration that is as far as a condition says.
  @discardableResult
  func progress(of id: MigrationID, until isThere: @escaping @Sendable (Progress) -> Bool) async throws -> Progress {
    try await progress.wait(for: "the progress of \(id)") { all in
      all.first { $0.event.subject == id && isThere($0.event.data) }?.event.data
    }
  }

  /// The traces of all progress of a migration that has come, of which there is some.
  func progressTraces(of id: MigrationID) async throws -> [TraceContext?] {
    try await progress.wait(for: "the progress of \(id)") { all in
      let traces = all.filter { $0.event.subject == id }.map(\.event.trace)
      return traces.isEmpty ? nil : traces
    }
  }

  /// The first progress of a migration that was made, and has come, after a moment.
  func progress(of id: MigrationID, madeAfter moment: Timestamp) async throws -> ReceivedProgress {
    try await progress.wait(for: "progress of \(id) after \(moment)") { all in
      all.first { $0.event.subject == id && $0.event.time > moment }
    }
  }

  /// The events of a migration from first to last, when the last has come.
  func history(of id: MigrationID) async throws -> [MigrationEvent] {
    try await events.wait(for: "the end of \(id)") { events in
      let history = Self.history(of: id, in: events)
      guard let last = history.last, last.data.kind.isTerminal, Int(last.sequence) == history.count else { return nil }
      return history
    }
  }

  /// How many times an event of a migration has come, the same one again included.
  func arrivals(of id: MigrationID) async -> Int { await events.all.count { $0.event.subject == id } }

  /// What the events of a migration that have come are.
  func kinds(of id: MigrationID) async -> [MigrationEventData.Kind] { Self.history(of: id, in: await events.all).map(\.data.kind) }

  /// The events of a migration's end: the terminal one.
  func end(of id: MigrationID) async throws -> MigrationEventData {
    try #require(try await history(of: id).last).data
  }

  /// Returns when a host's agent says that it is connected to its libvirt.
  func waitForLibvirt(on host: Lab.Host) async throws {
    while true {
      try Task.checkCancellation()
      let reply = try await ask(Request(id: Self.newID(), command: .describe), of: host)
      if case .host(let description) = reply.body, description.libvirtVersion != nil { return }
    }
  }

  /// Returns when no migration out of or into a host is known to its agent that has not ended.
  func waitForRest(of host: Lab.Host) async throws {
    while true {
      try Task.checkCancellation()
      let reply = try await ask(Request(id: Self.newID(), command: .describe), of: host)
      if case .host(let description) = reply.body, description.migrations == 0 { return }
    }
  }

  /// The dead letter with a body and the reason for which nobody could use it.
  @discardableResult
  func deadLetter(_ body: [UInt8], for code: Reason.Code, count: Int = 1) async throws -> Message {
    try await deadLetters.wait(for: "the dead letter, \(code), \(String(decoding: body.prefix(300), as: UTF8.self))") { letters in
      let found = letters.filter {
        $0.body == body && $0.properties.headers[Wire.deadLetterReasonHeader]?.stringValue?.contains("[\(code)]") == true
      }
      return found.count >= count ? found.last : nil
    }
  }

  /// A migration ended in another way than was waited for.
  struct EndedOtherwise: Error, CustomStringConvertible {
    let event: MigrationEvent
    var description: String { String(decoding: MessageCoding.encode(event), as: UTF8.self) }
  }

  /// The events of a migration in the order of their coming, each once.
  private static func history(of id: MigrationID, in events: [ReceivedEvent]) -> [MigrationEvent] {
    var seen: Set<String> = []
    return events.map(\.event).filter { $0.subject == id && seen.insert($0.sequence).inserted }
  }
}

// MARK: - What must hold of everything

extension Orchestrator {
  /// Expects no end of a migration, whose source has lost its journal.
  func expectNoEnd(of id: MigrationID) async { await endless.add(id) }

  /// Every migration's events are numbered from 1 without a gap, and none follows its only terminal one.
  private func expectSoundHistories() async throws {
    let all = await events.all
    for id in Set(all.map(\.event.subject)) {
      let history = Self.history(of: id, in: all)
      #expect(history.map { Int($0.sequence) } == (1...history.count).map { $0 })
      let ends = await endless.all.contains(id) ? 0 : 1
      #expect(history.filter(\.data.kind.isTerminal).count == ends, "\(history.map(\.data.kind))")
      #expect(history.last?.data.kind.isTerminal == (ends == 1), "\(history.map(\.data.kind))")
      #expect(history.first?.data.kind == .accepted)
      for received in all where received.event.subject == id {
        #expect(history.contains(received.event), "an event that comes again is the same")
      }
    }
    for received in all {
      let data = received.event.data
      #expect(received.routingKey == "\(Lab.cluster).\(data.sourceHost).\(data.guest.uuid).\(data.kind.rawValue)")
    }
  }

  private func expectContract() async throws {
    #expect(try await ContractChecker.violations(in: await entries.all) == [])
  }
}

extension Orchestrator {
  /// Expects a migration's events in the stream that keeps them, in their order and all of them.
  func expectStored(_ history: [MigrationEvent], sourceLocation: SourceLocation = #_sourceLocation) async throws {
    var stored: [MigrationEvent] = []
    let stream = connection.consume(Wire.history, prefetch: 100, arguments: ["x-stream-offset": "first"])
    defer { stream.stop() }
    for await delivery in stream {
      try await delivery.ack()
      guard delivery.properties.correlationID == history.first?.subject.text else { continue }
      let event = try MessageCoding.decode(MigrationEvent.self, from: delivery.body)
      if !stored.contains(event) { stored.append(event) }
      if stored.last?.data.kind.isTerminal == true { break }
    }
    #expect(stored == history, sourceLocation: sourceLocation)
  }
}

extension Timestamp {
  /// The time now.
  static var now: Timestamp { Timestamp(milliseconds: Int64(Date().timeIntervalSince1970 * 1000)) }
}

extension Progress {
  /// Whether libvirt copies the guest's disks, and some of them has arrived.
  var isCopyingDisks: Bool { phase == .transferring && disks.contains { $0.bytes.done > 0 } }
}
