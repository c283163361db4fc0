import MigrationCore
import Testing

/// The fence alone: what it needs before it kills, and that it never resumes a guest whose source's QEMU may still live.
@Suite struct FenceTests {
  private let times: RunTimes = [7: 100, 8: 200]

  private func fence(_ events: Fence.Event...) -> Fence {
    var fence = Fence()
    for event in events { _ = fence.apply(event) }
    return fence
  }

  @Test func killsWhatStoodStillAndResumes() {
    var fence = Fence()
    #expect(fence.apply(.sampled([7: 90, 8: 200])) == [])
    #expect(fence.apply(.sampled(times)) == [])
    #expect(fence.apply(.arrived) == [.freeze])
    #expect(fence.apply(.frozen(times)) == [.note])
    #expect(fence.apply(.noted) == [.kill])
    #expect(fence.apply(.ended) == [.resumeDestination])
    #expect(fence.apply(.resumed) == [])
    #expect(fence.phase == .resumed)
    #expect(fence.waitedFor == nil)
    #expect(fence.hasEnded)
  }

  @Test func holdsTheSourceWhileTheDestinationFinishes() {
    var fence = fence(.sampled(times))
    #expect(fence.apply(.nearing) == [.freeze])
    #expect(fence.apply(.frozen(times)) == [])
    #expect(fence.phase == .holding)
    #expect(fence.apply(.sampled([7: 1])) == [], "it is frozen")
    #expect(fence.apply(.ended) == [], "it was frozen until it ended")
    #expect(fence.apply(.nearing) == [])
    #expect(fence.apply(.arrived) == [.note])
    #expect(fence.apply(.missed) == [], "the destination has it")
    #expect(fence.apply(.noted) == [.kill])
    #expect(fence.apply(.ended) == [.resumeDestination])
    #expect(fence.waitedFor == nil)
  }

  @Test("lets the source go on where the destination does not finish, and tries again with a new sample alone")
  func missesTheDestination() {
    var fence = fence(.sampled(times), .nearing, .frozen(times))
    #expect(fence.apply(.missed) == [.thaw])
    var late = fence
    #expect(late.apply(.arrived) == [])
    #expect(late.phase == .waiting("the virtual CPUs of the source's QEMU were not seen standing still"))
    #expect(fence.apply(.nearing) == [])
    #expect(fence.apply(.sampled([7: 101, 8: 200])) == [])
    #expect(fence.apply(.arrived) == [.freeze])
    #expect(fence.apply(.frozen(times)) == [.thaw], "the old sample counts no more")
  }

  @Test func triesAgainWhereItRanBeforeTheDestinationHadFinished() {
    var fence = fence(.sampled(times), .nearing)
    #expect(fence.apply(.frozen([7: 101, 8: 200])) == [.thaw])
    #expect(fence.phase == .watching(proven: nil, hasEnded: false))
    #expect(fence.waitedFor == nil)
  }

  @Test(
    "lets a source go on that may have run since it was seen standing still",
    arguments: [[7: 100, 8: 201], [7: 100], [7: 100, 8: 200, 9: 0], [:]] as [RunTimes])
  func hasRun(frozen: RunTimes) {
    var fence = fence(.sampled(times), .arrived)
    #expect(fence.apply(.frozen(frozen)) == [.thaw])
    #expect(fence.waitedFor == "a virtual CPU of the source has run since it was seen standing still")
    #expect(fence.apply(.frozen(times)) == [], "late")
    #expect(fence.apply(.ended) == [], "it may have run until it ended")
    #expect(fence.hasEnded)
  }

  @Test("does not freeze a source that it never saw standing still", arguments: [nil, [:]] as [RunTimes?])
  func neverSampled(sample: RunTimes?) {
    var fence = Fence()
    if let sample { _ = fence.apply(.sampled(sample)) }
    #expect(fence.apply(.arrived) == [])
    #expect(fence.apply(.sampled(times)) == [], "the guest may have been resumed and be on its way")
    #expect(fence.phase == .waiting("the virtual CPUs of the source's QEMU were not seen standing still"))
    #expect(fence.apply(.ended) == [])
  }

  @Test func waitsWhereItMustNotSignal() {
    var fence = fence(.refused("not permitted"))
    #expect(fence.apply(.arrived) == [])
    #expect(fence.phase == .waiting("not permitted"))
    #expect(fence.waitedFor == "not permitted")
    #expect(fence.apply(.ended) == [])
  }

  @Test func letsGoOnWhatItCouldNotFreeze() {
    var fence = fence(.sampled(times), .arrived)
    #expect(fence.apply(.refused("a thread does not stop")) == [.thaw])
    #expect(fence.phase == .waiting("a thread does not stop"))
  }

  @Test("does not resume a guest whose source's QEMU has ended without having been frozen: it may have run before")
  func endedByItself() {
    var before = fence(.sampled(times), .ended)
    #expect(before.apply(.arrived) == [])
    var meanwhile = fence(.sampled(times), .arrived)
    #expect(meanwhile.apply(.ended) == [])
    #expect(before.phase == .waiting("the source's QEMU had ended before it was frozen"))
    #expect(meanwhile.phase == before.phase)
  }

  @Test func saysWhereTheGuestDoesNotStart() {
    let fence = fence(.sampled(times), .arrived, .frozen(times), .noted, .ended, .notResumed("no lock"))
    #expect(fence.phase == .failed("no lock"))
    #expect(fence.hasEnded)
  }

  private struct History {
    var fence = Fence()
    var seen: [Fence.Event] = []
    var done: [Fence.Effect] = []
    /// The last sample that no thaw has made worthless, and whether the source is frozen with its run times.
    var proven: RunTimes?
    var stoodStill = false

    mutating func take(_ event: Fence.Event) -> [Fence.Effect] {
      switch (event, fence.phase) {
      case (.sampled(let times), .watching): proven = times
      case (.frozen(let times), .freezing): stoodStill = times == proven
      default: break
      }
      let effects = fence.apply(event)
      seen.append(event)
      done += effects
      if effects.contains(.thaw) { (proven, stoodStill) = (nil, false) }
      return effects
    }
  }

  /// Every order of every event, a few steps deep: `note` only follows equal run times of a source that stayed frozen and the guest's
  /// arrival, `kill` only the note, `resumeDestination` only the end of a QEMU that was killed so, each at most once; and whatever
  /// happens, a cancelled fence leaves nothing frozen that it has not noted.
  @Test func neverDoesMoreThanItMay() {
    let events: [Fence.Event] = [
      .sampled(times), .sampled([7: 1]), .nearing, .arrived, .missed, .frozen(times), .frozen([7: 1]), .noted, .refused("no"), .ended,
      .resumed,
    ]
    var histories = [History()]
    for _ in 0..<8 {
      histories = histories.flatMap { history in
        events.map { event in
          var next = history
          let effects = next.take(event)
          if effects.contains(.resumeDestination) {
            #expect(next.seen.last == .ended && next.done.contains(.kill), "\(next.seen)")
          }
          if effects.contains(.note) { #expect(next.stoodStill && next.seen.contains(.arrived), "\(next.seen)") }
          if effects.contains(.kill) { #expect(next.seen.last == .noted && next.done.contains(.note), "\(next.seen)") }
          return next
        }
      }
      // Histories that are alike go on alike.
      histories = Array(Dictionary(histories.map { (Key($0), $0) }, uniquingKeysWith: { first, _ in first }).values)
    }
    #expect(histories.allSatisfy { $0.done.count { $0 == .resumeDestination } <= 1 && $0.done.count { $0 == .kill } <= 1 })
    #expect(histories.contains { $0.done.contains(.resumeDestination) })
    for history in histories where history.fence.phase == .holding {
      var cancelled = history
      #expect(cancelled.take(.missed) == [.thaw], "\(history.seen)")
    }
  }

  /// What the rest of a history depends on.
  private struct Key: Hashable {
    let fence: Fence
    let done: [Fence.Effect]
    let proven: RunTimes?
    let stoodStill: Bool
    let hasArrived: Bool

    init(_ history: History) {
      fence = history.fence
      done = history.done
      proven = history.proven
      stoodStill = history.stoodStill
      hasArrived = history.seen.contains(.arrived)
    }
  }
}
