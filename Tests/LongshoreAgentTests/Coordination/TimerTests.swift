import LongshoreMessages
import LongshoreTestKit
import MigrationCore
import Synchronization
import Testing

@testable import LongshoreAgent
@testable import MigrationJournal

@Suite("Timers of migrations", .timeLimit(.minutes(10)))
struct TimerTests {
  private let id = MigrationSamples.id
  /// Lengths that no other wait has.
  private let patience = Patience(firstAnswer: 30_001, attention: 60_001, lookAgain: 1_001)
  private let deadline = MigrationSamples.deadlineSeconds * 1000

  @Test("A destination that never answers fails the migration, and is told to undo what it may yet do")
  func silentDestination() async throws {
    let station = try Station(source: Success.source)
    try await station.accept(id, patience: patience)
    await station.clock.waitUntilPending(patience.firstAnswer)
    // The question is asked, and is to be repeated.
    await station.clock.waitUntilPending(1000)
    station.clock.advance(milliseconds: patience.firstAnswer)
    await station.wait(for: .failed)

    let failed = try #require(try station.journal.events(of: id).last)
    #expect(failed.data.reasons?.map(\.code) == [.destinationUnreachable])
    #expect(failed.data.stage == .checks)
    #expect(failed.data.runsAt == MigrationSamples.source.host)
    #expect(try station.told.map(\.typeName) == ["rollback"])
    #expect(await station.coordinator.running == 0)
  }

  @Test("A destination that has answered may take its time")
  func busyDestination() async throws {
    let station = try Station(source: { effect, migration in effect == .startTransfer ? nil : await Success.source(effect, migration) })
    try await station.accept(id, patience: patience)
    await station.clock.waitUntilPending(patience.firstAnswer)
    try await station.receive(.preparing(PreparationProgress(templateBytesDone: 0, templateBytesTotal: 1)))
    station.clock.advance(milliseconds: patience.firstAnswer + 20_000)
    try await station.receive(.prepared(MigrationSamples.preparation, checks: []))
    await station.wait(for: .transferring)
    #expect(try station.kinds() == [.accepted, .preparing, .prepared, .transferring])
    await station.coordinator.stop()
  }

  @Test("A destination that prepares and falls silent is a case for the operator, until it is heard again")
  func silentWhilePreparing() async throws {
    let station = try Station(source: { effect, migration in effect == .startTransfer ? nil : await Success.source(effect, migration) })
    try await station.accept(id, patience: patience)
    await station.clock.waitUntilPending(patience.firstAnswer)
    let preparing = PeerMessage.Body.preparing(PreparationProgress(templateBytesDone: 0, templateBytesTotal: 1))
    try await station.receive(preparing)
    for wait in [1000, 2000, 4000, 8000, 16_000] as [Int64] {
      await station.clock.waitUntilPending(wait)
      station.clock.advance(milliseconds: wait)
      try await station.receive(preparing)
    }
    for _ in 0..<4 {
      await station.clock.waitUntilPending(30_000)
      station.clock.advance(milliseconds: 30_000)
    }
    await station.wait(for: .needsAttention)
    #expect(try await station.coordinator.source(id)?.reasons?.map(\.code) == [.destinationUnreachable])
    try await station.receive(preparing)
    #expect(try station.kinds() == [.accepted, .preparing, .needsAttention, .preparing])
    try await station.receive(.prepared(MigrationSamples.preparation, checks: []))
    await station.wait(for: .transferring)
    await station.coordinator.stop()
  }

  @Test("Nobody is called silent whom nothing has reached")
  func silentBroker() async throws {
    let isAway = Mutex(false)
    let station = try Station(source: Success.source, send: { _ in if isAway.withLock({ $0 }) { throw BrokerAway() } })
    try await station.accept(id, patience: patience)
    await station.peers.wait(for: "prepare")
    try await station.receive(.preparing(PreparationProgress(templateBytesDone: 0, templateBytesTotal: 1)))
    isAway.withLock { $0 = true }
    for wait in [1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000] as [Int64] {
      await station.clock.waitUntilPending(wait)
      station.clock.advance(milliseconds: wait)
    }
    await station.clock.waitUntilPending(30_000)
    #expect(try station.kinds() == [.accepted, .preparing])
    await station.coordinator.stop()
  }

  @Test("A destination's time for its first answer begins when the broker has taken the question")
  func unaskedDestination() async throws {
    let isAway = Mutex(true)
    let station = try Station(source: Success.source, send: { _ in if isAway.withLock({ $0 }) { throw BrokerAway() } })
    try await station.accept(id, patience: patience)
    for count in 1...3 {
      await station.peers.wait(for: "prepare", count: count)
      await station.clock.waitUntilPending(patience.firstAnswer)
      station.clock.advance(milliseconds: patience.firstAnswer)
    }
    await station.peers.wait(for: "prepare", count: 4)
    await station.clock.waitUntilPending(patience.firstAnswer)
    #expect(try station.kinds() == [.accepted, .preparing])

    // The next question is taken, so many milliseconds after the whole time has begun anew.
    isAway.withLock { $0 = false }
    await station.clock.waitUntilPending(8000)
    station.clock.advance(milliseconds: 8000)
    await station.peers.wait(for: "prepare", count: 5)
    await station.clock.waitUntilPending(16_000)
    station.clock.advance(milliseconds: patience.firstAnswer - 8000)
    await station.clock.waitUntilPending(8000)
    #expect(try station.kinds() == [.accepted, .preparing])
    station.clock.advance(milliseconds: 8000)
    await station.wait(for: .failed)
    #expect(try station.journal.events(of: id).last?.data.reasons?.map(\.code) == [.destinationUnreachable])
  }

  @Test("A host that no agent ever had is known at once")
  func unknownDestination() async throws {
    let station = try Station(source: Success.source, send: { _ in throw PeerUnknown() })
    try await station.accept(id)
    await station.wait(for: .failed)
    #expect(try station.journal.events(of: id).last?.data.reasons?.map(\.code) == [.destinationUnreachable])
    #expect(await station.coordinator.running == 0)
  }

  @Test("A question is asked again after waits that grow, also while the broker is away")
  func askingAgain() async throws {
    let station = try Station(source: Success.source, send: { _ in throw BrokerAway() })
    try await station.accept(id, patience: patience)
    for (count, wait) in ([1000, 2000, 4000, 8000] as [Int64]).enumerated() {
      await station.peers.wait(for: "prepare", count: count + 1)
      await station.clock.waitUntilPending(wait)
      station.clock.advance(milliseconds: wait)
    }
    await station.peers.wait(for: "prepare", count: 5)
    await station.coordinator.stop()
  }

  @Test("The deadline ends a migration that still waits for its turn")
  func deadlineInQueue() async throws {
    let station = try Station(outgoing: 1)
    try await station.accept(try Many.id(1), guest: Many.guest(1))
    station.clock.advance(milliseconds: 1)
    try await station.accept(try Many.id(2), guest: Many.guest(2))
    await station.clock.waitUntilPending(deadline, count: 2)
    station.clock.advance(milliseconds: deadline)
    await station.wait(for: .failed, of: try Many.id(2))
    #expect(try station.journal.events(of: try Many.id(2)).last?.data.reasons?.map(\.code) == [.deadlinePassed])
  }

  @Test("The deadline aborts a transfer, and counts from the acceptance across a restart")
  func deadlineAfterRestart() async throws {
    let script: ScriptedSource.Script = { effect, migration in
      switch effect {
      case .startTransfer, .followTransfer: nil
      default: await Success.source(effect, migration)
      }
    }
    let first = try Station(source: script)
    try await first.accept(id)
    await first.peers.wait(for: "prepare")
    try await first.receive(.prepared(MigrationSamples.preparation, checks: []))
    await first.source.notes.wait(for: .began(.startTransfer))
    await first.coordinator.stop()

    let second = try Station(journal: first.journal, clock: ManualClock(milliseconds: deadline - 5000), source: script)
    try await second.coordinator.resume()
    await second.source.notes.wait(for: .began(.followTransfer))
    await second.clock.waitUntilPending(5000)
    #expect(!second.source.notes.elements.contains(.began(.startTransfer)))
    second.clock.advance(milliseconds: 5000)
    await second.source.notes.wait(for: .began(.abortTransfer))
    #expect(try second.journal.source(id)?.reasons?.map(\.code) == [.deadlinePassed])
    await second.coordinator.stop()
  }

  @Test("The operator is called where the destination does not confirm, and the migration goes on when it does")
  func attention() async throws {
    let station = try Station(source: Success.source)
    try await station.accept(id, patience: patience)
    await station.peers.wait(for: "prepare")
    try await station.receive(.prepared(MigrationSamples.preparation, checks: []))
    await station.peers.wait(for: "confirm")
    await station.clock.waitUntilPending(patience.attention)
    station.clock.advance(milliseconds: patience.attention)
    await station.wait(for: .needsAttention)
    #expect(try await station.coordinator.source(id)?.publicPhase == .needsAttention)

    try await station.receive(.confirmed(MigrationSamples.confirmation))
    await station.peers.wait(for: "release")
    try await station.receive(.released)
    let kinds = try station.kinds()
    #expect(kinds == Array(Success.kinds.dropLast()) + [.needsAttention, .completed])
    #expect(station.calls.elements == [.destinationUnreachable])
  }

  @Test("Hosts that cannot be decided are looked at again")
  func lookAgain() async throws {
    let looks = Recorder<Int>()
    let station = try Station(source: { effect, migration in
      guard case .observe(let step) = effect else { return await Success.source(effect, migration) }
      looks.record(step)
      guard looks.elements.count == 1 else { return .observed(Success.atDestination, step: step) }
      return .observed(Observation(source: .inactive("shut off"), destination: .unreachable("gone")), step: step)
    })
    try await station.accept(id, patience: patience)
    await station.peers.wait(for: "prepare")
    try await station.receive(.prepared(MigrationSamples.preparation, checks: []))
    await station.clock.waitUntilPending(patience.lookAgain)
    station.clock.advance(milliseconds: patience.lookAgain)
    await station.peers.wait(for: "confirm")
    #expect(try station.kinds() == Array(Success.kinds.dropLast()))
    await station.coordinator.stop()
  }

  private struct BrokerAway: Error {}
}
