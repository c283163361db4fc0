import LongshoreMessages
import LongshoreTestKit
import Testing

@testable import MigrationCore

/// What a drain is told of a move, by histories of looks at its migration.
@Suite("The watch over a move of a drain")
struct MoveWatchTests {
  private static let move = DrainMove(
    migration: MigrationSamples.id, guest: MigrationSamples.guest.uuid, destination: MigrationSamples.destination.host, attempt: 1,
    isOwn: true)

  /// What comes of looks at a migration, one after each event of a history, so many seconds apart.
  private func told(_ history: SourceHistory, every seconds: Int64) -> [(migration: SourceMigration, next: MoveWatch.Next)] {
    var run = SourceRun(history)
    var watch = MoveWatch(Self.move)
    return history.steps.enumerated().map { number, step in
      run.take(step)
      return (run.migration, watch.look(at: run.migration, at: MigrationSamples.now(Int64(number) * seconds * 1000)))
    }
  }

  @Test("gives the order again while libvirt is away, and tells why it is refused")
  func ordered() {
    let watch = MoveWatch(Self.move)
    let away = Reason(.unavailable, "libvirt does not answer")
    let busy = Reason(.guestBusy, "it is being moved")
    #expect(watch.ordered(.accepted) == .look)
    #expect(watch.ordered(.rejected([away])) == .orderAgain(away))
    #expect(watch.ordered(.rejected([busy, away])) == .orderAgain(away))
    #expect(watch.ordered(.rejected([busy])) == .end(.refused(Self.move.migration, [busy])))
  }

  @Test(
    "tells the end of each history as it was, looking for the guest where it was not moved, and nothing before",
    arguments: SourceHistory.all)
  func ended(history: SourceHistory) throws {
    for (migration, next) in told(history, every: 2) {
      switch migration.publicPhase {
      case .completed: #expect(next == .end(.ended(Self.move.migration, .moved)))
      case .failed, .cancelled:
        #expect(next == .lookForGuest)
        let reasons = try #require(migration.reasons)
        for runsHere in [true, false] {
          let end: DrainMove.End =
            migration.publicPhase == .failed
            ? .failed(reasons, runsHere: runsHere) : .cancelled(reasons, runsHere: runsHere)
          #expect(MoveWatch(Self.move).end(of: migration, runsHere: runsHere) == .ended(Self.move.migration, end))
        }
      default: #expect(next == .look)
      }
    }
  }

  @Test("tells once that a migration needs attention, when it has for a while", arguments: SourceHistory.all)
  func attention(history: SourceHistory) {
    let seconds = MoveWatch.attentionAfter / 1000 / 2
    var since: Int?
    var isTold = false
    for (number, (migration, next)) in told(history, every: seconds).enumerated() {
      if migration.publicPhase != .needsAttention {
        if !migration.isTerminal { since = nil }
        #expect(!next.isAttention)
        continue
      }
      since = since ?? number
      let isDue = !isTold && number - (since ?? number) >= 2
      #expect(next.isAttention == isDue, "look \(number)")
      if isDue { isTold = true }
    }
  }

  @Test("goes on looking after it has told that a migration needs attention")
  func attentionAndEnd() throws {
    let history = try #require(SourceHistory.all.first { $0.name == "the destination is slow to unlock" })
    var run = SourceRun(history)
    for step in history.steps.dropLast() { run.take(step) }
    try #require(run.migration.publicPhase == .needsAttention)
    var watch = MoveWatch(Self.move)
    let nexts = [0, 30, 60, 90].map { watch.look(at: run.migration, at: MigrationSamples.now($0 * 1000)) }
    #expect(nexts.map(\.isAttention) == [false, false, true, false])
    for step in history.steps.suffix(1) { run.take(step) }
    #expect(watch.look(at: run.migration, at: MigrationSamples.now(92_000)) == .end(.ended(Self.move.migration, .moved)))
  }

  @Test("takes a migration that nobody knows any more for one that has failed")
  func unknown() {
    var watch = MoveWatch(Self.move)
    let next = watch.look(at: nil, at: MigrationSamples.now())
    guard case .end(.ended(Self.move.migration, .failed(let reasons, runsHere: true))) = next else {
      Issue.record("it is not told")
      return
    }
    #expect(reasons.map(\.code) == [.unknownMigration])
  }
}

extension MoveWatch.Next {
  fileprivate var isAttention: Bool {
    if case .tell(.attention) = self { true } else { false }
  }
}
