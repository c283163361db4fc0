/// Where a ``Consumer`` stands with the broker.
public enum SubscriptionState: Sendable, Hashable {
  /// Not subscribed now; it will be as soon as possible. The error says why, if the broker refused or ended it.
  case inactive(AMQPError?)
  /// Subscribed to the queue of this name.
  case active(queue: String)
  /// Paused by ``Consumer/pause()``.
  case paused
  /// Ended for good.
  case ended
}
