internal import AMQP
internal import LongshoreMessages
internal import MigrationCore

/// The last progress of each running migration, published at most once a second each and dropped where the broker is away.
actor ProgressBoard {
  private static let interval: Int64 = 1000
  /// How long a broker that does not confirm keeps back what comes next, in milliseconds.
  private static let patience: Int64 = 5000

  private let here: HostAddress
  private let connection: AMQPConnection
  private let clock: any HostClock
  private var latest: [MigrationID: Progress] = [:]
  private var judgements: [MigrationID: (notices: [Reason], isStuck: Bool)] = [:]
  private var publishedAt: [MigrationID: Int64] = [:]
  private var inFlight: Set<MigrationID> = []
  private var count = 0

  init(here: HostAddress, connection: AMQPConnection, clock: any HostClock) {
    self.here = here
    self.connection = connection
    self.clock = clock
  }

  /// The last progress of a migration.
  func progress(of id: MigrationID) -> Progress? { latest[id] }

  /// Takes a migration's progress, and publishes it unless the last one is younger than a second or still on its way.
  func post(_ progress: Progress, of id: MigrationID) {
    let progress = judged(progress, of: id)
    latest[id] = progress
    let now = clock.now()
    if let last = publishedAt[id], now.bootMilliseconds - last < Self.interval { return }
    guard connection.state.isConnected, inFlight.insert(id).inserted else { return }
    publishedAt[id] = now.bootMilliseconds
    count += 1
    let event = ProgressEvent(id: "\(id)/progress/\(count)", migration: id, host: here, time: now.wall, data: progress)
    let message = Message(
      body: MessageCoding.encode(event),
      properties: Message.Properties(
        contentType: Wire.eventContentType, deliveryMode: .transient, correlationID: id.text, messageID: event.id,
        type: ProgressEvent.type, appID: "longshore"))
    let key = event.routingKey(host: here)
    Task {
      await withTaskGroup(of: Void.self) { [connection, clock] group in
        group.addTask { try? await connection.publish(message, to: Wire.progress, routingKey: key, mandatory: false) }
        group.addTask { try? await clock.wait(milliseconds: Self.patience) }
        await group.next()
        group.cancelAll()
      }
      inFlight.remove(id)
    }
  }

  /// Takes what is judged of a migration's transfer: what keeps it from its end goes with its progress from now on, and where it is
  /// stuck no end is predicted.
  func note(_ notices: [Reason], isStuck: Bool, of id: MigrationID) { judgements[id] = (notices, isStuck) }

  private func judged(_ progress: Progress, of id: MigrationID) -> Progress {
    guard progress.phase == .transferring, let judgement = judgements[id] else { return progress }
    var progress = progress
    progress.reasons = judgement.notices.isEmpty ? nil : judgement.notices
    if judgement.isStuck { progress.remainingSeconds = nil }
    return progress
  }

  /// Forgets a migration that has ended.
  func remove(_ id: MigrationID) {
    latest[id] = nil
    judgements[id] = nil
    publishedAt[id] = nil
  }
}
