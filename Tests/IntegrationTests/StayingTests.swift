import LongshoreMessages
import Testing

extension ThreeNodeTests {
  /// Migrations that end with the guest where it was, and nothing changed anywhere.
  @Suite(.serialized, .residentGuest) struct Staying {
    @Test("what is in the way is named, and nothing is touched", arguments: Obstacle.all)
    func obstacle(_ obstacle: Obstacle) async throws {
      let guest = try ResidentGuest.guest
      try await Orchestrator.with(guest.lab) { orchestrator in
        func waitForLibvirt() async throws {
          if obstacle.restartsLibvirt { try await orchestrator.waitForLibvirt(on: obstacle.finder) }
        }
        try await obstacle.with(guest) {
          try await waitForLibvirt()
          try await expectUnchanged(guest) {
            let pools = obstacle.pool.map { MigrateCommand.Pools(default: ResourceName($0)) }
            let id = try await orchestrator.migrate(guest, from: .alpha, pools: pools)
            let end = try await orchestrator.end(of: id)
            #expect(end.kind == .failed)
            #expect(end.stage == obstacle.stage)
            // One for each disk, where it is of a disk.
            #expect(Set(try #require(end.reasons).map(\.code)) == [obstacle.code], "\(end.reasons ?? [])")
            #expect(end.runsAt?.text == "alpha")
            guard obstacle.stage == .checks else { return }
            let refusals = try #require(end.checks).filter { $0.outcome == .refused }
            #expect(Set(refusals.map(\.code)) == [obstacle.code])
            #expect(Set(refusals.map(\.host.text)) == [obstacle.finder.rawValue])
            #expect(refusals.allSatisfy { $0.expected?.isEmpty == false && $0.advice?.isEmpty == false })
            #expect(end.checks?.contains { $0.outcome == .passed } == true)
          }
        }
        try await waitForLibvirt()
      }
    }

    @Test("a host that no agent has ever had fails at once")
    func unknownHost() async throws {
      let guest = try ResidentGuest.guest
      try await Orchestrator.with(guest.lab) { orchestrator in
        try await expectUnchanged(guest) {
          let id = try Orchestrator.newID()
          var order = try orchestrator.order(guest, from: .alpha)
          order.destination.host = try #require(NodeName("nowhere"))
          #expect(try await orchestrator.ask(Request(id: id, command: .migrate(order)), of: .alpha).body == .accepted)
          let end = try await orchestrator.end(of: id)
          #expect(end.kind == .failed)
          #expect(end.reasons?.map(\.code) == [.destinationUnreachable])
          #expect(try #require(end.seconds) < 20, "the time that an agent has to answer is 30 s")
        }
      }
    }

    @Test("a host whose agent does not run fails when it has not answered in time")
    func silentHost() async throws {
      let guest = try ResidentGuest.guest
      try await guest.lab.restartAgent(on: .alpha, with: ["LONGSHORED_MIGRATION_ANSWER_TIMEOUT": "3s"])
      try await finally {
        try await Orchestrator.with(guest.lab) { orchestrator in
          try await guest.lab.withoutAgent(on: .beta) {
            try await expectUnchanged(guest) {
              let id = try await orchestrator.migrate(guest, from: .alpha)
              let end = try await orchestrator.end(of: id)
              #expect(end.kind == .failed)
              #expect(end.reasons?.map(\.code) == [.destinationUnreachable])
              #expect(try #require(end.seconds) >= 3, "the time that an agent has to answer is 3 s")
            }
          }
        }
      } do: {
        try await guest.lab.restartAgent(on: .alpha)
      }
    }

    @Test("cancelled while the template is copied")
    func cancelledCopy() async throws {
      let guest = try ResidentGuest.guest
      try await Orchestrator.with(guest.lab) { orchestrator in
        try await expectUnchanged(guest) {
          try await guest.lab.withLink(of: .beta, rate: "20mbit") {
            let id = try await orchestrator.migrate(guest, from: .alpha)
            try await orchestrator.progress(of: id) { ($0.template?.done ?? 0) > 0 }
            #expect(try await orchestrator.cancel(id, on: .alpha).body == .accepted)
            let end = try await orchestrator.end(of: id)
            #expect(end.kind == .cancelled)
            #expect(end.stage == .prepare)
            #expect(end.reasons?.map(\.code) == [.cancelled])
            #expect(end.runsAt?.text == "alpha")
            #expect(rejection(try await orchestrator.cancel(id, on: .alpha)) == [.tooLate])
          }
        }
      }
    }

    @Test("cancelled while disks and memory are copied")
    func cancelledTransfer() async throws {
      let guest = try ResidentGuest.guest
      try await guest.lab.on(.alpha, "virsh", "--quiet", "autostart", guest.uuid)
      try await Orchestrator.with(guest.lab) { orchestrator in
        try await guest.lab.withTemplateAtDestination {
          try await expectUnchanged(guest) {
            try await guest.lab.withLink(of: .beta, rate: "20mbit") {
              let id = try await orchestrator.migrate(guest, from: .alpha)
              try await orchestrator.progress(of: id, until: \.isCopyingDisks)
              #expect(try await orchestrator.cancel(id, on: .alpha).body == .accepted)
              let end = try await orchestrator.end(of: id)
              #expect(end.kind == .cancelled)
              #expect(end.stage == .transfer)
              #expect(end.reasons?.map(\.code) == [.cancelled])
              #expect(end.runsAt?.text == "alpha")
            }
          }
        }
      }
    }

    @Test("a deadline that passes during the transfer")
    func deadline() async throws {
      let guest = try ResidentGuest.guest
      try await Orchestrator.with(guest.lab) { orchestrator in
        try await guest.lab.withTemplateAtDestination {
          try await expectUnchanged(guest) {
            try await guest.lab.withLink(of: .beta, rate: "5mbit") {
              let id = try await orchestrator.migrate(guest, from: .alpha)
              let deadline = Int64(try await orchestrator.progress(of: id, until: \.isCopyingDisks).elapsedSeconds) + 5
              _ = try await orchestrator.tune(id, TransferLimits(deadlineSeconds: deadline), on: .alpha)
              let end = try await orchestrator.end(of: id)
              #expect(end.kind == .failed)
              #expect(end.stage == .transfer)
              #expect(end.reasons?.map(\.code) == [.deadlinePassed])
              #expect(end.runsAt?.text == "alpha")
              #expect(try #require(end.seconds) >= Double(deadline))
            }
          }
        }
      }
    }
  }
}

/// The codes with which a request was rejected; nil where it was not.
func rejection(_ reply: Reply) -> [Reason.Code]? {
  if case .rejected(let reasons) = reply.body { return reasons.map(\.code) }
  return nil
}
