/// What the broker tells about a queue.
public struct QueueStatus: Hashable, Sendable {
  /// The queue's name.
  public var name: String
  /// The messages that are ready for delivery.
  public var messages: UInt32
  /// The consumers that are subscribed.
  public var consumers: UInt32

  /// Creates a status, for tests of code that reads one.
  public init(name: String, messages: UInt32, consumers: UInt32) {
    self.name = name
    self.messages = messages
    self.consumers = consumers
  }
}
