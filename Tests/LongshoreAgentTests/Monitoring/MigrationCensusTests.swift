import LongshoreMessages
import LongshoreTestKit
import MigrationCore
import Testing

@testable import LongshoreAgent

@Suite("The migrations of a host in numbers")
struct MigrationCensusTests {
  private func census(_ sources: [SourceMigration], at milliseconds: Int64) -> MigrationCensus {
    let here = MigrationSamples.accepted().0.source
    return MigrationCensus(
      of: HostMigrations(here: here, journal: "j", limits: HostMigrations.Limits(outgoing: 1, incoming: 1), sources: sources),
      at: MigrationSamples.now(milliseconds))
  }

  @Test("are by phase, and by what those wait for that do")
  func waiting() throws {
    var (migration, _) = MigrationSamples.accepted()
    #expect(census([migration], at: 700).waiting == [.init(queue: "outgoing", limit: "limits.outgoing"): .init(count: 1, longest: 700)])
    let waits = Waiting(host: migration.source.host, limit: "limits.pair", position: 1, reason: Reason(.limitReached, "one may go"))
    _ = try migration.apply(.waits(waits), at: MigrationSamples.now(5))
    let census = census([migration], at: 9000)
    #expect(census.outgoing == [.queued: 1] && census.attention.isEmpty)
    #expect(census.waiting == [.init(queue: "outgoing", limit: "limits.pair"): .init(count: 1, longest: 9000)])
    #expect(census.line == "1 out, 0 in, of them 1 wait")
    _ = try migration.apply(.admitted, at: MigrationSamples.now(10_000))
    #expect(self.census([migration], at: 10_000).outgoing == [.inspecting: 1])
    #expect(self.census([migration], at: 10_000).waiting.isEmpty)
  }

  @Test func ofNoneIsIdle() { #expect(census([], at: 0).line == "idle") }
}
