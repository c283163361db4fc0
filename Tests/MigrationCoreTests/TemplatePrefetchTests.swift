import LongshoreMessages
import LongshoreTestKit
import MigrationCore
import Testing

@Suite("A prefetch")
struct TemplatePrefetchTests {
  private static let reason = Reason(.noSpace, "the pool slow has too little room")
  private static let layers = [
    TemplateLayer(
      id: 0, pool: MigrationSamples.name("slow"), volume: MigrationSamples.name("base.raw"), format: .raw, fileSize: 1000,
      virtualSize: 1000, backing: nil),
    TemplateLayer(
      id: 1, pool: MigrationSamples.name("slow"), volume: MigrationSamples.name("web.qcow2"), format: .qcow2, fileSize: 300,
      virtualSize: 2000, backing: 0),
  ]
  private static let order = PrefetchOrder(template: MigrationSamples.name("web.qcow2"), from: MigrationSamples.source.host)
  private static let provided: [PrefetchEvent] = [
    .layerProvided(0, path: "/slow/base.raw", copied: 0), .layerProvided(1, path: "/slow/web.qcow2", copied: 300),
  ]

  private static func prefetch(_ events: [PrefetchEvent] = []) -> TemplatePrefetch {
    var prefetch = TemplatePrefetch(
      id: MigrationSamples.id, order: order, source: MigrationSamples.source, deadlineSeconds: 60, at: MigrationSamples.now())
    for event in events { prefetch.apply(event) }
    return prefetch
  }

  /// What is to be done at the samples' beginning, without the timer.
  private static func effects(_ prefetch: TemplatePrefetch) -> [PrefetchEffect] {
    prefetch.outstanding(at: MigrationSamples.now()).filter { $0.key != .awaitDeadline(milliseconds: 0) }
  }

  @Test("asks, checks, puts layer after layer in place from the lowest up, and takes the work folders away")
  func placed() {
    var prefetch = Self.prefetch()
    #expect(Self.effects(prefetch) == [.awaitAdmission])
    #expect(prefetch.work() == TemplateWork(id: prefetch.id, kind: .prefetch, phase: .queued, source: MigrationSamples.source.host))
    prefetch.apply(.admitted)
    #expect(Self.effects(prefetch) == [.askSource])
    prefetch.apply(.described(Self.layers))
    #expect(Self.effects(prefetch) == [.check, .holdOffer])
    #expect(!prefetch.hasRoom)
    prefetch.apply(.checked)
    #expect(prefetch.hasRoom)
    #expect(Self.effects(prefetch) == [.provideLayer(0), .holdOffer])
    #expect(prefetch.work(copied: 400).bytesDone == 400)
    #expect(prefetch.work().files.map(\.state) == [.working, .waiting])
    prefetch.apply(Self.provided[0])
    #expect(Self.effects(prefetch) == [.provideLayer(1), .holdOffer])
    #expect(prefetch.work().bytesTotal == 300, "what was there has not to be copied")
    prefetch.apply(Self.provided[1])
    #expect(Self.effects(prefetch) == [.keepFiles])
    prefetch.apply(.filesKept)
    #expect(prefetch.isTerminal && prefetch.outstanding(at: MigrationSamples.now()).isEmpty)
    #expect(prefetch.work().phase == .done)
    #expect(prefetch.work().files.map(\.state) == [.present, .copied])
    #expect(prefetch.revision == 7)
  }

  @Test(
    "removes what it has made when it is refused, fails, is cancelled or takes too long",
    arguments: [
      [.admitted, .refused(reason)], [.admitted, .described(layers), .refused(reason)],
      [.admitted, .described(layers), .checked, .layerFailed(0, reason)], [.cancel(reason)], [.admitted, .cancel(reason)],
      [.admitted, .described(layers), .cancel(reason)], [.admitted, .described(layers), .checked, provided[0], .cancel(reason)],
      [.deadlinePassed], [.admitted, .described(layers), .checked, .deadlinePassed],
    ] as [[PrefetchEvent]])
  func removed(events: [PrefetchEvent]) {
    var prefetch = Self.prefetch(events)
    #expect(prefetch.outstanding(at: MigrationSamples.now()) == [.removeFiles])
    #expect(prefetch.work().phase == .working && prefetch.work().reason != nil)
    prefetch.apply(.filesRemoved)
    #expect(prefetch.isTerminal)
    let isCancelled = if case .cancel = events.last { true } else { false }
    #expect(prefetch.work().phase == (isCancelled ? .cancelled : .failed))
    #expect(prefetch.work().reason != nil)
  }

  @Test("takes no notice of what comes late, twice or out of turn")
  func late() {
    let events: [PrefetchEvent] = [
      .admitted, .described(Self.layers), .checked, .refused(Self.reason), Self.provided[0], Self.provided[1],
      .layerFailed(0, Self.reason), .layerFailed(1, Self.reason), .filesKept, .filesRemoved, .deadlinePassed, .cancel(Self.reason),
    ]
    // All that eight events lead to, in any order.
    var reached: Set<TemplatePrefetch> = [Self.prefetch()]
    for _ in 0..<8 {
      var next: Set<TemplatePrefetch> = []
      for before in reached {
        for event in events {
          var after = before
          after.apply(event)
          #expect(after.revision == before.revision + (after == before ? 0 : 1))
          if before.isTerminal { #expect(after == before) }
          if after.phase == .placed { #expect(after.layerPaths.count == after.layers.count) }
          #expect(after.isTerminal == after.outstanding(at: MigrationSamples.now()).isEmpty)
          // Twice is once.
          var twice = after
          twice.apply(event)
          #expect(twice == after, "\(event)")
          next.insert(after)
        }
      }
      reached = next
    }
    #expect(reached.contains { $0.phase == .placed } && reached.contains { $0.phase == .failed(Self.reason) })
  }

  @Test("has a timer for what is left of its time, across a restart and a reboot")
  func deadline() {
    let prefetch = Self.prefetch([.admitted])
    #expect(prefetch.outstanding(at: MigrationSamples.now(45_000)).contains(.awaitDeadline(milliseconds: 15_000)))
    var booted = MigrationSamples.now(50_000)
    booted.bootID = "boot-2"
    booted.bootMilliseconds = 10
    #expect(prefetch.outstanding(at: booted).contains(.awaitDeadline(milliseconds: 10_000)))
  }

  @Test("cannot be cancelled when it is over")
  func refusalToCancel() {
    #expect(Self.prefetch([.admitted]).refusalToCancel == nil)
    #expect(Self.prefetch([.cancel(Self.reason)]).refusalToCancel == nil)
    let all: [PrefetchEvent] = [.admitted, .described(Self.layers), .checked] + Self.provided
    #expect(Self.prefetch(all).refusalToCancel?.code == .tooLate)
    #expect(Self.prefetch(all + [.filesKept]).refusalToCancel?.code == .tooLate)
    #expect(Self.prefetch([.admitted, .refused(Self.reason)]).refusalToCancel?.code == .tooLate)
  }

  @Test("is one for the same template to the same place, until it is not wanted any more")
  func joins() throws {
    var host = HostPrefetches(limit: 1)
    func accept(_ order: PrefetchOrder, _ id: String) -> HostPrefetches.Acceptance? {
      MigrationID(id).map {
        host.accept(order, id: $0, source: MigrationSamples.source, deadlineSeconds: 60, at: MigrationSamples.now())
      }
    }
    guard case .begins(let first)? = accept(Self.order, "one") else { throw Unexpected() }
    host.adopt(first)
    #expect(accept(Self.order, "two") == .joins(first))
    var elsewhere = Self.order
    elsewhere.destinationPool = MigrationSamples.name("fast")
    guard case .begins(let other)? = accept(elsewhere, "three") else { throw Unexpected() }
    host.adopt(other)

    #expect(host.admissible == [first.id])
    host.adopt(try #require(host.step(of: .admitted, for: first.id)))
    #expect(host.admissible == [])
    #expect(host.step(of: .admitted, for: first.id) == nil, "what changes nothing is no step")

    host.adopt(try #require(host.step(of: .cancel(Self.reason), for: first.id)))
    guard case .begins = accept(Self.order, "four") else { throw Unexpected() }
    host.adopt(try #require(host.step(of: .filesRemoved, for: first.id)))
    #expect(host.open[first.id] == nil)
    #expect(host.admissible == [other.id])
  }

  private struct Unexpected: Error {}
}
