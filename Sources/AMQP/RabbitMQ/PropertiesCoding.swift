internal import CRabbitMQ

extension Arena {
  /// The C form of a message's properties.
  func properties(_ properties: Message.Properties) -> amqp_basic_properties_t {
    var raw = unsafe amqp_basic_properties_t()
    func set(_ flag: Int32) { unsafe raw._flags |= amqp_flags_t(flag) }
    func set(_ text: String?, _ flag: Int32, _ field: WritableKeyPath<amqp_basic_properties_t, amqp_bytes_t>) {
      guard let text else { return }
      unsafe raw[keyPath: field] = bytes(text)
      set(flag)
    }
    unsafe set(properties.contentType, AMQP_BASIC_CONTENT_TYPE_FLAG, \.content_type)
    unsafe set(properties.contentEncoding, AMQP_BASIC_CONTENT_ENCODING_FLAG, \.content_encoding)
    unsafe set(properties.correlationID, AMQP_BASIC_CORRELATION_ID_FLAG, \.correlation_id)
    unsafe set(properties.replyTo, AMQP_BASIC_REPLY_TO_FLAG, \.reply_to)
    unsafe set(properties.expiration.map(\.wholeMilliseconds), AMQP_BASIC_EXPIRATION_FLAG, \.expiration)
    unsafe set(properties.messageID, AMQP_BASIC_MESSAGE_ID_FLAG, \.message_id)
    unsafe set(properties.type, AMQP_BASIC_TYPE_FLAG, \.type)
    unsafe set(properties.userID, AMQP_BASIC_USER_ID_FLAG, \.user_id)
    unsafe set(properties.appID, AMQP_BASIC_APP_ID_FLAG, \.app_id)
    unsafe raw.delivery_mode = properties.deliveryMode.rawValue
    set(AMQP_BASIC_DELIVERY_MODE_FLAG)
    if !properties.headers.isEmpty {
      unsafe raw.headers = table(properties.headers)
      set(AMQP_BASIC_HEADERS_FLAG)
    }
    if let priority = properties.priority {
      unsafe raw.priority = priority
      set(AMQP_BASIC_PRIORITY_FLAG)
    }
    if let timestamp = properties.timestamp {
      unsafe raw.timestamp = timestamp
      set(AMQP_BASIC_TIMESTAMP_FLAG)
    }
    return unsafe raw
  }
}

extension Message.Properties {
  /// Copies borrowed properties, without texts that are not UTF-8.
  init(_ raw: amqp_basic_properties_t) {
    func has(_ flag: Int32) -> Bool { unsafe raw._flags & amqp_flags_t(flag) != 0 }
    // AMQP's texts are UTF-8. Bytes that are not would grow where they are replaced, and could not be sent back in a reply.
    func text(_ bytes: amqp_bytes_t, _ flag: Int32) -> String? {
      has(flag) ? unsafe String(validating: [UInt8](bytes), as: UTF8.self) : nil
    }
    self.init(
      contentType: unsafe text(raw.content_type, AMQP_BASIC_CONTENT_TYPE_FLAG),
      contentEncoding: unsafe text(raw.content_encoding, AMQP_BASIC_CONTENT_ENCODING_FLAG),
      headers: has(AMQP_BASIC_HEADERS_FLAG) ? unsafe Table(raw.headers) : [:],
      deliveryMode: has(AMQP_BASIC_DELIVERY_MODE_FLAG)
        ? unsafe Message.DeliveryMode(rawValue: raw.delivery_mode) ?? .transient : .transient,
      priority: has(AMQP_BASIC_PRIORITY_FLAG) ? unsafe raw.priority : nil,
      correlationID: unsafe text(raw.correlation_id, AMQP_BASIC_CORRELATION_ID_FLAG),
      replyTo: unsafe text(raw.reply_to, AMQP_BASIC_REPLY_TO_FLAG),
      expiration: unsafe text(raw.expiration, AMQP_BASIC_EXPIRATION_FLAG)
        .flatMap { Int64($0) }.map { .milliseconds($0) },
      messageID: unsafe text(raw.message_id, AMQP_BASIC_MESSAGE_ID_FLAG),
      timestamp: has(AMQP_BASIC_TIMESTAMP_FLAG) ? unsafe raw.timestamp : nil,
      type: unsafe text(raw.type, AMQP_BASIC_TYPE_FLAG),
      userID: unsafe text(raw.user_id, AMQP_BASIC_USER_ID_FLAG),
      appID: unsafe text(raw.app_id, AMQP_BASIC_APP_ID_FLAG))
  }
}

extension Duration {
  /// The text of RabbitMQ's per-message expiration.
  fileprivate var wholeMilliseconds: String { String(Int64(max(0, self / .milliseconds(1)))) }
}
