internal import Broadcasting

/// The deliveries of one queue, as an asynchronous sequence for one reader.
///
/// It survives lost connections and closed channels: the subscription is restored, and the broker delivers again what was not
/// acknowledged. The sequence ends with ``stop()``, with the connection's shutdown, and when its reader is cancelled; what
/// was received and not read then goes back to the queue.
public final class Consumer: AsyncSequence, Sendable {
  /// A message from the queue.
  public typealias Element = Delivery
  /// The sequence does not fail; ``state`` tells about refusals.
  public typealias Failure = Never

  private let id: ConsumerID
  private let mailbox: Mailbox
  private let buffer: DeliveryBuffer

  init(mailbox: Mailbox, spec: ConsumerSpec) {
    self.mailbox = mailbox
    id = ConsumerID(rawValue: mailbox.nextID())
    buffer = DeliveryBuffer()
    if !mailbox.submit(.add(id, spec, buffer)) {
      buffer.subscriptionChanged(.ended)
      buffer.finish()
    }
  }

  deinit { stop() }

  /// Where the consumer stands with the broker.
  public var state: SubscriptionState { buffer.subscription.value }

  /// The present ``state`` and all that follow, until the consumer has ended. Each access makes a new stream.
  public var states: AsyncStream<SubscriptionState> { buffer.subscription.stream() }

  /// Stops the broker's deliveries and gives back what was not read yet. What was read can still be acknowledged.
  public func pause() { _ = mailbox.submit(.pause(id)) }

  /// Lets the deliveries go on after ``pause()``.
  public func resume() { _ = mailbox.submit(.resume(id)) }

  /// Ends the sequence for good. What was read can still be acknowledged.
  public func stop() { _ = mailbox.submit(.remove(id)) }

  /// Begins reading. When the iterator is dropped, the consumer stops.
  public func makeAsyncIterator() -> Iterator {
    Iterator(buffer: buffer, reader: Reader(self))
  }

  /// Reads the deliveries one by one.
  public struct Iterator: AsyncIteratorProtocol {
    fileprivate let buffer: DeliveryBuffer
    fileprivate let reader: Reader

    /// The next delivery; nil when the consumer has ended or the task is cancelled.
    public mutating func next() async -> Delivery? { await buffer.next() }

    /// Waits for a delivery, and takes with it those that have come meanwhile, in their order: at most `limit` in all. Empty when the
    /// consumer has ended or the task is cancelled.
    public mutating func next(upTo limit: Int) async -> [Delivery] { await buffer.next(upTo: limit) }

    /// The same as ``next()``, on the caller's actor.
    public mutating func next(isolation _: isolated (any Actor)?) async -> Delivery? { await buffer.next() }
  }

  /// Stops the consumer when the last copy of the iterator is gone.
  fileprivate final class Reader {
    private let consumer: Consumer

    init(_ consumer: Consumer) {
      self.consumer = consumer
    }

    deinit { consumer.stop() }
  }
}
