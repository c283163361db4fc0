/// What went wrong on a connection, a channel or with one message.
///
/// Switch on ``code``; show ``description``. Passwords never appear in an error.
public struct AMQPError: Error, Hashable, Sendable {
  /// What kind of failure it was.
  public var code: Code
  /// What was being done, such as `declare queue 'orders'`.
  public var operation: String
  /// What happened, with the broker's or the library's own text.
  public var message: String
  /// The reply code that the broker sent, if it was the broker that refused (404, 406, …).
  public var replyCode: UInt16?
  /// Whether the same operation can succeed later without a change on this side.
  ///
  /// A retriable publish may have reached the broker: receivers must tolerate duplicates.
  public var isRetriable: Bool

  /// Creates an error.
  public init(
    _ code: Code, operation: String, message: String, replyCode: UInt16? = nil, isRetriable: Bool = false
  ) {
    self.code = code
    self.operation = operation
    self.message = message
    self.replyCode = replyCode
    self.isRetriable = isRetriable
  }
}

extension AMQPError {
  /// The kinds of failure. New ones may be added.
  public struct Code: Hashable, Sendable {
    private enum Name: String {
      case invalidConfiguration, invalidArgument
      case connectFailed, tlsFailed, accessRefused, notConnected, connectionLost, connectionClosedByBroker
      case channelClosed, declarationRefused, protocolViolation
      case unroutable, nacked, staleDelivery, alreadySettled, consumerCancelled
      case timedOut, alreadyRunning, closed
    }

    private let name: Name

    /// The configuration or the URL can't be used.
    public static let invalidConfiguration = Code(name: .invalidConfiguration)
    /// A name, a property or a header exceeds what AMQP can carry. Nothing was sent.
    public static let invalidArgument = Code(name: .invalidArgument)
    /// No connection could be opened: name resolution, TCP or the AMQP handshake failed.
    public static let connectFailed = Code(name: .connectFailed)
    /// TLS failed: the broker's certificate, the client's certificate or the versions.
    public static let tlsFailed = Code(name: .tlsFailed)
    /// The broker refused the user, the password or the virtual host.
    public static let accessRefused = Code(name: .accessRefused)
    /// There is no connection now. Nothing was sent.
    public static let notConnected = Code(name: .notConnected)
    /// The connection broke before the broker answered: the outcome is unknown.
    public static let connectionLost = Code(name: .connectionLost)
    /// The broker closed the connection and said why.
    public static let connectionClosedByBroker = Code(name: .connectionClosedByBroker)
    /// The broker closed the channel and said why.
    public static let channelClosed = Code(name: .channelClosed)
    /// The broker refused to declare, bind, delete or inspect a queue or an exchange.
    public static let declarationRefused = Code(name: .declarationRefused)
    /// The broker sent something that the protocol does not allow here.
    public static let protocolViolation = Code(name: .protocolViolation)
    /// A mandatory message matched no queue and came back.
    public static let unroutable = Code(name: .unroutable)
    /// The broker took no responsibility for the message (basic.nack).
    public static let nacked = Code(name: .nacked)
    /// The delivery belongs to an earlier connection or channel; the broker delivers it again.
    public static let staleDelivery = Code(name: .staleDelivery)
    /// The delivery was acknowledged, rejected or given back before.
    public static let alreadySettled = Code(name: .alreadySettled)
    /// The broker ended the subscription, for instance because the queue was deleted.
    public static let consumerCancelled = Code(name: .consumerCancelled)
    /// No answer came in time.
    public static let timedOut = Code(name: .timedOut)
    /// ``AMQPConnection/run()`` was called a second time.
    public static let alreadyRunning = Code(name: .alreadyRunning)
    /// The connection has ended for good.
    public static let closed = Code(name: .closed)
  }
}

extension AMQPError.Code: CustomStringConvertible {
  /// The constant's name.
  public var description: String { name.rawValue }
}

extension AMQPError: CustomStringConvertible {
  /// One line: operation, message and the broker's reply code.
  public var description: String {
    let reply = replyCode.map { " (\($0))" } ?? ""
    return "\(operation): \(message)\(reply) [\(code)]"
  }
}
