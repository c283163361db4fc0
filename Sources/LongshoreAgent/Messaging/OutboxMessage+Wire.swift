internal import AMQP
internal import LongshoreMessages
internal import MigrationJournal

extension OutboxMessage {
  /// A reply to a request, where the request says whereto. Nobody would read one that is too large: it says that instead.
  static func reply(_ reply: Reply, to request: AMQP.Message.Properties) -> OutboxMessage? {
    guard let address = request.replyTo, !address.isEmpty else { return nil }
    var (reply, body) = (reply, MessageCoding.encode(reply))
    if body.count > Wire.maximumMessageSize {
      reply.body = .rejected([
        Reason(
          .tooLarge,
          "the answer would have \(body.count) bytes, and at most \(Wire.maximumMessageSize) are read: ask for less, such as for one "
            + "migration or drain by its id")
      ])
      body = MessageCoding.encode(reply)
    }
    return OutboxMessage(
      exchange: Wire.replies, routingKey: address, body: body, contentType: Wire.jsonContentType,
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

extension ProgressEvent {
  /// The event as a user of the broker publishes it. Nothing keeps it: the next one says more.
  func published(by user: String) -> AMQP.Message {
    AMQP.Message(
      body: MessageCoding.encode(self),
      properties: AMQP.Message.Properties(
        contentType: Wire.eventContentType, headers: (trace?.fields ?? [:]).mapValues { .string($0) }, deliveryMode: .transient,
        correlationID: subject.text, messageID: id, type: Self.type, userID: user, appID: "longshore"))
  }
}
