import AMQP
import FoundationEssentials
import LongshoreMessages

/// The queues that events and progress come by, and the reading of them.
struct EventInbox: Sendable {
  /// A queue that is read.
  enum Source: Sendable, Hashable {
    /// A queue of the connection's own, bound to what is wanted.
    case live(String)
    /// The stream of all events, from this long ago.
    case history(since: Duration)
  }

  /// The deliveries in flight.
  private static let prefetch: UInt16 = 100

  /// What is declared at each connect.
  let topology: Topology
  /// What is read.
  let queues: [Source]

  private let subscription: Subscription
  private let senders: SenderCheck

  /// The queues of a subscription; nil where nothing is heard.
  init?(_ subscription: Subscription, senders: SenderCheck) {
    guard let key = subscription.bindingKey else { return nil }
    self.subscription = subscription
    self.senders = senders
    let name = "longshore.client.\(UUID().uuidString.lowercased())"
    var bindings = [Binding(.queue(name), to: Wire.progress, routingKey: key)]
    var queues = [Source.live(name)]
    if let time = subscription.history {
      // The stream goes on with the events of the present.
      queues.append(.history(since: time))
    } else {
      bindings.append(Binding(.queue(name), to: Wire.events, routingKey: key))
    }
    self.queues = queues
    topology = Topology(
      queues: [Queue(name, kind: .classic, durable: false, exclusive: true, autoDelete: true)], bindings: bindings)
  }

  /// Subscribes to a queue.
  /// - Throws: ``LinkError`` where the broker refuses the stream of all events; a queue of the connection's own is there.
  func subscribe(to source: Source, over connection: AMQPConnection) async throws(LinkError) -> Consumer {
    switch source {
    case .live(let name): return connection.consume(name, prefetch: Self.prefetch)
    case .history(let time):
      let consumer = connection.consume(
        Wire.history, prefetch: Self.prefetch,
        // An interval as RabbitMQ's streams read it: a number and a unit, here seconds.
        arguments: ["x-stream-offset": .string("\(time.components.seconds)s")])
      for await state in consumer.states {
        switch state {
        case .active: return consumer
        case .inactive(let error?): throw LinkError(error, while: "reading the history of events")
        case .inactive(nil), .paused, .ended: continue
        }
      }
      return consumer
    }
  }

  /// Tells what a consumer brings, until the task is cancelled.
  func read(_ consumer: Consumer, to teller: AsyncStream<LinkNotice>.Continuation) async {
    var told = ToldEvents()
    for await delivery in consumer {
      if let notice = notice(in: delivery), told.isNew(notice) { teller.yield(notice) }
      // A stale delivery comes again, and is known by its sequence then.
      try? await delivery.ack()
    }
  }

  /// What a delivery tells; nil for what is not of these hosts, is told in a host's name by somebody else, or cannot be read: newer agents
  /// may tell more.
  func notice(in delivery: Delivery) -> LinkNotice? {
    if let event = try? MessageCoding.decode(MigrationEvent.self, from: delivery.body) {
      return hears(event.source, told: event.data.sourceHost, through: Wire.events, delivery) ? .event(event) : nil
    }
    if let progress = try? MessageCoding.decode(ProgressEvent.self, from: delivery.body) {
      return hears(progress.source, told: nil, through: Wire.progress, delivery) ? .progress(progress) : nil
    }
    if let drain = try? MessageCoding.decode(DrainEvent.self, from: delivery.body) {
      return hears(drain.source, told: drain.data.host, through: Wire.events, delivery) ? .drain(drain) : nil
    }
    return nil
  }

  private func hears(_ source: String, told host: NodeName?, through exchange: String, _ delivery: Delivery) -> Bool {
    subscription.covers(source: source) && senders.believes(source: source, host: host, exchange: exchange, delivery)
  }
}
