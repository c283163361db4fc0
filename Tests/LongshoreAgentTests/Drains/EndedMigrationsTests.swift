import LongshoreTestKit
import Testing

@testable import LongshoreAgent

@Suite("Migrations that are followed", .timeLimit(.minutes(1)))
struct EndedMigrationsTests {
  private static let interval: Int64 = 2_000

  @Test("are looked at at once, when they end, and after each interval, and no more often")
  func looks() async {
    let (ends, clock) = (EndedMigrations(), ManualClock())
    var looks = await ends.looks(at: MigrationSamples.id, every: Self.interval, clock: clock).makeAsyncIterator()
    #expect(await looks.next() != nil)
    for round in 1...3 {
      await clock.waitUntilBegun(Self.interval, count: round)
      clock.advance(milliseconds: Self.interval)
      #expect(await looks.next() != nil)
    }
    await clock.waitUntilBegun(Self.interval, count: 4)
    await ends.note(MigrationSamples.id)
    #expect(await looks.next() != nil)
    // The pause goes on meanwhile.
    await clock.waitUntilPending(Self.interval)
  }

  @Test("are those of one id")
  func others() async throws {
    let (ends, clock) = (EndedMigrations(), ManualClock())
    var looks = await ends.looks(at: MigrationSamples.id, every: Self.interval, clock: clock).makeAsyncIterator()
    #expect(await looks.next() != nil)
    await ends.note(try Many.id(2))
    let reader = Task { [looks] in
      var looks = looks
      return await looks.next() != nil
    }
    reader.cancel()
    #expect(await !reader.value)
  }
}
