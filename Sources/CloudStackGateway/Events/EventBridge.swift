import AMQP
import Logging
import LongshoreClient
import LongshoreMessages
import ServiceLifecycle

/// Publishes events in CloudStack's own form, over a connection of its own.
///
/// It tells what happens while it runs, and each event once, although the history comes again whenever the broker was away. What happened
/// while no gateway ran is not told later. Where two gateways tell, messages of the same event have the same id.
actor EventBridge: Service {
  /// How many messages wait while the broker is away; the oldest go first.
  static let backlog = 10_000
  /// How long is waited before a message is sent again that the broker does not take: at first, and at most.
  private static let pauses = (first: Duration.milliseconds(100), longest: Duration.seconds(10))
  /// How many events are remembered as told.
  static let memory = 20_000

  private let connection: AMQPConnection
  private let cluster: NodeName
  private let user: String
  private let startedAt: Timestamp
  private let logger: Logger
  private let messages: AsyncStream<BusMessage>
  private let teller: AsyncStream<BusMessage>.Continuation
  private var told: Set<String> = []
  private var order: [String] = []

  /// A bridge that tells what happens from a time on.
  /// - Throws: ``LinkError`` where the broker's settings are impossible.
  init(_ settings: LinkSettings, startedAt: Timestamp, logger: Logger) throws(LinkError) {
    let configuration = try settings.configuration()
    cluster = settings.cluster
    user = configuration.user
    do throws(AMQPError) {
      connection = try AMQPConnection(
        configuration: configuration, topology: Topology([.exchange(Exchange(BusMessage.exchange, kind: .topic))]), logger: logger)
    } catch {
      throw LinkError(.invalidSettings, error.message, while: "reading the settings")
    }
    self.startedAt = startedAt
    self.logger = logger
    (messages, teller) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(Self.backlog))
  }

  /// Takes in an event.
  func hear(_ event: MigrationEvent) {
    guard event.time >= startedAt, told.insert(event.id).inserted else { return }
    order.append(event.id)
    if order.count > Self.memory { told.remove(order.removeFirst()) }
    for message in BusMessage.messages(of: event, in: cluster) { teller.yield(message) }
  }

  /// Publishes until a graceful shutdown, and then what was heard before it.
  func run() async throws {
    let (connection, messages, teller, user, logger) = (connection, messages, teller, user, logger)
    // Not a child, which would end its connection with the shutdown, before the last messages.
    let connecting = Task.detached { try? await connection.run() }
    await withTaskCancellationHandler {
      await withGracefulShutdownHandler {
        for await message in messages { await Self.publish(message, over: connection, user, logger) }
        connection.beginShutdown()
        await connecting.value
      } onGracefulShutdown: {
        teller.finish()
      }
    } onCancel: {
      connecting.cancel()
    }
  }

  /// Publishes a message, again after each connection that was lost, and where the broker does not take it.
  private static func publish(_ message: BusMessage, over connection: AMQPConnection, _ user: String, _ logger: Logger) async {
    var body: [UInt8] = []
    ResponseValue.object(message.body).writeJSON(to: &body)
    let properties = Message.Properties(
      contentType: "text/plain", headers: ["jobid": .string(message.job.text)], priority: 0, messageID: message.id,
      timestamp: UInt64(clamping: message.time.milliseconds / 1000), userID: user, appID: "longshore/\(LongshoreVersion.current)")
    var pause = pauses.first
    while !Task.isCancelled {
      do {
        try await connection.waitUntilConnected()
        // That nobody has bound a queue is no error.
        try await connection.publish(
          Message(body: body, properties: properties), to: BusMessage.exchange, routingKey: message.key, mandatory: false)
        return
      } catch let error as AMQPError where error.isRetriable {
        try? await Task.sleep(for: pause)
        pause = min(pause * 2, pauses.longest)
      } catch {
        guard !Task.isCancelled else { return }
        logger.warning("An event is not told in CloudStack's form", metadata: ["error": .string("\(error)"), "key": .string(message.key)])
        return
      }
    }
  }
}
