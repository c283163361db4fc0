import LongshoreMessages
import LongshoreTestKit
import MigrationCore
import MigrationJournal
import Testing

@testable import LongshoreAgent

@Suite("What a journal has that is not settled")
struct UnsettledWorkTests {
  @Test("is told, a line for each")
  func lines() async throws {
    try await SetAsideHost.with(StandingClock(MigrationSamples.now()), grace: 1000, isEnded: false) { host in
      let id = MigrationSamples.id
      try host.journal.register(RegisteredFile(migration: id, side: .destination, role: .stub, path: "/pool/stub.qcow2"))
      try host.journal.register(RegisteredFile(migration: id, side: .destination, role: .template, path: "/pool/base.qcow2"))
      #expect(
        try UnsettledWork(of: host.journal).lines == [
          "the migration \(id) of the guest \(MigrationSamples.guest.name) to \(MigrationSamples.destination.host) has not ended (queued)",
          "the disk \(host.path) of a guest that has moved away is kept for its time of grace",
          "the image /pool/stub.qcow2 was made for a guest that has not arrived",
        ])
    }
  }

  @Test("is nothing once migrations have ended and their files are gone; templates stay for good")
  func settled() async throws {
    try await SetAsideHost.with(StandingClock(MigrationSamples.now()), grace: 1000, isEnded: true) { host in
      #expect(try UnsettledWork(of: host.journal).lines.count == 1)
      host.pass(1000)
      _ = try await host.disks.sweep()
      try host.journal.register(
        RegisteredFile(migration: MigrationSamples.id, side: .destination, role: .template, path: "/pool/base.qcow2"))
      #expect(try UnsettledWork(of: host.journal).lines.isEmpty)
    }
  }
}
