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
          let disks = try obstacle.disk.map { [try #require(ResourceName($0)): try #require(ResourceName("primary"))] }
          let pools = MigrateCommand.Pools(default: obstacle.pool.flatMap(ResourceName.init), disks: disks)
          try await expectRefusal(obstacle.code, at: obstacle.stage, by: obstacle.finder, of: guest, pools: pools, orchestrator)
        }
        try await waitForLibvirt()
      }
    }

    /// Expects that a guest's migration is refused for one reason alone, and that nothing is touched.
    private func expectRefusal(
      _ code: Reason.Code, at stage: MigrationEventData.Stage, by finder: Lab.Host, of guest: Guest,
      pools: MigrateCommand.Pools? = nil, _ orchestrator: Orchestrator
    ) async throws {
      try await expectUnchanged(guest) {
        let id = try await orchestrator.migrate(guest, from: .alpha, pools: pools)
        let end = try await orchestrator.end(of: id)
        #expect(end.kind == .failed)
        #expect(end.stage == stage)
        // One for each disk, where it is of a disk.
        #expect(Set(try #require(end.reasons).map(\.code)) == [code], "\(end.reasons ?? [])")
        #expect(end.runsAt?.text == "alpha")
        guard stage == .checks else { return }
        let refusals = try #require(end.checks).filter { $0.outcome == .refused }
        #expect(Set(refusals.map(\.code)) == [code])
        #expect(Set(refusals.map(\.host.text)) == [finder.rawValue])
        #expect(refusals.allSatisfy { $0.expected?.isEmpty == false && $0.advice?.isEmpty == false })
        #expect(end.checks?.contains { $0.outcome == .passed } == true)
      }
    }

    @Test("an address that the source is not to open")
    func address() async throws {
      let guest = try ResidentGuest.guest
      try await Orchestrator.with(guest.lab) { orchestrator in
        try await guest.lab.withLimits(["LONGSHORED_MIGRATION_ALLOWED_ADDRESSES": "gamma"], on: [.alpha]) {
          try await expectRefusal(.addressNotAllowed, at: .checks, by: .alpha, of: guest, orchestrator)
        }
      }
    }

    @Test("a pool that takes no files as large as a disk, however little is in it")
    func fileSize() async throws {
      let guest = try ResidentGuest.guest
      let large = Obstacle(
        testDescription: "a raw disk of 17 GiB", code: .fileTooLarge, finder: .alpha,
        make: """
          truncate --size 17G "$there/$name-large.raw"
          virsh --quiet attach-disk "$name" "$there/$name-large.raw" vdz --subdriver raw --live
          """,
        unmake: """
          virsh --quiet detach-disk "$name" vdz --live
          timeout 300 bash -c 'while virsh domblklist "$0" | grep --quiet vdz; do :; done' "$name"
          rm "$there/$name-large.raw"
          """)
      try await Orchestrator.with(guest.lab) { orchestrator in
        try await large.with(guest) {
          try await Obstacle.smallFiles.with(guest) {
            let pools = MigrateCommand.Pools(default: ResourceName("small"))
            try await expectRefusal(.fileTooLarge, at: .checks, by: .beta, of: guest, pools: pools, orchestrator)
          }
        }
      }
    }

    @Test("a guest that is off is refused at once")
    func stoppedGuest() async throws {
      let guest = try ResidentGuest.guest
      try await Orchestrator.with(guest.lab) { orchestrator in
        try await finally {
          try await guest.lab.shell(
            on: .alpha,
            #"""
            virsh --quiet define /dev/stdin <<<"<domain type='qemu'><name>off-$1</name><memory>16384</memory>\
            <os><type arch='x86_64' machine='pc'>hvm</type></os></domain>"
            """#, guest.name)
          var order = try orchestrator.order(guest, from: .alpha)
          order.guest = try #require(ResourceName("off-\(guest.name)"))
          for isDryRun in [true, false] {
            order.dryRun = isDryRun
            let reply = try await orchestrator.ask(Request(id: Orchestrator.newID(), command: .migrate(order)), of: .alpha)
            #expect(rejection(reply) == [.guestNotRunning], "\(reply)")
          }
        } do: {
          try await guest.lab.shell(on: .alpha, #"virsh --quiet undefine "off-$1""#, guest.name)
        }
      }
    }

    @Test("a fault that the hosts' versions may have is warned of, and refuses nothing")
    func possibleFault() async throws {
      let guest = try ResidentGuest.guest
      try await Orchestrator.with(guest.lab) { orchestrator in
        try await Obstacle.newerQEMU.with(guest) {
          try await orchestrator.waitForLibvirt(on: .beta)
          var order = try orchestrator.order(guest, from: .alpha)
          order.dryRun = true
          let reply = try await orchestrator.ask(Request(id: Orchestrator.newID(), command: .migrate(order)), of: .alpha)
          guard case .checked(let checks, _, _) = reply.body else {
            Issue.record("\(reply.body)")
            return
          }
          #expect(checks.filter { $0.outcome == .refused } == [])
          let warning = try #require(checks.first { $0.code == .knownFault && $0.outcome == .warning })
          #expect(warning.message.contains("QEMU 7.2") && warning.advice?.isEmpty == false, "\(warning)")
        }
        try await orchestrator.waitForLibvirt(on: .beta)
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
