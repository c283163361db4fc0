import Testing

@testable import AMQP

/// A session with the clock and the frame size of the tests.
private final class Driver {
  var session: Session
  var now = ContinuousClock.now

  init(_ topology: Topology = Topology()) {
    session = Session(
      topology: topology, operationTimeout: .seconds(10), maximumBodySize: 3,
      backOff: BackOff(minimum: .seconds(1), maximum: .seconds(8)), jitter: { 1 })
  }

  /// A driver whose channel is open.
  static func ready() -> Driver {
    let driver = Driver()
    driver.session.connected()
    driver.answerOpening()
    return driver
  }

  func answerOpening() { answer([.openChannelOK, .selectConfirmsOK]) }

  /// Lets operations go out and answers them.
  func answer(_ answers: [InboundMethod]) {
    for answer in answers {
      _ = next()
      _ = receive(answer)
    }
  }

  func next() -> Outbound? { session.next(frameMax: 4096, now: now).0 }

  func receive(_ method: InboundMethod) -> [SessionEffect] { session.receive(.method(method), now: now) }

  func receive(_ frame: InboundFrame) -> [SessionEffect] { session.receive(frame, now: now) }

  func advance(by duration: Duration) -> [SessionEffect] {
    now = now.advanced(by: duration)
    return session.advance(to: now)
  }

  /// Publishes so many messages, with the ids from 1, and sends them.
  func publish(_ count: UInt64) {
    for id in 1...count { publish("\(id)", id: id) }
    for _ in 1...count { _ = next() }
  }

  func publish(_ text: String, id: UInt64) {
    session.publish(publication(text), id: PublishID(rawValue: id))
  }

  func abandon(_ id: UInt64) -> Bool { session.abandonPublish(PublishID(rawValue: id)) }

  func subscribe(_ id: ConsumerID) {
    session.add(id, spec)
    answer([.setPrefetchOK, .consumeOK])
  }

  func settle(_ settlement: Delivery.Settlement, _ tags: UInt64...) throws {
    for tag in tags { try session.settle(settlement, tag: tag, epoch: session.epoch) }
  }

  func deliver(_ tag: UInt64, to id: ConsumerID) -> [SessionEffect] {
    let header = DeliveryHeader(
      consumerTag: id.tag, deliveryTag: tag, redelivered: false, exchange: "", routingKey: "q")
    return receive(.deliver(header)) + receive(.header(bodySize: 3, Message.Properties())) + receive(.body([1, 2]))
      + receive(.body([3]))
  }
}

private let spec = ConsumerSpec(source: .queue("q"), prefetch: 1, arguments: [:], noAck: false, exclusive: false)

private func publication(_ text: String) -> Publication {
  Publication(message: Message(text), exchange: "", routingKey: "q", mandatory: true)
}

private func published(_ ids: ClosedRange<UInt64>) -> [SessionEffect] {
  ids.map { .published(PublishID(rawValue: $0), nil) }
}

extension [SessionEffect] {
  /// The errors of failed publishes and operations, and of a connection that is given up.
  fileprivate var errors: [AMQPError] {
    compactMap { effect in
      switch effect {
      case .published(_, let error): error
      case .completed(_, .failed(let error)): error
      case .giveUp(let error): error
      case .subscription(_, .inactive(let error)): error
      default: nil
      }
    }
  }
}

/// The protocol's rules, frame by frame, without a broker.
struct SessionTests {
  @Test func theChannelIsOpenedAndTheTopologyDeclaredInOrderBeforeAnythingElse() {
    let queue = Queue("q")
    let driver = Driver(Topology(queues: [queue]))
    driver.publish("early", id: 1)
    driver.session.connected()
    let answers: [(Operation, InboundMethod)] = [
      (.openChannel, .openChannelOK), (.selectConfirms, .selectConfirmsOK),
      (.declareQueue(queue), .declareQueueOK(QueueStatus(name: "q", messages: 0, consumers: 0))),
    ]
    for (index, (operation, answer)) in answers.enumerated() {
      #expect(driver.next() == .operation(operation))
      #expect(driver.next() == nil)
      #expect(driver.receive(answer) == (index == 2 ? [.ready] : []))
    }
    #expect(driver.next() == .content(publication("early")))
  }

  @Test func aMultipleAckConfirmsAllUpToIt() {
    let driver = Driver.ready()
    driver.publish(5)
    #expect(driver.receive(.ack(tag: 2, multiple: false)) == published(2...2))
    #expect(driver.receive(.ack(tag: 3, multiple: true)) == published(1...1) + published(3...3))
    #expect(driver.receive(.ack(tag: 0, multiple: true)) == published(4...5))
    #expect(driver.session.isIdle)
  }

  @Test func aNackFailsItsMessage() {
    let driver = Driver.ready()
    driver.publish(1)
    #expect(driver.receive(.nack(tag: 1, multiple: false)).errors.map(\.code) == [.nacked])
  }

  @Test func aConfirmOfSomethingNeverSentIsAViolation() {
    let driver = Driver.ready()
    #expect(driver.receive(.ack(tag: 1, multiple: false)).errors.map(\.code) == [.protocolViolation])
  }

  @Test func aReturnedMessageFailsWithItsConfirm() {
    let driver = Driver.ready()
    driver.publish(3)
    #expect(
      driver.receive(.returned(ReturnHeader(replyCode: 312, replyText: "NO_ROUTE", exchange: "", routingKey: "q")))
        .isEmpty)
    #expect(driver.receive(.header(bodySize: 1, Message.Properties())).isEmpty)
    #expect(driver.receive(.body(Array("2".utf8))).isEmpty)
    let effects = driver.receive(.ack(tag: 3, multiple: true))
    #expect(effects.first == published(1...1).first)
    #expect(effects.last == published(3...3).first)
    #expect(effects.errors.map(\.code) == [.unroutable])
  }

  @Test func underAnAlarmOnlySettlementsGoOut() throws {
    let driver = Driver.ready()
    let consumer = ConsumerID(rawValue: 1)
    driver.subscribe(consumer)
    _ = driver.deliver(1, to: consumer)
    driver.publish("waits", id: 1)
    #expect(driver.receive(.blocked(reason: "low")) == [.blocked(reason: "low")])
    #expect(!driver.session.hasOutbound)
    try driver.session.settle(.ack, tag: 1, epoch: driver.session.epoch)
    #expect(driver.next() == .settle(tag: 1, .ack))
    #expect(driver.next() == nil)
    #expect(driver.receive(.unblocked) == [.blocked(reason: nil)])
    #expect(driver.next() == .content(publication("waits")))
  }

  @Test func anAnswerThatDoesNotComeEndsTheConnectionButNotDuringAnAlarm() {
    let driver = Driver.ready()
    driver.session.perform(.deleteQueue("q"), id: RequestID(rawValue: 1))
    _ = driver.next()
    #expect(driver.advance(by: .seconds(9)).isEmpty)
    _ = driver.receive(.blocked(reason: "low"))
    #expect(driver.advance(by: .seconds(60)).isEmpty)
    _ = driver.receive(.unblocked)
    #expect(driver.advance(by: .seconds(9)).isEmpty)
    let errors = driver.advance(by: .seconds(1)).errors
    #expect(errors.map(\.code) == [.timedOut])
    #expect(errors.map(\.operation) == ["delete queue 'q'"])
  }

  @Test func aClosedChannelFailsWhatIsUnderWayAndKeepsWhatWasNotSent() {
    let driver = Driver.ready()
    driver.publish(2)
    driver.publish("unsent", id: 3)
    let epoch = driver.session.epoch
    let reason = CloseReason(replyCode: 404, replyText: "no exchange 'x' in vhost '/'", method: .basicPublish)
    let errors = driver.receive(.channelClose(reason)).errors
    #expect(errors.count == 2)
    #expect(errors.allSatisfy { $0.code == .channelClosed && $0.replyCode == 404 && $0.isRetriable })
    #expect(driver.session.epoch > epoch)
    #expect(driver.next() == .closeChannelOK)
    driver.answerOpening()
    #expect(driver.next() == .content(publication("unsent")))
    #expect(driver.receive(.ack(tag: 1, multiple: false)) == published(3...3))
  }

  @Test func aRefusedDeclarationGivesTheConnectionUp() {
    let driver = Driver(Topology(queues: [Queue("q")]))
    driver.session.connected()
    driver.answerOpening()
    _ = driver.next()
    let reason = CloseReason(
      replyCode: 406, replyText: "inequivalent arg", method: Operation.declareQueue(Queue("q")).methodID)
    let errors = driver.receive(.channelClose(reason)).errors
    #expect(errors.map(\.code) == [.declarationRefused])
    #expect(errors.map(\.operation) == ["declare queue 'q'"])
  }

  @Test func aRefusedSubscriptionIsTriedAgainAfterGrowingWaits() {
    let driver = Driver.ready()
    let consumer = ConsumerID(rawValue: 1)
    driver.session.add(consumer, spec)
    for wait in [Duration.seconds(1), .seconds(2), .seconds(4)] {
      driver.answer([.setPrefetchOK])
      _ = driver.next()
      let refusal = CloseReason(replyCode: 404, replyText: "no queue", method: .basicConsume)
      #expect(driver.receive(.channelClose(refusal)).errors.map(\.code) == [.declarationRefused])
      #expect(driver.next() == .closeChannelOK)
      driver.answerOpening()
      #expect(driver.session.nextDeadline == driver.now.advanced(by: wait))
      #expect(driver.advance(by: .zero).isEmpty)
      #expect(!driver.session.hasOutbound)
      #expect(driver.advance(by: wait).isEmpty)
      #expect(driver.session.hasOutbound)
    }
  }

  @Test func aDeliveryOfAnEarlierEpochIsStale() throws {
    let driver = Driver.ready()
    let consumer = ConsumerID(rawValue: 1)
    driver.subscribe(consumer)
    let epoch = driver.session.epoch
    #expect(driver.deliver(1, to: consumer).count == 1)
    _ = driver.session.disconnected(AMQPError(.connectionLost, operation: "test", message: "cut"))
    driver.session.connected()
    let error = #expect(throws: AMQPError.self) { try driver.session.settle(.ack, tag: 1, epoch: epoch) }
    #expect(error?.code == .staleDelivery)
  }

  @Test func acknowledgementsThatFollowEachOtherGoInOne() throws {
    let driver = Driver.ready()
    let consumer = ConsumerID(rawValue: 1)
    driver.subscribe(consumer)
    for tag in 1...6 as ClosedRange<UInt64> { _ = driver.deliver(tag, to: consumer) }
    // The first is open: what comes after it must not be acknowledged with it.
    try driver.settle(.ack, 2, 3)
    #expect(driver.next() == .settle(tag: 2, .ack))
    #expect(driver.next() == .settle(tag: 3, .ack))
    try driver.settle(.ack, 1, 4)
    try driver.settle(.nack(requeue: true), 5)
    try driver.settle(.ack, 6)
    #expect(driver.next() == .settle(tag: 1, .ack))
    #expect(driver.next() == .settle(tag: 4, .ack))
    #expect(driver.next() == .settle(tag: 5, .nack(requeue: true)))
    #expect(driver.next() == .settle(tag: 6, .ack))
    for tag in 7...9 as ClosedRange<UInt64> { _ = driver.deliver(tag, to: consumer) }
    try driver.settle(.ack, 7, 8, 9)
    #expect(driver.next() == .settle(tag: 9, .ack, multiple: true))
    #expect(driver.next() == nil)
  }

  /// A broker that knows no more than what it was told takes each delivery as its consumer has said.
  @Test(arguments: 1...200)
  func theBrokerLearnsWhatWasSaidOfEachDelivery(seed: UInt64) throws {
    let driver = Driver.ready()
    let (consumer, forgetful) = (ConsumerID(rawValue: 1), ConsumerID(rawValue: 2))
    driver.subscribe(consumer)
    driver.session.add(forgetful, ConsumerSpec(source: .queue("p"), prefetch: 1, arguments: [:], noAck: true, exclusive: false))
    driver.answer([.setPrefetchOK, .consumeOK])
    var state = seed
    func random(_ below: UInt64) -> UInt64 {
      // Knuth's MMIX generator; its high bits are good enough.
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return (state >> 33) % below
    }
    var last: UInt64 = 0
    var open: [UInt64] = [], outstanding: Set<UInt64> = []
    var said: [UInt64: Delivery.Settlement] = [:], heard: [UInt64: Delivery.Settlement] = [:]
    for turn in 0..<400 {
      // At the end everything is settled.
      switch turn < 300 ? random(4) : 2 + random(2) {
      case 0, 1:
        last += 1
        let isForgotten = random(8) == 0
        _ = driver.deliver(last, to: isForgotten ? forgetful : consumer)
        if !isForgotten {
          open.append(last)
          outstanding.insert(last)
        }
      case 2 where !open.isEmpty:
        // Mostly in order.
        let tag = open.remove(at: random(4) == 0 ? Int(random(UInt64(open.count))) : 0)
        said[tag] = random(10) == 0 ? .nack(requeue: true) : .ack
        try driver.settle(said[tag] ?? .ack, tag)
      default:
        guard case .settle(let tag, let settlement, let multiple)? = driver.next() else { continue }
        #expect(outstanding.contains(tag))
        for each in multiple ? outstanding.filter({ $0 <= tag }) : [tag] {
          heard[each] = settlement
          outstanding.remove(each)
        }
      }
    }
    while case .settle(let tag, let settlement, let multiple)? = driver.next() {
      for each in multiple ? outstanding.filter({ $0 <= tag }) : [tag] {
        heard[each] = settlement
        outstanding.remove(each)
      }
    }
    #expect(heard == said)
    #expect(outstanding == Set(open))
  }

  @Test func aBodyThatIsTooLargeIsDeliveredWithoutItsContent() {
    let driver = Driver.ready()
    let consumer = ConsumerID(rawValue: 1)
    driver.subscribe(consumer)
    let header = DeliveryHeader(consumerTag: consumer.tag, deliveryTag: 1, redelivered: false, exchange: "", routingKey: "q")
    #expect(driver.receive(.deliver(header)).isEmpty)
    #expect(driver.receive(.header(bodySize: 4, Message.Properties())).isEmpty)
    #expect(driver.receive(.body([1, 2])).isEmpty)
    let incoming = IncomingMessage(
      epoch: driver.session.epoch, header: header, message: Message(body: []), bodySize: 4, needsAck: true)
    #expect(driver.receive(.body([3, 4])) == [.deliver(consumer, incoming)])
    guard case .deliver(_, let next)? = driver.deliver(2, to: consumer).first else {
      Issue.record("the next one is not delivered")
      return
    }
    #expect(next.message.body == [1, 2, 3])
  }

  @Test func whatArrivesWhileACancelIsUnderWayGoesBack() {
    let driver = Driver.ready()
    let consumer = ConsumerID(rawValue: 1)
    driver.subscribe(consumer)
    #expect(driver.session.remove(consumer).isEmpty)
    #expect(driver.deliver(1, to: consumer).isEmpty)
    #expect(driver.next() == .settle(tag: 1, .nack(requeue: true)))
    #expect(driver.next() == .operation(.cancel(tag: consumer.tag)))
    #expect(driver.receive(.cancelOK) == [.subscription(consumer, .ended)])
    #expect(driver.session.isIdle)
  }

  @Test func aConsumerResumedWhileItsCancelIsUnderWaySubscribesAgain() {
    let driver = Driver.ready()
    let consumer = ConsumerID(rawValue: 1)
    driver.subscribe(consumer)
    _ = driver.session.pause(consumer)
    #expect(driver.next() == .operation(.cancel(tag: consumer.tag)))
    _ = driver.session.resume(consumer)
    #expect(driver.receive(.cancelOK) == [.subscription(consumer, .inactive(nil))])
    driver.answer([.setPrefetchOK])
    _ = driver.next()
    #expect(driver.receive(.consumeOK) == [.subscription(consumer, .active(queue: "q"))])
  }

  @Test func anAbandonedPublishIsNotSentAndItsLateConfirmIsHarmless() {
    let driver = Driver.ready()
    driver.publish(1)
    driver.publish("never", id: 2)
    #expect(driver.abandon(2))
    #expect(driver.abandon(1))
    #expect(!driver.abandon(1))
    #expect(driver.next() == nil)
    #expect(driver.receive(.ack(tag: 1, multiple: false)).isEmpty)
  }

  @Test(arguments: [InboundFrame.header(bodySize: 1, Message.Properties()), .body([1])])
  func contentFramesOutOfOrderAreAViolation(frame: InboundFrame) {
    #expect(Driver.ready().receive(frame).errors.map(\.code) == [.protocolViolation])
  }
}
