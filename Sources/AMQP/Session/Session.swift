/// The protocol on one connection's channel, as a value: which methods go out in which order, and what the broker's
/// frames mean.
///
/// It knows no socket, clock, task or continuation. Identifiers and the time come in; effects come out. Confirms,
/// deliveries and operations belong to an **epoch**: the life of one opened channel. When a channel or connection ends,
/// everything of its epoch ends with it.
struct Session {
  typealias Instant = ContinuousClock.Instant

  /// Where the channel stands.
  enum Phase: Equatable {
    /// No connection. Can become: restoring.
    case down
    /// Opening the channel and declaring the topology. Can become: ready, down.
    case restoring
    /// In use. Can become: restoring, down.
    case ready
  }

  /// Whom an operation is for.
  enum Purpose: Equatable {
    case restore
    case consumer(ConsumerID)
    case caller(RequestID)
  }

  struct PendingOperation: Equatable {
    var operation: Operation
    var purpose: Purpose
  }

  /// A message that was sent and not confirmed.
  struct Unconfirmed {
    var id: PublishID
    var publication: Publication
    var returned: AMQPError?
  }

  let topology: Topology
  let operationTimeout: Duration
  let backOff: BackOff
  /// A random number in 0...1 for each wait.
  let jitter: @Sendable () -> Double

  var phase = Phase.down
  var epoch: UInt64 = 0
  var alarm: String?
  var isDraining = false

  // Going out, in this order of precedence.
  var mustConfirmChannelClose = false
  var settlements = FIFO<(tag: UInt64, settlement: Delivery.Settlement)>()
  var operations: [PendingOperation] = []
  var inFlight: (pending: PendingOperation, deadline: Instant)?
  var waiting = FIFO<(id: PublishID, publication: Publication)>()

  // Publisher confirms: sequence numbers count from 1 in each epoch.
  var lastSequence: UInt64 = 0
  var lowestUnconfirmed: UInt64 = 1
  var unconfirmed: [UInt64: Unconfirmed] = [:]

  // Consuming.
  var consumers: [ConsumerID: ConsumerRecord] = [:]
  var unsettled: Set<UInt64> = []
  /// The broker has heard, or needs not hear, of all deliveries up to this one, and of those.
  private var settled: (upTo: UInt64, beyond: Set<UInt64>) = (0, [])
  var assembler: ContentAssembler

  /// - Parameter maximumBodySize: the largest body that is kept of a delivery, in bytes.
  init(
    topology: Topology, operationTimeout: Duration, maximumBodySize: Int, backOff: BackOff,
    jitter: @escaping @Sendable () -> Double
  ) {
    assembler = ContentAssembler(maximumBodySize: maximumBodySize)
    self.topology = topology
    self.operationTimeout = operationTimeout
    self.backOff = backOff
    self.jitter = jitter
  }
}

// MARK: - Life of the connection

extension Session {
  /// A connection is open: open the channel and restore everything on it.
  mutating func connected() {
    alarm = nil
    mustConfirmChannelClose = false
    restore()
  }

  private mutating func restore() {
    phase = .restoring
    epoch += 1
    let declarations = topology.elements.map(\.operation)
    let steps = [Operation.openChannel, .selectConfirms] + declarations
    operations.insert(contentsOf: steps.map { PendingOperation(operation: $0, purpose: .restore) }, at: 0)
  }

  /// The connection is gone. Everything of the epoch fails; consumers come back with the next connection.
  mutating func disconnected(_ error: AMQPError) -> [SessionEffect] {
    var effects = endEpoch(error)
    phase = .down
    alarm = nil
    mustConfirmChannelClose = false
    effects += waiting.elements.map { .published($0.id, .notSent($0.publication.operation, because: error)) }
    waiting.removeAll()
    for case .caller(let id) in operations.map(\.purpose) {
      effects.append(.completed(id, .failed(error)))
    }
    operations = []
    return effects
  }

  /// Ends what belongs to the present channel, but keeps what was not sent yet.
  private mutating func endEpoch(_ error: AMQPError) -> [SessionEffect] {
    // Consumers first: who retries a failed publish at once shall not find a subscription that is gone.
    var effects = consumers.keys.sorted().flatMap { suspend($0, error) }
    for sequence in unconfirmed.keys.sorted() {
      guard let entry = unconfirmed[sequence] else { continue }
      effects.append(.published(entry.id, entry.returned ?? error.about(entry.publication)))
    }
    unconfirmed = [:]
    lastSequence = 0
    lowestUnconfirmed = 1
    settlements.removeAll()
    unsettled = []
    settled = (0, [])
    assembler.reset()
    if case .caller(let id) = inFlight?.pending.purpose {
      effects.append(.completed(id, .failed(error)))
    }
    inFlight = nil
    operations.removeAll { pending in
      if case .caller = pending.purpose { false } else { true }
    }
    epoch += 1
    return effects
  }

  /// Takes no new subscriptions and cancels those there are; publishes and acknowledgements go on.
  mutating func beginDrain() -> [SessionEffect] {
    isDraining = true
    return consumers.keys.sorted().flatMap { remove($0) }
  }

  /// Whether nothing is under way any more.
  var isIdle: Bool {
    inFlight == nil && operations.isEmpty && settlements.isEmpty && waiting.isEmpty && unconfirmed.isEmpty
      && unsettled.isEmpty && !mustConfirmChannelClose
  }
}

// MARK: - Out

extension Session {
  /// Whether ``next(frameMax:now:)`` has something to send.
  var hasOutbound: Bool {
    guard phase != .down else { return false }
    if mustConfirmChannelClose || !settlements.isEmpty { return true }
    guard alarm == nil else { return false }
    return (inFlight == nil && !operations.isEmpty) || (phase == .ready && !waiting.isEmpty)
  }

  /// Whether ``next(frameMax:now:)`` has a settlement to send.
  var isNextSettlement: Bool { phase != .down && !mustConfirmChannelClose && !settlements.isEmpty }

  /// The next settlement; acknowledgements of deliveries that follow each other go in one, where nothing before them is open.
  private mutating func nextSettlement() -> Outbound? {
    guard let (first, settlement) = settlements.popFirst() else { return nil }
    var last = first
    if settlement == .ack, first == settled.upTo + 1 {
      while let next = settlements.first, next.settlement == .ack, next.tag == last + 1 {
        _ = settlements.popFirst()
        last = next.tag
      }
    }
    for tag in first...last { noteSettled(tag) }
    return .settle(tag: last, settlement, multiple: last > first)
  }

  /// The broker waits no more to hear of a delivery.
  mutating func noteSettled(_ tag: UInt64) {
    settled.beyond.insert(tag)
    while settled.beyond.remove(settled.upTo + 1) != nil { settled.upTo += 1 }
  }

  /// What to send next. A content that this returns counts as sent: its confirm is awaited.
  ///
  /// Under an alarm the broker reads nothing. Acknowledgements still fit the socket's buffer; operations and publishes wait.
  ///
  /// - Parameter frameMax: the largest frame of this connection, in bytes; a message's properties must fit one.
  mutating func next(frameMax: Int, now: Instant) -> (Outbound?, [SessionEffect]) {
    guard phase != .down else { return (nil, []) }
    if mustConfirmChannelClose {
      mustConfirmChannelClose = false
      return (.closeChannelOK, [])
    }
    if let settlement = nextSettlement() { return (settlement, []) }
    guard alarm == nil else { return (nil, []) }
    if inFlight == nil, !operations.isEmpty {
      let pending = operations.removeFirst()
      inFlight = (pending, now.advanced(by: operationTimeout))
      return (.operation(pending.operation), [])
    }
    var effects: [SessionEffect] = []
    while phase == .ready, let (id, publication) = waiting.popFirst() {
      guard publication.message.properties.encodedSize <= frameMax else {
        effects.append(.published(id, .propertiesTooLarge(publication.operation, limit: frameMax)))
        continue
      }
      lastSequence += 1
      unconfirmed[lastSequence] = Unconfirmed(id: id, publication: publication)
      return (.content(publication), effects)
    }
    return (nil, effects)
  }

  /// Runs an operation for a caller.
  mutating func perform(_ operation: Operation, id: RequestID) {
    operations.append(PendingOperation(operation: operation, purpose: .caller(id)))
  }
}

// MARK: - Time

extension Session {
  /// When ``advance(to:)`` has something to do.
  var nextDeadline: Instant? {
    var deadlines: [Instant] = []
    if let inFlight, alarm == nil { deadlines.append(inFlight.deadline) }
    if phase == .ready {
      for case .waiting(let until) in consumers.values.map(\.phase) { deadlines.append(until) }
    }
    return deadlines.min()
  }

  /// Lets time pass: gives up on an answer that does not come, and subscribes again where a wait is over.
  mutating func advance(to now: Instant) -> [SessionEffect] {
    if let inFlight, alarm == nil, inFlight.deadline <= now {
      return [
        .giveUp(
          AMQPError(
            .timedOut, operation: inFlight.pending.operation.description,
            message: "the broker did not answer within \(operationTimeout)", isRetriable: true))
      ]
    }
    guard phase == .ready else { return [] }
    for id in consumers.keys.sorted() {
      if case .waiting(let until) = consumers[id]?.phase, until <= now { subscribe(id, redeclaring: true) }
    }
    return []
  }
}

// MARK: - In

extension Session {
  /// Takes in a frame.
  mutating func receive(_ frame: InboundFrame, now: Instant) -> [SessionEffect] {
    do throws(AMQPError) {
      switch frame {
      case .method(let method): return try receive(method, now: now)
      case .header(let size, let properties):
        return try assembler.header(bodySize: size, properties).map { received($0) } ?? []
      case .body(let bytes):
        return try assembler.body(bytes).map { received($0) } ?? []
      }
    } catch {
      return [.giveUp(error)]
    }
  }

  private mutating func receive(_ method: InboundMethod, now: Instant) throws(AMQPError) -> [SessionEffect] {
    switch method {
    case .deliver(let header):
      try assembler.begin(.deliver(header))
      return []
    case .returned(let header):
      try assembler.begin(.returned(header))
      return []
    case .ack(let tag, let multiple): return confirmed(tag, multiple: multiple, nacked: false)
    case .nack(let tag, let multiple): return confirmed(tag, multiple: multiple, nacked: true)
    case .cancel(let tag): return cancelledByBroker(tag, now: now)
    case .channelClose(let reason): return channelClosed(reason, now: now)
    case .connectionClose(let reason):
      return [
        .giveUp(
          AMQPError(
            .connectionClosedByBroker, operation: "use the connection", message: reason.replyText,
            replyCode: reason.replyCode, isRetriable: true))
      ]
    case .blocked(let reason):
      alarm = reason
      return [.blocked(reason: reason)]
    case .unblocked:
      alarm = nil
      // The broker read nothing meanwhile, so the time did not count.
      let deadline = now.advanced(by: operationTimeout)
      inFlight?.deadline = deadline
      return [.blocked(reason: nil)]
    case .connectionCloseOK: return []
    default: return try answered(method)
    }
  }

  private mutating func answered(_ method: InboundMethod) throws(AMQPError) -> [SessionEffect] {
    guard let (pending, _) = inFlight, pending.operation.isAnswered(by: method) else {
      throw AMQPError(
        .protocolViolation, operation: "use the channel", message: "unexpected method \(method)", isRetriable: true)
    }
    inFlight = nil
    switch pending.purpose {
    case .caller(let id):
      if case .declareQueueOK(let status) = method { return [.completed(id, .queue(status))] }
      return [.completed(id, .done)]
    case .consumer(let id):
      return consumerAnswered(id, pending.operation, method)
    case .restore:
      guard !operations.contains(where: { $0.purpose == .restore }) else { return [] }
      guard phase == .restoring else { return [] }
      phase = .ready
      subscribeAll()
      return [.ready]
    }
  }

  private mutating func received(_ content: ContentAssembler.Content) -> [SessionEffect] {
    switch content.method {
    case .deliver(let header): return delivered(header, content)
    case .returned(let header):
      returned(header, content.message)
      return []
    }
  }

  private mutating func channelClosed(_ reason: CloseReason, now: Instant) -> [SessionEffect] {
    let culprit = inFlight.flatMap { $0.pending.operation.methodID == reason.method ? $0.pending : nil }
    let refusal = culprit.map { pending in
      AMQPError(
        .declarationRefused, operation: pending.operation.description, message: reason.replyText,
        replyCode: reason.replyCode)
    }
    if let refusal, culprit?.purpose == .restore { return [.giveUp(refusal)] }

    var effects: [SessionEffect] = []
    if let refusal {
      inFlight = nil
      switch culprit?.purpose {
      case .caller(let id): effects.append(.completed(id, .failed(refusal)))
      case .consumer(let id): effects += refused(id, refusal, now: now)
      case .restore, nil: break
      }
    }
    let error = AMQPError(
      .channelClosed, operation: "use the channel", message: reason.replyText, replyCode: reason.replyCode,
      isRetriable: true)
    let guilty = unconfirmed.values.filter { reason.blames($0.publication, among: unconfirmed.count) }.map(\.id)
    for effect in endEpoch(error) {
      if case .published(let id, var failure?) = effect, failure.code == .channelClosed, guilty.contains(id) {
        failure.isRetriable = false
        effects.append(.published(id, failure))
      } else {
        effects.append(effect)
      }
    }
    mustConfirmChannelClose = true
    restore()
    return effects + [.channelClosed(refusal ?? error)]
  }
}

extension Topology.Element {
  /// The operation that declares the element.
  var operation: Operation {
    switch self {
    case .exchange(let exchange): .declareExchange(exchange)
    case .queue(let queue): .declareQueue(queue)
    case .binding(let binding): .bind(binding)
    }
  }
}

extension AMQPError {
  /// The same failure, told about one publish whose outcome it leaves unknown.
  fileprivate func about(_ publication: Publication) -> AMQPError {
    var error = self
    error.message = "\(operation): \(message)"
    error.operation = publication.operation
    if error.code != .channelClosed { error.code = .connectionLost }
    error.isRetriable = true
    return error
  }

  fileprivate static func notSent(_ operation: String, because cause: AMQPError) -> AMQPError {
    AMQPError(
      .notConnected, operation: operation, message: "the connection was lost before it was sent: \(cause.message)",
      isRetriable: true)
  }

  fileprivate static func propertiesTooLarge(_ operation: String, limit: Int) -> AMQPError {
    AMQPError(
      .invalidArgument, operation: operation,
      message: "the properties and headers do not fit one frame of \(limit) bytes")
  }
}

extension CloseReason {
  /// Whether it was this publication that made the broker close the channel.
  ///
  /// channel.close names the method, not the message. The one message under way is to blame; among several, those whose
  /// exchange or user id the broker's text quotes.
  fileprivate func blames(_ publication: Publication, among count: Int) -> Bool {
    guard method == .basicPublish else { return false }
    if count == 1 || replyText.contains("exchange '\(publication.exchange)'") { return true }
    guard let user = publication.message.properties.userID else { return false }
    return replyText.contains("user_id property set to '\(user)'")
  }
}
