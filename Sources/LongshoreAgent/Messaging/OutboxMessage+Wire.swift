internal import AMQP
internal import LongshoreMessages
internal import MigrationJournal

extension OutboxMessage {
  /// A reply to a request, where the request says whereto.
  static func reply(_ reply: Reply, to request: AMQP.Message.Properties) -> OutboxMessage? {
    guard let address = request.replyTo, !address.isEmpty else { return nil }
    return OutboxMessage(
      exchange: Wire.replies, routingKey: address, body: MessageCoding.encode(reply), contentType: Wire.jsonContentType,
      messageID: "\(reply.id?.text ?? "-")/\(reply.typeName)", correlationID: request.correlationID ?? reply.id?.text,
      type: reply.typeName, headers: TraceContext(request.headers)?.fields ?? [:], persistent: false)
  }

  /// The message as a user of the broker publishes it, who is named in it: the broker lets nobody name another, so that who gets it can
  /// tell whose it is.
  func published(by user: String) -> AMQP.Message {
    AMQP.Message(
      body: body,
      properties: AMQP.Message.Properties(
        contentType: contentType, headers: headers.mapValues { .string($0) },
        deliveryMode: persistent ? .persistent : .transient, correlationID: correlationID, messageID: messageID, type: type,
        userID: user, appID: "longshore"))
  }
}
