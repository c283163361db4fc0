/// Sends requests and receives their replies, on an exclusive queue that the broker names.
///
/// The queue is made with the connection and made anew, with another name, after a reconnect: requests that wait then fail
/// with ``AMQPError/Code/connectionLost``.
public final class RequestReply: Sendable {
  private let connection: AMQPConnection
  private let inbox = ReplyInbox()
  private let consumer: ConsumerID

  /// Creates a client for requests.
  ///
  /// - Parameters:
  ///   - connection: the connection, running or not yet.
  ///   - exchange: the exchange that replies are published to; the reply queue is bound to it with its own name as the key.
  ///     Without one, replies go through the default exchange, which reaches every queue by its name.
  public init(connection: AMQPConnection, exchange: String? = nil) {
    self.connection = connection
    consumer = connection.consumeOwnQueue(boundTo: exchange, inbox)
  }

  deinit { connection.stopConsuming(consumer) }

  /// Sends a request and returns the first reply to it.
  ///
  /// Sets the message's `replyTo` and `correlationID`. The request is mandatory: nobody there is an error.
  ///
  /// - Parameters:
  ///   - timeout: how long to wait for everything: the connection, the confirm and the reply.
  ///   - isBelieved: whether a reply is one; others are dropped, and the next is waited for.
  /// - Throws: ``AMQPError`` with the code ``AMQPError/Code/timedOut`` or those of
  ///   ``AMQPConnection/publish(_:to:routingKey:mandatory:)``.
  public func request(
    _ message: Message, to exchange: String, routingKey: String, timeout: Duration,
    where isBelieved: @escaping @Sendable (Delivery) -> Bool = { _ in true }
  ) async throws -> Delivery {
    let operation = "request through exchange '\(exchange)' with key '\(routingKey)'"
    let (replies, continuation) = AsyncThrowingStream<Delivery, any Error>.makeStream()
    let id = inbox.newCorrelationID()
    defer { inbox.forget(id) }
    return try await withThrowingTaskGroup(of: Delivery.self) { group in
      group.addTask {
        try await self.send(message, id, to: exchange, routingKey: routingKey, mandatory: true, repliesTo: continuation)
        for try await reply in replies where isBelieved(reply) { return reply }
        try Task.checkCancellation()
        throw AMQPError(.closed, operation: operation, message: "the connection has ended")
      }
      group.addTask {
        try await Task.sleep(for: timeout)
        throw AMQPError(.timedOut, operation: operation, message: "no reply within \(timeout)", isRetriable: true)
      }
      defer { group.cancelAll() }
      guard let reply = try await group.next() else { throw CancellationError() }
      return reply
    }
  }

  /// Sends one request and returns the replies of all who answer, as they come, until the time is over.
  ///
  /// The stream ends without an error when the time is over, and throws what
  /// ``request(_:to:routingKey:timeout:)`` would throw otherwise. Ending the loop early gives up the rest.
  ///
  /// - Parameters:
  ///   - duration: how long to collect, from the call on.
  ///   - mandatory: whether a request that matches no queue is an error.
  public func requests(
    _ message: Message, to exchange: String, routingKey: String, collectingFor duration: Duration,
    mandatory: Bool = true
  ) -> AsyncThrowingStream<Delivery, any Error> {
    let (replies, continuation) = AsyncThrowingStream<Delivery, any Error>.makeStream()
    let id = inbox.newCorrelationID()
    let sending = Task {
      do {
        try await send(message, id, to: exchange, routingKey: routingKey, mandatory: mandatory, repliesTo: continuation)
      } catch {
        continuation.finish(throwing: error)
      }
    }
    let timer = Task {
      try await Task.sleep(for: duration)
      continuation.finish()
    }
    let inbox = inbox
    continuation.onTermination = { _ in
      sending.cancel()
      timer.cancel()
      inbox.forget(id)
    }
    return replies
  }

  /// Registers for the replies, then publishes; waits for a connection.
  private func send(
    _ message: Message, _ correlationID: String, to exchange: String, routingKey: String, mandatory: Bool,
    repliesTo continuation: AsyncThrowingStream<Delivery, any Error>.Continuation
  ) async throws {
    while true {
      var message = message
      message.properties.replyTo = try await inbox.register(correlationID, continuation)
      message.properties.correlationID = correlationID
      do {
        try await connection.publish(message, to: exchange, routingKey: routingKey, mandatory: mandatory)
        guard inbox.published(correlationID) else { throw ReplyInbox.lostQueue() }
        return
      } catch let error as AMQPError where error.code == .notConnected {
        // Nothing was sent: the connection went after the queue was there. The next one brings another queue.
        inbox.forget(correlationID)
      } catch {
        inbox.forget(correlationID)
        throw error
      }
    }
  }
}
