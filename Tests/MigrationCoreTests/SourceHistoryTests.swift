import LongshoreMessages
import LongshoreTestKit
import MigrationCore
import Testing

@Suite struct SourceHistoryTests {
  @Test(arguments: SourceHistory.all)
  func comesToItsEnd(history: SourceHistory) {
    var run = SourceRun(history)
    for step in history.steps { run.take(step) }

    let last = MigrationSamples.now(history.steps.last?.at ?? 0)
    #expect(run.migration.phase.word == history.phase)
    #expect(run.emitted.map(\.kind.rawValue) == ["accepted"] + history.events.split(separator: " ").map(String.init))
    #expect(run.once.map(\.word).joined(separator: ", ") == history.once)
    #expect(run.migration.outstanding(at: last).map(\.word).joined(separator: ", ") == history.outstanding)
    #expect(run.migration.attention?.code == history.attention)
  }

  @Test func aWallClockThatWasSetBackBeforeARebootMakesTheDeadlineNoLongerThanItWas() throws {
    func hourBefore(_ milliseconds: Int64) -> Now {
      Now(wall: MigrationSamples.now(milliseconds - 3_600_000).wall, bootID: "boot-2", bootMilliseconds: milliseconds)
    }
    var run = SourceRun(.direct)
    func timer(at now: Now) throws -> (timer: MigrationTimer, milliseconds: Int64) {
      let timers = run.migration.outstanding(at: now).compactMap { effect -> (MigrationTimer, Int64)? in
        if case .setTimer(let timer, let milliseconds) = effect { (timer, milliseconds) } else { nil }
      }
      return try #require(timers.first { $0.0.purpose == .deadline })
    }
    let allowance = MigrationSamples.deadlineSeconds * 1000
    let first = try timer(at: hourBefore(10))
    #expect(first.milliseconds == allowance, "the wall clock shows nothing of the time before the reboot")
    #expect(run.take(.timerFired(first.timer), at: hourBefore(10 + allowance)) == [])
    let second = try timer(at: hourBefore(10 + allowance))
    #expect(second.timer != first.timer, "it is another timer, which the driver starts")
    run.take(.timerFired(second.timer), at: hourBefore(10 + 2 * allowance))
    #expect(run.migration.phase.word == "failed")
  }

  @Test(arguments: SourceHistory.all)
  func everyEventTwiceIsTheSameMigration(history: SourceHistory) {
    var run = SourceRun(history)
    for step in history.steps {
      let event = step.event(run.migration)
      let time = MigrationSamples.now(step.at)
      run.take(event, at: time)
      let once = run.migration
      let again = run.take(event, at: time)
      #expect(again ?? [] == [], "\(event)")
      #expect(run.migration == once, "\(event)")
    }
    #expect(run.migration.phase.word == history.phase)
  }

  @Test(arguments: SourceHistory.all.filter { ["completed", "failed", "cancelled"].contains($0.phase) })
  func everyEventAgainAfterTheEndChangesNothing(history: SourceHistory) {
    var run = SourceRun(history)
    for step in history.steps { run.take(step.event(run.migration), at: MigrationSamples.now(step.at)) }
    let ended = run.migration
    for (event, time) in run.applied { #expect(run.take(event, at: time) ?? [] == []) }
    #expect(run.migration == ended)
  }

  @Test(arguments: SourceHistory.all)
  func aMigrationReadBackAtEveryStepIsTheSame(history: SourceHistory) throws {
    var run = SourceRun(history)
    var restarted = run.migration
    for step in history.steps {
      let event = step.event(run.migration)
      let time = MigrationSamples.now(step.at)
      let effects = run.take(event, at: time)
      restarted = try MessageCoding.decode(from: MessageCoding.encode(restarted))
      let stored = try MessageCoding.decode(SourceEvent.self, from: MessageCoding.encode(event))
      #expect(SourceStep(stored, to: restarted, at: time).effects == effects)
      restarted = SourceStep(stored, to: restarted, at: time).after
    }
    #expect(restarted == run.migration)
  }
}

/// What the numbered events say.
@Suite struct SourceEventContentTests {
  private func run(_ steps: [SourceHistory.Step], _ handover: MigrationOptions.Handover = .direct) -> SourceRun {
    var run = SourceRun(handover)
    for step in steps { run.take(step) }
    return run
  }

  @Test func completedNamesTheDisksTheConsoleAndTheCost() throws {
    let event = try #require(run(SourceHistory.toCompleted).emitted.last)
    #expect(event.runsAt == MigrationSamples.destination.host)
    #expect(event.disks?.map(\.target.text) == ["vda", "vdb"])
    #expect(event.disks?.map(\.from.pool.text) == ["fast", "fast"])
    #expect(event.disks?.map(\.to.pool.text) == ["slow", "slow"])
    #expect(event.disks?.map(\.linkedClone) == [true, false])
    #expect(event.console == MigrationSamples.confirmation.console)
    #expect(event.downtimeMs == 180)
    #expect(event.bytes == MigrationEventData.Bytes(template: 300 << 20, disks: 1_342_177_280, memory: 268_435_456))
    #expect(event.seconds == 1)
  }

  @Test func aRefusalNamesTheWholeTableOfChecks() throws {
    let event = try #require(
      run(SourceHistory.toPreparing + [.hear(.refused([MigrationSamples.refusedCheck])), .restored, .rolledBack]).emitted.last)
    #expect(event.stage == .checks)
    #expect(event.reasons?.map(\.code) == [.noSpace])
    #expect(event.checks == MigrationSamples.inspection.checks + [MigrationSamples.refusedCheck])
    #expect(event.runsAt == MigrationSamples.source.host)
  }

  @Test func aFailedTransferNamesLibvirtsError() throws {
    let event = try #require(
      run(SourceHistory.toTransferring + [.failure, .see(.runsAgain, .absent), .restored, .rolledBack]).emitted.last)
    #expect(event.stage == .transfer)
    #expect(event.reasons == [Reason(.transferFailed, "client socket is closed")])
    #expect(event.runsAt == MigrationSamples.source.host)
  }

  @Test func aGuestThatEndedIsNotSaidToRun() throws {
    let event = try #require(
      run(SourceHistory.toTransferring + [.failure, .see(.off, .absent), .restored, .rolledBack]).emitted.last)
    #expect(event.kind == .failed)
    #expect(event.runsAt == nil)
  }

  @Test func aGuestThatEndedAtTheDestinationIsSaidToHaveEnded() throws {
    let event = try #require(
      run(
        SourceHistory.toTransferring + [
          .success, .see(.migratedAway, .off), .hear(.confirmed(MigrationSamples.endedConfirmation)), .retired, .released,
        ]
      ).emitted.last)
    #expect(event.kind == .completed)
    #expect(event.runsAt == MigrationSamples.destination.host)
    #expect(event.hasGuestEnded)
    #expect(
      event.reasons == [
        Reason(.guestEnded, "the guest has ended at beta since it arrived (shut off (shutdown)): start it there where it is to run")
      ])
  }

  @Test func theDeadlineIsNamedWithItsLength() throws {
    let event = try #require(run([.deadline]).emitted.last)
    #expect(event.reasons == [Reason(.deadlinePassed, "the migration's deadline of 3600 s has passed")])
    #expect(event.seconds == 3600)
  }

  @Test func aSplitBrainIsNamed() throws {
    let run = run(SourceHistory.toTransferring + [.failure, .see(.runsAgain, .runs)])
    #expect(run.emitted.last?.kind == .needsAttention)
    #expect(run.emitted.last?.reasons?.map(\.code) == [.splitBrain])
    #expect(run.migration.publicPhase == .needsAttention)
    #expect(run.migration.outstanding(at: MigrationSamples.now()).map(\.word) == ["ask yield", "timer lookAgain"])
  }
}
