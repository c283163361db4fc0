internal import Broadcasting
internal import Logging

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#endif

/// What the connection's thread does: connect, move frames and commands between ``Transport`` and ``Session``, and start
/// again when the connection breaks.
///
/// Everything here runs on that one thread; other threads reach it through the ``Mailbox``.
final class ConnectionLoop {
  private typealias Clock = ContinuousClock

  /// A message whose body is being sent frame by frame.
  private struct PartialContent {
    var publication: Publication
    var sent: Int
  }

  /// How the loop shall end.
  private enum Ending {
    case none
    /// By itself once nothing is under way, at the latest at the deadline.
    case draining(deadline: ContinuousClock.Instant)
    case now
  }

  /// So many frames are received, or sent, before the other direction and the commands get their turn.
  private static let framesPerTurn = 64
  /// What a settlement takes of a socket's buffer at most, in bytes: a packet of its own, of which the kernel counts all that it
  /// keeps (`skb->truesize`).
  private static let settlementCost = 2048
  /// How long to wait for the broker's answer to connection.close.
  private static let closeTimeout = Duration.seconds(1)

  private let configuration: AMQPConfiguration
  private let mailbox: Mailbox
  private let states: CurrentValue<ConnectionState>
  private let logger: Logger

  private var session: Session
  private var publishes: [PublishID: CheckedContinuation<Void, any Error>] = [:]
  private var requests: [RequestID: CheckedContinuation<OperationResult, Never>] = [:]
  private var sinks: [ConsumerID: any DeliverySink] = [:]

  private var ending = Ending.none
  private var outage: OutageLog
  /// The index, modulo their number, of the address to try first.
  private var nextAddress = 0

  // Of the present connection.
  private var partial: PartialContent?
  private var isReady = false
  private var failure: AMQPError?
  private var knownEpoch: UInt64 = 0
  /// An alarm began (true) or ended (false) and the socket has not been told yet.
  private var alarmBegan: Bool?

  init(
    configuration: AMQPConfiguration, topology: Topology, mailbox: Mailbox, states: CurrentValue<ConnectionState>,
    logger: Logger
  ) {
    self.configuration = configuration
    self.mailbox = mailbox
    self.states = states
    self.logger = logger
    outage = OutageLog(logger: logger)
    session = Session(
      topology: topology, operationTimeout: configuration.operationTimeout,
      maximumBodySize: configuration.maximumBodySize, backOff: configuration.backOff,
      jitter: { Double.random(in: 0...1) })
  }

  /// Runs until the connection is to end.
  func run() {
    var failures = 0
    while !isOver {
      states.set(.connecting)
      let start = Clock.now
      do throws(AMQPError) {
        try serve(try connect())
      } catch {
        // A connection that held longer than the longest wait was no failed attempt.
        failures = isReady && start.duration(to: .now) > configuration.backOff.maximum ? 1 : failures + 1
        lost(error, failures: failures)
      }
    }
    end()
  }

  private var isOver: Bool {
    switch ending {
    case .none: false
    // Without a connection nothing is left to be waited for.
    case .draining, .now: true
    }
  }
}

// MARK: - Connecting

extension ConnectionLoop {
  /// Tries every address once, beginning with the one after that which failed last.
  private func connect() throws(AMQPError) -> Transport {
    var last: AMQPError?
    for _ in configuration.addresses {
      apply(mailbox.take())
      guard !isOver else { break }
      let address = configuration.addresses[nextAddress % configuration.addresses.count]
      do throws(AMQPError) {
        return try Transport.open(address, configuration)
      } catch {
        logger.debug("could not connect", metadata: [AMQPLoggingKeys.error: "\(error)"])
        last = error
        nextAddress += 1
      }
    }
    throw last ?? AMQPError(.closed, operation: "connect", message: "the connection is to end")
  }

  /// The connection broke or could not be opened: fails what was under way and waits.
  private func lost(_ error: AMQPError, failures: Int) {
    mailbox.setConnected(false)
    isReady = false
    partial = nil
    failure = nil
    let wait = configuration.backOff.delay(afterFailures: failures, jitter: .random(in: 0...1))
    // The state first: who learns of the loss from a failed call shall not find the old state.
    if !isOver {
      outage.failed(error, retryIn: wait)
      states.set(.disconnected(error, retryIn: wait))
    }
    perform(session.disconnected(error))
    apply(mailbox.take())
    let deadline = Clock.now.advanced(by: wait)
    while !isOver, Clock.now < deadline {
      waitForInput(nil, until: deadline)
      apply(mailbox.take())
    }
  }

  /// The loop is over: nobody may wait for it any more.
  private func end() {
    let commands = mailbox.end()
    isReady = false
    states.finish(.closed)
    apply(commands)
    let error = AMQPError(.closed, operation: "use the connection", message: "the connection has ended")
    perform(session.disconnected(error))
    for sink in sinks.values {
      sink.subscriptionChanged(.ended)
      sink.finish()
    }
    sinks = [:]
    logger.debug("the AMQP connection has ended")
  }
}

// MARK: - Serving a connection

extension ConnectionLoop {
  /// Moves frames until the loop is to end. Throws when the connection broke or is of no more use.
  private func serve(_ transport: Transport) throws(AMQPError) {
    defer {
      transport.close()
      // Whom the connection is lost to is the least likely to answer: silent, it would cost the whole connect timeout.
      nextAddress += 1
    }
    session.connected()
    knownEpoch = session.epoch
    mailbox.setEpoch(knownEpoch)
    while true {
      apply(mailbox.take())
      if case .now = ending {
        closeGently(transport)
        return
      }
      // Receiving comes right before sending: librabbitmq checks the heartbeat in both, but only here without waiting.
      let mayHaveMore = try receive(transport)
      perform(session.advance(to: .now))
      if failure == nil { try send(transport) }
      updateAlarm(transport)
      if let failure {
        abandon(transport, failure)
        throw failure
      }
      if case .draining(let deadline) = ending, (session.isIdle && partial == nil) || deadline <= .now {
        closeGently(transport)
        return
      }
      if !mayHaveMore { waitForInput(transport, until: nextDeadline(transport)) }
    }
  }

  /// Receives what is there. Returns whether there may be more.
  private func receive(_ transport: Transport) throws(AMQPError) -> Bool {
    for _ in 0..<Self.framesPerTurn {
      guard failure == nil, let frame = try transport.receive() else { return false }
      perform(session.receive(frame, now: .now), address: transport.address)
    }
    return true
  }

  /// Sends while the socket takes whole frames.
  private func send(_ transport: Transport) throws(AMQPError) {
    // Settlements are so short that one look at the socket is enough for many.
    var settlements = 0
    // Full packets, however short the frames are.
    if partial != nil || session.hasOutbound { transport.setCorked(true) }
    defer { transport.setCorked(false) }
    for _ in 0..<Self.framesPerTurn {
      guard partial != nil || session.hasOutbound else { return }
      if partial != nil || !session.isNextSettlement || settlements == 0 {
        guard transport.isWritable else { return }
        settlements = transport.frameMax / Self.settlementCost
      }
      settlements -= 1
      if let partial {
        try sendMore(partial, transport)
        continue
      }
      let (outbound, effects) = session.next(frameMax: transport.frameMax, now: .now)
      perform(effects)
      switch outbound {
      case .operation(let operation): try transport.send(operation)
      case .settle(let tag, let settlement, let multiple): try transport.send(settlement, tag: tag, multiple: multiple)
      case .closeChannelOK: try transport.sendChannelCloseOK()
      case .content(let publication): try send(publication, transport)
      case nil: return
      }
    }
  }

  private func send(_ publication: Publication, _ transport: Transport) throws(AMQPError) {
    let size = publication.message.body.count + publication.message.properties.encodedSize
    // Method, header and body together are surely no more than what a writable socket takes.
    if size <= transport.frameMax / 2 {
      try transport.publish(publication)
    } else {
      try transport.beginPublish(publication)
      partial = publication.message.body.isEmpty ? nil : PartialContent(publication: publication, sent: 0)
    }
  }

  private func sendMore(_ content: PartialContent, _ transport: Transport) throws(AMQPError) {
    let body = content.publication.message.body
    // A frame's own header and end take 8 bytes.
    let end = min(content.sent + transport.frameMax - 8, body.count)
    try transport.sendBody(content.publication, content.sent..<end)
    partial?.sent = end
    if end == body.count { partial = nil }
  }

  private func updateAlarm(_ transport: Transport) {
    guard let alarmBegan else { return }
    transport.setUserTimeout(alarmBegan ? nil : transport.deadPeerTimeout)
    self.alarmBegan = nil
  }

  private func nextDeadline(_ transport: Transport) -> Clock.Instant {
    // Twice in each heartbeat librabbitmq gets the chance to send one and to miss the broker's.
    var deadline = Clock.now.advanced(by: transport.heartbeat > .zero ? transport.heartbeat / 2 : .seconds(5))
    if let next = session.nextDeadline { deadline = min(deadline, next) }
    if case .draining(let end) = ending { deadline = min(deadline, end) }
    return deadline
  }

  /// Waits for the broker, for a command or for the time; with something to send, also for room to send it.
  private func waitForInput(_ transport: Transport?, until deadline: Clock.Instant, hearsCommands: Bool = true) {
    guard !hearsCommands || mailbox.beginWaiting() else { return }
    // One that is negative is passed over (poll(2)).
    var descriptors = [pollfd(fd: hearsCommands ? mailbox.wakeUp.fileDescriptor : -1, events: Int16(POLLIN), revents: 0)]
    if let transport {
      let wantsToSend = partial != nil || session.hasOutbound
      let events = Int16(POLLIN) | (wantsToSend ? Int16(POLLOUT) : 0)
      descriptors.append(pollfd(fd: transport.fileDescriptor, events: events, revents: 0))
    }
    let milliseconds = (Clock.now.duration(to: deadline) / .milliseconds(1)).rounded(.up)
    let timeout = Int32(max(0, min(milliseconds, 60_000)))
    // Interrupted or not, the caller looks at everything again.
    _ = unsafe poll(&descriptors, nfds_t(descriptors.count), timeout)
    if hearsCommands { mailbox.endWaiting(isSignalled: descriptors[0].revents != 0) }
  }

  /// Says farewell to the broker and waits shortly for its answer.
  private func closeGently(_ transport: Transport) {
    mailbox.setConnected(false)
    guard transport.isWritable, partial == nil else { return }
    do throws(AMQPError) {
      // What was promised to be on its way, such as acknowledgements.
      repeat { try send(transport) } while (session.hasOutbound || partial != nil) && transport.isWritable
      try transport.sendConnectionClose()
      let deadline = Clock.now.advanced(by: Self.closeTimeout)
      while Clock.now < deadline {
        while let frame = try transport.receive() {
          if frame == .method(.connectionCloseOK) { return }
        }
        waitForInput(transport, until: deadline, hearsCommands: false)
      }
    } catch {
      logger.debug("the connection broke while closing", metadata: [AMQPLoggingKeys.error: "\(error)"])
    }
  }

  /// Leaves a connection that still works but is of no use, so that the broker need not log a broken one.
  private func abandon(_ transport: Transport, _ error: AMQPError) {
    guard transport.isWritable, partial == nil else { return }
    do throws(AMQPError) {
      if error.code == .connectionClosedByBroker {
        try transport.sendConnectionCloseOK()
      } else {
        try transport.sendConnectionClose()
      }
    } catch {
      logger.debug("the connection broke while closing", metadata: [AMQPLoggingKeys.error: "\(error)"])
    }
  }
}

// MARK: - Commands

extension ConnectionLoop {
  private func apply(_ commands: [Command]) {
    for command in commands { apply(command) }
  }

  private func apply(_ command: Command) {
    switch command {
    case .publish(let id, let publication, let continuation):
      guard isReady else {
        continuation.resume(throwing: mailbox.refusal(publication.operation))
        return
      }
      publishes[id] = continuation
      session.publish(publication, id: id)
    case .abandonPublish(let id):
      if let continuation = publishes.removeValue(forKey: id) {
        _ = session.abandonPublish(id)
        continuation.resume(throwing: CancellationError())
      }
    case .perform(let id, let operation, let continuation):
      guard isReady else {
        continuation.resume(returning: .failed(mailbox.refusal(operation.description)))
        return
      }
      requests[id] = continuation
      session.perform(operation, id: id)
    case .settle(let settlement, let tag, let epoch): settle(settlement, tag: tag, epoch: epoch)
    case .add(let id, let spec, let sink):
      sinks[id] = sink
      guard case .none = ending else {
        sinks[id] = nil
        sink.subscriptionChanged(.ended)
        sink.finish()
        return
      }
      session.add(id, spec)
    case .pause(let id):
      giveBackUntaken(id)
      perform(session.pause(id))
    case .resume(let id):
      perform(session.resume(id))
    case .remove(let id):
      giveBackUntaken(id)
      sinks[id]?.finish()
      perform(session.remove(id))
    case .reconnect:
      // One that is lost already is followed by another one anyway.
      guard isReady else { return }
      failure =
        failure
        ?? AMQPError(.connectionLost, operation: "use the connection", message: "it was left for another one", isRetriable: true)
    case .drain:
      guard case .none = ending else { return }
      ending = .draining(deadline: Clock.now.advanced(by: configuration.shutdownTimeout))
      for id in sinks.keys {
        giveBackUntaken(id)
        sinks[id]?.finish()
      }
      perform(session.beginDrain())
    case .stop:
      ending = .now
    }
  }

  /// Returns to the broker what a consumer has received and nobody has taken.
  private func giveBackUntaken(_ id: ConsumerID) {
    for tag in sinks[id]?.takeUntaken() ?? [] { settle(.nack(requeue: true), tag: tag, epoch: session.epoch) }
  }

  private func settle(_ settlement: Delivery.Settlement, tag: UInt64, epoch: UInt64) {
    do throws(AMQPError) {
      try session.settle(settlement, tag: tag, epoch: epoch)
    } catch {
      // The channel has gone since it was asked for: the broker delivers the message again.
      logger.debug("a delivery could not be settled", metadata: [AMQPLoggingKeys.error: "\(error)"])
    }
  }
}

// MARK: - Effects

extension ConnectionLoop {
  private func perform(_ effects: [SessionEffect], address: AMQPConfiguration.Address? = nil) {
    if session.epoch != knownEpoch {
      knownEpoch = session.epoch
      mailbox.setEpoch(knownEpoch)
      partial = nil
      // The broker delivers again what nobody has taken.
      for sink in sinks.values { _ = sink.takeUntaken() }
    }
    for effect in effects { perform(effect, address: address) }
  }

  private func perform(_ effect: SessionEffect, address: AMQPConfiguration.Address?) {
    switch effect {
    case .published(let id, let error):
      guard let continuation = publishes.removeValue(forKey: id) else { return }
      if let error { continuation.resume(throwing: error) } else { continuation.resume() }
    case .completed(let id, let result):
      requests.removeValue(forKey: id)?.resume(returning: result)
    case .deliver(let id, let incoming):
      sinks[id]?.deliver(delivery(incoming), needsAck: incoming.needsAck)
    case .subscription(let id, let state):
      subscriptionChanged(id, state)
    case .ready:
      guard !isReady, let address else { return }
      isReady = true
      mailbox.setConnected(true)
      outage.connected(address)
      states.set(.connected(address))
    case .channelClosed(let error):
      logger.warning(
        "the broker closed the channel; opening it again", metadata: [AMQPLoggingKeys.error: "\(error)"])
    case .blocked(let reason?):
      alarmBegan = true
      logger.warning("the broker blocks publishing", metadata: [AMQPLoggingKeys.reason: "\(reason)"])
      states.set(.blocked(reason: reason))
    case .blocked(nil):
      alarmBegan = false
      logger.info("the broker no longer blocks publishing")
      states.set(.unblocked)
    case .giveUp(let error):
      failure = failure ?? error
    }
  }

  private func subscriptionChanged(_ id: ConsumerID, _ state: SubscriptionState) {
    if case .inactive(let error?) = state, error.code == .declarationRefused || error.code == .consumerCancelled {
      logger.warning(
        "a consumer lost its subscription",
        metadata: [AMQPLoggingKeys.consumerTag: "\(id.tag)", AMQPLoggingKeys.error: "\(error)"])
    }
    sinks[id]?.subscriptionChanged(state)
    if state == .ended { sinks.removeValue(forKey: id)?.finish() }
  }

  private func delivery(_ incoming: IncomingMessage) -> Delivery {
    let tag = incoming.header.deliveryTag
    let epoch = incoming.epoch
    let needsAck = incoming.needsAck
    let use = SingleUse()
    return Delivery(
      message: incoming.message, exchange: incoming.header.exchange, routingKey: incoming.header.routingKey,
      redelivered: incoming.header.redelivered, deliveryTag: tag, bodySize: incoming.bodySize,
      settle: { [mailbox] settlement in
        guard needsAck else { return }
        guard use.begin() else { throw AMQPError.alreadySettled(settlement, tag: tag) }
        guard mailbox.settle(settlement, tag: tag, epoch: epoch) else { throw AMQPError.staleDelivery(settlement) }
      })
  }
}
