internal import Libvirt
internal import Logging
internal import LongshoreMessages
internal import MigrationCore

/// Does a drain's effects in the world.
///
/// A runner observes before it does anything, so that an effect that was begun before a crash can be run again. It reports what came of
/// the effect as events, and returns when there is nothing more to do or its task is cancelled. It does not run in the actor that calls it.
protocol DrainRunner: Sendable {
  @concurrent func run(_ effect: DrainEffect, of drain: Drain, report: @escaping @Sendable (DrainOccurrence) async -> Void) async
  /// The survey that a drain would begin with.
  @concurrent func survey(_ id: MigrationID, _ order: DrainOrder) async throws -> DrainSurvey
}

/// Does a drain's effects with the means of migrations: the same door for orders, the same checks.
struct HypervisorDrainRunner: DrainRunner {
  /// How often a migration is looked at whose end was not told, in milliseconds: it may need attention.
  private static let lookInterval: Int64 = 2_000
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
      // What is still on its way here by then stays, and the drain says so.
      await untilDone("look which guests run", drain, report) { .looked(try await surveyor.running(arriving: true)) }
    case .report, .awaitDeadline: break
    }
  }

  private func untilDone(
    _ operation: String, _ drain: Drain, _ report: (DrainOccurrence) async -> Void, _ work: () async throws -> DrainOccurrence
  ) async {
    await PatientWork(clock: clock, logger: logger).untilDone(operation, of: drain.id, failed: { _ in nil }, report: report, work)
  }

  private func run(_ move: DrainMove, of drain: Drain, _ report: (DrainOccurrence) async -> Void) async {
    let watch = MoveWatch(move)
    if move.isOwn, let order = drain.order(of: move) {
      CrashPoint.drainMoveUnordered.reached()
      var end: DrainOccurrence?
      await PatientWork(clock: clock, logger: logger).untilDone(
        "order a migration", of: move.migration, failed: { _ in nil }, report: { end = $0 }
      ) { try await begin(order, watch, in: drain.trace) }
      if Task.isCancelled { return }
      CrashPoint.drainMoveOrdered.reached()
      if let end { return await report(end) }
    }
    await follow(watch, report)
  }

  /// Orders a migration. Returns how the move has ended with that; nil where it is accepted, now or earlier.
  private func begin(_ order: MigrateCommand, _ watch: MoveWatch, in trace: TraceContext?) async throws -> DrainOccurrence? {
    switch watch.ordered(try await door.migrate(watch.move.migration, order, trace: trace)) {
    case .end(let occurrence), .tell(let occurrence): return occurrence
    case .orderAgain(let reason): throw Reason.Failure(reason)
    case .look, .lookForGuest: return nil
    }
  }

  private func follow(_ watch: MoveWatch, _ report: (DrainOccurrence) async -> Void) async {
    var watch = watch
    let id = watch.move.migration
    for await _ in await ends.looks(at: id, every: Self.lookInterval, clock: clock) {
      do {
        let migration = try await coordinator.source(id)
        switch watch.look(at: migration, at: clock.now()) {
        case .end(let occurrence): return await report(occurrence)
        case .tell(let occurrence): await report(occurrence)
        case .lookForGuest:
          guard let migration else { break }
          return await report(watch.end(of: migration, runsHere: try await runs(watch.move.guest)))
        case .look, .orderAgain: break
        }
      } catch {
        logger.debug("A migration cannot be followed", metadata: [LogKeys.migration: "\(id)", LogKeys.error: "\(error)"])
      }
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
