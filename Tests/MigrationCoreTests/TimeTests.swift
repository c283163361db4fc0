import LongshoreMessages
import LongshoreTestKit
import MigrationCore
import Testing

@Suite struct TimeTests {
  private let start = Now(wall: Timestamp(milliseconds: 1_000_000), bootID: "first", bootMilliseconds: 500)

  @Test func withinABootTheBootClockCounts() {
    let later = Now(wall: Timestamp(milliseconds: 0), bootID: "first", bootMilliseconds: 1500)
    #expect(start.milliseconds(until: later) == 1000)
  }

  @Test func acrossARebootTheWallClockCounts() {
    let later = Now(wall: Timestamp(milliseconds: 1_060_000), bootID: "second", bootMilliseconds: 10)
    #expect(start.milliseconds(until: later) == 60_000)
  }

  @Test(arguments: [(0, 1000), (999, 1), (1000, 0), (5000, 0)] as [(Int64, Int64)])
  func aDeadlineCountsDownToZero(elapsed: Int64, remaining: Int64) {
    let deadline = Deadline(start: start, allowance: 1000)
    let now = Now(wall: start.wall, bootID: "first", bootMilliseconds: 500 + elapsed)
    #expect(deadline.remaining(at: now) == remaining)
  }

  @Test func timesThatNoClockShowsDoNotOverflow() {
    let first = Now(wall: start.wall, bootID: "first", bootMilliseconds: .min)
    let last = Now(wall: start.wall, bootID: "first", bootMilliseconds: .max)
    #expect(first.milliseconds(until: last) == .max)
    #expect(Deadline(start: last, allowance: .max).remaining(at: start) == .max)
    #expect(Deadline(start: start, allowance: .min).remaining(at: last) == 0)
  }

  @Test(arguments: [(-3_600_000, 0), (3_600_000, 0), (0, 500)] as [(Int64, Int64)])
  func aStepOfTheWallClockChangesNoDeadline(step: Int64, elapsed: Int64) {
    let deadline = Deadline(start: start, allowance: 1000)
    let now = Now(wall: start.wall.adding(milliseconds: step + elapsed), bootID: "first", bootMilliseconds: 500 + elapsed)
    #expect(deadline.remaining(at: now) == 1000 - elapsed)
  }

  @Test func aWallClockThatStandsBeforeTheStartAfterARebootLengthensNothing() {
    let deadline = Deadline(start: start, allowance: 1000)
    let now = Now(wall: start.wall.adding(milliseconds: -3_600_000), bootID: "second", bootMilliseconds: 10)
    #expect(deadline.remaining(at: now) == 1000)
  }

  @Test func aRewoundDeadlineEndsAtTheSameTime() {
    let deadline = Deadline(start: start, allowance: 1000)
    let now = Now(wall: start.wall.adding(milliseconds: 3_600_000), bootID: "first", bootMilliseconds: 800)
    let rewound = deadline.rewound(at: now)
    #expect(rewound == Deadline(start: now, allowance: 700))
    // What was stepped before the rewinding is not counted across the reboot.
    let after = Now(wall: now.wall.adding(milliseconds: 200), bootID: "second", bootMilliseconds: 10)
    #expect(deadline.remaining(at: after) == 0)
    #expect(rewound.remaining(at: after) == 500)
  }

  @Test func theDeadlinesTimerCountsFromTheAcceptance() {
    let migration = MigrationSamples.accepted().0
    let timer = MigrationTimer(.deadline, step: 0)
    #expect(migration.outstanding(at: MigrationSamples.now()).contains(.setTimer(timer, milliseconds: 3_600_000)))
    #expect(migration.outstanding(at: MigrationSamples.now(600_000)).contains(.setTimer(timer, milliseconds: 3_000_000)))
    #expect(migration.outstanding(at: MigrationSamples.now(9_000_000)).contains(.setTimer(timer, milliseconds: 0)))
  }

  @Test func lookingAgainDoesNotWindUpTheOperatorsTimerAnew() {
    var run = SourceRun(.direct)
    func operatorsTimer() -> MigrationTimer? {
      run.migration.outstanding(at: MigrationSamples.now()).compactMap {
        if case .setTimer(let timer, milliseconds: 60_000) = $0 { timer } else { nil }
      }.first
    }
    for step in SourceHistory.toTransferring + [.failure] { run.take(step) }
    let first = operatorsTimer()
    #expect(first != nil)
    for step in [SourceHistory.Step.see(.runsAgain, .silent), .due(.lookAgain), .see(.runsAgain, .silent)] {
      run.take(step)
      #expect(operatorsTimer() == first)
    }
  }
}
