/// A message: a body and its properties.
public struct Message: Hashable, Sendable {
  /// The content; AMQP does not look into it.
  public var body: [UInt8]
  /// What travels beside the content.
  public var properties: Properties

  /// Creates a message.
  public init(body: [UInt8], properties: Properties = Properties()) {
    self.body = body
    self.properties = properties
  }

  /// Creates a message whose body is UTF-8 text.
  public init(_ text: String, properties: Properties = Properties()) {
    self.init(body: Array(text.utf8), properties: properties)
  }
}

extension Message {
  /// The properties that AMQP 0-9-1 defines. Texts may have up to 255 bytes each.
  public struct Properties: Hashable, Sendable {
    /// The MIME type of the body.
    public var contentType: String?
    /// The MIME encoding of the body.
    public var contentEncoding: String?
    /// The application's own headers.
    public var headers: Table
    /// Whether the message survives a restart of the broker in a durable queue.
    public var deliveryMode: DeliveryMode
    /// 0 to 9; counts only in queues with priorities.
    public var priority: UInt8?
    /// Relates a reply to its request.
    public var correlationID: String?
    /// Where the reply shall go.
    public var replyTo: String?
    /// How long the message may wait in a queue, in whole milliseconds.
    public var expiration: Duration?
    /// The sender's identifier of the message.
    public var messageID: String?
    /// Seconds since 1970-01-01 00:00:00 UTC.
    public var timestamp: UInt64?
    /// The application's name of this kind of message.
    public var type: String?
    /// The user who publishes. The broker refuses any other name than that of the connection's user, so a receiver can
    /// trust it.
    public var userID: String?
    /// The publishing application.
    public var appID: String?

    /// Creates properties: none but persistent delivery, unless given.
    public init(
      contentType: String? = nil, contentEncoding: String? = nil, headers: Table = [:],
      deliveryMode: DeliveryMode = .persistent, priority: UInt8? = nil, correlationID: String? = nil,
      replyTo: String? = nil, expiration: Duration? = nil, messageID: String? = nil, timestamp: UInt64? = nil,
      type: String? = nil, userID: String? = nil, appID: String? = nil
    ) {
      self.contentType = contentType
      self.contentEncoding = contentEncoding
      self.headers = headers
      self.deliveryMode = deliveryMode
      self.priority = priority
      self.correlationID = correlationID
      self.replyTo = replyTo
      self.expiration = expiration
      self.messageID = messageID
      self.timestamp = timestamp
      self.type = type
      self.userID = userID
      self.appID = appID
    }
  }

  /// Whether a message is written to disk.
  public enum DeliveryMode: UInt8, Hashable, Sendable {
    /// May be lost when the broker restarts.
    case transient = 1
    /// Written to disk by durable queues before it is confirmed.
    case persistent = 2
  }
}

extension Message.Properties {
  /// The texts with the limit of 255 bytes, with their names for error messages.
  private var shortStrings: [(name: String, value: String?)] {
    [
      ("content type", contentType), ("content encoding", contentEncoding), ("correlation id", correlationID),
      ("reply-to", replyTo), ("message id", messageID), ("type", type), ("user id", userID), ("app id", appID),
    ]
  }

  /// The upper limit of the bytes that the properties take on the wire.
  var encodedSize: Int {
    shortStrings.reduce(64) { $0 + 1 + ($1.value?.utf8.count ?? 0) } + headers.encodedSize
  }

  /// Refuses what AMQP can't carry.
  func validate(operation: String) throws(AMQPError) {
    for (name, value) in shortStrings {
      if let value { try ShortString.check(value, name, operation: operation) }
    }
    try headers.validate(operation: operation)
  }
}
