import LongshoreMessages
import LongshoreTestKit
import Testing

@testable import LongshoreAgent

@Suite("Dry runs", .timeLimit(.minutes(10)))
struct DryRunsTests {
  private let dryRuns = DryRuns()
  private let clock = ManualClock()
  private let id = MigrationSamples.id
  private let silent = [Check(.destinationUnreachable, on: MigrationSamples.source.host, .refused, "no answer")]

  private let passed = DryRuns.Answer(
    checks: [MigrationSamples.passedCheck], facts: DestinationFacts(pools: [], presentLayers: [0], toDestinationBps: 50_000_000))

  private func run(asking: Recorder<Void> = Recorder(), refusal: [Check]? = nil) -> Task<DryRuns.Answer, Never> {
    Task { [dryRuns, clock, id, silent] in
      await dryRuns.answer(of: id, fallback: silent, milliseconds: 20_000, clock: clock) {
        asking.record(())
        return refusal
      }
    }
  }

  @Test("The destination's table is handed over")
  func answer() async {
    let asked = Recorder<Void>()
    let run = run(asking: asked)
    await asked.wait { !$0.isEmpty }
    #expect(await dryRuns.isWaiting(id))
    await dryRuns.deliver(passed, to: id)
    #expect(await run.value == passed)
    #expect(await !dryRuns.isWaiting(id))
    // A second answer finds nobody.
    await dryRuns.deliver(DryRuns.Answer(checks: [MigrationSamples.refusedCheck]), to: id)
  }

  @Test("A table of another dry run is not taken")
  func otherID() async throws {
    let asked = Recorder<Void>()
    let run = run(asking: asked)
    await asked.wait { !$0.isEmpty }
    await dryRuns.deliver(DryRuns.Answer(checks: [MigrationSamples.refusedCheck]), to: try Many.id(2))
    await dryRuns.deliver(passed, to: id)
    #expect(await run.value == passed)
  }

  @Test("A destination that does not answer in time is said to be silent")
  func silence() async {
    let run = run()
    await clock.waitUntilPending(20_000)
    clock.advance(milliseconds: 20_000)
    #expect(await run.value.checks == silent)
  }

  @Test("A question that cannot be asked is answered at once")
  func refusal() async {
    #expect(await run(refusal: [MigrationSamples.refusedCheck]).value.checks == [MigrationSamples.refusedCheck])
  }

  @Test("A dry run that takes the place of an earlier one has its full time")
  func again() async {
    let first = run()
    await clock.waitUntilPending(20_000)
    clock.advance(milliseconds: 15_000)
    let asked = Recorder<Void>()
    let second = run(asking: asked)
    #expect(await first.value.checks == silent)
    await asked.wait { !$0.isEmpty }
    await clock.waitUntilPending(20_000)
    clock.advance(milliseconds: 5_000)
    await dryRuns.deliver(passed, to: id)
    #expect(await second.value == passed)
  }

  @Test("A dry run that is cancelled does not wait, nor for the broker")
  func cancelled() async {
    let gate = Gate()
    let run = Task { [dryRuns, clock, id, silent] in
      await dryRuns.answer(of: id, fallback: silent, milliseconds: 20_000, clock: clock) {
        await gate.pass()
        return nil
      }
    }
    await clock.waitUntilPending(20_000)
    run.cancel()
    #expect(await run.value.checks == silent)
    #expect(await !dryRuns.isWaiting(id))
    gate.open()
  }
}
