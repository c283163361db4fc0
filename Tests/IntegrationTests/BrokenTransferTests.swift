import LongshoreMessages
import Testing

extension MigrationTests {
  /// Transfers that break: the guest stays where it was, and nothing is left where it was going to.
  @Suite(.serialized, .residentGuest) struct BrokenTransfer {
    @Test("the source's libvirtd is killed and started again")
    func sourceLibvirt() async throws {
      try await expectFailure { lab in
        try await lab.endLibvirt(on: .alpha, with: "KILL")
        // libvirt 9.0 can wait for ever for a copy that it finds half ended: let it end first.
        try await lab.waitForNoGuest(on: .beta)
        try await lab.startLibvirt(on: .alpha)
      }
    }

    @Test("the destination's libvirtd is killed and started again")
    func destinationLibvirt() async throws {
      // libvirt 9.0 can miss the end of a copy, and the agent aborts the migration then.
      try await withShortPatience {
        try await expectFailure { lab in
          try await lab.endLibvirt(on: .beta, with: "KILL")
          try await lab.startLibvirt(on: .beta)
        }
      }
    }

    @Test("the destination's QEMU is killed")
    func destinationQEMU() async throws {
      try await expectFailure { lab in
        try await lab.shell(on: .beta, "pkill -KILL -x qemu-system-x86")
      }
    }

    @Test("the destination loses its power and boots again")
    func destinationPower() async throws {
      try await expectFailure { lab in
        try await lab.command("power", "beta", "cut")
        try await lab.command("up")
      }
    }

    @Test("the destination loses its power when it has acknowledged all that QEMU sent and answered none of it")
    func destinationPowerUnanswered() async throws {
      try await withShortPatience {
        try await expectFailure { lab in
          // Each answer of QEMU's is pushed, an acknowledgement alone is not. They are dropped where they arrive: what a host drops of
          // its own it sends again with each acknowledgement.
          let answers = "INPUT --protocol tcp --sport 49152:49215 --tcp-flags PSH PSH --jump DROP"
          try await lab.shell(on: .alpha, "iptables --append \(answers)")
          try await finally {
            try await lab.command("link", "beta", "unlimited")
            // QEMU sends no more than it may without an answer, and nothing of it is on its way: all is acknowledged.
            try await lab.shell(
              on: .alpha,
              #"""
              connections() { ss --no-header --tcp --numeric --info state established '( dport >= 49152 and dport <= 49215 )'; }
              # Whether all is acknowledged (the second field) and the last of it was sent half a second ago.
              is_quiet() {
                connections | awk '/^[0-9]/ { all++; waiting += $2 } match($0, /lastsnd:[0-9]+/) {
                  known++; if (substr($0, RSTART + 8, RLENGTH - 8) < 500) busy = 1 } END { exit !all || known < all || waiting || busy }'
              }
              timeout 300 bash -c "$(declare -f connections is_quiet)"'; until is_quiet; do :; done' || { connections >&2; exit 1; }
              """#)
            try await lab.command("power", "beta", "cut")
            try await lab.command("up")
          } do: {
            try await lab.shell(on: .alpha, "iptables --delete \(answers)")
          }
        }
      }
    }

    @Test("the network between the hosts is cut until the destination gives up")
    func network() async throws {
      try await expectFailure { lab in
        try await lab.command("link", "beta", "cut")
        try await finally {
          // Its libvirtd ends the guest that was arriving when keepalive has found the source gone.
          try await lab.waitForNoGuest(on: .beta)
        } do: {
          try await lab.command("link", "beta", "restore")
        }
      }
    }

    /// Runs the body with a source's agent that soon finds that nothing moves.
    private func withShortPatience(_ body: () async throws -> Void) async throws {
      let lab = try ResidentGuest.guest.lab
      try await lab.restartAgent(on: .alpha, with: ["LONGSHORED_MIGRATION_ATTENTION_AFTER": "5s"])
      try await finally {
        try await body()
      } do: {
        try await lab.restartAgent(on: .alpha)
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
