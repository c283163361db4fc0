import MigrationCore
import Testing

/// The fence alone: what it needs before it kills, and that it never resumes a guest whose source's QEMU may still live.
@Suite struct FenceTests {
  @Test("kills what has left for good once the guest has arrived, and resumes it", arguments: [false, true])
  func killsAndResumes(arrivesFirst: Bool) {
    var fence = Fence()
    #expect(fence.apply(arrivesFirst ? .arrived : .left) == [])
    #expect(fence.apply(arrivesFirst ? .left : .arrived) == [.note])
    #expect(fence.apply(.noted) == [.kill])
    #expect(fence.apply(.ended) == [.resumeDestination])
    #expect(fence.apply(.resumed) == [])
    #expect(fence.phase == .resumed)
    #expect(fence.waitedFor == nil)
    #expect(fence.hasEnded)
  }

  @Test("does not kill what has ended by itself", arguments: [0, 1, 2, 3])
  func endedByItself(when: Int) {
    var fence = Fence()
    var events: [Fence.Event] = [.left, .arrived, .noted]
    events.insert(.ended, at: when)
    #expect(events.flatMap { fence.apply($0) } == (when == 3 ? [.note, .kill, .resumeDestination] : [.note, .resumeDestination]))
  }

  @Test("does nothing about a source that has ended without having said why: it may have taken the guest back and run it")
  func endedUnseen() {
    var fence = Fence()
    #expect(fence.apply(.arrived) == [])
    #expect(fence.apply(.ended) == [])
    #expect(fence.phase == .watching(hasLeft: false, hasArrived: true))
  }

  @Test("waits for the end of what it cannot kill", arguments: [0, 3])
  func refused(when: Int) {
    var fence = Fence()
    var events: [Fence.Event] = [.left, .arrived, .noted]
    events.insert(.refused("not permitted"), at: when)
    #expect(events.flatMap { fence.apply($0) } == (when == 0 ? [.note] : [.note, .kill]))
    #expect(fence.waitedFor == "not permitted")
    #expect(fence.apply(.ended) == [.resumeDestination])
  }

  @Test("takes a view of the disks before it resumes the guest, where one is asked for")
  func takesView() {
    var fence = Fence(takesView: true)
    for event in [Fence.Event.left, .arrived, .noted] { _ = fence.apply(event) }
    #expect(fence.apply(.viewed) == [])
    #expect(fence.apply(.ended) == [.takeView])
    #expect(fence.apply(.ended) == [])
    #expect(fence.apply(.viewed) == [.resumeDestination])
    #expect(fence.apply(.resumed) == [])
    #expect(fence.phase == .resumed)
  }

  @Test func saysWhereTheGuestDoesNotStart() {
    var fence = Fence()
    for event in [Fence.Event.left, .arrived, .noted, .ended] { _ = fence.apply(event) }
    #expect(fence.apply(.notResumed("no lock")) == [])
    #expect(fence.phase == .failed("no lock"))
    #expect(fence.hasEnded)
  }

  private struct History {
    var fence = Fence()
    var seen: [Fence.Event] = []
    var done: [Fence.Effect] = []
  }

  /// Every order of every event: `note` only follows both facts, `kill` only the note, `resumeDestination` only the note and the end
  /// of QEMU, each at most once.
  @Test func neverDoesMoreThanItMay() {
    let events: [Fence.Event] = [.left, .arrived, .noted, .refused("no"), .ended, .resumed, .notResumed("no")]
    var histories = [History()]
    for _ in 0..<6 {
      histories = histories.flatMap { history in
        events.map { event in
          var next = history
          let effects = next.fence.apply(event)
          next.seen.append(event)
          next.done += effects
          if effects.contains(.note) { #expect(next.seen.contains(.left) && next.seen.contains(.arrived), "\(next.seen)") }
          if effects.contains(.kill) { #expect(next.seen.last == .noted && history.done.contains(.note), "\(next.seen)") }
          if effects.contains(.resumeDestination) {
            #expect(history.done.contains(.note) && next.seen.contains(.noted) && next.seen.contains(.ended), "\(next.seen)")
          }
          return next
        }
      }
    }
    for effect in [Fence.Effect.note, .kill, .resumeDestination] {
      #expect(histories.allSatisfy { $0.done.count { $0 == effect } <= 1 })
      #expect(histories.contains { $0.done.contains(effect) })
    }
  }
}
