import AMQP
import Digests
public import LongshoreMessages

/// A message that an agent could not use, as it is among the dead letters.
public struct DeadLetter: Sendable, Hashable {
  /// How many are looked at at once: the broker holds a place in memory for each.
  public static let mostAtOnce = 1000

  /// What is to become of a dead letter.
  public enum Fate: Sendable, Hashable {
    /// It stays where it is.
    case keep
    /// It is published again as it was, to where it had been published, as a message of this user.
    case sendAgain
    /// It is deleted.
    case drop
  }

  /// What has become of a dead letter.
  public struct Sorted: Sendable, Hashable {
    /// The letter.
    public var letter: DeadLetter
    /// What was to become of it.
    public var fate: Fate
    /// Why it could not be sent again, and is kept; nil where all was done.
    public var failure: LinkError?

    /// Makes a value, for links of another kind.
    public init(letter: DeadLetter, fate: Fate, failure: LinkError? = nil) {
      self.letter = letter
      self.fate = fate
      self.failure = failure
    }
  }

  /// Says which letter it is: the beginning of the digest of its content, the same at every reading. Letters of the same content have the
  /// same id.
  public var id: String
  /// Why it is one, as its agent says.
  public var reason: String?
  /// The routing key of the host whose agent could not use it.
  public var host: String?
  /// When that was; nil where its agent does not say it.
  public var time: Timestamp?
  /// The exchange that it had been published to.
  public var exchange: String?
  /// The routing key that it had been published with.
  public var routingKey: String?
  /// What kind of message it says it is.
  public var type: String?
  /// The message's own id.
  public var messageID: String?
  /// The id of the request that it belongs to.
  public var correlationID: String?
  /// The MIME type of the body.
  public var contentType: String?
  /// The body, as it came.
  public var body: [UInt8]

  /// A letter, with the id that its content has.
  public init(
    reason: String? = nil, host: String? = nil, time: Timestamp? = nil, exchange: String? = nil, routingKey: String? = nil,
    type: String? = nil, messageID: String? = nil, correlationID: String? = nil, contentType: String? = nil, body: [UInt8]
  ) {
    self.reason = reason
    self.host = host
    self.time = time
    self.exchange = exchange
    self.routingKey = routingKey
    self.type = type
    self.messageID = messageID
    self.correlationID = correlationID
    self.contentType = contentType
    self.body = body
    let parts = [reason, host, time?.description, exchange, routingKey, type, messageID, correlationID, contentType]
    // No text of AMQP has a NUL of its own that could move a border.
    let content = parts.flatMap { Array(($0 ?? "").utf8) + [0] } + body
    id = String(SHA256.digest(of: content).prefix(12))
  }

  /// Reads a letter off its queue.
  init(_ delivery: Delivery) {
    let headers = delivery.properties.headers
    self.init(
      reason: headers[Wire.deadLetterReasonHeader]?.stringValue, host: headers[Wire.deadLetterHostHeader]?.stringValue,
      time: headers[Wire.deadLetterTimeHeader]?.stringValue.flatMap { Timestamp($0) },
      exchange: headers[Wire.deadLetterExchangeHeader]?.stringValue, routingKey: headers[Wire.deadLetterRoutingKeyHeader]?.stringValue,
      type: delivery.properties.type, messageID: delivery.properties.messageID.flatMap { $0.isEmpty ? nil : $0 },
      correlationID: delivery.properties.correlationID, contentType: delivery.properties.contentType, body: delivery.body)
  }

  /// Whether it is a request, which an orchestrator may publish again. Messages between agents are repeated by the agents themselves for
  /// as long as they matter, and nobody else may publish them.
  public var isRequest: Bool { exchange == Wire.requests && routingKey != nil }
}

extension DeadLetter: Encodable {
  private enum Keys: String, CodingKey {
    case id, reason, host, time, exchange, routingKey, type, messageID, correlationID, contentType, size, body
  }

  /// The fields, and the body where it is text in UTF-8.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: Keys.self)
    try container.encode(id, forKey: .id)
    try container.encodeIfPresent(reason, forKey: .reason)
    try container.encodeIfPresent(host, forKey: .host)
    try container.encodeIfPresent(time, forKey: .time)
    try container.encodeIfPresent(exchange, forKey: .exchange)
    try container.encodeIfPresent(routingKey, forKey: .routingKey)
    try container.encodeIfPresent(type, forKey: .type)
    try container.encodeIfPresent(messageID, forKey: .messageID)
    try container.encodeIfPresent(correlationID, forKey: .correlationID)
    try container.encodeIfPresent(contentType, forKey: .contentType)
    try container.encode(body.count, forKey: .size)
    try container.encodeIfPresent(String(validating: body, as: UTF8.self), forKey: .body)
  }
}
