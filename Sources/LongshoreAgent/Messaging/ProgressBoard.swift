internal import AMQP
internal import LongshoreMessages
internal import MigrationCore

/// The last progress of each running migration, published at most once a second each and dropped where the broker is away.
actor ProgressBoard {
  private static let interval: Int64 = 1000
  /// How long a broker that does not confirm keeps back what comes next, in milliseconds.
  private static let patience: Int64 = 5000
  /// For how long nothing more is taken of a migration that was removed, in milliseconds.
  private static let lateness: Int64 = 60_000

  private let here: HostAddress
  private let connection: AMQPConnection
  private let user: String
  private let clock: any HostClock
  private var latest: [MigrationID: Progress] = [:]
  private var judgements: [MigrationID: (notices: [Reason], isStuck: Bool)] = [:]
  private var publishedAt: [MigrationID: Int64] = [:]
  private var inFlight: Set<MigrationID> = []
  /// When migrations were removed, in milliseconds of the boot clock: what is told of them may be late.
  private var removedAt: [MigrationID: Int64] = [:]
  private var count = 0
  /// What of each migration's bytes was counted, or was copied before this run of the agent.
  private var counted: [MigrationID: CopiedBytes] = [:]
  private let copied: @Sendable (CopiedBytes) -> Void
  private let startedAt: Now

  /// - Parameters:
  ///   - user: The broker's user whose connection it is.
  ///   - copied: Gets what was copied, as it is told.
  init(
    here: HostAddress, connection: AMQPConnection, user: String, clock: any HostClock,
    copied: @escaping @Sendable (CopiedBytes) -> Void = { _ in }
  ) {
    self.here = here
    self.connection = connection
    self.user = user
    self.clock = clock
    self.copied = copied
    startedAt = clock.now()
  }

  /// The last progress of a migration.
  func progress(of id: MigrationID) -> Progress? { latest[id] }

  /// Takes a migration's progress, and publishes it unless the last one is younger than a second or still on its way. What comes from a
  /// task that is cancelled is late: the transfer has ended, or the migration may be forgotten already.
  func post(_ progress: Progress, of id: MigrationID) {
    guard !Task.isCancelled, removedAt[id] == nil else { return }
    let progress = judged(progress, of: id)
    latest[id] = progress
    let now = clock.now()
    // What is read to be compared is not copied.
    if progress.phase != .verifying {
      count(CopiedBytes(progress), of: id, isNew: progress.elapsedSeconds * 1000 <= Double(startedAt.milliseconds(until: now)))
    }
    if let last = publishedAt[id], now.bootMilliseconds - last < Self.interval { return }
    guard connection.state.isConnected, inFlight.insert(id).inserted else { return }
    publishedAt[id] = now.bootMilliseconds
    count += 1
    let event = ProgressEvent(id: "\(id)/progress/\(count)", migration: id, host: here, time: now.wall, data: progress, trace: .current)
    let message = event.published(by: user)
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
  func note(_ notices: [Reason], isStuck: Bool, of id: MigrationID) {
    guard !Task.isCancelled, latest[id] != nil else { return }
    judgements[id] = (notices, isStuck)
  }

  private func judged(_ progress: Progress, of id: MigrationID) -> Progress {
    guard progress.phase == .transferring, let judgement = judgements[id] else { return progress }
    var progress = progress
    progress.reasons = judgement.notices.isEmpty ? nil : judgement.notices
    if judgement.isStuck { progress.remainingSeconds = nil }
    return progress
  }

  /// Drops what was told of a transfer that has ended: it is not what is copied now. What was counted of it stays.
  func end(of id: MigrationID) {
    latest[id] = nil
    judgements[id] = nil
  }

  /// Forgets a migration that has ended, and counts what of its bytes was not told before.
  func remove(_ migration: SourceMigration) {
    let id = migration.id
    if let totals = migration.totals {
      let all = CopiedBytes(disk: totals.diskBytes, memory: totals.memoryBytes, template: migration.preparation?.templateBytes ?? 0)
      count(all, of: id, isNew: startedAt.milliseconds(until: migration.acceptedAt) >= 0)
    }
    end(of: id)
    publishedAt[id] = nil
    counted[id] = nil
    let now = clock.now().bootMilliseconds
    removedAt = removedAt.filter { now - $0.value < Self.lateness }
    removedAt[id] = now
  }

  /// Counts what was copied since the last time; of a migration that another run of the agent has begun, since it is followed here.
  private func count(_ bytes: CopiedBytes, of id: MigrationID, isNew: Bool) {
    if let before = counted[id] ?? (isNew ? CopiedBytes() : nil) { copied(bytes.since(before)) }
    counted[id] = bytes.most(counted[id] ?? CopiedBytes())
  }

  /// What is copied now.
  ///
  /// - Parameter peers: The hosts to which the migrations go.
  func transfers(to peers: [MigrationID: NodeName]) -> MetricsSampler.Transfers {
    var transfers = MetricsSampler.Transfers()
    for (id, progress) in latest {
      transfers.remaining.template += progress.template?.remaining ?? 0
      guard progress.phase == .transferring else { continue }
      transfers.rate += progress.rateBps ?? 0
      transfers.dirtyRate += progress.dirtyRateBps ?? 0
      transfers.remaining.disk += progress.disks.reduce(0) { $0 + $1.bytes.remaining }
      transfers.remaining.memory += progress.memory?.remaining ?? 0
      if let peer = peers[id] { transfers.rates[peer, default: 0] += progress.rateBps ?? 0 }
    }
    return transfers
  }
}
