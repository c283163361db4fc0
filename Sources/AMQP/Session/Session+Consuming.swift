extension Session {
  /// Adds a consumer; it is subscribed now or with the next connection.
  mutating func add(_ id: ConsumerID, _ spec: ConsumerSpec) {
    guard !isDraining else { return }
    let queue =
      switch spec.source {
      case .queue(let name): name
      case .ownQueue: ""
      }
    consumers[id] = ConsumerRecord(spec: spec, queue: queue)
    if phase == .ready { subscribe(id, redeclaring: false) }
  }

  /// Stops the deliveries to a consumer; what it has can still be settled.
  mutating func pause(_ id: ConsumerID) -> [SessionEffect] {
    stop(id, intent: .paused)
  }

  /// Lets a paused consumer go on.
  mutating func resume(_ id: ConsumerID) -> [SessionEffect] {
    guard consumers[id]?.intent == .paused else { return [] }
    consumers[id]?.intent = .running
    guard consumers[id]?.phase == .paused else { return [] }
    consumers[id]?.phase = .idle
    if phase == .ready { subscribe(id, redeclaring: false) }
    return [.subscription(id, .inactive(nil))]
  }

  /// Ends a consumer.
  mutating func remove(_ id: ConsumerID) -> [SessionEffect] {
    stop(id, intent: .removed)
  }

  private mutating func stop(_ id: ConsumerID, intent: ConsumerRecord.Intent) -> [SessionEffect] {
    guard let record = consumers[id], record.intent != .removed else { return [] }
    consumers[id]?.intent = intent
    switch record.phase {
    case .active:
      consumers[id]?.phase = .cancelling
      operations.append(PendingOperation(operation: .cancel(tag: id.tag), purpose: .consumer(id)))
      return []
    // The answer that is under way decides.
    case .subscribing, .cancelling: return []
    case .idle, .waiting, .paused: return rest(id)
    }
  }

  /// A consumer without a subscription comes to rest as the application wants it.
  private mutating func rest(_ id: ConsumerID) -> [SessionEffect] {
    switch consumers[id]?.intent {
    case .paused:
      consumers[id]?.phase = .paused
      return [.subscription(id, .paused)]
    case .removed:
      consumers[id] = nil
      return [.subscription(id, .ended)]
    case .running, nil: return []
    }
  }

  mutating func subscribeAll() {
    for id in consumers.keys.sorted() where consumers[id]?.phase == .idle {
      subscribe(id, redeclaring: false)
    }
  }

  /// Queues the operations that subscribe a consumer.
  ///
  /// - Parameter redeclaring: declare the topology before, since the broker may have lost the queue.
  mutating func subscribe(_ id: ConsumerID, redeclaring: Bool) {
    guard let record = consumers[id] else { return }
    consumers[id]?.phase = .subscribing
    if redeclaring {
      operations += topology.elements.map { PendingOperation(operation: $0.operation, purpose: .restore) }
    }
    switch record.spec.source {
    case .queue: consume(id)
    case .ownQueue:
      // It goes with its consumer, so that a pause leaves none behind.
      let queue = Queue("", durable: false, exclusive: true, autoDelete: true)
      operations.append(PendingOperation(operation: .declareQueue(queue), purpose: .consumer(id)))
    }
  }

  private mutating func consume(_ id: ConsumerID) {
    guard let record = consumers[id] else { return }
    let spec = record.spec
    let consume = Operation.consume(
      queue: record.queue, tag: id.tag, noAck: spec.noAck, exclusive: spec.exclusive, arguments: spec.arguments)
    for operation in [.setPrefetch(spec.prefetch), consume] {
      operations.append(PendingOperation(operation: operation, purpose: .consumer(id)))
    }
  }

  mutating func consumerAnswered(
    _ id: ConsumerID, _ operation: Operation, _ method: InboundMethod
  ) -> [SessionEffect] {
    guard let record = consumers[id] else { return [] }
    switch (operation, method) {
    case (.declareQueue, .declareQueueOK(let status)):
      consumers[id]?.queue = status.name
      if case .ownQueue(boundTo: let exchange?) = record.spec.source {
        let binding = Binding(.queue(status.name), to: exchange, routingKey: status.name)
        operations.append(PendingOperation(operation: .bind(binding), purpose: .consumer(id)))
      }
      consume(id)
      return []
    case (.consume, _):
      consumers[id]?.phase = .active
      consumers[id]?.failures = 0
      guard record.intent == .running else { return stop(id, again: record.intent) }
      return [.subscription(id, .active(queue: record.queue))]
    case (.cancel, _):
      guard record.intent == .running else { return rest(id) }
      subscribe(id, redeclaring: false)
      return [.subscription(id, .inactive(nil))]
    default: return []
    }
  }

  private mutating func stop(_ id: ConsumerID, again intent: ConsumerRecord.Intent) -> [SessionEffect] {
    consumers[id]?.intent = .running
    return stop(id, intent: intent)
  }

  /// The channel or connection is gone: the consumer waits for the next one.
  mutating func suspend(_ id: ConsumerID, _ error: AMQPError) -> [SessionEffect] {
    guard let record = consumers[id] else { return [] }
    switch record.phase {
    case .paused, .waiting: return []
    case .idle, .subscribing, .active, .cancelling: break
    }
    consumers[id]?.phase = .idle
    guard record.intent == .running else { return rest(id) }
    return [.subscription(id, .inactive(error))]
  }

  /// The broker refused the subscription, and closed the channel over it.
  mutating func refused(_ id: ConsumerID, _ error: AMQPError, now: Instant) -> [SessionEffect] {
    guard let record = consumers[id], record.intent == .running else { return [] }
    consumers[id]?.failures += 1
    let wait = backOff.delay(afterFailures: record.failures + 1, jitter: jitter())
    consumers[id]?.phase = .waiting(until: now.advanced(by: wait))
    return [.subscription(id, .inactive(error))]
  }

  /// basic.cancel from the broker: the queue was deleted or moved.
  mutating func cancelledByBroker(_ tag: String, now: Instant) -> [SessionEffect] {
    guard let id = ConsumerID(tag: tag), let record = consumers[id] else { return [] }
    guard record.phase == .active else { return [] }
    guard record.intent == .running else { return rest(id) }
    let error = AMQPError(
      .consumerCancelled, operation: "consume from queue '\(record.queue)'",
      message: "the broker cancelled the consumer: the queue was deleted or became unavailable", isRetriable: true)
    return refused(id, error, now: now)
  }

  /// A delivery is complete.
  mutating func delivered(_ header: DeliveryHeader, _ content: ContentAssembler.Content) -> [SessionEffect] {
    guard let id = ConsumerID(tag: header.consumerTag), let record = consumers[id] else {
      settlements.append((header.deliveryTag, .nack(requeue: true)))
      return []
    }
    guard record.intent == .running || record.spec.noAck else {
      settlements.append((header.deliveryTag, .nack(requeue: true)))
      return []
    }
    if record.spec.noAck { noteSettled(header.deliveryTag) } else { unsettled.insert(header.deliveryTag) }
    let incoming = IncomingMessage(
      epoch: epoch, header: header, message: content.message, bodySize: content.bodySize, needsAck: !record.spec.noAck)
    return [.deliver(id, incoming)]
  }

  /// Settles a delivery.
  mutating func settle(_ settlement: Delivery.Settlement, tag: UInt64, epoch: UInt64) throws(AMQPError) {
    guard epoch == self.epoch, phase != .down else { throw .staleDelivery(settlement) }
    guard unsettled.remove(tag) != nil else {
      throw .alreadySettled(settlement, tag: tag)
    }
    settlements.append((tag, settlement))
  }
}

extension Delivery.Settlement {
  var operation: String {
    switch self {
    case .ack: "acknowledge a delivery"
    case .nack: "reject a delivery"
    }
  }
}

extension AMQPError {
  static func alreadySettled(_ settlement: Delivery.Settlement, tag: UInt64) -> AMQPError {
    AMQPError(.alreadySettled, operation: settlement.operation, message: "delivery \(tag) was settled before")
  }

  static func staleDelivery(_ settlement: Delivery.Settlement) -> AMQPError {
    AMQPError(
      .staleDelivery, operation: settlement.operation,
      message: "its connection or channel is gone; the broker delivers the message again")
  }
}
