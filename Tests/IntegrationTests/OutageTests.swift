import LongshoreMessages
import Testing

extension MigrationTests {
  /// Parts of the system that go away and come back.
  @Suite(.serialized) struct Outage {
    @Test("the broker goes away during the transfer")
    func broker() async throws {
      try await expectMove { lab in
        try await lab.command("broker", "stop")
        try await lab.command("broker", "start")
      }
    }

    @Test("the broker is killed, closes all connections, has no memory and loses the hosts' queues during the transfer")
    func troubledBroker() async throws {
      try await expectMove { lab in
        try await lab.command("broker", "ctl", "set_vm_memory_high_watermark", "absolute", "1MB")
        try await lab.command("broker", "ctl", "close_all_connections", "of the test")
        try await lab.command("broker", "ctl", "set_vm_memory_high_watermark", "0.4")
        for host in Lab.Host.allCases {
          try await lab.command("broker", "ctl", "delete_queue", "longshore.host.\(Lab.cluster).\(host)")
        }
        try await lab.command("broker", "kill")
        try await lab.command("broker", "start")
      }
    }

    @Test("both agents are killed during the transfer, and their successors carry on")
    func bothAgents() async throws {
      try await expectMove { lab in
        for host in Lab.Host.allCases { try await lab.command("agent", "kill", host.rawValue) }
        for host in Lab.Host.allCases { try await lab.command("agent", "start", host.rawValue) }
      }
    }

    @Test("the source's agent is killed during the transfer, and its successor carries on")
    func sourceAgent() async throws {
      try await expectMove { lab in
        try await lab.command("agent", "kill", "alpha")
        try await lab.command("agent", "start", "alpha")
      }
    }

    @Test("the destination's agent is killed during the transfer, and its successor carries on")
    func destinationAgent() async throws {
      try await expectMove { lab in
        try await lab.command("agent", "kill", "beta")
        try await lab.command("agent", "start", "beta")
      }
    }

    @Test("the destination's agent is killed while it copies the template, and its successor carries on")
    func destinationAgentCopying() async throws {
      let lab = try await Lab.find()
      try await lab.clear()
      try await Guest.with(.linked, in: lab) { guest in
        try await Orchestrator.with(lab) { orchestrator in
          let templates = try await TemplatePair(lab)
          let disks = try await SourceDisks(of: guest, on: .alpha)
          let id = try await lab.withLink(of: .beta, rate: "20mbit") {
            let id = try await orchestrator.migrate(guest, from: .alpha)
            try await orchestrator.progress(of: id) { ($0.template?.done ?? 0) > 0 }
            try await lab.command("agent", "kill", "beta")
            return id
          }
          try await lab.command("agent", "start", "beta")
          let end = try await orchestrator.end(of: id)
          try await expectMoved(guest, from: .alpha, id: id, end: end, disks: disks)
          #expect(end.bytes?.template == UInt64(templates.size))
          try await templates.expectCopied()
          try await guest.verify(.alpha, .beta).expectGood()
        }
      }
    }

    @Test("libvirtd is restarted before the order")
    func libvirtd() async throws {
      let lab = try await Lab.find()
      try await lab.clear()
      try await Guest.with(.linked, in: lab) { guest in
        try await Orchestrator.with(lab) { orchestrator in
          try await lab.endLibvirt(on: .alpha, with: "TERM")
          try await lab.startLibvirt(on: .alpha)
          try await orchestrator.waitForLibvirt(on: .alpha)
          try await move(guest, from: .alpha, by: orchestrator)
          try await guest.verify(.alpha, .beta).expectGood()
        }
      }
    }

    /// Moves a guest while something happens in the middle of its transfer.
    private func expectMove(during outage: (Lab) async throws -> Void) async throws {
      let lab = try await Lab.find()
      try await lab.clear()
      try await Guest.with(.mixed, in: lab) { guest in
        try await Orchestrator.with(lab) { orchestrator in
          let disks = try await SourceDisks(of: guest, on: .alpha)
          try await lab.withTemplateAtDestination {
            let id = try await lab.withLink(of: .beta, rate: "20mbit") {
              let id = try await orchestrator.migrate(guest, from: .alpha)
              try await orchestrator.progress(of: id, until: \.isCopyingDisks)
              try await outage(lab)
              let job = try await lab.on(.alpha, "virsh", "--quiet", "domjobinfo", guest.uuid)
              #expect(job.contains(/Operation: +Outgoing migration/), "the outage was within the transfer")
              return id
            }
            let end = try await orchestrator.end(of: id)
            try await expectMoved(guest, from: .alpha, id: id, end: end, disks: disks)
            try await guest.verify(.alpha, .beta).expectGood()
          }
        }
      }
    }
  }
}
