/// What to consume, and how.
struct ConsumerSpec: Equatable, Sendable {
  /// The queue to consume from.
  enum Source: Equatable, Sendable {
    /// A queue that exists or is in the topology.
    case queue(String)
    /// A queue of this connection's own, named by the broker, and bound with its name as the key if an exchange is given.
    case ownQueue(boundTo: String?)
  }

  var source: Source
  var prefetch: UInt16
  var arguments: Table
  var noAck: Bool
  var exclusive: Bool
}

/// A consumer as the session knows it.
struct ConsumerRecord {
  enum Phase: Equatable {
    /// Waits for the channel. Can become: subscribing, paused, removed.
    case idle
    /// The operations are under way. Can become: active, waiting, cancelling, idle.
    case subscribing
    /// Gets deliveries. Can become: cancelling, waiting, idle.
    case active
    /// basic.cancel is under way. Can become: paused, removed, idle.
    case cancelling
    /// Refused or cancelled by the broker; subscribes again at the time. Can become: subscribing, paused, removed, idle.
    case waiting(until: ContinuousClock.Instant)
    /// Stopped by the application. Can become: idle, removed.
    case paused
  }

  /// What the application wants.
  enum Intent { case running, paused, removed }

  var spec: ConsumerSpec
  var phase = Phase.idle
  var intent = Intent.running
  var failures = 0
  /// The queue's name; the broker's choice for a queue of the connection's own.
  var queue: String
}
