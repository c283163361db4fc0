internal import AMQP
internal import Logging
internal import LongshoreMessages
internal import MigrationCore
internal import MigrationJournal
internal import ServiceLifecycle

/// Reads the host's queue: bytes become messages, messages become events or requests, and a delivery is acknowledged when what
/// came of it is in the journal. What nobody can use goes to the dead letters with the reason.
struct Inbox: Service, CustomStringConvertible {
  let description = "the host's inbox"

  /// Deliveries that may be unacknowledged at once.
  private static let prefetch: UInt16 = 64
  /// Orders that take long, of those: the others' places stay free for what is done at once.
  private static let longOrders = 32

  let here: HostAddress
  /// The broker's users who may order; nil for all.
  let orderingUsers: @Sendable () -> Set<String>?
  /// The users of agents; nil where their messages are believed without.
  let peerUser: @Sendable () -> PeerUser?
  let connection: AMQPConnection
  let desk: RequestDesk
  let coordinator: MigrationCoordinator
  let offers: LayerOffers
  let mailbox: OfferMailbox
  let templates: TemplateOffers
  let descriptions: DescriptionMailbox
  let dryRuns: DryRuns
  let checks: DestinationChecks
  let trials: PathTrials
  let paths: PathMailbox
  let hostOffers: HostOfferMailbox
  let ownOffers: HostOffers
  let peers: any PeerLink
  let endpoint: DestinationEndpoint
  let journal: Journal
  let outboxChanged: @Sendable () -> Void
  let health: AgentHealth
  let metrics: AgentMetrics
  let clock: any HostClock
  let logger: Logger

  func run() async throws {
    await cancelWhenGracefulShutdown { await consume() }
  }

  private func consume() async {
    let consumer = connection.consume(here.inbox, prefetch: Self.prefetch)
    defer { consumer.stop() }
    health.consumes(consumer)
    var deliveries = consumer.makeAsyncIterator()
    let longOrders = LongOrders(limit: Self.longOrders)
    while true {
      let batch = await deliveries.next(upTo: Int(Self.prefetch))
      if batch.isEmpty { return await giveBack(longOrders.leaveAll()) }
      for delivery in batch { metrics.delivered(again: delivery.redelivered) }
      var works = Work.list(batch.map(read))[...]
      while let work = works.popFirst() {
        for _ in work.deliveries { CrashPoint.deliveryTaken.reached() }
        if case .longOrder(let request, let delivery) = work {
          switch await longOrders.enter(delivery) {
          case .joins: continue
          case .begins:
            begin(request, delivery, among: longOrders)
            continue
          case .full: break
          }
        }
        guard await doUntilJournalled(work, of: consumer) else {
          return await giveBack(([work] + works).flatMap(\.deliveries) + longOrders.leaveAll())
        }
        await acknowledge(work.deliveries)
      }
    }
  }

  private func acknowledge(_ deliveries: [Delivery]) async {
    for delivery in deliveries {
      CrashPoint.deliveryJournalled.reached()
      do {
        try await delivery.ack()
        CrashPoint.deliveryAcknowledged.reached()
      } catch {
        // The connection was lost meanwhile: the delivery comes again and is recognised.
        logger.debug("A delivery could not be acknowledged", metadata: [LogKeys.error: "\(error)"])
      }
    }
  }

  /// Gives back at the agent's end what is not done, so that the connection does not wait for it to be.
  private func giveBack(_ deliveries: [Delivery]) async {
    for delivery in deliveries { try? await delivery.nack(requeue: true) }
  }

  /// Does beside the rest what an order asks for that takes long. While the journal cannot be written it is done again.
  private func begin(_ request: Request, _ delivery: Delivery, among longOrders: LongOrders) {
    BlockingExecutor.task {
      CrashPoint.longOrderBegun.reached()
      var waits = BackOffSteps()
      while true {
        do throws(JournalError) {
          try await withProcessingSpan(of: [delivery], from: here.inbox) { () async throws(JournalError) in
            guard let body = try await body(of: request, delivery) else { return }
            // What came again asks for the same answer.
            var told: Set<[String?]> = []
            for each in await longOrders.all(like: delivery)
            where told.insert([each.properties.replyTo, each.properties.correlationID]).inserted {
              try send(message(body, to: request, each))
            }
          }
          return await acknowledge(longOrders.leave(delivery))
        } catch {
          logger.error("What came of an order cannot be written to the journal", metadata: [LogKeys.error: "\(error)"])
          try? await clock.wait(milliseconds: waits.step())
          if await longOrders.all(like: delivery).isEmpty { return }
        }
      }
    }
  }

  /// Does what deliveries ask for. While the journal cannot be written nothing more is consumed, and the deliveries are neither rejected
  /// nor requeued, which would change the order: it is done again until it succeeds.
  ///
  /// - Returns: Whether what came of it is in the journal; false only when the task is cancelled.
  private func doUntilJournalled(_ work: Work, of consumer: Consumer) async -> Bool {
    var waits = BackOffSteps()
    var isPaused = false
    while !Task.isCancelled {
      do {
        try await withProcessingSpan(of: work.deliveries, from: here.inbox) { () async throws(JournalError) in
          switch work {
          case .orders(let orders): try await desk.take(orders.map(\.order))
          case .request(let request, let delivery): try await take(request, delivery)
          case .longOrder(let request, let delivery): try send(tell(.rejected([tooMany(request)]), id: request.id, delivery))
          case .peer(let message, _):
            try await withWork(of: message.migration, in: message.trace) { () async throws(JournalError) in try await take(message) }
          }
        }
        if isPaused {
          consumer.resume()
          logger.info("The journal can be written again")
        }
        return true
      } catch {
        if !isPaused {
          isPaused = true
          consumer.pause()
          logger.error("The journal cannot be written: no messages are taken until it can", metadata: [LogKeys.error: "\(error)"])
        }
        try? await clock.wait(milliseconds: waits.step())
      }
    }
    return false
  }

  // MARK: - Reading

  /// What is done and journalled at once.
  private enum Work {
    /// Orders that came one after the other, and what is refused among them.
    case orders([(order: IncomingOrder, delivery: Delivery)])
    case request(Request, Delivery)
    /// What waits for libvirt or for files to be removed.
    case longOrder(Request, Delivery)
    case peer(PeerMessage, Delivery)

    var deliveries: [Delivery] {
      switch self {
      case .orders(let orders): orders.map(\.delivery)
      case .request(_, let delivery), .longOrder(_, let delivery), .peer(_, let delivery): [delivery]
      }
    }

    /// The same work, with orders that follow each other put together.
    static func list(_ work: [Work]) -> [Work] {
      var list: [Work] = []
      for work in work {
        if case .orders(let more) = work, case .orders(let before)? = list.last {
          list[list.count - 1] = .orders(before + more)
        } else {
          list.append(work)
        }
      }
      return list
    }
  }

  private func read(_ delivery: Delivery) -> Work {
    guard delivery.bodySize <= UInt64(Wire.maximumMessageSize) else {
      return refusal(of: delivery, id: nil, [MessageCoding.tooLarge(delivery.bodySize)])
    }
    switch delivery.exchange {
    case Wire.requests: return readRequest(delivery)
    case Wire.peers: return readPeerMessage(delivery)
    default:
      let reason = Reason(.notAuthorised, "the message came through the exchange \(delivery.exchange), which nobody may use for this queue")
      return deadLetter(delivery, [reason])
    }
  }

  private func readRequest(_ delivery: Delivery) -> Work {
    do throws(UnreadableMessage) {
      var request = try MessageCoding.read(Request.self, from: delivery.body)
      request.trace = TraceContext(delivery.properties.headers)
      return work(of: request, delivery)
    } catch {
      return refusal(of: delivery, id: error.id, error.reasons)
    }
  }

  private func work(of request: Request, _ delivery: Delivery) -> Work {
    let isBroadcast = delivery.routingKey == here.cluster.text
    if isBroadcast, request.changesSomething {
      return refusal(
        of: delivery, id: request.id, [Reason(.wrongHost, "an order goes to one host: use the routing key <cluster>.<host>")])
    }
    if let reason = objection(to: request, of: delivery.properties.userID) { return refusal(of: delivery, id: request.id, [reason]) }
    guard case .migrate(let order) = request.command, order.dryRun != true else {
      return request.isLongOrder ? .longOrder(request, delivery) : .request(request, delivery)
    }
    return .orders([
      (
        IncomingOrder(content: .migrate(request, order), sentAt: delivery.sentAt, trace: request.trace) {
          tell($0, id: request.id, delivery)
        }, delivery
      )
    ])
  }

  private func readPeerMessage(_ delivery: Delivery) -> Work {
    do throws(UnreadableMessage) {
      var message = try MessageCoding.read(PeerMessage.self, from: delivery.body)
      message.trace = TraceContext(delivery.properties.headers)
      return work(of: message, delivery)
    } catch {
      return deadLetter(delivery, error.reasons)
    }
  }

  private func work(of message: PeerMessage, _ delivery: Delivery) -> Work {
    if let reason = peerUser()?.objection(to: message, from: delivery.properties.userID) { return deadLetter(delivery, [reason]) }
    guard let to = message.to else {
      guard message.from.cluster == here.cluster, message.body == .askOffer else {
        return deadLetter(delivery, [Reason(.wrongHost, "\(message.body.typeName) goes to one host, and names none")])
      }
      return .peer(message, delivery)
    }
    guard to == here, message.from != here else {
      return deadLetter(delivery, [Reason(.wrongHost, "the message is for \(to), and this is \(here)")])
    }
    return .peer(message, delivery)
  }

  /// What somebody is told who has sent what cannot be done.
  private func refusal(of delivery: Delivery, id: MigrationID?, _ reasons: [Reason]) -> Work {
    .orders([(IncomingOrder(content: .unusable(reasons)) { tell($0, id: id, delivery) }, delivery)])
  }

  /// What is done with something that nobody can use, and of which nobody is told.
  private func deadLetter(_ delivery: Delivery, _ reasons: [Reason]) -> Work {
    .orders([(IncomingOrder(content: .unusable(reasons)) { _ in letter(delivery, reasons) }, delivery)])
  }

  // MARK: - Requests

  /// The message that says what became of an order: a reply or, where it is refused and does not say whereto, a dead letter.
  private func tell(_ acceptance: HostMigrations.Acceptance, id: MigrationID?, _ delivery: Delivery) -> OutboxMessage? {
    switch acceptance {
    case .accepted: return reply(.accepted, to: id, delivery)
    case .rejected(let reasons):
      logger.notice(
        "A request is rejected",
        metadata: [
          LogKeys.migration: "\(id?.text ?? "-")", LogKeys.exchange: "\(delivery.exchange)",
          LogKeys.reason: "\(reasons.map(\.description).joined(separator: "; "))",
        ])
      return reply(.rejected(reasons), to: id, delivery) ?? letter(delivery, reasons)
    }
  }

  private func reply(_ body: Reply.Body, to id: MigrationID?, _ delivery: Delivery) -> OutboxMessage? {
    .reply(Reply(to: id, from: here, body: body), to: delivery.properties)
  }

  private func tooMany(_ request: Request) -> Reason {
    Reason(.unavailable, "\(Self.longOrders) orders that take long are at work on \(here.host): ask again when they have been answered")
  }

  private func take(_ request: Request, _ delivery: Delivery) async throws(JournalError) {
    if request.changesSomething { return try await answer(request, delivery) }
    // A question may take long, and a dry run waits for another host: neither holds up what comes behind it, and nothing is lost
    // with them.
    BlockingExecutor.task {
      do {
        try await answer(request, delivery)
      } catch {
        logger.error("The journal cannot be read or written", metadata: [LogKeys.error: "\(error)"])
      }
    }
  }

  /// Why a user must not make a request; nil where there is nothing against it. Questions are free.
  ///
  /// - Parameter user: Who sent it. The broker lets nobody name another user than the connection's.
  private func objection(to request: Request, of user: String?) -> Reason? {
    guard let orderingUsers = orderingUsers(), request.isOrder else { return nil }
    guard let user else {
      return Reason(.notPermitted, "\(here.host) takes orders of certain users only: name yours in the message's property user-id")
    }
    return orderingUsers.contains(user)
      ? nil : Reason(.notPermitted, "the broker's user \(user) may not order anything of \(here.host): see requests.users there")
  }

  private func answer(_ request: Request, _ delivery: Delivery) async throws(JournalError) {
    // A question that went to all hosts is answered by the one that knows.
    guard let body = try await body(of: request, delivery) else { return }
    try send(message(body, to: request, delivery))
  }

  /// What the desk answers, in the trace that the request belongs to.
  private func body(of request: Request, _ delivery: Delivery) async throws(JournalError) -> Reply.Body? {
    try await withWork(of: nil, in: request.trace) { () async throws(JournalError) in
      try await desk.answer(request, sentAt: delivery.sentAt)
    }
  }

  private func message(_ body: Reply.Body, to request: Request, _ delivery: Delivery) -> OutboxMessage? {
    if case .rejected(let reasons) = body, request.changesSomething { return tell(.rejected(reasons), id: request.id, delivery) }
    return reply(body, to: request.id, delivery)
  }

  // MARK: - Peer messages

  private func take(_ message: PeerMessage) async throws(JournalError) {
    do throws(JournalError) {
      try await handle(message)
    } catch {
      // Trying again is of no use, and would hold up all that comes after it.
      guard error.isOfOneRecord else { throw error }
      logger.error(
        "A message of another agent is passed over: its migration's record cannot be read", metadata: [LogKeys.error: "\(error)"])
    }
  }

  private func handle(_ message: PeerMessage) async throws(JournalError) {
    switch message.body {
    case .check(let plan): answerCheck(plan, message)
    case .checked(let checks, let facts): await dryRuns.deliver(DryRuns.Answer(checks: checks, facts: facts), to: message.migration)
    case .tryPath(let question): try await tryPath(question, message)
    case .pathTried(let answer): await paths.deliver(answer, of: message.migration)
    case .layerOffered(let offer): await mailbox.deliver(offer, of: message.migration)
    case .offerLayer(let layer, let export): answerLayer(layer, export: export, message)
    case .describeTemplate(let order): describeTemplate(order, message)
    case .templateDescribed(let description): await descriptions.deliver(description, of: message.migration)
    case .templateDone: await offers.withdraw(message.migration)
    // What goes to all hosts comes to its sender too.
    case .askOffer: if message.from != here { answerOffer(message) }
    case .checkWay(let versions): answerWay(versions, message)
    case .offered(let offer): await hostOffers.deliver(offer, of: message.from.host, to: message.migration)
    case .preparing(let progress): try await takePreparing(progress, message)
    default: try await coordinator.receive(message, endpoint: endpoint)
    }
  }

  private func answerOffer(_ message: PeerMessage) {
    BlockingExecutor.task { try? await peers.send(.offered(await ownOffers.offer()), of: message.migration, to: message.from) }
  }

  private func answerCheck(_ plan: MigrationPlan, _ message: PeerMessage) {
    BlockingExecutor.task {
      let answer: PeerMessage.Body
      do {
        let finding = try await checks.check(plan, of: message.migration, from: message.from, isDryRun: true)
        answer = .checked(finding.checks, facts: finding.facts)
      } catch {
        answer = .checked([Check(.operationFailed, on: here.host, .refused, Reason.of(error, "make the checks").message)])
      }
      try? await peers.send(answer, of: message.migration, to: message.from)
    }
  }

  private func answerWay(_ versions: HostVersions?, _ message: PeerMessage) {
    BlockingExecutor.task {
      let found = await checks.checkWay(from: message.from, versions: versions, of: message.migration)
      try? await peers.send(.checked(found), of: message.migration, to: message.from)
    }
  }

  /// Tries the path to the destination of a migration or a dry run of this host, and of nobody else.
  private func tryPath(_ question: PathQuestion, _ message: PeerMessage) async throws(JournalError) {
    let isDestination = try await coordinator.source(message.migration)?.destination == message.from
    guard await dryRuns.isWaiting(message.migration) || isDestination else { return }
    BlockingExecutor.task { await trials.answer(question, of: message.migration, to: message.from) }
  }

  private func answerLayer(_ layer: Int, export: Bool, _ message: PeerMessage) {
    BlockingExecutor.task { await offers.answer(layer: layer, export: export, migration: message.migration, to: message.from) }
  }

  private func describeTemplate(_ order: PrefetchOrder, _ message: PeerMessage) {
    BlockingExecutor.task {
      let description = await templates.answer(order, of: message.migration, from: message.from)
      try? await peers.send(.templateDescribed(description), of: message.migration, to: message.from)
    }
  }

  private func takePreparing(_ progress: PreparationProgress, _ message: PeerMessage) async throws(JournalError) {
    try await coordinator.receive(message, endpoint: endpoint)
    guard let migration = try await coordinator.source(message.migration), !migration.isTerminal else { return }
    let total = max(progress.templateBytesTotal, progress.templateBytesDone)
    let template = Progress.Amount(done: progress.templateBytesDone, remaining: total - progress.templateBytesDone, total: total)
    let told = Progress(
      phase: progress.waiting == nil ? .preparing : .queued, guest: migration.guest, template: template,
      elapsedSeconds: Double(migration.acceptedAt.milliseconds(until: clock.now())) / 1000)
    await withWork(of: migration.id, in: migration.trace) { await desk.progress.post(told, of: migration.id) }
  }

  // MARK: - Sending

  private func send(_ message: OutboxMessage?) throws(JournalError) {
    guard let message else { return }
    var step = JournalStep(at: clock.now())
    step.outbox = [message]
    _ = try journal.commit(step)
    outboxChanged()
  }

  /// A message that nobody can use as it goes to the dead letters, with the reason and where it came from.
  private func letter(_ delivery: Delivery, _ reasons: [Reason]) -> OutboxMessage {
    let text = reasons.map(\.description).joined(separator: "; ")
    logger.warning(
      "A message goes to the dead letters",
      metadata: [LogKeys.exchange: "\(delivery.exchange)", LogKeys.reason: "\(text)"])
    return OutboxMessage(
      exchange: Wire.deadLetters, routingKey: delivery.routingKey, body: delivery.body,
      contentType: delivery.properties.contentType ?? "application/octet-stream",
      messageID: delivery.properties.messageID ?? "", correlationID: delivery.properties.correlationID,
      type: delivery.properties.type,
      headers: [
        Wire.deadLetterReasonHeader: text, Wire.deadLetterHostHeader: here.routingKey, Wire.deadLetterTimeHeader: "\(clock.now().wall)",
        Wire.deadLetterExchangeHeader: delivery.exchange, Wire.deadLetterRoutingKeyHeader: delivery.routingKey,
      ])
  }
}

extension Delivery {
  /// When the message was sent, as it says; nil where it does not.
  fileprivate var sentAt: Timestamp? {
    properties.timestamp.flatMap { Int64(exactly: $0) }.map { Timestamp(milliseconds: $0 &* 1000) }
  }
}

extension Request {
  /// Whether the request asks for more than an answer.
  fileprivate var changesSomething: Bool {
    switch command {
    case .migrate(let order): order.dryRun != true
    case .cancel, .cancelQueued, .moveQueued, .tune, .forceComplete, .resolve, .extendGrace, .purgeGrace, .removeOrphans, .prefetchTemplate,
      .steerDrain, .setMaintenance, .configure:
      true
    case .drain(let order): order.dryRun != true
    case .status, .list, .queue, .describe, .inventory, .listGrace, .listOrphans, .listTemplates, .verifyTemplates, .templateWork,
      .drainStatus, .listDrains, .diagnose, .report:
      false
    }
  }

  /// Whether the request asks for something to be done, be it on trial.
  fileprivate var isOrder: Bool {
    switch command {
    // Reading all templates is a burden on the host.
    case .migrate, .verifyTemplates, .drain: true
    default: changesSomething
    }
  }

  /// Whether it asks for something to be done that waits for libvirt or for files to be removed.
  fileprivate var isLongOrder: Bool {
    switch command {
    case .resolve, .purgeGrace, .removeOrphans: true
    default: false
    }
  }
}
