import LongshoreMessages
import LongshoreTestKit
import Testing

@testable import MigrationCore

@Suite("The drains of a host")
struct HostDrainsTests {
  private static let here = MessageSamples.source
  private static let reason = Reason(.cancelled, "enough")

  private static func now(_ seconds: Int64 = 0) -> Now {
    Now(wall: Timestamp(milliseconds: 1_000_000 + seconds * 1000), bootID: "boot", bootMilliseconds: 500_000 + seconds * 1000)
  }

  private static func key(_ id: String) -> RequestKey { RequestKey(id: MessageSamples.migrationID(id), digest: id) }

  private static func begun(_ acceptance: HostDrains.Acceptance) -> DrainStep? {
    if case .begins(let step) = acceptance { step } else { nil }
  }

  private static func refusal(_ acceptance: HostDrains.Acceptance) -> Reason.Code? {
    if case .rejected(let reason) = acceptance { reason.code } else { nil }
  }

  @Test("are one at a time, and keep the host in maintenance until their end")
  func one() throws {
    var drains = HostDrains(here: Self.here)
    #expect(drains.refusalToEndMaintenance == nil)
    let step = try #require(Self.begun(drains.accept(DrainOrder(), Self.key("d-1"), known: nil, at: Self.now())))
    #expect(step.request == Self.key("d-1") && step.events.map(\.sequence) == ["0000000001"])
    #expect(drains.open == nil, "what is not journalled has not happened")
    drains.adopt(step)
    #expect(Self.refusal(drains.accept(DrainOrder(), Self.key("d-2"), known: nil, at: Self.now(1))) == .drainRuns)
    #expect(drains.refusalToEndMaintenance?.code == .drainRuns)
    let end = try #require(drains.step(of: .cancel(Self.reason, running: false), at: Self.now(2)))
    #expect(end.drain.isTerminal && end.request == nil && end.events.map(\.data.kind) == [.finished])
    drains.adopt(end)
    #expect(drains.open == nil && drains.refusalToEndMaintenance == nil)
    #expect(drains.step(of: .looked([]), at: Self.now(3)) == nil)
    #expect(Self.begun(drains.accept(DrainOrder(), Self.key("d-2"), known: nil, at: Self.now(4))) != nil)
  }

  @Test("are known again by their id, ended or not, and refused where the id is another order's")
  func again() throws {
    var drains = HostDrains(here: Self.here)
    let step = try #require(Self.begun(drains.accept(DrainOrder(parallel: 2), Self.key("d-1"), known: nil, at: Self.now())))
    drains.adopt(step)
    #expect(drains.accept(DrainOrder(parallel: 2), Self.key("d-1"), known: step.drain, at: Self.now(1)) == .known(step.drain))
    #expect(Self.refusal(drains.accept(DrainOrder(parallel: 1), Self.key("d-1"), known: step.drain, at: Self.now(1))) == .idReused)
    let end = try #require(drains.step(of: .cancel(Self.reason, running: false), at: Self.now(2)))
    drains.adopt(end)
    #expect(drains.accept(DrainOrder(parallel: 2), Self.key("d-1"), known: end.drain, at: Self.now(3)) == .known(end.drain))
  }

  @Test("are refused where they name the host itself, or none")
  func refused() {
    let drains = HostDrains(here: Self.here)
    #expect(Self.refusal(drains.accept(DrainOrder(to: [Self.here.host]), Self.key("d-1"), known: nil, at: Self.now())) == .sameHost)
    #expect(Self.refusal(drains.accept(DrainOrder(to: []), Self.key("d-1"), known: nil, at: Self.now())) == .malformed)
  }

  @Test("go on where their journal has them, with events numbered on, and nothing for what changes nothing")
  func resumed() throws {
    var drains = HostDrains(here: Self.here)
    drains.adopt(try #require(Self.begun(drains.accept(DrainOrder(parallel: 1), Self.key("d-1"), known: nil, at: Self.now()))))
    let surveyed = try #require(drains.step(of: .surveyed(DrainSamples.survey([1, 1], hosts: 2), round: 1), at: Self.now(1)))
    drains.adopt(surveyed)
    var later = HostDrains(here: Self.here, open: surveyed.drain)
    #expect(later == drains)
    #expect(later.step(of: .looked([]), at: Self.now(2)) == nil, "it does not look at present")
    let move = try #require(surveyed.drain.guests.first?.move)
    let moved = try #require(later.step(of: .ended(move.migration, .moved), at: Self.now(3)))
    #expect(moved.events.map(\.sequence) == ["0000000003"] && moved.events.map(\.time) == [Self.now(3).wall])
    #expect(moved.drain.revision == surveyed.drain.revision + 1)
    later.adopt(moved)
    #expect(later.step(of: .ended(move.migration, .moved), at: Self.now(4)) == nil)
  }

  @Test("are paused, go on and are cancelled as long as that can be granted")
  func steered() throws {
    var drains = HostDrains(here: Self.here)
    drains.adopt(try #require(Self.begun(drains.accept(DrainOrder(), Self.key("d-1"), known: nil, at: Self.now()))))
    var drain = try #require(drains.open)
    #expect(try drain.occurrence(DrainSteering(drain.id, .pause), reason: Self.reason) == .pause(Self.reason))
    #expect(try drain.occurrence(DrainSteering(drain.id, .resume), reason: Self.reason) == .resume(Self.reason))
    #expect(try drain.occurrence(DrainSteering(drain.id, .cancel), reason: Self.reason) == .cancel(Self.reason, running: false))
    #expect(
      try drain.occurrence(DrainSteering(drain.id, .cancel, running: true), reason: Self.reason) == .cancel(Self.reason, running: true))
    drain = try #require(drains.step(of: .cancel(Self.reason, running: false), at: Self.now(1))).drain
    for action in [DrainSteering.Action.pause, .resume, .cancel] {
      #expect(throws: Rejected(try #require(drain.refusal(of: action)))) {
        try drain.occurrence(DrainSteering(drain.id, action), reason: Self.reason)
      }
    }
  }
}
