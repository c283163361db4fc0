import LongshoreMessages
import Testing

extension SlowLinkTests {
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
        try await lab.command("broker", "kill")
        try await lab.command("broker", "start")
        // Last: RabbitMQ 3.10 that is killed soon after it has made a quorum queue can leave one that it never starts again.
        for host in Lab.Host.allCases {
          try await lab.command("broker", "ctl", "delete_queue", "longshore.host.\(Lab.cluster).\(host)")
        }
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

    @Test("an agent that is started with neither broker nor libvirt says so once, keeps trying, and moves a guest when both are back")
    func nothingThere() async throws {
      let lab = try await Lab.find()
      try await lab.clear()
      try await Guest.with(.linked, in: lab) { guest in
        try await Orchestrator.with(lab) { orchestrator in
          try await lab.command("agent", "stop", "alpha")
          let lines = try await lab.agentLog(of: .alpha).count
          try await lab.endLibvirt(on: .alpha, with: "TERM")
          try await lab.command("broker", "cut", "alpha", "reset")
          try await finally {
            // What it does not say again is of the level debug, which shows how often it has tried.
            try await lab.startAgent(on: .alpha, with: ["LONGSHORED_LOG_LEVEL": "debug"])
            try await lab.waitForAgentLog(of: .alpha, "libvirt still cannot be reached", times: 2, after: lines)
            // The first and two more tries of each of its two connections.
            try await lab.waitForAgentLog(of: .alpha, "no connection to the broker", times: 6, after: lines)
          } do: {
            try await lab.command("broker", "restore", "alpha")
            try await lab.startLibvirt(on: .alpha)
          }
          try await orchestrator.waitForLibvirt(on: .alpha)
          let said = try await lab.agentLog(of: .alpha).dropFirst(lines).filter { !$0.contains("level=debug") }
          #expect(said.count { $0.contains("libvirt cannot be reached") } == 1)
          #expect(said.count { $0.contains("no connection to the broker") } == 2)
          try await move(guest, from: .alpha, by: orchestrator)
          try await guest.verify(.alpha, .beta).expectGood()
        }
      }
      // Its log is as detailed as before.
      try await lab.restartAgent(on: .alpha)
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

    @Test("the broker is out of reach from the middle of the transfer until the guest runs at the destination: no packet passes")
    func unreachableBroker() async throws {
      let lab = try await Lab.find()
      try await lab.clear()
      try await IntegrationTests.expectMove(in: lab, at: .copying) { guest, _, _ in
        let lines = try await lab.agentLog(of: .alpha).count
        try await lab.command("broker", "cut", "alpha", "drop")
        // Nobody tells the agent: both its connections notice by themselves.
        try await lab.waitForAgentLog(of: .alpha, "no connection to the broker", times: 2, after: lines)
        try await guest.expectTransferring()
        try await lab.command("link", "beta", "unlimited")
        try await guest.waitForWrite(on: .beta)
        try await lab.command("broker", "restore", "alpha")
      }
    }

    @Test("the broker takes no events and closes the channel for each, until the guest runs at the destination")
    func refusedEvents() async throws {
      let lab = try await Lab.find()
      try await lab.clear()
      try await IntegrationTests.expectMove(in: lab, at: .copying) { guest, _, _ in
        // The keys with which the source's agent may publish them.
        func permit(write: String) async throws {
          for (exchange, read) in [(Wire.events, "^#$"), (Wire.progress, "^$")] {
            try await lab.command("broker", "ctl", "set_topic_permissions", "agent-alpha", exchange, write, read)
          }
        }
        let lines = try await lab.agentLog(of: .alpha).count
        try await permit(write: "^$")
        try await finally {
          // A channel knows for good what its user may do.
          try await lab.command("broker", "ctl", "close_all_connections", "of the test")
          try await lab.command("link", "beta", "unlimited")
          try await guest.waitForWrite(on: .beta)
          try await lab.waitForAgentLog(of: .alpha, "ACCESS_REFUSED", times: 2, after: lines)
        } do: {
          try await permit(write: #"^lab\.alpha\."#)
        }
      }
    }

    @Test("the broker closes the channel of the destination's agent, which stands still with a message that it has not acknowledged")
    func acknowledgementTimeout() async throws {
      let lab = try await Lab.find()
      try await lab.clear()
      func limit(_ timeout: Int, _ tick: Int) async throws {
        try await lab.command(
          "broker", "ctl", "eval",
          "application:set_env(rabbit, consumer_timeout, \(timeout)), application:set_env(rabbit, channel_tick_interval, \(tick)).")
        // Channels take the interval when they are opened.
        try await lab.command("broker", "ctl", "close_all_connections", "of the test")
      }
      try await finally {
        try await IntegrationTests.expectMove(in: lab, at: .copying) { _, orchestrator, id in
          try await limit(2000, 1000)
          for host in Lab.Host.allCases { try await orchestrator.waitForLibvirt(on: host) }
          let pid = try await lab.command("agent", "pid", "beta")
          let lines = try await lab.brokerLog().count
          try await lab.on(.beta, "kill", "-STOP", pid)
          try await finally {
            try await lab.command("link", "beta", "unlimited")
            // The destination is asked to confirm, and takes the message from the broker without seeing it.
            _ = try await orchestrator.event(.confirming, of: id)
            try await lab.waitForBrokerLog("delivery acknowledgement on channel", after: lines)
          } do: {
            try await lab.on(.beta, "kill", "-CONT", pid)
          }
        }
      } do: {
        try await limit(1_800_000, 60_000)
      }
    }

    /// Moves a guest while something happens in the middle of its transfer.
    private func expectMove(during outage: (Lab) async throws -> Void) async throws {
      let lab = try await Lab.find()
      try await lab.clear()
      try await IntegrationTests.expectMove(in: lab, at: .copying) { guest, _, _ in
        try await outage(lab)
        try await guest.expectTransferring()
      }
    }
  }
}
