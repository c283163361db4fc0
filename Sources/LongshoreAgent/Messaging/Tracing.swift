internal import AMQP
internal import LongshoreMessages
internal import MigrationJournal
internal import Tracing

// What agents tell tracers, by OpenTelemetry's conventions for messaging, and how a trace goes on from message to message. Where no tracer
// is there, the trace of a request goes through all the same.

extension TraceContext {
  private enum Key: ServiceContextKey {
    typealias Value = TraceContext
    static let nameOverride: String? = "longshore.trace"
  }

  /// The trace that the present task works for.
  static var current: TraceContext? { ServiceContext.current?[Key.self] }

  /// The trace that a message names by its headers, as texts or as bytes; nil where it names none, or none that is valid.
  init?(_ headers: Table) {
    func text(_ name: String) -> String? {
      switch headers[name] {
      case .string(let text): text
      case .bytes(let bytes): String(validating: bytes, as: UTF8.self)
      default: nil
      }
    }
    guard let parent = text(Self.parentField) else { return nil }
    self.init(traceparent: parent, tracestate: text(Self.stateField))
  }

  /// A context for work that belongs to this trace: for the tracer, and for what is published.
  fileprivate func context(_ instrument: any Instrument) -> ServiceContext {
    var context = ServiceContext.current ?? .topLevel
    context[Key.self] = self
    instrument.extract(fields, into: &context, using: Fields())
    return context
  }
}

extension MigrationID {
  fileprivate enum Key: ServiceContextKey {
    typealias Value = MigrationID
    static let nameOverride: String? = "longshore.migration"
  }

  /// The migration that the present task works for.
  static var current: MigrationID? { ServiceContext.current?[Key.self] }
}

/// Runs a body that works for a migration, or for what else has an id, and for a trace; where one is nil, for that of the present task.
func withWork<Value, Failure: Error>(
  of id: MigrationID?, in trace: TraceContext?, instrument: any Instrument = InstrumentationSystem.instrument,
  _ body: () async throws(Failure) -> Value
) async throws(Failure) -> Value {
  var context = trace?.context(instrument) ?? ServiceContext.current ?? .topLevel
  if let id { context[MigrationID.Key.self] = id }
  // `withValue` rethrows untyped; the result carries the error's type through it.
  let result: Result<Value, Failure> = await ServiceContext.withValue(context) {
    do throws(Failure) {
      return .success(try await body())
    } catch {
      return .failure(error)
    }
  }
  return try result.get()
}

/// Publishes a message within a span, as what follows from it in the trace.
///
/// - Parameter body: Publishes the message that it is given, which names the span as its parent where there is a tracer.
func withPublishingSpan<Value>(
  of message: OutboxMessage, by user: String, tracer: any Tracer = InstrumentationSystem.tracer,
  _ body: (AMQP.Message) async throws -> Value
) async throws -> Value {
  var published = message.published(by: user)
  let trace = TraceContext(published.properties.headers)
  let context = trace?.context(tracer) ?? .topLevel
  return try await tracer.withSpan("publish \(message.exchange)", context: context, ofKind: .producer) { span in
    span.attributes["messaging.system"] = "rabbitmq"
    span.attributes["messaging.operation.name"] = "publish"
    span.attributes["messaging.operation.type"] = "send"
    span.attributes["messaging.destination.name"] = "\(message.exchange):\(message.routingKey)"
    span.attributes["messaging.rabbitmq.destination.routing_key"] = message.routingKey
    span.attributes["messaging.message.id"] = message.messageID
    if let id = message.correlationID { span.attributes["messaging.message.conversation_id"] = id }
    span.attributes["messaging.message.body.size"] = message.body.count
    var fields: [String: String] = [:]
    tracer.inject(span.context, into: &fields, using: Fields())
    for (name, value) in fields { published.properties.headers[name] = .string(value) }
    return try await body(published)
  }
}

/// Works on deliveries within a span: the child of what has sent one, or linked to all that have sent several.
func withProcessingSpan<Value, Failure: Error>(
  of deliveries: [Delivery], from queue: String, tracer: any Tracer = InstrumentationSystem.tracer,
  _ body: () async throws(Failure) -> Value
) async throws(Failure) -> Value {
  let contexts = deliveries.compactMap { TraceContext($0.properties.headers)?.context(tracer) }
  let only = deliveries.count == 1 ? contexts.first : nil
  let result: Result<Value, Failure> = await tracer.withSpan("process \(queue)", context: only ?? .topLevel, ofKind: .consumer) { span in
    span.attributes["messaging.system"] = "rabbitmq"
    span.attributes["messaging.operation.name"] = "process"
    span.attributes["messaging.operation.type"] = "process"
    if let first = deliveries.first, deliveries.count == 1 {
      span.attributes["messaging.destination.name"] = "\(first.exchange):\(first.routingKey):\(queue)"
      span.attributes["messaging.rabbitmq.destination.routing_key"] = first.routingKey
      span.attributes["messaging.rabbitmq.message.delivery_tag"] = Int64(clamping: first.deliveryTag)
      if let id = first.properties.messageID { span.attributes["messaging.message.id"] = id }
      if let id = first.properties.correlationID { span.attributes["messaging.message.conversation_id"] = id }
    } else {
      span.attributes["messaging.destination.name"] = queue
      span.attributes["messaging.batch.message_count"] = deliveries.count
      for context in contexts { span.addLink(SpanLink(context: context, attributes: [:])) }
    }
    do throws(Failure) {
      return .success(try await body())
    } catch {
      span.recordError(error)
      return .failure(error)
    }
  }
  return try result.get()
}

/// Header fields as a tracer reads and writes them.
private struct Fields: Extractor, Injector {
  func extract(key: String, from carrier: [String: String]) -> String? { carrier[key] }
  func inject(_ value: String, forKey key: String, into carrier: inout [String: String]) { carrier[key] = value }
}
