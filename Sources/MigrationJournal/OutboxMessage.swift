public import LongshoreMessages

/// A message to be published, kept until the broker has confirmed it.
public struct OutboxMessage: Sendable, Hashable {
  /// The message's number in the journal, which grows with every message stored; 0 for one that is not stored yet.
  public internal(set) var row: Int64 = 0
  /// When the message was stored, by the host's wall clock; nil for one that is not, or that an earlier version has stored.
  public internal(set) var stored: Timestamp?
  /// The exchange.
  public var exchange: String
  /// The routing key.
  public var routingKey: String
  /// The content.
  public var body: [UInt8]
  /// The MIME type of the content.
  public var contentType: String
  /// The message's id, by which receivers know a message that is published twice.
  public var messageID: String
  /// The id of the request that this answers.
  public var correlationID: String?
  /// The kind of message.
  public var type: String?
  /// Headers, all of them texts.
  public var headers: [String: String]
  /// Whether the message survives a restart of the broker.
  public var persistent: Bool
  /// Whether the broker gives the message back where no queue takes it.
  public var mandatory: Bool

  /// A message that is not stored yet.
  public init(
    exchange: String, routingKey: String, body: [UInt8], contentType: String, messageID: String, correlationID: String? = nil,
    type: String? = nil, headers: [String: String] = [:], persistent: Bool = true, mandatory: Bool = false
  ) {
    self.exchange = exchange
    self.routingKey = routingKey
    self.body = body
    self.contentType = contentType
    self.messageID = messageID
    self.correlationID = correlationID
    self.type = type
    self.headers = headers
    self.persistent = persistent
    self.mandatory = mandatory
  }
}
