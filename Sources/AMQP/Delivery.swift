/// A message that the broker delivered, to be settled once with ``ack()`` or ``nack(requeue:)``.
///
/// It can be passed to any task. When the connection or its channel breaks, the broker takes the message back and
/// delivers it again; this value is stale then, and settling it throws ``AMQPError/Code/staleDelivery``.
public struct Delivery: Sendable {
  /// What becomes of a delivery.
  public enum Settlement: Hashable, Sendable {
    /// Handled; the broker forgets it.
    case ack
    /// Not handled; the broker delivers it again, or dead-letters or drops it.
    case nack(requeue: Bool)
  }

  /// The message.
  public let message: Message
  /// The exchange it was published to; empty for the default exchange.
  public let exchange: String
  /// The key it was published with.
  public let routingKey: String
  /// Whether it may have been delivered before.
  public let redelivered: Bool
  /// Numbers the deliveries of one channel.
  public let deliveryTag: UInt64
  /// The size of the message's content, in bytes. ``body`` is empty where it is more than
  /// ``AMQPConfiguration/maximumBodySize``.
  public let bodySize: UInt64

  private let settle: @Sendable (Settlement) async throws -> Void

  /// Creates a delivery that is settled through `settle`; for tests of code that handles deliveries.
  public init(
    message: Message, exchange: String, routingKey: String, redelivered: Bool = false, deliveryTag: UInt64 = 0,
    bodySize: UInt64? = nil, settle: @escaping @Sendable (Settlement) async throws -> Void
  ) {
    self.message = message
    self.exchange = exchange
    self.routingKey = routingKey
    self.redelivered = redelivered
    self.deliveryTag = deliveryTag
    self.bodySize = bodySize ?? UInt64(message.body.count)
    self.settle = settle
  }

  /// The message's content.
  public var body: [UInt8] { message.body }
  /// The message's properties.
  public var properties: Message.Properties { message.properties }

  /// Says that the message is handled. Returns once the connection has taken the acknowledgement: AMQP has no answer to it. Where the
  /// connection breaks before it has arrived, the broker delivers the message again.
  ///
  /// - Throws: ``AMQPError`` with the code ``AMQPError/Code/staleDelivery`` or ``AMQPError/Code/alreadySettled``.
  public func ack() async throws { try await settle(.ack) }

  /// Says that the message is not handled.
  ///
  /// - Parameter requeue: `true` to have it delivered again, `false` to have it dead-lettered or dropped.
  /// - Throws: ``AMQPError`` with the code ``AMQPError/Code/staleDelivery`` or ``AMQPError/Code/alreadySettled``.
  public func nack(requeue: Bool) async throws { try await settle(.nack(requeue: requeue)) }
}
