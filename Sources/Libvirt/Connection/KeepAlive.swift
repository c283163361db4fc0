/// How a connection finds out that the daemon at the other end is gone.
///
/// The connection is closed, with ``CloseReason/keepAlive``, when `count` messages stayed without an answer: with the
/// default after 30 seconds of silence, as between libvirt's own daemons. Calls under way then fail, and what they did
/// is unknown.
public struct KeepAlive: Sendable, Hashable {
  /// The time between two messages; libvirt counts in whole seconds, at least one.
  public var interval: Duration
  /// How many messages may stay without an answer.
  public var count: Int

  /// Makes a setting.
  public init(interval: Duration = .seconds(5), count: Int = 5) {
    self.interval = interval
    self.count = count
  }

  /// The interval in libvirt's unit.
  var seconds: Int32 { Int32(clamping: max(1, interval.components.seconds)) }
}
