import Logging
import LongshoreMessages
import LongshoreTestKit
import MigrationCore
import MigrationJournal
import Synchronization
import Testing

@testable import LongshoreAgent

@Suite("A host's drains", .timeLimit(.minutes(10)))
struct DrainCoordinatorTests {
  private static let guests = (1...3).map { GuestReference(uuid: "00000000-0000-4000-8000-00000000000\($0)", name: "vm\($0)") }
  private static let survey = DrainSurvey(
    guests: guests.map { guest in
      DrainSurvey.Guest(
        guest: guest, memory: 1 << 30, bytes: 1 << 30, ways: [DrainSurvey.Way(host: MigrationSamples.destination.host)])
    },
    hosts: [
      DrainSurvey.Host(
        host: MigrationSamples.destination.host, offer: HostOffer(pools: [], incoming: 4, pair: 4, pool: 4, busy: 0), linkBps: 100 << 20)
    ], uplinkBps: 100 << 20, outgoing: 4)

  /// Does effects by a script; nil for an effect that goes on until it is cancelled.
  private struct Runner: DrainRunner {
    typealias Script = @Sendable (DrainEffect) async -> DrainOccurrence?

    let notes = Recorder<EffectNote<DrainEffect>>()
    let script: Script

    func run(_ effect: DrainEffect, of drain: Drain, report: @escaping @Sendable (DrainOccurrence) async -> Void) async {
      notes.record(.began(effect))
      if let occurrence = await script(effect) { await report(occurrence) } else { await waitForCancellation() }
      notes.record(.ended(effect))
    }

    func survey(_ id: MigrationID, _ order: DrainOrder) async throws -> DrainSurvey { DrainCoordinatorTests.survey }
  }

  /// Everything succeeds.
  private static let success: Runner.Script = { effect in
    switch effect {
    case .survey(let round, _): .surveyed(survey, round: round)
    case .move(let move): .ended(move.migration, .moved)
    case .look: .looked([])
    case .cancelMove, .report, .awaitDeadline: nil
    }
  }

  private struct Host {
    let journal: Journal
    let runner: Runner
    let drains: DrainCoordinator

    init(_ journal: Journal? = nil, script: @escaping Runner.Script) throws {
      let journal = try journal ?? Journal(path: Journal.inMemory)
      self.journal = journal
      runner = Runner(script: script)
      drains = DrainCoordinator(
        here: MigrationSamples.source, journal: journal, clock: ManualClock(), runner: runner, left: { _ in nil }, outboxChanged: {},
        logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    }

    func order(_ id: String = "one", _ order: DrainOrder = DrainOrder(), trace: TraceContext? = nil) async throws -> Reply.Body {
      try await drains.order(order, key: RequestKey(id: #require(MigrationID(id)), digest: "\(order)"), trace: trace)
    }

    func status(_ id: String = "one") async throws -> DrainStatus? { try await drains.status(#require(MigrationID(id))) }

    /// The types of the messages in the outbox.
    func told() throws -> [String] { try journal.outbox(limit: 100).compactMap(\.type) }
  }

  @Test("are journalled with the host's maintenance before they are answered, and end with all guests told")
  func complete() async throws {
    let host = try Host(script: Self.success)
    guard case .drain(let begun) = try await host.order() else { throw Unexpected() }
    #expect(begun.phase == .planning)
    #expect(try host.journal.maintenance()?.drain?.text == "one")
    await host.runner.notes.wait(for: .ended(.look(round: 1)))
    let status = try #require(try await host.status())
    #expect(status.phase == .completed && status.guests.map(\.state) == [.moved, .moved, .moved])
    let types = try host.told()
    #expect(types.first == "io.longshore.drain.accepted.v1" && types.last == "io.longshore.drain.finished.v1")
    #expect(types.count { $0 == "io.longshore.drain.guest.v1" } == 3)
    #expect(try await host.order() == .drain(status), "the same order once more is the same drain")
    guard case .rejected(let reasons) = try await host.order("one", DrainOrder(parallel: 2)) else { throw Unexpected() }
    #expect(reasons.map(\.code) == [.idReused])
    #expect(try host.journal.maintenance() != nil, "its end does not end the maintenance")
    #expect(try await host.drains.setMaintenance(false, takesGuests: true) == .maintenance(Maintenance(isOn: false)))
  }

  @Test("work in their order's trace, also when the agent comes back")
  func trace() async throws {
    let trace = try #require(TraceContext(traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"))
    let traces = Recorder<TraceContext?>()
    let first = try Host { effect in
      if case .survey = effect { return await Self.success(effect) }
      if case .move = effect { traces.record(.current) }
      return nil
    }
    _ = try await first.order(trace: trace)
    await traces.wait { !$0.isEmpty }
    await first.drains.stop()
    let second = try Host(first.journal) { effect in
      if case .move = effect { traces.record(.current) }
      return await Self.success(effect)
    }
    try await second.drains.resume()
    await second.runner.notes.wait(for: .ended(.look(round: 1)))
    #expect(traces.elements.count > 3 && traces.elements.allSatisfy { $0 == trace }, "some are moved by the first, all by the second")
    #expect(try second.journal.outbox(limit: 100).allSatisfy { $0.headers == trace.fields })
  }

  @Test("are one at a time, and keep the host in maintenance")
  func one() async throws {
    let host = try Host { effect in
      if case .move = effect { return nil }
      return await Self.success(effect)
    }
    _ = try await host.order()
    guard case .rejected(let reasons) = try await host.order("two") else { throw Unexpected() }
    #expect(reasons.map(\.code) == [.drainRuns])
    guard case .rejected(let kept) = try await host.drains.setMaintenance(false, takesGuests: true) else { throw Unexpected() }
    #expect(kept.map(\.code) == [.drainRuns])
    guard case .rejected(let own) = try await host.order("three", DrainOrder(to: [MigrationSamples.source.host])) else {
      throw Unexpected()
    }
    #expect(own.map(\.code) == [.sameHost])
  }

  @Test("go on where they were when the agent comes back, with the same migrations")
  func resumed() async throws {
    let first = try Host { effect in
      if case .move = effect { return nil }
      return await Self.success(effect)
    }
    _ = try await first.order()
    await first.runner.notes.wait { $0.contains { if case .began(.move) = $0 { true } else { false } } }
    let begun = try #require(try await first.status())
    await first.drains.stop()
    let second = try Host(first.journal, script: Self.success)
    try await second.drains.resume()
    await second.runner.notes.wait(for: .ended(.look(round: 1)))
    #expect(!second.runner.notes.elements.contains(.began(.survey(round: 1, only: nil))), "the plan is journalled")
    let status = try #require(try await second.status())
    for guest in begun.guests where guest.migration != nil {
      #expect(status.guests.first { $0.guest == guest.guest }?.migration == guest.migration)
    }
    #expect(status.phase == .completed)
  }

  /// The agent dies after each number of steps that are journalled, before the effects that follow: it is stopped there and started
  /// again. However often, every guest is moved once.
  @Test("come to their one end wherever the agent dies", arguments: 1...8)
  func crashes(steps: Int) async throws {
    let journal = try Journal(path: Journal.inMemory)
    let moves = Mutex<[MigrationID: Int]>([:])
    var isBegun = false
    for _ in 0..<20 {
      let left = Mutex(steps)
      let host = try Host(journal) { effect in
        // What this agent does before it dies.
        let mayGoOn = left.withLock { left in
          left -= 1
          return left >= 0
        }
        guard mayGoOn else { return nil }
        if case .move(let move) = effect { moves.withLock { $0[move.migration, default: 0] += 1 } }
        return await Self.success(effect)
      }
      if isBegun { try await host.drains.resume() } else { _ = try await host.order() }
      isBegun = true
      await host.runner.notes.wait { notes in
        notes.count { if case .ended = $0 { true } else { false } } >= steps || notes.contains(.ended(.look(round: 1)))
      }
      await host.drains.stop()
      if try await host.status()?.phase == .completed { break }
    }
    let id = try #require(MigrationID("one"))
    let drain = try #require(try journal.drain(id))
    #expect(drain.publicPhase == .completed)
    #expect(moves.withLock { $0.count } == 3, "each guest has one migration, ordered again after a crash")
    #expect(drain.guests.map { $0.move?.attempt } == [1, 1, 1])
  }

  @Test("are paused, go on, and are cancelled with what runs")
  func steered() async throws {
    let host = try Host { effect in
      if case .move = effect { return nil }
      if case .cancelMove(let id) = effect { return .ended(id, .cancelled([Reason(.cancelled, "enough")], runsHere: true)) }
      return await Self.success(effect)
    }
    let id = try #require(MigrationID("one"))
    let reason = Reason(.cancelled, "by the request")
    #expect(try await host.drains.steer(DrainSteering(id, .pause), reason: reason) == .rejected([unknown(id)]))
    _ = try await host.order("one", DrainOrder(parallel: 1))
    await host.runner.notes.wait { $0.contains { if case .began(.move) = $0 { true } else { false } } }
    for (action, phase) in [(DrainSteering.Action.pause, DrainStatus.Phase.paused), (.resume, .moving)] {
      guard case .drain(let status) = try await host.drains.steer(DrainSteering(id, action), reason: reason) else { throw Unexpected() }
      #expect(status.phase == phase)
    }
    _ = try await host.drains.steer(DrainSteering(id, .cancel, running: true), reason: reason)
    await host.runner.notes.wait { $0.contains { if case .ended(.cancelMove) = $0 { true } else { false } } }
    let status = try #require(try await host.status())
    #expect(status.phase == .cancelled)
    #expect(status.guests.map(\.state.rawValue).sorted() == ["cancelled", "skipped", "skipped"])
    guard case .rejected(let late) = try await host.drains.steer(DrainSteering(id, .resume), reason: reason) else { throw Unexpected() }
    #expect(late.map(\.code) == [.tooLate])
  }

  @Test("are planned dry without a trace")
  func dryRun() async throws {
    let host = try Host(script: Self.success)
    let id = try #require(MigrationID("dry"))
    guard case .drain(let plan) = await host.drains.plan(DrainOrder(dryRun: true), id: id) else { throw Unexpected() }
    #expect(plan.phase == .planned && plan.guests.count == 3)
    #expect(try await host.drains.list(includeEnded: true) == [])
    #expect(try host.journal.maintenance() == nil && host.told() == [])
  }

  private func unknown(_ id: MigrationID) -> Reason {
    Reason(.unknownDrain, "no drain \(id) is known at \(MigrationSamples.source.host)")
  }

  private struct Unexpected: Error {}
}
