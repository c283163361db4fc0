import AMQP
import FoundationEssentials
import Logging
public import LongshoreMessages

/// The link over AMQP: one connection with a reply queue and, where events are wanted, a queue for them. Both queues belong to
/// the connection and go with it. The exchanges are declared as agents do it, or taken as they are where the user may not.
public final class AMQPOrchestratorLink: OrchestratorLink {
  public let notices: AsyncStream<LinkNotice>

  let connection: AMQPConnection
  let user: String
  private let replies: RequestReply
  private let senders: SenderCheck

  private init(
    connection: AMQPConnection, user: String, replies: RequestReply, senders: SenderCheck, notices: AsyncStream<LinkNotice>
  ) {
    self.connection = connection
    self.user = user
    self.replies = replies
    self.senders = senders
    self.notices = notices
  }

  /// Connects, lets the link be used, and disconnects.
  /// - Throws: ``LinkError`` where the broker cannot be reached or refuses; whatever `use` throws.
  public static func open<Result: Sendable>(
    settings: LinkSettings, subscription: Subscription,
    use: @escaping @Sendable (any OrchestratorLink) async throws -> Result
  ) async throws -> Result {
    let configuration = try settings.configuration()
    let senders = SenderCheck(peerUser: settings.peerUser, logger: settings.warnings)
    let connected = try await connect(configuration, declaring: Wire.sharedExchanges, subscription, senders, settings.logger, use)
    if let connected { return connected }
    // A user without the permission to declare exchanges uses those that are there.
    guard let result = try await connect(configuration, declaring: nil, subscription, senders, settings.logger, use) else {
      throw LinkError(.notPermitted, "the broker refuses this user's queues", while: connecting)
    }
    return result
  }

  /// Connects and lets the link be used; nil where the user may not declare the exchanges.
  private static func connect<Result: Sendable>(
    _ configuration: AMQPConfiguration, declaring exchanges: [Exchange]?, _ subscription: Subscription,
    _ senders: SenderCheck, _ logger: Logger, _ use: @escaping @Sendable (any OrchestratorLink) async throws -> Result
  ) async throws -> Result? {
    let inbox = EventInbox(subscription, senders: senders)
    let connection: AMQPConnection
    do throws(AMQPError) {
      let topology = Topology((exchanges ?? []).map { .exchange($0) } + (inbox?.topology.elements ?? []))
      connection = try AMQPConnection(configuration: configuration, topology: topology, logger: logger)
    } catch {
      throw LinkError(error, while: connecting)
    }
    let replies = RequestReply(connection: connection, exchange: Wire.replies)
    let (notices, teller) = AsyncStream.makeStream(of: LinkNotice.self)
    let link = AMQPOrchestratorLink(
      connection: connection, user: configuration.user, replies: replies, senders: senders, notices: notices)
    return try await withThrowingTaskGroup(of: Void.self) { group in
      defer { group.cancelAll() }
      group.addTask { try await connection.run() }
      do throws(AMQPError) {
        try await firstConnection(of: connection, addresses: configuration.addresses.count)
      } catch {
        if exchanges != nil, error.code == .declarationRefused, error.replyCode == 403 { return nil }
        throw LinkError(error, while: connecting)
      }
      group.addTask { await tellStates(of: connection, to: teller) }
      if let inbox {
        for queue in inbox.queues {
          let consumer = try await inbox.subscribe(to: queue, over: connection)
          group.addTask { await inbox.read(consumer, to: teller) }
        }
      }
      return try await use(link)
    }
  }

  public func ask(_ request: Request, of host: HostAddress, within time: Duration) async throws(LinkError) -> Reply {
    let operation = "asking \(host)"
    let message = message(request, expiration: time)
    let clock = ContinuousClock()
    let end = clock.now + time
    let objection = CurrentObjection()
    while true {
      let left = clock.now.duration(to: end)
      guard left > .zero else { throw objection.error(while: operation) ?? Self.noAnswer(operation, time) }
      do {
        let delivery = try await replies.request(
          message, to: Wire.requests, routingKey: host.routingKey, timeout: left,
          where: { [senders] delivery in
            // What cannot be read is told as such: nobody is claimed to have sent it.
            guard let reply = try? MessageCoding.read(Reply.self, from: delivery.body) else { return true }
            return objection.note(senders.objection(to: reply, asked: host, delivery)) == nil
          })
        return try Self.reply(delivery, while: operation)
      } catch let error as AMQPError {
        guard error.isRetriable, error.code != .timedOut else {
          guard error.code != .unroutable else {
            throw LinkError(.unknownHost, "cluster \(host.cluster) has no host named \(host.host)", while: operation)
          }
          let untrusted = error.code == .timedOut ? objection.error(while: operation) : nil
          throw untrusted ?? LinkError(error, while: operation, time: time)
        }
      } catch let error as LinkError {
        throw error
      } catch {
        throw LinkError(.unreachable, "\(error)", while: operation)
      }
    }
  }

  public func askAll(
    _ request: Request, in cluster: NodeName, within time: Duration
  ) -> AsyncThrowingStream<Reply, any Error> {
    let operation = "asking the hosts of cluster \(cluster)"
    let deliveries = replies.requests(
      message(request, expiration: time), to: Wire.requests, routingKey: cluster.text, collectingFor: time)
    return AsyncThrowingStream { continuation in
      let task = Task { [senders] in
        var isAnswered = false
        var unreadable: LinkError?
        do {
          for try await delivery in deliveries {
            do throws(LinkError) {
              let reply = try Self.reply(delivery, while: operation)
              guard senders.objection(to: reply, asked: nil, delivery) == nil else { continue }
              isAnswered = true
              continuation.yield(reply)
            } catch {
              // One host's answer, or somebody's rubbish: the others' count.
              senders.note(unreadable: error)
              unreadable = error
            }
          }
          if !isAnswered, let unreadable { throw unreadable }
          continuation.finish()
        } catch let error as AMQPError where error.code == .timedOut {
          continuation.finish()
        } catch let error as AMQPError where error.code == .unroutable {
          continuation.finish(throwing: LinkError(.unknownCluster, "cluster \(cluster) has no hosts", while: operation))
        } catch let error as AMQPError {
          continuation.finish(throwing: LinkError(error, while: operation, time: time))
        } catch {
          continuation.finish(throwing: error)
        }
      }
      continuation.onTermination = { _ in task.cancel() }
    }
  }

  private func message(_ request: Request, expiration: Duration) -> Message {
    Message(
      body: MessageCoding.encode(request),
      properties: Message.Properties(
        contentType: Wire.jsonContentType, headers: (request.trace?.fields ?? [:]).mapValues { .string($0) }, expiration: expiration,
        messageID: request.id.text, type: request.typeName, userID: user, appID: "longshore/\(LongshoreVersion.current)"))
  }

  private static func reply(_ delivery: Delivery, while operation: String) throws(LinkError) -> Reply {
    do throws(UnreadableMessage) {
      return try MessageCoding.read(Reply.self, from: delivery.body)
    } catch {
      throw LinkError(
        .unreadableReply, "an answer cannot be read: \(error.reasons.map(\.message).joined(separator: "; "))",
        while: operation)
    }
  }

  private static func noAnswer(_ operation: String, _ time: Duration) -> LinkError {
    LinkError(.noAnswer, "no answer within \(Quantity.seconds(Double(time.components.seconds)))", while: operation)
  }

  private static let connecting = "connecting to the broker"

  /// Waits for the first connection. The addresses are tried once each: who types a command does not want to wait for a broker
  /// that is away.
  private static func firstConnection(of connection: AMQPConnection, addresses: Int) async throws(AMQPError) {
    var failures = 0
    for await state in connection.states {
      if state.isConnected { return }
      guard case .disconnected(let error, _) = state else { continue }
      failures += 1
      if failures >= addresses || !error.isRetriable { throw error }
    }
    throw AMQPError(.closed, operation: connecting, message: "the connection was closed")
  }

  private static func tellStates(of connection: AMQPConnection, to teller: AsyncStream<LinkNotice>.Continuation) async {
    var isLost = false
    for await state in connection.states {
      if case .disconnected(let error, _) = state, !isLost {
        isLost = true
        teller.yield(.lost(reason: error.message))
      } else if state.isConnected, isLost {
        isLost = false
        teller.yield(.restored)
      }
    }
  }
}

extension Wire {
  /// The exchanges that requests, replies, events and progress go through, as agents declare them.
  fileprivate static let sharedExchanges = [requests, replies, events, progress].map { Exchange($0, kind: .topic) }
}
