/// A method that the broker sent, copied out of librabbitmq's memory.
enum InboundMethod: Equatable {
  case openChannelOK
  case selectConfirmsOK
  case declareExchangeOK
  case declareQueueOK(QueueStatus)
  case bindQueueOK
  case bindExchangeOK
  case setPrefetchOK
  case consumeOK
  case cancelOK
  case deleteQueueOK(messages: UInt32)
  case deleteExchangeOK
  case deliver(DeliveryHeader)
  case returned(ReturnHeader)
  case ack(tag: UInt64, multiple: Bool)
  case nack(tag: UInt64, multiple: Bool)
  case cancel(consumerTag: String)
  case channelClose(CloseReason)
  case connectionClose(CloseReason)
  case connectionCloseOK
  case blocked(reason: String)
  case unblocked
  case other(UInt32)
}

/// One frame from the broker.
enum InboundFrame: Equatable {
  case method(InboundMethod)
  case header(bodySize: UInt64, Message.Properties)
  case body([UInt8])
}

/// What basic.deliver says about the content that follows.
struct DeliveryHeader: Equatable {
  var consumerTag: String
  var deliveryTag: UInt64
  var redelivered: Bool
  var exchange: String
  var routingKey: String
}

/// What basic.return says about the content that follows.
struct ReturnHeader: Equatable {
  var replyCode: UInt16
  var replyText: String
  var exchange: String
  var routingKey: String
}

/// Why the broker closes a channel or the connection, and which method made it do so (0, 0 if none).
struct CloseReason: Equatable {
  var replyCode: UInt16
  var replyText: String
  var method: MethodID
}

/// A method's class and number in AMQP 0-9-1.
struct MethodID: Hashable {
  var classID: UInt16
  var methodID: UInt16

  static let basicConsume = MethodID(classID: 60, methodID: 20)
  static let basicPublish = MethodID(classID: 60, methodID: 40)
}

/// What goes to the broker next.
enum Outbound: Equatable {
  case operation(Operation)
  /// With `multiple`, all deliveries up to the tag.
  case settle(tag: UInt64, Delivery.Settlement, multiple: Bool = false)
  case content(Publication)
  case closeChannelOK
}

/// A message on its way to an exchange.
struct Publication: Equatable {
  var message: Message
  var exchange: String
  var routingKey: String
  var mandatory: Bool

  var operation: String { "publish to exchange '\(exchange)' with key '\(routingKey)'" }

  func validate() throws(AMQPError) {
    try ShortString.check(exchange, "exchange's name", operation: "publish")
    try ShortString.check(routingKey, "routing key", operation: "publish")
    try message.properties.validate(operation: operation)
  }
}
