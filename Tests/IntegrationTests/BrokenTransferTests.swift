import LongshoreMessages
import Testing

extension MigrationTests {
  /// Transfers that break: the guest stays where it was, and nothing is left where it was going to.
  @Suite(.serialized, .residentGuest) struct BrokenTransfer {
    @Test("the source's libvirtd is killed and started again")
    func sourceLibvirt() async throws {
      try await expectFailure { lab in
        try await lab.restartLibvirt(on: .alpha, with: "KILL")
      }
    }

    @Test("the destination's libvirtd is killed and started again")
    func destinationLibvirt() async throws {
      try await expectFailure { lab in
        try await lab.restartLibvirt(on: .beta, with: "KILL")
      }
    }

    @Test("the destination's QEMU is killed")
    func destinationQEMU() async throws {
      try await expectFailure { lab in
        try await lab.shell(on: .beta, "pkill -KILL -x qemu-system-x86")
      }
    }

    @Test("the network between the hosts is cut until libvirt gives up")
    func network() async throws {
      let guest = try ResidentGuest.guest
      try await expectFailure { lab in
        try await lab.command("link", "beta", "cut")
        _ = try await finally {
          // The copy of a disk ends when libvirt's keepalive has found the destination gone.
          try await lab.on(
            .alpha, "virsh", "--quiet", "event", guest.uuid, "--event", "block-job", "--timeout", "120")
        } do: {
          try await lab.command("link", "beta", "restore")
        }
      }
    }

    /// Expects that a migration fails, and nothing else changes, when something happens in the middle of its transfer.
    private func expectFailure(after fault: (Lab) async throws -> Void) async throws {
      let guest = try ResidentGuest.guest
      let lab = guest.lab
      try await Orchestrator.with(lab) { orchestrator in
        try await lab.withTemplateAtDestination {
          try await expectUnchanged(guest) {
            try await lab.withLink(of: .beta, rate: "20mbit") {
              let id = try await orchestrator.migrate(guest, from: .alpha)
              try await orchestrator.progress(of: id, until: \.isCopyingDisks)
              try await fault(lab)
              let end = try await orchestrator.end(of: id)
              #expect(end.kind == .failed)
              #expect(end.stage == .transfer)
              #expect(end.reasons?.map(\.code) == [.transferFailed], "\(end.reasons ?? [])")
              #expect(end.runsAt?.text == "alpha")
            }
          }
        }
      }
    }
  }
}
