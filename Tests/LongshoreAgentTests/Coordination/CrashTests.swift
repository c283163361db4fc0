import LongshoreMessages
import LongshoreTestKit
import MigrationCore
import MigrationJournal
import Synchronization
import Testing

@testable import LongshoreAgent

@Suite("An agent that dies and comes back", .timeLimit(.minutes(10)))
struct CrashTests {
  /// What the world does with a migration.
  enum Course: CaseIterable {
    case success, prepareFails, transferFails, sourceIsLeftPaused

    /// The events that it ends with, however often the agent dies.
    var kinds: [MigrationEventData.Kind] {
      switch self {
      case .success: Success.kinds
      case .prepareFails: [.accepted, .preparing, .failed]
      case .transferFails, .sourceIsLeftPaused: [.accepted, .preparing, .prepared, .transferring, .failed]
      }
    }
  }

  @Test("ends every migration with the same events, where it dies after every few steps", arguments: Course.allCases, 1...3)
  func diesAgainAndAgain(_ course: Course, stepsPerLife: Int) async throws {
    try await withTemporaryFolder { folder in
      let host = Host(course: course, path: folder.file("journal"))
      var lives = 0
      while try await host.live(steps: stepsPerLife) { lives += 1 }
      #expect(lives >= 1)
      try host.expectEnd()
    }
  }

  @Test("ends every migration with the same events, wherever it dies", arguments: Course.allCases)
  func diesOnce(_ course: Course) async throws {
    var steps = 1
    var isWhole = false
    while !isWhole {
      try await withTemporaryFolder { folder in
        let host = Host(course: course, path: folder.file("journal"))
        isWhole = try await !host.live(steps: steps)
        if !isWhole { #expect(try await !host.live(steps: .max)) }
        try host.expectEnd()
      }
      steps += 1
    }
    #expect(steps > course.kinds.count)
  }

  @Test("begins a transfer only once: afterwards it looks for what runs")
  func transferIsStartedOnce() async throws {
    try await withTemporaryFolder { folder in
      let host = Host(course: .success, path: folder.file("journal"))
      while try await host.live(steps: 1) {}
      let transfers = host.effects.elements.filter { $0 == .startTransfer || $0 == .followTransfer }
      #expect(transfers.first == .startTransfer)
      #expect(transfers.count { $0 == .startTransfer } == 1)
    }
  }
}

/// A source host: its journal and its world outlive its agent.
private final class Host: Sendable {
  private let course: CrashTests.Course
  private let path: String
  private let isPaused = Mutex(true)
  /// The effects that were begun, in all lives.
  let effects = Recorder<SourceEffect>()

  init(course: CrashTests.Course, path: String) {
    self.course = course
    self.path = path
  }

  /// Starts an agent, which dies after so many results of effects and answers of the destination. Returns whether the migration
  /// goes on.
  func live(steps: Int) async throws -> Bool {
    let journal = try Journal(path: path)
    let left = Mutex(steps)
    let taken = Recorder<Void>()
    let line = Line()
    @Sendable func mayGoOn() -> Bool {
      left.withLock { left in
        left -= 1
        return left >= 0
      }
    }
    let station = try Station(
      journal: journal,
      source: { effect, migration in
        self.effects.record(effect)
        guard let event = await self.result(of: effect, migration), mayGoOn() else { return nil }
        return event
      },
      send: { sent in
        guard let answer = self.answer(to: sent.body), mayGoOn() else { return }
        try await line.station?.receive(answer)
        taken.record(())
      }, onReport: { taken.record(()) })
    line.plug(station)
    try await station.coordinator.resume()
    // Whoever ordered the migration may repeat the order whenever it wants to.
    #expect(try await station.accept(MigrationSamples.id) == .accepted)
    await taken.wait { taken in
      taken.count >= steps || (try? journal.source(MigrationSamples.id))?.isTerminal == true
    }
    await station.coordinator.stop()
    let isOpen = try journal.source(MigrationSamples.id)?.isTerminal == false
    try journal.close()
    return isOpen
  }

  /// Expects the course's events: gapless, each once in the journal and in the outbox, the last one and no other terminal.
  func expectEnd() throws {
    let journal = try Journal(path: path)
    let events = try journal.events(of: MigrationSamples.id)
    #expect(events.map(\.data.kind) == course.kinds)
    #expect(events.map { Int($0.sequence) } == Array(1...course.kinds.count))
    #expect(events.count { $0.data.kind.isTerminal } == 1)
    #expect(try journal.outbox(limit: 1000).filter { $0.exchange == Wire.events }.map(\.messageID) == events.map(\.id))
    #expect(try journal.openSources().migrations.isEmpty)
    try journal.close()
  }

  private func result(of effect: SourceEffect, _ migration: SourceMigration) async -> SourceEvent? {
    switch (course, effect) {
    case (.transferFails, .startTransfer), (.transferFails, .followTransfer), (.sourceIsLeftPaused, .startTransfer),
      (.sourceIsLeftPaused, .followTransfer):
      return .transferEnded(error: "the connection to the destination was lost", nil)
    case (.transferFails, .observe(let step)): return .observed(Success.atSource, step: step)
    case (.sourceIsLeftPaused, .observe(let step)):
      let state = isPaused.withLock { $0 } ? GuestState.pausedForMigration : .running
      return .observed(Observation(source: .active(state, job: .none), destination: .absent), step: step)
    case (.sourceIsLeftPaused, .settle(let settlement, _)):
      #expect(settlement == .resumeSource)
      isPaused.withLock { $0 = false }
      return .settled(settlement, failure: nil)
    default: return await Success.source(effect, migration)
    }
  }

  private func answer(to body: PeerMessage.Body) -> PeerMessage.Body? {
    switch body {
    case .prepare:
      course == .prepareFails
        ? .prepareFailed(Reason(.stubFailed, "no space left")) : .prepared(MigrationSamples.preparation, checks: [])
    case .confirm: .confirmed(MigrationSamples.confirmation)
    case .release: .released
    case .rollback: .rolledBack
    default: nil
    }
  }
}
