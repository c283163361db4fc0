import AMQP
import LongshoreMessages
import Testing

extension ThreeNodeTests {
  /// The broker loses one of its nodes.
  @Suite(.serialized) struct BrokerNodes {
    @Test("what agents declare has a replica on every node")
    func replicas() async throws {
      let lab = try await Lab.find()
      try await lab.clear()
      try await Orchestrator.with(lab) { orchestrator in
        for host in Lab.Host.allCases { try await orchestrator.waitForLibvirt(on: host) }
        // Clients have queues of their own.
        let queues = try await lab.queues().filter { $0.name.hasPrefix("longshore.") && !$0.name.hasPrefix("longshore.client.") }
        #expect(
          queues.map { "\($0.name) \($0.kind) \($0.members)" } == [
            "longshore.dead-letters quorum 1,2,3", "longshore.events.history stream 1,2,3",
            "longshore.host.lab.alpha quorum 1,2,3", "longshore.host.lab.beta quorum 1,2,3",
          ])
      }
    }

    @Test(
      "the node that leads a host's inbox is killed",
      arguments: [(Lab.Host.beta, Moment.accepted), (.alpha, .copying), (.alpha, .switching), (.beta, .switching)])
    func killedLeader(of host: Lab.Host, at moment: Moment) async throws {
      let lab = try await Lab.find()
      try await lab.clear()
      let leader = try await lab.leader(of: "longshore.host.\(Lab.cluster).\(host)")
      // The destination's agent comes back to the broker when it does.
      try await lab.restartAgent(on: .alpha, with: Lab.patience)
      // The switch is not to be waited for.
      try await expectMove(in: lab, at: moment, rate: moment == .copying ? "5mbit" : "100mbit") { guest, orchestrator, id in
        let killed = Timestamp.now
        try await lab.command("broker", "--node", leader, "kill")
        if moment == .copying {
          try await expectProgress(of: id, since: killed, orchestrator, "node \(leader), which led the inbox of \(host), was killed")
          try await guest.expectTransferring()
        }
      } afterwards: {
        // Queues that are deleted without it wait for it.
        try await lab.command("broker", "start")
      }
    }

    @Test("the node that leads the history stands still with an event that it has not confirmed, and is killed")
    func frozenLeader() async throws {
      let lab = try await Lab.find()
      try await lab.clear()
      let leader = try await lab.leader(of: Wire.history)
      // The source's agent is connected to another node: its channel stays.
      try await lab.command("broker", "--node", leader, "cut", "alpha", "reset")
      while try await lab.nodes(of: .alpha).contains(leader) { try Task.checkCancellation() }
      try await expectMove(in: lab, at: .copying) { guest, _, _ in
        try await lab.command("broker", "--node", leader, "freeze")
        try await lab.command("link", "beta", "unlimited")
        try await guest.waitForWrite(on: .beta)
        try await lab.command("broker", "--node", leader, "kill")
      } afterwards: {
        try await lab.command("broker", "start")
      }
    }

    @Test(
      "a host is cut off the node that its agent is connected to",
      arguments: [(Lab.Host.alpha, "reset"), (.alpha, "drop"), (.beta, "drop")])
    func cutOff(_ host: Lab.Host, _ manner: String) async throws {
      let lab = try await Lab.find()
      try await lab.clear()
      let node = try await lab.node(publishedToBy: host)
      try await expectMove(in: lab, at: .copying) { guest, orchestrator, id in
        let cut = Timestamp.now
        try await lab.command("broker", "--node", node, "cut", host.rawValue, manner)
        try await expectProgress(of: id, since: cut, orchestrator, "\(host) was cut off node \(node) (\(manner))")
        try await guest.expectTransferring()
      }
    }

    /// Expects that progress of a migration comes again, and says after which time.
    private func expectProgress(of id: MigrationID, since fault: Timestamp, _ orchestrator: Orchestrator, _ what: String) async throws {
      let progress = try await orchestrator.progress(of: id, madeAfter: fault)
      print("\(what): progress again after \(progress.at.milliseconds - fault.milliseconds) ms")
    }
  }
}

/// When in a migration something happens to it.
enum Moment: String, Sendable, CaseIterable {
  /// The order is accepted: both hosts prepare.
  case accepted
  /// Disks are copied.
  case copying
  /// libvirt switches to the destination.
  case switching
}

extension Guest {
  /// Expects that libvirt still carries the guest away from `alpha`.
  func expectTransferring(sourceLocation: SourceLocation = #_sourceLocation) async throws {
    let job = try await lab.on(.alpha, "virsh", "--quiet", "domjobinfo", uuid)
    #expect(job.contains(/Operation: +Outgoing migration/), "the outage was within the transfer", sourceLocation: sourceLocation)
  }
}

/// Moves a guest from `alpha` while something happens, and expects that nothing of it is lost.
func expectMove(
  in lab: Lab, at moment: Moment, rate: String = "5mbit",
  during outage: (Guest, Orchestrator, MigrationID) async throws -> Void, afterwards: @Sendable () async throws -> Void = {}
) async throws {
  try await Guest.with(.mixed, in: lab) { guest in
    try await Orchestrator.with(lab) { orchestrator in
      let disks = try await SourceDisks(of: guest, on: .alpha)
      try await lab.withTemplateAtDestination {
        let id = try await lab.withLink(of: .beta, rate: rate) {
          let id = try await orchestrator.migrate(guest, from: .alpha)
          switch moment {
          case .accepted: break
          case .copying: try await orchestrator.progress(of: id, until: \.isCopyingDisks)
          case .switching: _ = try await orchestrator.event(.switching, of: id)
          }
          try await outage(guest, orchestrator, id)
          return id
        }
        let history = try await orchestrator.history(of: id)
        try await expectMoved(guest, from: .alpha, id: id, end: try #require(history.last).data, disks: disks)
        try await orchestrator.expectStored(history)
        async let restored: Void = afterwards()
        try await guest.verify(.alpha, .beta).expectGood()
        try await restored
      }
    }
  }
}
