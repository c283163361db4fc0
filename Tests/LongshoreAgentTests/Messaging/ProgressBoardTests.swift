import AMQP
import Logging
import LongshoreMessages
import LongshoreTestKit
import MigrationCore
import Testing

@testable import LongshoreAgent

@Suite("The last progress of each migration")
struct ProgressBoardTests {
  private let migration = MigrationSamples.accepted().0
  private let counted = Recorder<CopiedBytes>()
  private let clock = ManualClock()

  private func board() throws -> ProgressBoard {
    var configuration = AMQPConfiguration()
    configuration.addresses = [AMQPConfiguration.Address(host: "127.0.0.1", port: 1)]
    let connection = try AMQPConnection(
      configuration: configuration, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    return ProgressBoard(here: MigrationSamples.source, connection: connection, user: "agent", clock: clock) { [counted] in
      counted.record($0)
    }
  }

  private func sample(_ phase: MigrationPhase = .transferring, done: UInt64) -> Progress {
    Progress(
      phase: phase, guest: MigrationSamples.guest,
      disks: [
        Progress.Disk(
          target: MigrationSamples.name("vda"), bytes: Progress.Amount(done: done, remaining: 100 - done, total: 100))
      ], rateBps: 5, elapsedSeconds: 0)
  }

  @Test("what was copied of a transfer that has ended is not what is copied now, and is counted once")
  func ended() async throws {
    let board = try board()
    await board.post(sample(done: 40), of: migration.id)
    await board.note([Reason(.transferStalled, "nothing moves")], isStuck: true, of: migration.id)
    #expect(await board.transfers(to: [:]).rate == 5)
    await board.end(of: migration.id)
    #expect(await board.progress(of: migration.id) == nil)
    #expect(await board.transfers(to: [:]).rate == 0)
    #expect(await board.transfers(to: [:]).remaining.disk == 0)
    await board.post(sample(done: 60), of: migration.id)
    #expect(await board.progress(of: migration.id)?.reasons == nil)
    #expect(counted.elements.map(\.disk) == [40, 20])
  }

  @Test("what is told late of a migration that was removed, or by a task that is cancelled, is not taken")
  func late() async throws {
    let board = try board()
    let id = migration.id
    let cancelled = Task { [sample = sample(done: 10)] in
      while !Task.isCancelled { await Task.yield() }
      await board.post(sample, of: id)
    }
    cancelled.cancel()
    await cancelled.value
    #expect(await board.progress(of: id) == nil)
    await board.post(sample(.preparing, done: 0), of: id)
    #expect(await board.progress(of: id) != nil)
    await board.remove(migration)
    await board.post(sample(.preparing, done: 0), of: id)
    #expect(await board.progress(of: id) == nil)
  }
}
