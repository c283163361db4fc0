import LongshoreMessages
import Testing

extension MigrationTests {
  /// File systems that fill up, or cannot be written, while a migration runs.
  @Suite(.serialized, .residentGuest) struct FullDisk {
    @Test("the destination's pool fills up while the template is copied, and while the disks are")
    func pool() async throws {
      let guest = try ResidentGuest.guest
      let lab = guest.lab
      let pools = MigrateCommand.Pools(default: ResourceName("small"))
      try await Orchestrator.with(lab) { orchestrator in
        try await lab.withSmallPool("small", size: "256M", on: .beta) {
          try await expectFull(lab, stage: .prepare, .noSpace) {
            let id = try await orchestrator.migrate(guest, from: .alpha, pools: pools)
            try await orchestrator.progress(of: id) { ($0.template?.done ?? 0) > 0 }
            return try await fillUntilEnd(of: id, by: orchestrator)
          }
          // The machine's file system is that of both hosts.
          try await lab.on(.beta, "cp", lab.folder(.primary, on: .alpha) + "/" + Guest.template, "/run/small")
          try await expectFull(lab, stage: .transfer, .transferFailed) {
            let id = try await orchestrator.migrate(guest, from: .alpha, pools: pools)
            try await orchestrator.progress(of: id, until: \.isCopyingDisks)
            return try await fillUntilEnd(of: id, by: orchestrator)
          }
          #expect(try await guest.state(on: .beta) == nil)
        }
        try await guest.waitForWrite(on: .alpha)
        try await guest.verify(.alpha).expectGood()
      }
    }

    /// Fills the small pool and returns the migration's end.
    private func fillUntilEnd(of id: MigrationID, by orchestrator: Orchestrator) async throws -> MigrationEventData {
      let lab = try ResidentGuest.guest.lab
      try await lab.fill("/run/small/filler", on: .beta)
      let end = try await orchestrator.end(of: id)
      try await lab.on(.beta, "rm", "/run/small/filler")
      return end
    }

    /// Expects that a migration fails for want of space, and leaves the small pool as it was.
    private func expectFull(
      _ lab: Lab, stage: MigrationEventData.Stage, _ code: Reason.Code, _ migration: () async throws -> MigrationEventData
    ) async throws {
      let list = #"find /run/small -mindepth 1 -printf '%p %i\n' | sort"#
      let before = try await lab.shell(on: .beta, list)
      let end = try await lab.withLink(of: .beta, rate: "20mbit") { try await migration() }
      #expect(end.kind == .failed, "\(end)")
      #expect(end.stage == stage)
      #expect(end.runsAt?.text == "alpha")
      #expect(end.reasons?.map(\.code) == [code])
      #expect(end.reasons?.first?.message.contains("No space left on device") == true, "\(end.reasons ?? [])")
      #expect(try await lab.shell(on: .beta, list) == before)
    }
  }
}
