import LongshoreMessages
import LongshoreTestKit
import MigrationCore
import Testing

@testable import LongshoreAgent

@Suite("The survey of a drain")
struct DrainSurveyorTests {
  private static func host(_ number: Int, memory: UInt64? = 1, busy: Int = 0, refusal: Reason? = nil) -> DrainSurvey.Host {
    DrainSurvey.Host(
      host: MessageSamples.node("host-\(number)"),
      offer: HostOffer(refusal: refusal, memory: memory, pools: [], incoming: 4, pair: 3, pool: 4, busy: busy), refusal: refusal)
  }

  @Test("takes of many hosts those that have most to offer")
  func best() {
    let few = (0..<24).map { Self.host($0) }
    #expect(DrainSurveyor.best(few) == few)
    let refusing = Self.host(90, memory: nil, refusal: Reason(.maintenance, "in maintenance"))
    let many = (10..<34).map { Self.host($0, memory: UInt64($0)) } + [refusing, Self.host(91, memory: nil), Self.host(92, busy: 3)]
    let taken = DrainSurveyor.best(many).map(\.host.text)
    #expect(taken.count == 24 && taken == taken.sorted())
    #expect(taken.contains("host-91") && !taken.contains("host-90") && !taken.contains("host-92") && !taken.contains("host-10"))
  }

  @Test("gives guests' files the pools of other names that the order says")
  func pools() throws {
    let plan = MigrationSamples.plan
    let old = try #require(plan.disks.first).sourcePool
    let new = MessageSamples.resource("elsewhere")
    let pools = try #require(DrainSurveyor.pools(of: plan, by: [old: new]))
    #expect(pools.disks?.values.allSatisfy { $0 == new } == true && pools.disks?[plan.disks[0].target] == new)
    #expect(DrainSurveyor.pools(of: plan, by: [new: old]) == nil)
  }
}
