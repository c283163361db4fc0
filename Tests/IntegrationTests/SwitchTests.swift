import LongshoreMessages
import Testing

extension FourHostTests {
  /// The moment in which libvirt itself can come to run a guest on two hosts.
  @Suite(.serialized) struct Switch {
    @Test(
      "the destination's libvirtd stands still from the switch on, until the source has taken the guest back, and then goes on",
      arguments: [MigrationOptions.Handover.fenced, .direct])
    func stalledDestination(_ handover: MigrationOptions.Handover) async throws {
      let lab = try await Lab.find()
      try await lab.clear()
      try await Guest.with(.linked, in: lab) { guest in
        try await Orchestrator.with(lab) { orchestrator in
          let history = try await lab.withTemplateAtDestination {
            let takenBack = Task { try await guest.waitUntilResumed(on: .alpha) }
            let stall = Task { try await lab.command("at-switch", guest.name, "alpha", "beta", "pkill", "-STOP", "-x", "libvirtd") }
            let id = try await lab.withLink(of: .beta, rate: "100mbit") {
              let id = try await orchestrator.migrate(guest, from: .alpha, options: MigrationOptions(handover: handover))
              _ = try await stall.value
              return id
            }
            try await finally {
              try await takenBack.value
            } do: {
              try await lab.shell(on: .beta, "pkill -CONT -x libvirtd")
            }
            return try await orchestrator.history(of: id)
          }
          let end = try #require(history.last?.data)
          #expect(end.kind == .failed)
          #expect(end.runsAt?.text == "alpha")
          let alarms = history.flatMap { $0.data.kind == .needsAttention ? $0.data.reasons ?? [] : [] }.map(\.code)
          let hasRunThere = try await guest.hasWritten(on: .beta)
          switch handover {
          case .fenced:
            #expect(!alarms.contains(.splitBrain))
            #expect(!hasRunThere, "the copy that arrived never ran")
          case .direct:
            #expect(alarms.contains(.splitBrain), "libvirt has let both run: \(alarms)")
          }
          #expect(try await guest.state(on: .alpha) == "running")
          #expect(try await guest.state(on: .beta) == nil)
          try await guest.waitForWrite(on: .alpha)
          try await guest.verify(.alpha).expectGood()
        }
      }
    }
  }
}
