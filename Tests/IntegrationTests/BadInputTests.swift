import AMQP
import LongshoreMessages
import Testing

extension MigrationTests {
  /// What agents refuse, and that they go on afterwards.
  @Suite(.serialized) struct BadInput {
    @Test("bad input is refused with its reason, changes nothing, and the agent goes on")
    func badInput() async throws {
      let lab = try await Lab.find()
      try await lab.clear()
      try await Guest.with(.mixed, in: lab) { guest in
        try await Orchestrator.with(lab) { orchestrator in
          try await expectUnchanged(guest) {
            try await expectRejections(for: guest, by: orchestrator)
            try await expectDeadLetters(for: guest, by: orchestrator)
          }
          try await expectOneMigration(of: guest, by: orchestrator)
          try await guest.verify(.alpha, .beta).expectGood()
        }
      }
    }

    @Test("a message that says it is an agent's is believed of that agent's user alone")
    func senders() async throws {
      let lab = try await Lab.find()
      try await lab.clear()
      try await Guest.with(.linked, in: lab) { guest in
        try await Orchestrator.with(lab) { orchestrator in
          let id = try await orchestrator.migrate(guest, from: .alpha)
          #expect(try await orchestrator.end(of: id).kind == .completed)
          let message = PeerMessage(
            migration: id, from: HostAddress(cluster: try #require(NodeName(Lab.cluster)), host: try #require(NodeName("alpha"))),
            to: HostAddress(cluster: try #require(NodeName(Lab.cluster)), host: try #require(NodeName("beta"))), journal: "j",
            body: .rollback(Reason(.cancelled, "a lie")))
          let body = MessageCoding.encode(message)
          for (count, user) in [nil, "agent-beta", "longshore"].enumerated() {
            try await orchestrator.publish(body, to: .beta, exchange: Wire.peers, correlation: nil, user: user)
            try await orchestrator.deadLetter(body, for: .notAuthorised, count: count + 1)
          }
        }
      }
    }

    private func expectRejections(for guest: Guest, by orchestrator: Orchestrator) async throws {
      for bad in BadRequest.all {
        let reply = try await orchestrator.ask(bad.bytes(for: guest), of: .alpha)
        #expect(rejection(reply) == [bad.code], "\(bad.testDescription): \(reply)")
        #expect(reply.from.host.text == "alpha")
      }
    }

    private func expectDeadLetters(for guest: Guest, by orchestrator: Orchestrator) async throws {
      for bad in BadRequest.all {
        let body = try bad.bytes(for: guest)
        try await orchestrator.publish(body, to: .alpha, correlation: nil)
        try await expectDeadLetter(body, bad.code, by: orchestrator)
      }
      let order = MessageCoding.encode(
        Request(id: try Orchestrator.newID(), command: .migrate(try orchestrator.order(guest, from: .alpha))))
      for body in [Array("rubbish".utf8), order] {
        try await orchestrator.publish(body, to: .beta, exchange: Wire.peers, correlation: nil)
        try await expectDeadLetter(body, .malformed, by: orchestrator)
      }
    }

    private func expectDeadLetter(_ body: [UInt8], _ code: Reason.Code, by orchestrator: Orchestrator) async throws {
      // What is larger than any message is not kept: the letter tells of it and how large it was.
      try await orchestrator.deadLetter(body.count <= Wire.maximumMessageSize ? body : [], for: code)
    }

    /// The same order a hundred times is one migration; another one for the guest meanwhile is none.
    private func expectOneMigration(of guest: Guest, by orchestrator: Orchestrator) async throws {
      let disks = try await SourceDisks(of: guest, on: .alpha)
      let id = try Orchestrator.newID()
      let order = Request(id: id, command: .migrate(try orchestrator.order(guest, from: .alpha)))
      // So slow that the migration runs for as long as it is asked about, however busy the machine is.
      try await guest.lab.withLink(of: .beta, rate: "5mbit") {
        for _ in 1...100 { #expect(try await orchestrator.ask(order, of: .alpha).body == .accepted) }

        let second = Request(id: try Orchestrator.newID(), command: order.command)
        #expect(rejection(try await orchestrator.ask(second, of: .alpha)) == [.guestBusy])
        let other = try orchestrator.order(guest, from: .alpha, deadlineSeconds: 500)
        #expect(rejection(try await orchestrator.ask(Request(id: id, command: .migrate(other)), of: .alpha)) == [.idReused])
      }
      let end = try await orchestrator.end(of: id)
      try await expectMoved(guest, from: .alpha, id: id, end: end, disks: disks)
      #expect(try await orchestrator.ask(order, of: .alpha).body == .accepted)
      #expect(rejection(try await orchestrator.cancel(id, on: .alpha)) == [.tooLate])
    }
  }
}
