import Logging
import LongshoreMessages
import LongshoreTestKit
import MigrationCore
import Testing

@testable import LongshoreAgent

@Suite("The pace of what leaves a host")
struct BandwidthPacerTests {
  private let migration = MigrationSamples.accepted().0
  private let pacer = BandwidthPacer(
    schedules: BandwidthPacer.Schedules(host: BandwidthSchedule(otherwise: 64 << 20)), clock: ManualClock(),
    logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })

  @Test("that a migration is not paced is said while a budget holds for it, and then libvirt gets a cap")
  func refusal() async {
    #expect(await pacer.refusal(of: migration) == nil)
    // It has no QEMU here that could be looked at.
    #expect(await pacer.cap(of: migration) == 64)
    #expect(await pacer.refusal(of: migration)?.code == .bandwidthNotPaced)
    await pacer.use(schedules: BandwidthPacer.Schedules())
    #expect(await pacer.refusal(of: migration) == nil)
    #expect(await pacer.cap(of: migration) == nil)
  }

  @Test("libvirt gets as a cap what the narrowest budget leaves that holds now, by the limits of now")
  func cap() async {
    let host = migration.destination.host
    let limits = BandwidthClaim(migration: migration.id, peer: host, limit: 16 << 20)
    await pacer.use { () in [limits] }
    #expect(await pacer.budget(of: migration) == 16 << 20)
    await pacer.use(schedules: BandwidthPacer.Schedules(links: [host: BandwidthSchedule(otherwise: 8 << 20)]))
    #expect(await pacer.unpacedCap(of: migration) == 8)
    await pacer.forget(migration.id)
    #expect(await pacer.refusal(of: migration) == nil)
  }

  @Test("no connection is told from others while its host could not be looked up")
  func unresolved() {
    #expect(BandwidthPacer.Mark.opened(to: "beta.lab", addresses: []).unresolved == "beta.lab")
    #expect(BandwidthPacer.Mark.opened(to: "beta.lab", addresses: ["192.0.2.2"]).unresolved == nil)
    #expect(BandwidthPacer.Mark.accepted(port: 10809).unresolved == nil)
  }
}
