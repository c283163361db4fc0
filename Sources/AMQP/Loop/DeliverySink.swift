/// Where a consumer's deliveries go. Called on the connection's thread: must not block.
protocol DeliverySink: AnyObject, Sendable {
  /// Takes a delivery.
  func deliver(_ delivery: Delivery, needsAck: Bool)
  /// Gives back what nobody has taken yet and still needs an acknowledgement: the delivery tags.
  func takeUntaken() -> [UInt64]
  /// The consumer's standing with the broker changed.
  func subscriptionChanged(_ state: SubscriptionState)
  /// Nothing comes any more.
  func finish()
}
