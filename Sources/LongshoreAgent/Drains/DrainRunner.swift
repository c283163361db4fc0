internal import Libvirt
internal import Logging
internal import LongshoreMessages
internal import MigrationCore

/// Does a drain's effects in the world.
///
/// A runner observes before it does anything, so that an effect that was begun before a crash can be run again. It reports what came of
/// the effect as events, and returns when there is nothing more to do or its task is cancelled.
protocol DrainRunner: Sendable {
  func run(_ effect: DrainEffect, of drain: Drain, report: @escaping @Sendable (DrainOccurrence) async -> Void) async
  /// The survey that a drain would begin with.
  func survey(_ id: MigrationID, _ order: DrainOrder) async throws -> DrainSurvey
}

/// Does a drain's effects with the means of migrations: the same door for orders, the same checks.
struct HypervisorDrainRunner: DrainRunner {
  /// How often a migration is looked at whose end was not told, in milliseconds: it may need attention.
  private static let lookInterval: Int64 = 2_000
  /// For how long a migration needs attention before the drain is told, in milliseconds.
  private static let attentionAfter: Int64 = 60_000
  /// For how long guests are waited for that are still on their way here, in milliseconds.
  private static let arrivalPatience: Int64 = 300_000

  let here: HostAddress
  let libvirt: LibvirtLink
  let coordinator: MigrationCoordinator
  let surveyor: DrainSurveyor
  let door: OrderDoor
  let ends: EndedMigrations
  let clock: any HostClock
  let logger: Logger

  func survey(_ id: MigrationID, _ order: DrainOrder) async throws -> DrainSurvey { try await surveyor.survey(id, order, only: nil) }

  func run(_ effect: DrainEffect, of drain: Drain, report: @escaping @Sendable (DrainOccurrence) async -> Void) async {
    switch effect {
    case .survey(let round, let only):
      await untilDone("survey the hosts", drain, report) {
        .surveyed(try await surveyor.survey(drain.id, drain.order, only: only), round: round)
      }
    case .move(let move): await run(move, of: drain, report)
    case .cancelMove(let id): await cancel(id, of: drain)
    case .look:
      let begin = clock.now()
      while await coordinator.incomingCount > 0, begin.milliseconds(until: clock.now()) < Self.arrivalPatience {
        guard (try? await clock.wait(milliseconds: Self.lookInterval)) != nil else { return }
      }
      await untilDone("look which guests run", drain, report) { .looked(try await surveyor.running()) }
    case .report, .awaitDeadline: break
    }
  }

  private func untilDone(
    _ operation: String, _ drain: Drain, _ report: (DrainOccurrence) async -> Void, _ work: () async throws -> DrainOccurrence
  ) async {
    await PatientWork(clock: clock, logger: logger).untilDone(operation, of: drain.id, failed: { _ in nil }, report: report, work)
  }

  private func run(_ move: DrainMove, of drain: Drain, _ report: (DrainOccurrence) async -> Void) async {
    if move.isOwn, let order = drain.order(of: move) {
      CrashPoint.drainMoveUnordered.reached()
      var refusal: [Reason]?
      await PatientWork(clock: clock, logger: logger).untilDone(
        "order a migration", of: move.migration, failed: { _ in nil }, report: { refusal = $0 }
      ) { try await begin(move, order) }
      if Task.isCancelled { return }
      CrashPoint.drainMoveOrdered.reached()
      if let refusal { return await report(.refused(move.migration, refusal)) }
    }
    await follow(move, report)
  }

  /// Orders a migration. Returns why it is refused; nil where it is accepted, now or earlier.
  private func begin(_ move: DrainMove, _ order: MigrateCommand) async throws -> [Reason]? {
    switch try await door.migrate(move.migration, order) {
    case .accepted: return nil
    case .rejected(let reasons):
      // libvirt is away for a moment: the guest is not refused for that.
      if reasons.contains(where: { $0.code == .unavailable }) { throw Reason.Failure(reasons[0]) }
      return reasons
    }
  }

  private func follow(_ move: DrainMove, _ report: (DrainOccurrence) async -> Void) async {
    let end = await ends.end(of: move.migration)
    var since: Now?
    var isTold = false
    while !Task.isCancelled {
      do {
        guard let migration = try await coordinator.source(move.migration) else {
          return await report(
            .ended(
              move.migration,
              .failed([Reason(.unknownMigration, "nothing is known of the migration \(move.migration) any more")], runsHere: true)))
        }
        if migration.isTerminal {
          return await report(.ended(move.migration, try await Self.end(of: migration) { try await runs(move.guest) }))
        }
        if migration.publicPhase == .needsAttention {
          let begin = since ?? clock.now()
          since = begin
          if !isTold, begin.milliseconds(until: clock.now()) >= Self.attentionAfter {
            isTold = true
            await report(.attention(move.migration, migration.reasons ?? [Reason(.undecided, "its migration needs attention")]))
          }
        } else {
          since = nil
        }
      } catch {
        logger.debug("A migration cannot be followed", metadata: [LogKeys.migration: "\(move.migration)", LogKeys.error: "\(error)"])
      }
      await withTaskGroup(of: Void.self) { group in
        defer { group.cancelAll() }
        group.addTask { for await _ in end { return } }
        group.addTask { try? await clock.wait(milliseconds: Self.lookInterval) }
        await group.next()
      }
    }
  }

  private static func end(of migration: SourceMigration, runs: () async throws -> Bool) async throws -> DrainMove.End {
    let reasons = migration.reasons ?? []
    return switch migration.publicPhase {
    case .completed: .moved
    case .cancelled: .cancelled(reasons, runsHere: try await runs())
    default: .failed(reasons, runsHere: try await runs())
    }
  }

  /// Whether a guest runs on this host.
  private func runs(_ uuid: String) async throws -> Bool {
    guard let domain = try await libvirt.connection().domain(uuid: uuid) else { return false }
    switch try await domain.state() {
    case .shutoff, .crashed: return false
    default: return true
    }
  }

  /// Cancels a migration, as soon as it is known, unless it cannot be cancelled any more.
  private func cancel(_ id: MigrationID, of drain: Drain) async {
    let reason = Reason(.cancelled, "cancelled with the drain \(drain.id)")
    while !Task.isCancelled {
      do {
        try await coordinator.cancel(id, reason: reason)
        return
      } catch let error as Rejected where error.reason.code == .tooLate {
        return
      } catch {
        guard (try? await clock.wait(milliseconds: Self.lookInterval)) != nil else { return }
      }
    }
  }
}
