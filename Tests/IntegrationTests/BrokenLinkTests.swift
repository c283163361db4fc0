import LongshoreMessages
import Testing

extension MigrationTests {
  /// The destination's network, which fails in a migration's worst moments.
  @Suite(.serialized) struct BrokenLink {
    @Test("cut for some seconds in the transfer of memory, and again at the switch: it goes on and completes")
    func short() async throws {
      let lab = try await Lab.find()
      try await lab.clear()
      try await Guest.with(.linked, in: lab) { guest in
        try await Orchestrator.with(lab) { orchestrator in
          let disks = try await SourceDisks(of: guest, on: .alpha)
          try await lab.withTemplateAtDestination {
            // How long it lasts is the fault.
            let cut = Task {
              try await lab.command(
                "at-switch", guest.name, "alpha", "bridge", "bash", "-c",
                "ip link set beta nomaster; sleep 3; ip link set beta master lab")
            }
            let id = try await lab.withLink(of: .beta, rate: "100mbit") {
              let id = try await orchestrator.migrate(guest, from: .alpha)
              try await orchestrator.progress(of: id) { ($0.memory?.done ?? 0) > 0 }
              try await lab.cutLink(of: .beta, seconds: 3)
              _ = try await cut.value
              return id
            }
            let history = try await orchestrator.history(of: id)
            #expect(!history.contains { $0.data.kind == .needsAttention }, "\(history.map(\.data.kind))")
            try await expectMoved(guest, from: .alpha, id: id, end: try #require(history.last).data, disks: disks)
            try await guest.verify(.alpha, .beta).expectGood()
          }
        }
      }
    }

    @Test("cut from the switch on: the guest soon goes on at the source, and the migration ends when the network is back")
    func long() async throws {
      let lab = try await Lab.find()
      try await lab.clear()
      try await lab.restartAgent(on: .alpha, with: ["LONGSHORED_MIGRATION_ATTENTION_AFTER": "5s"])
      try await finally {
        try await cutForGood(in: lab)
      } do: {
        try await lab.restartAgent(on: .alpha)
      }
    }

    private func cutForGood(in lab: Lab) async throws {
      try await Guest.with(.linked, in: lab) { guest in
        try await Orchestrator.with(lab) { orchestrator in
          try await lab.withTemplateAtDestination {
            let cut = Task { try await lab.command("at-switch", guest.name, "alpha", "bridge", "ip", "link", "set", "beta", "nomaster") }
            let id = try await lab.withLink(of: .beta, rate: "100mbit") {
              let id = try await orchestrator.migrate(guest, from: .alpha)
              _ = try await cut.value
              return id
            }
            try await finally {
              try await guest.waitForWrite(on: .alpha)
              try await lab.waitForNoGuest(on: .beta)
            } do: {
              try await lab.command("link", "beta", "restore")
            }
            let end = try await orchestrator.end(of: id)
            #expect(end.kind == .failed, "\(end)")
            #expect(end.stage == .transfer)
            #expect(end.runsAt?.text == "alpha")
          }
          #expect(try await !guest.hasWritten(on: .beta), "the copy that arrived never ran")
          #expect(try await guest.state(on: .alpha) == "running")
          #expect(try await guest.state(on: .beta) == nil)
          #expect(try await lab.files(of: guest, on: .beta) == [])
          try await lab.expectNoLeftovers(on: [.beta])
          try await guest.waitForWrite(on: .alpha)
          try await guest.verify(.alpha).expectGood()
        }
      }
    }
  }
}
