import LongshoreMessages
import Testing

@testable import LongshoreAgent

extension MigrationTests {
  /// Migrations that the operator ends with `longshore resolve`, because a host stays away.
  @Suite(.serialized, .enabled(if: Client.longshore != nil, Client.missingLongshore)) struct OperatorsWord {
    @Test("the destination stands still at a direct handover: the source is named, and the copy is ended when the destination goes on")
    func stalledDestination() async throws {
      let lab = try await Lab.find()
      try await lab.clear()
      try await Guest.with(.linked, in: lab) { guest in
        try await Orchestrator.with(lab) { orchestrator in
          try await lab.withTemplateAtDestination {
            try await lab.restartAgent(on: .alpha, with: Lab.impatience)
            let stall = Task { try await lab.command("at-switch", guest.name, "alpha", "beta", "pkill", "-STOP", "-x", "libvirtd") }
            let id = try await lab.withLink(of: .beta, rate: "100mbit") {
              let id = try await orchestrator.migrate(guest, from: .alpha, options: MigrationOptions(handover: .direct))
              _ = try await stall.value
              return id
            }
            try await finally {
              try await expectSourceTaken(for: id, guest, by: orchestrator)
              #expect(try await lab.files(of: guest, on: .beta).count == 1, "nothing is removed before the copy is seen to have ended")
            } do: {
              try await lab.shell(on: .beta, "pkill -CONT -x libvirtd")
            }
            try await expectNothingLeft(of: guest, by: orchestrator)
          }
          try await guest.verify(.alpha).expectGood()
        }
      }
    }

    @Test("the destination loses its power and its network in the transfer: the source is named, and the rest is removed when it is back")
    func lostDestination() async throws {
      let lab = try await Lab.find()
      try await lab.clear()
      try await Guest.with(.linked, in: lab) { guest in
        try await Orchestrator.with(lab) { orchestrator in
          try await lab.withTemplateAtDestination {
            try await lab.restartAgent(on: .alpha, with: Lab.impatience)
            // QEMU notices that nobody is there any more when the kernel does.
            let retries = "/proc/sys/net/ipv4/tcp_retries2"
            try await lab.shell(on: .alpha, #"echo 4 >"$1""#, retries)
            let id = try await lab.withLink(of: .beta, rate: "20mbit") {
              let id = try await orchestrator.migrate(guest, from: .alpha)
              try await orchestrator.progress(of: id, until: \.isCopyingDisks)
              return id
            }
            try await lab.command("power", "beta", "cut")
            try await lab.command("link", "beta", "cut")
            try await finally {
              // What the source says to it waits for the queue that it declares.
              try await orchestrator.deleteInbox(of: .beta)
              try await expectSourceTaken(for: id, guest, by: orchestrator)
            } do: {
              try await lab.shell(on: .alpha, #"echo 15 >"$1""#, retries)
              try await lab.command("link", "beta", "restore")
              try await lab.command("up")
            }
            try await expectNothingLeft(of: guest, by: orchestrator)
          }
          try await guest.verify(.alpha).expectGood()
        }
      }
    }

    @Test("the source loses its power when the guest has arrived paused: the destination is named, and the source ends it when it is back")
    func lostSource() async throws {
      let lab = try await Lab.find()
      try await lab.clear()
      try await Guest.with(.linked, in: lab) { guest in
        try await Orchestrator.with(lab) { orchestrator in
          let disks = try await SourceDisks(of: guest, on: .alpha)
          try await lab.withTemplateAtDestination {
            try await lab.restartAgent(on: .alpha, dyingAt: .migrateCalled)
            let id = try await lab.withLink(of: .beta, rate: "100mbit") {
              let id = try await orchestrator.migrate(guest, from: .alpha)
              try await lab.command("agent", "wait", "alpha")
              try await lab.waitForNoGuest(on: .alpha)
              return id
            }
            try await lab.command("power", "alpha", "cut")
            try await finally {
              #expect(try await guest.state(on: .beta) == "paused")
              let named = try await name("beta", of: id, at: "beta", in: lab)
              #expect(named.code == 0, "\(named)")
              try await guest.waitForWrite(on: .beta)
            } do: {
              try await lab.command("up")
            }
            let end = try await orchestrator.end(of: id)
            try await expectMoved(guest, from: .alpha, id: id, end: end, disks: disks, measured: false)
            try await guest.verify(.alpha, .beta).expectGood()
          }
        }
      }
    }

    @Test("the source's agent is dead while libvirt copies: the destination cannot be named there; the source can, and learns of it")
    func namedAtTheDestination() async throws {
      let lab = try await Lab.find()
      try await lab.clear()
      try await Guest.with(.linked, in: lab) { guest in
        try await Orchestrator.with(lab) { orchestrator in
          try await lab.withTemplateAtDestination {
            try await lab.restartAgent(on: .alpha, dyingAt: .migrateCalled)
            let id = try await lab.withLink(of: .beta, rate: "20mbit") {
              let id = try await orchestrator.migrate(guest, from: .alpha)
              try await lab.command("agent", "wait", "alpha")
              let wrong = try await name("beta", of: id, at: "beta", in: lab)
              #expect(wrong.code == 3, "\(wrong)")
              #expect(wrong.error.contains("still has a migration job on the guest"), "\(wrong)")
              let right = try await name("alpha", of: id, at: "beta", in: lab)
              #expect(right.code == 0, "\(right)")
              try await orchestrator.waitForRest(of: .beta)
              return id
            }
            #expect(try await guest.state(on: .beta) == nil)
            #expect(try await lab.files(of: guest, on: .beta) == [])
            try await lab.startAgent(on: .alpha)
            let end = try await orchestrator.end(of: id)
            #expect(end.kind == .failed, "\(end)")
            #expect(end.runsAt?.text == "alpha")
            try await expectNothingLeft(of: guest, by: orchestrator)
          }
          try await guest.verify(.alpha).expectGood()
        }
      }
    }

    @Test("the destination's agent dies before it confirms: the destination is named, and who is back finds the guest running")
    func runningGuest() async throws {
      let lab = try await Lab.find()
      try await lab.clear()
      try await Guest.with(.linked, in: lab) { guest in
        try await Orchestrator.with(lab) { orchestrator in
          try await lab.withTemplateAtDestination {
            try await lab.restartAgent(on: .alpha, with: Lab.impatience)
            try await lab.restartAgent(on: .beta, dyingAt: .beforeDestinationPostChecking)
            let id = try await orchestrator.migrate(guest, from: .alpha)
            try await lab.command("agent", "wait", "beta")
            try await orchestrator.event(.needsAttention, for: .destinationUnreachable, of: id)
            let named = try await name("beta", of: id, in: lab)
            #expect(named.code == 0, "\(named)")
            let end = try await orchestrator.end(of: id)
            #expect(end.kind == .completed, "\(end)")
            #expect(end.faults == [.ownerNamed], "\(end)")
            #expect(end.runsAt?.text == "beta")
            try await lab.startAgent(on: .beta)
            try await orchestrator.waitForRest(of: .beta)
            #expect(try await guest.state(on: .alpha) == "shut off", "what the source has is left to the operator")
            #expect(try await guest.state(on: .beta) == "running")
            try await guest.waitForWrite(on: .beta)
            try await guest.verify(.alpha, .beta).expectGood()
          }
        }
      }
    }

    /// Names a guest's owner, at the source or where it is said.
    private func name(_ owner: String, of id: MigrationID, at host: String? = nil, in lab: Lab) async throws -> Client.Ending {
      let longshore = try #require(Client.longshore)
      return try await longshore.run(
        ["resolve", id.text, "--owner", owner, "--yes", "--timeout", "5m", "--broker", lab.brokerURL, "--cluster", Lab.cluster]
          + (host.map { ["--at", $0] } ?? []))
    }

    /// Expects that `alpha` takes itself for the guest's owner when the operator says so, and never `beta`, whose guest it runs; and that
    /// this ends the migration while `beta` is away.
    private func expectSourceTaken(for id: MigrationID, _ guest: Guest, by orchestrator: Orchestrator) async throws {
      try await orchestrator.event(.needsAttention, for: .undecided, of: id)
      let wrong = try await name("beta", of: id, in: guest.lab)
      #expect(wrong.code == 3, "\(wrong)")
      #expect(wrong.error.contains("the guest runs at the source"), "\(wrong)")
      let right = try await name("alpha", of: id, in: guest.lab)
      #expect(right.code == 0, "\(right)")
      let end = try await orchestrator.end(of: id)
      #expect(end.kind == .failed, "\(end)")
      #expect(end.stage == .transfer)
      #expect(end.reasons?.map(\.code) == [.transferFailed, .ownerNamed], "\(end.reasons ?? [])")
      #expect(end.runsAt?.text == "alpha")
      try await guest.waitForWrite(on: .alpha)
    }

    /// Expects that `beta`, which is back, ends its copy of the guest and removes what the migration made.
    private func expectNothingLeft(of guest: Guest, by orchestrator: Orchestrator) async throws {
      let lab = guest.lab
      try await orchestrator.waitForRest(of: .beta)
      #expect(try await guest.state(on: .beta) == nil)
      #expect(try await lab.files(of: guest, on: .beta) == [])
      try await lab.expectNoLeftovers(on: [.beta])
      #expect(try await guest.state(on: .alpha) == "running")
      try await guest.waitForWrite(on: .alpha)
    }
  }
}
