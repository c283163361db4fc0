internal import Broadcasting
public import Logging
public import ServiceLifecycle
import Synchronization

/// A connection to a RabbitMQ broker that comes back by itself.
///
/// ``run()`` connects, declares the topology, subscribes the consumers, and does so again whenever the connection breaks,
/// until it is shut down. Everything else may be called from any task, before and while it runs.
///
/// One connection has one thread and one AMQP channel. A process that consumes and publishes much should use two: under a
/// memory or disk alarm the broker stops reading connections that publish, and acknowledgements would wait there.
public final class AMQPConnection: Service {
  private enum Life { case new, running }

  private let configuration: AMQPConfiguration
  private let topology: Topology
  private let logger: Logger
  private let mailbox: Mailbox
  private let current = CurrentValue<ConnectionState>(.connecting)
  private let life = Mutex(Life.new)

  /// Creates a connection that ``run()`` will open.
  ///
  /// - Parameters:
  ///   - configuration: how to reach the broker.
  ///   - topology: what to declare at every connect, in order.
  ///   - logger: gets a warning when the connection is lost and a notice when it is back; attempts go to debug.
  /// - Throws: ``AMQPError`` with the code ``AMQPError/Code/invalidConfiguration`` or
  ///   ``AMQPError/Code/invalidArgument``.
  public init(configuration: AMQPConfiguration, topology: Topology = Topology(), logger: Logger) throws(AMQPError) {
    try configuration.validate()
    try topology.validate()
    self.configuration = configuration
    self.topology = topology
    var logger = logger
    if let name = configuration.connectionName { logger[metadataKey: AMQPLoggingKeys.connectionName] = "\(name)" }
    self.logger = logger
    mailbox = try Mailbox()
  }

  /// Keeps the connection until a graceful shutdown or until the task is cancelled.
  ///
  /// A graceful shutdown ends the consumers, waits up to the configured time for confirms and for deliveries that are
  /// still being handled, closes the connection and returns. While the broker is unreachable, it may take as long as one
  /// attempt to connect.
  ///
  /// - Throws: `CancellationError` when the task was cancelled; ``AMQPError`` with the code
  ///   ``AMQPError/Code/alreadyRunning`` when called twice.
  public func run() async throws {
    let isFirst = life.withLock { life in
      defer { life = .running }
      return life == .new
    }
    guard isFirst else {
      throw AMQPError(.alreadyRunning, operation: "run the connection", message: "run() may be called once")
    }
    try await withTaskCancellationHandler {
      try await withGracefulShutdownHandler {
        try await runThread()
      } onGracefulShutdown: {
        self.beginShutdown()
      }
    } onCancel: {
      _ = mailbox.submit(.stop)
    }
    try Task.checkCancellation()
  }

  /// Begins a graceful shutdown, as a `ServiceGroup` does; ``run()`` returns when it is over.
  public func beginShutdown() { _ = mailbox.submit(.drain) }

  private func runThread() async throws {
    let (configuration, topology, mailbox, current, logger) = (configuration, topology, mailbox, current, logger)
    try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
      do throws(AMQPError) {
        try DedicatedThread.start {
          let loop = ConnectionLoop(
            configuration: configuration, topology: topology, mailbox: mailbox, states: current, logger: logger)
          loop.run()
          continuation.resume()
        }
      } catch {
        // Nobody waits for a connection that will not be.
        current.finish(.closed)
        for case .add(_, _, let sink) in mailbox.end() {
          sink.subscriptionChanged(.ended)
          sink.finish()
        }
        continuation.resume(throwing: error)
      }
    }
  }
}

// MARK: - State

extension AMQPConnection {
  /// Where the connection stands.
  public var state: ConnectionState { current.value }

  /// The present ``state`` and all that follow, until ``ConnectionState/closed``. Each access makes a new stream.
  public var states: AsyncStream<ConnectionState> { current.stream() }

  /// Returns once there is a connection with its topology declared.
  ///
  /// - Throws: `CancellationError`, or ``AMQPError`` with the code ``AMQPError/Code/closed``.
  public func waitUntilConnected() async throws {
    for await state in states where state.isConnected { return }
    try Task.checkCancellation()
    throw AMQPError(.closed, operation: "wait for the connection", message: "the connection has ended")
  }
}

extension AMQPConnection {
  /// Leaves the present connection for another one, to the next of the addresses. What is under way fails as it does when a
  /// connection is lost. Does nothing while there is no connection.
  ///
  /// For a channel that the broker serves badly though it is open: RabbitMQ (seen with 3.10) refuses what is published to a quorum
  /// queue on a channel that was opened when the queue's leader had just died, until the leader's node is back.
  public func reconnect() { _ = mailbox.submit(.reconnect) }
}

// MARK: - Publishing

extension AMQPConnection {
  /// Publishes a message and returns when the broker has confirmed it.
  ///
  /// Many calls may be under way at once. Under a memory or disk alarm the message waits; so it does while the broker makes
  /// the channel open again. Cancelling the task ends the wait; a message that was sent already can still arrive.
  ///
  /// - Parameters:
  ///   - message: the message; its body may be larger than a frame.
  ///   - exchange: the exchange; empty for the default exchange, which routes to the queue named by the key.
  ///   - routingKey: the key.
  ///   - mandatory: whether a message that matches no queue is an error.
  /// - Throws: `CancellationError`, or ``AMQPError`` with the code ``AMQPError/Code/unroutable``,
  ///   ``AMQPError/Code/nacked``, ``AMQPError/Code/notConnected`` (not sent), ``AMQPError/Code/connectionLost`` (may have
  ///   been sent), ``AMQPError/Code/channelClosed``, ``AMQPError/Code/invalidArgument`` or ``AMQPError/Code/closed``.
  public func publish(
    _ message: Message, to exchange: String, routingKey: String, mandatory: Bool = true
  ) async throws {
    let publication = Publication(
      message: message, exchange: exchange, routingKey: routingKey, mandatory: mandatory)
    try publication.validate()
    try Task.checkCancellation()
    let id = PublishID(rawValue: mailbox.nextID())
    try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
        guard mailbox.submit(.publish(id, publication, continuation)) else {
          continuation.resume(throwing: mailbox.refusal(publication.operation))
          return
        }
        // The cancellation may have come before there was something to abandon.
        if Task.isCancelled { _ = mailbox.submit(.abandonPublish(id)) }
      }
    } onCancel: {
      _ = mailbox.submit(.abandonPublish(id))
    }
  }
}

// MARK: - Consuming

extension AMQPConnection {
  /// Subscribes to a queue, now or as soon as there is a connection, and again after every reconnect.
  ///
  /// - Parameters:
  ///   - queue: the queue's name.
  ///   - prefetch: how many deliveries may be unacknowledged; 0 for no limit. Streams need one.
  ///   - arguments: further arguments, such as `x-stream-offset` or `x-priority`.
  ///   - noAck: whether the broker forgets a message once it is sent. There is no limit to what is buffered then.
  ///   - exclusive: whether to be refused if there is another consumer.
  public func consume(
    _ queue: String, prefetch: UInt16, arguments: Table = [:], noAck: Bool = false, exclusive: Bool = false
  ) -> Consumer {
    Consumer(
      mailbox: mailbox,
      spec: ConsumerSpec(
        source: .queue(queue), prefetch: prefetch, arguments: arguments, noAck: noAck, exclusive: exclusive))
  }

  /// Subscribes a sink to a queue of the connection's own; returns the consumer's id.
  func consumeOwnQueue(boundTo exchange: String?, _ sink: any DeliverySink) -> ConsumerID {
    let id = ConsumerID(rawValue: mailbox.nextID())
    let spec = ConsumerSpec(
      source: .ownQueue(boundTo: exchange), prefetch: 0, arguments: [:], noAck: true, exclusive: true)
    if !mailbox.submit(.add(id, spec, sink)) {
      sink.subscriptionChanged(.ended)
      sink.finish()
    }
    return id
  }

  /// Ends a subscription.
  func stopConsuming(_ id: ConsumerID) { _ = mailbox.submit(.remove(id)) }
}

// MARK: - Queues and exchanges

extension AMQPConnection {
  /// Asks how many messages and consumers a queue has.
  ///
  /// A queue that does not exist makes the broker close the channel: it is opened again, and unacknowledged deliveries of
  /// this connection are delivered again.
  ///
  /// - Throws: ``AMQPError``, with the code ``AMQPError/Code/declarationRefused`` and the reply code 404 if there is no such
  ///   queue.
  public func inspectQueue(_ name: String) async throws -> QueueStatus {
    let operation = Operation.inspectQueue(name)
    guard case .queue(let status) = try await perform(operation, name) else {
      throw AMQPError(.protocolViolation, operation: operation.description, message: "the broker gave no status")
    }
    return status
  }

  /// Deletes a queue with all its messages. One that does not exist is no error.
  public func deleteQueue(_ name: String) async throws { _ = try await perform(.deleteQueue(name), name) }

  /// Deletes an exchange. One that does not exist is no error.
  public func deleteExchange(_ name: String) async throws { _ = try await perform(.deleteExchange(name), name) }

  private func perform(_ operation: Operation, _ name: String) async throws -> OperationResult {
    try ShortString.check(name, "name", operation: operation.description)
    let id = RequestID(rawValue: mailbox.nextID())
    let result = await withCheckedContinuation { (continuation: CheckedContinuation<OperationResult, Never>) in
      if !mailbox.submit(.perform(id, operation, continuation)) {
        continuation.resume(returning: .failed(mailbox.refusal(operation.description)))
      }
    }
    if case .failed(let error) = result { throw error }
    return result
  }
}
