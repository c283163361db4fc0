import AMQP
import LongshoreMessages
import LongshoreTestKit
import Testing

extension MigrationTests {
  /// Connections to the broker that break while a message passes.
  @Suite(.serialized) struct BrokenConnections {
    /// The events of a migration that goes well.
    private static let events = ["accepted", "preparing", "prepared", "transferring", "switching", "confirming", "completed"]
    /// What its agents tell each other.
    private static let peerMessages = ["prepare", "prepared", "confirm", "confirmed", "release", "released"]

    @Test(
      "every event's connection breaks, in its middle or before the broker's confirm is there",
      arguments: [Relay.Trigger.Kind.amid, .unanswered])
    func events(_ kind: Relay.Trigger.Kind) async throws {
      let triggers = Self.events.map { Relay.Trigger(kind, .up, #""type":"io.longshore.migration.\#($0).v1""#) }
      try await expectMove(through: triggers) { orchestrator, id in
        let arrivals = await orchestrator.arrivals(of: id)
        switch kind {
        // Those that are on the way with one that comes in part come again with it, taken or not.
        case .amid: #expect(arrivals >= Self.events.count)
        case .unanswered: #expect(arrivals > Self.events.count, "what was taken without a word comes again")
        }
      }
    }

    @Test(
      "the connection breaks at every message between the agents, when it is published and when it is delivered",
      arguments: [Relay.Trigger.Kind.amid, .unanswered])
    func peerMessages(_ kind: Relay.Trigger.Kind) async throws {
      let triggers = Self.peerMessages.flatMap { type in
        [Relay.Direction.up, .down].map { Relay.Trigger(kind, $0, #""type":"\#(type)""#) }
      }
      try await expectMove(through: triggers) { _, _ in }
    }

    /// Moves a guest between agents whose connections to the broker break at each of the triggers.
    private func expectMove(
      through triggers: [Relay.Trigger], and check: (Orchestrator, MigrationID) async throws -> Void
    ) async throws {
      let lab = try await Lab.find()
      try await lab.clear()
      try await lab.withRelay { relay in
        relay.cut(at: triggers)
        try await IntegrationTests.expectMove(in: lab, at: .accepted, rate: "unlimited") { _, orchestrator, id in
          _ = try await orchestrator.history(of: id)
          try await check(orchestrator, id)
        }
        #expect(relay.pendingTriggers == [], "each connection was broken")
      }
    }
  }
}

extension Lab {
  /// Runs the body while both agents reach the broker through a relay.
  fileprivate func withRelay(_ body: (Relay) async throws -> Void) async throws {
    // It looks for what it waits for in what passes, which TLS would hide.
    let broker = try #require(AMQPConfiguration(url: administratorURL).addresses.first)
    let relay = try Relay(to: broker.host, port: broker.port, on: brokerAddress)
    defer { relay.stop() }
    try await finally {
      for host in Host.allCases {
        try await command("agent", "kill", host.rawValue)
        try await startAgent(
          on: host,
          with: [
            "LONGSHORED_BROKER_ADDRESSES": "\(relay.host):\(relay.port)", "LONGSHORED_BROKER_TLS_ENABLED": "false",
            "LONGSHORED_BROKER_AUTHENTICATION": "password", "LONGSHORED_BROKER_PASSWORD_FILE": "/etc/longshore/broker-password",
          ])
      }
      try await body(relay)
    } do: {
      for host in Host.allCases {
        try await command("agent", "kill", host.rawValue)
        try await command("agent", "start", host.rawValue)
      }
    }
  }
}
