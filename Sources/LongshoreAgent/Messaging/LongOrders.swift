internal import AMQP

/// The deliveries of orders whose work takes long and is done beside what comes behind them: each is acknowledged when what came of it is
/// in the journal, as every delivery.
///
/// They are known by their content: what the broker delivers again while it is at work, as after a lost connection, joins the work.
actor LongOrders {
  /// What becomes of an order that came.
  enum Entry: Hashable {
    /// Its work is to be done.
    case begins
    /// It is at work already.
    case joins
    /// As many as may be are at work.
    case full
  }

  private let limit: Int
  private var deliveries: [[UInt8]: [Delivery]] = [:]

  /// - Parameter limit: How many may be at work at once. Each holds a place among the unacknowledged deliveries of the queue.
  init(limit: Int) { self.limit = limit }

  /// Enters a delivery.
  func enter(_ delivery: Delivery) -> Entry {
    if deliveries[delivery.body] != nil {
      deliveries[delivery.body]?.append(delivery)
      return .joins
    }
    guard deliveries.count < limit else { return .full }
    deliveries[delivery.body] = [delivery]
    return .begins
  }

  /// The deliveries that ask for the same as `delivery`, which the work is done for; none where they were given back.
  func all(like delivery: Delivery) -> [Delivery] { deliveries[delivery.body] ?? [] }

  /// Takes out the deliveries that ask for the same as `delivery`: their work is done.
  func leave(_ delivery: Delivery) -> [Delivery] { deliveries.removeValue(forKey: delivery.body) ?? [] }

  /// Takes out all, to be given back: their work is not done.
  func leaveAll() -> [Delivery] {
    defer { deliveries = [:] }
    return deliveries.values.flatMap(\.self)
  }
}
