/// Where a connection stands.
public enum ConnectionState: Sendable, Hashable {
  /// Opening a connection or declaring the topology. Can become: connected, disconnected, closed.
  case connecting
  /// In use. Can become: blocked, disconnected, closed.
  case connected(AMQPConfiguration.Address)
  /// The broker is short of memory or disk and takes no publishes. Can become: unblocked, disconnected, closed.
  case blocked(reason: String)
  /// In use again after an alarm. Can become: blocked, disconnected, closed.
  case unblocked
  /// Broken or refused; tried again after the wait. Can become: connecting, closed.
  case disconnected(AMQPError, retryIn: Duration)
  /// Ended for good.
  case closed

  /// Whether there is a connection with its topology in place; publishes wait while it is blocked.
  public var isConnected: Bool {
    switch self {
    case .connected, .blocked, .unblocked: true
    case .connecting, .disconnected, .closed: false
    }
  }
}
