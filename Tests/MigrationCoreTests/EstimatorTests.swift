import LongshoreMessages
import LongshoreTestKit
import Testing

@testable import MigrationCore

@Suite("What a migration is expected to take")
struct EstimatorTests {
  private static let mebibyte: UInt64 = 1 << 20
  /// A disk of 100 MiB on a template of 200 MiB that lacks, 64 MiB of 256 MiB of memory in use, nothing written, 50 MiB/s.
  private static var quiet: EstimateFacts {
    var plan = MigrationSamples.plan
    plan.disks = [plan.disks[0]]
    plan.disks[0].allocation = 100 * mebibyte
    plan.layers[0].fileSize = 200 * mebibyte
    plan.guest.memoryKiB = 256 << 10
    return EstimateFacts(
      plan: plan, source: MigrationSamples.source.host, destination: MigrationSamples.destination.host,
      there: DestinationFacts(pools: [], presentLayers: [], toDestinationBps: 50 * mebibyte, fromDestinationBps: 40 * mebibyte),
      usedMemory: 64 * mebibyte, dirtyBps: 0, writes: [MigrationSamples.name("vda"): .init(bytesPerSecond: 0, requestsPerSecond: 0)])
  }

  private static func busy(requests: Double, bytes: Double) -> EstimateFacts {
    var facts = quiet
    facts.writes = [MigrationSamples.name("vda"): .init(bytesPerSecond: bytes, requestsPerSecond: requests)]
    return facts
  }

  @Test("A quiet guest takes its bytes over the link's rate")
  func quiet() throws {
    let estimate = Estimator.estimate(Self.quiet)
    let parts = try #require(estimate.parts)
    #expect(parts.templates == 4 + Estimator.templateOverhead)
    #expect(parts.disks == 2)
    #expect(abs(parts.memory - 1.3) < 0.05)
    #expect(estimate.seconds == parts.total)
    #expect(estimate.bytes.template == 200 * Self.mebibyte)
    #expect(estimate.bytes.disks == 100 * Self.mebibyte)
    #expect(estimate.downtimeMs == 190)
    #expect(estimate.converges == true)
    #expect(estimate.advice == nil)
    #expect(estimate.link.fromDestinationBps == 40 * Self.mebibyte)
    #expect(estimate.reasons.contains("the link carries 50.0 MiB/s to beta, as measured"))
  }

  @Test("A template that is there is not copied")
  func present() throws {
    var facts = Self.quiet
    facts.there.presentLayers = [0]
    let estimate = Estimator.estimate(facts)
    #expect(estimate.bytes.template == 0)
    #expect(estimate.parts?.templates == 0)
    #expect(estimate.templates.map(\.isPresent) == [true])
    #expect(estimate.disks.map(\.kind) == [.linkedClone])
    #expect(estimate.disks.map { $0.chain.map(\.text) } == [["web.qcow2", "debian.qcow2"]])
  }

  @Test("A medium that lacks there is copied only where it is not to be ejected", arguments: [MissingMedium.eject, .copy])
  func media(missing: MissingMedium) throws {
    var facts = Self.quiet
    var image = facts.plan.layers[0]
    image.id = 7
    image.volume = MigrationSamples.name("rescue.iso")
    image.backing = nil
    facts.plan.layers.append(image)
    facts.plan.readOnly = [ReadOnlyDisk(target: MigrationSamples.name("sda"), layer: 7, missing: missing)]
    let estimate = Estimator.estimate(facts)
    #expect(estimate.bytes.template == (missing == .eject ? 200 : 400) * Self.mebibyte)
    #expect(estimate.templates.count == (missing == .eject ? 1 : 2))
    facts.there.presentLayers = [7]
    #expect(Estimator.estimate(facts).templates.map(\.isPresent) == [false, true])
  }

  @Test("A template that is there and was not read yet is compared first, on both hosts at once")
  func unread() throws {
    var facts = Self.quiet
    facts.there.presentLayers = [0]
    for (here, there) in [([0], []), ([], [0]), ([0], [0])] {
      facts.unreadLayers = here
      facts.there.unreadLayers = there
      #expect(Estimator.estimate(facts).parts?.templates == 0.5)
    }
  }

  @Test("Without a measured link no time is told, and all bytes are")
  func unmeasured() {
    var facts = Self.quiet
    facts.there.toDestinationBps = nil
    let estimate = Estimator.estimate(facts)
    #expect(estimate.seconds == nil && estimate.parts == nil && estimate.downtimeMs == nil && estimate.converges == nil)
    #expect(estimate.bytes.disks == 100 * Self.mebibyte)
    #expect(estimate.reasons.count == 1)
  }

  @Test("What is written meanwhile is copied again, in whole clusters")
  func writes() throws {
    // 5 writes of 4 KiB a second touch 5 clusters of 64 KiB; 100 touch those of the mirror's 10 slices.
    #expect(Estimator.copiedAgain(.init(bytesPerSecond: 5 * 4096, requestsPerSecond: 5)) == 5 * 65_536)
    #expect(Estimator.copiedAgain(.init(bytesPerSecond: 100 * 4096, requestsPerSecond: 100)) == 10 * 65_536)
    #expect(Estimator.copiedAgain(.init(bytesPerSecond: 10_485_760, requestsPerSecond: 100)) == 10_485_760)
    let estimate = Estimator.estimate(Self.busy(requests: 100, bytes: 10_485_760))
    #expect(estimate.parts?.disks == 2.5)
    #expect(estimate.bytes.disks > 125 * Self.mebibyte)
    #expect(estimate.converges == true)
  }

  @Test("Writes as fast as the link do not converge, unless they wait for their copy")
  func writesTooFast() throws {
    var facts = Self.busy(requests: 1000, bytes: 60 * 1_048_576)
    let estimate = Estimator.estimate(facts)
    #expect(estimate.converges == false)
    #expect(estimate.seconds == nil)
    #expect(try #require(estimate.advice).contains { $0.contains("--synchronous-writes") })
    facts.options = MigrationOptions(synchronousWrites: true)
    let waiting = Estimator.estimate(facts)
    #expect(waiting.converges == true)
    #expect(waiting.seconds?.isFinite == true)
    #expect(waiting.advice == nil)
  }

  @Test("Small writes that would not converge if they were scattered are pointed at")
  func scattered() throws {
    let estimate = Estimator.estimate(Self.busy(requests: 1000, bytes: 1000 * 4096))
    #expect(estimate.converges == true)
    #expect(try #require(estimate.advice).contains { $0.contains("if they are scattered") })
  }

  @Test("Memory goes in rounds until what is left fits into the pause")
  func rounds() {
    // 100 MB at 50 MB/s: 2 s, in which 20 MB change, which take 0.4 s, in which 4 MB change: less than 0.3 s of the link.
    let rounds = Estimator.precopy(used: 99_805_097, total: 99_805_097, dirty: 10e6, rate: 50e6, pause: 0.3)
    #expect(abs(rounds.seconds - 2.4) < 0.01)
    #expect(abs(rounds.bytes - 124e6) < 0.2e6)
    #expect(abs((rounds.last ?? 0) - 4e6) < 0.1e6)
    #expect(Estimator.precopy(used: 1 << 30, total: 1 << 30, dirty: 60e6, rate: 50e6, pause: 0.3).last == nil)
    // What changes fast and is little fits at once.
    #expect(Estimator.precopy(used: 1 << 20, total: 1 << 30, dirty: 60e6, rate: 50e6, pause: 0.3).last == 1_048_576)
  }

  @Test("Memory that changes faster than it is copied does not converge, and what may help is advised")
  func memoryTooFast() throws {
    var facts = Self.quiet
    facts.dirtyBps = 60 * Self.mebibyte
    let estimate = Estimator.estimate(facts)
    #expect(estimate.converges == false)
    #expect(estimate.seconds == nil)
    #expect(try #require(estimate.advice).contains { $0.contains("--auto-converge") })
    #expect(try #require(estimate.advice).contains { $0.contains("--compress-memory") })
    facts.options = MigrationOptions(autoConverge: true, compressMemory: true)
    let slowed = Estimator.estimate(facts)
    #expect(slowed.converges == true)
    // How long the slowing down takes is not known.
    #expect(slowed.seconds == nil)
    #expect(slowed.advice == nil)
  }

  @Test("A longer pause lets more memory be left for the switch")
  func longerPause() throws {
    var facts = Self.quiet
    facts.dirtyBps = 40 * Self.mebibyte
    let short = try #require(Estimator.estimate(facts).downtimeMs)
    facts.options = MigrationOptions(maxDowntimeMs: 2000)
    let long = try #require(Estimator.estimate(facts).downtimeMs)
    #expect(short < 500 && long > 1000)
  }

  @Test("A bandwidth budget is as good as a slower link, for templates, disks and memory")
  func budget() throws {
    var facts = Self.quiet
    let free = try #require(Estimator.estimate(facts).parts)
    facts.options = MigrationOptions(bandwidthMiBps: 25)
    let estimate = Estimator.estimate(facts)
    let half = try #require(estimate.parts)
    #expect(half.disks == 2 * free.disks && abs(half.memory - 2 * free.memory) < 0.01)
    #expect(half.templates - Estimator.templateOverhead == 2 * (free.templates - Estimator.templateOverhead))
    #expect(estimate.reasons.contains { $0.contains("the bandwidth budget leaves 25.0 MiB/s of it") })
    facts.options = MigrationOptions(bandwidthMiBps: 1000)
    #expect(Estimator.estimate(facts).parts == free)
  }

  @Test("Where no budget holds, all of the link is left, to the last digit")
  func noBudget() {
    let outlook = BandwidthOutlook(now: Timestamp(milliseconds: 0), fixed: nil)
    for link in stride(from: 420_000_000.0, to: 420_020_000, by: 101) {
      #expect(outlook.meanRate(of: 602_931_200, link: link) == link)
    }
  }

  @Test("An estimate looks at the budgets of the time to come")
  func budgetToCome() throws {
    var facts = Self.quiet
    let now = try #require(Timestamp("2026-11-26T21:59:59.000Z"))
    facts.outlook = BandwidthOutlook(now: now, schedules: [try BandwidthSchedule(parsing: ["1 06:00-22:00"])])
    let estimate = Estimator.estimate(facts)
    let free = try #require(Estimator.estimate(Self.quiet).seconds)
    #expect(try #require(estimate.seconds) < free + 1.1 && estimate.seconds ?? 0 > free)
    #expect(estimate.reasons.contains { $0.contains("as it changes with the time of day") })
  }

  @Test("All memory counts where it is not known what of it is used")
  func unknownMemory() {
    var facts = Self.quiet
    facts.usedMemory = nil
    facts.dirtyBps = nil
    let estimate = Estimator.estimate(facts)
    #expect(estimate.bytes.memory > 256 * Self.mebibyte)
    #expect(estimate.memory == .init(total: 256 * Self.mebibyte))
    #expect(Estimator.onWire(used: 0, of: 1 << 20) == 256 * 9)
  }

  @Test("Space is told before and after, and at the source after the grace")
  func pools() {
    var facts = Self.quiet
    let name = MigrationSamples.name("fast")
    facts.there.pools = [.init(pool: MigrationSamples.name("slow"), capacity: 1000, available: 500, coming: 300)]
    facts.sourcePools = [.init(pool: name, capacity: 1000, available: 200, held: 100)]
    let pools = Estimator.estimate(facts).pools
    #expect(pools.map(\.host.text) == ["alpha", "beta"])
    #expect(pools.map(\.availableBefore) == [200, 500])
    #expect(pools.map(\.availableAfter) == [200, 200])
    #expect(pools.map(\.availableAfterGrace) == [300, nil])
    facts.options = MigrationOptions(keepSource: true)
    #expect(Estimator.estimate(facts).pools.first?.availableAfterGrace == 200)
  }

  @Test("Numbers beyond all measure are no reason to crash")
  func nonsense() {
    var facts = Self.busy(requests: .greatestFiniteMagnitude, bytes: .greatestFiniteMagnitude)
    facts.plan.guest.memoryKiB = .max
    facts.plan.disks[0].allocation = UInt64(Int64.max) - 1 - facts.plan.layers[0].fileSize
    facts.there.toDestinationBps = 1
    facts.dirtyBps = .max
    facts.usedMemory = .max
    facts.sourcePools = [.init(pool: MigrationSamples.name("fast"), capacity: .max, available: .max, held: .max)]
    facts.there.pools = [.init(pool: MigrationSamples.name("slow"), capacity: 0, available: 0, coming: .max)]
    #expect(Estimator.estimate(facts).converges == false)
    facts.options = MigrationOptions(maxDowntimeMs: .max, synchronousWrites: true)
    _ = Estimator.estimate(facts)
  }
}
