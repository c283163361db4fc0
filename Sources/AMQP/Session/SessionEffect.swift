/// What a ``Session`` asks its surroundings to do, in order.
enum SessionEffect: Equatable {
  /// A publish call ends.
  case published(PublishID, AMQPError?)
  /// A declaration, deletion or inspection ends.
  case completed(RequestID, OperationResult)
  /// A message for a consumer.
  case deliver(ConsumerID, IncomingMessage)
  /// A consumer's standing changed.
  case subscription(ConsumerID, SubscriptionState)
  /// The topology is declared; publishes flow.
  case ready
  /// The broker closed the channel; the session opens it again.
  case channelClosed(AMQPError)
  /// An alarm began (reason) or ended (nil).
  case blocked(reason: String?)
  /// The connection is of no more use.
  case giveUp(AMQPError)
}

/// How an operation for a caller ended.
enum OperationResult: Equatable {
  case done
  case queue(QueueStatus)
  case failed(AMQPError)
}

/// A delivered message with what is needed to settle it.
struct IncomingMessage: Equatable {
  var epoch: UInt64
  var header: DeliveryHeader
  var message: Message
  var bodySize: UInt64
  var needsAck: Bool
}
