/// The keys of the metadata that the library logs.
public enum AMQPLoggingKeys {
  /// The broker's `host:port`.
  public static let address = "amqp.address"
  /// The connection's name, as configured.
  public static let connectionName = "amqp.connection_name"
  /// An error's description.
  public static let error = "amqp.error"
  /// The wait before the next attempt.
  public static let retryIn = "amqp.retry_in"
  /// A consumer's tag.
  public static let consumerTag = "amqp.consumer_tag"
  /// A queue's name.
  public static let queue = "amqp.queue"
  /// The broker's reason for an alarm.
  public static let reason = "amqp.reason"
}
