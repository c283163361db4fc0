import FoundationEssentials
import LongshoreMessages
import LongshoreTestKit
import Testing

extension ThreeNodeTests {
  /// Migrations that wait for their turn, of real guests.
  @Suite(.serialized, .enabled(if: Client.longshore != nil, Client.missingLongshore)) struct Queues {
    @Test("with a limit of one the most urgent go first; the queue shows them, and they are moved, kept over a restart, and cancelled")
    func order() async throws {
      let lab = try await Lab.find()
      try await lab.clear()
      try await Guest.with(.linked, in: lab) { first in
        try await Guest.with(.linked, in: lab) { second in
          try await Guest.with(.linked, in: lab) { third in
            try await Guest.with(.linked, in: lab) { fourth in
              try await Orchestrator.with(lab) { orchestrator in
                try await lab.withTemplateAtDestination {
                  try await lab.withLimits(["LONGSHORED_LIMITS_OUTGOING": "1"], on: [.alpha]) {
                    try await order(lab, [first, second, third, fourth], by: orchestrator)
                  }
                }
              }
            }
          }
        }
      }
    }

    private func order(_ lab: Lab, _ guests: [Guest], by orchestrator: Orchestrator) async throws {
      let (running, low, high, normal) = try await lab.withLink(of: .beta, rate: "5mbit") {
        let running = try await orchestrator.migrate(guests[0], from: .alpha)
        try await orchestrator.progress(of: running, until: \.isCopyingDisks)
        let low = try await orchestrator.migrate(guests[1], from: .alpha, priority: .lowest)
        let normal = try await orchestrator.migrate(guests[3], from: .alpha)
        let high = try await orchestrator.migrate(guests[2], from: .alpha, priority: .highest)
        for id in [low, normal, high] {
          let event = try await orchestrator.event(.queued, for: .limitReached, of: id)
          #expect(event.data.waiting?.limit == "limits.outgoing" && event.data.waiting?.host.text == "alpha")
        }
        #expect(try await orchestrator.queue(of: .alpha).map(\.id) == [high, normal, low])
        #expect(try await orchestrator.queue(of: .alpha).map(\.waiting.position) == [1, 2, 3])

        let shown = try await longshore(lab, "queue")
        #expect(shown.code == 0 && shown.output.contains("for limits.outgoing of alpha; start"), "\(shown)")
        let moved = try await longshore(lab, "queue", "move", low.text, "--before", normal.text)
        #expect(moved.code == 0 && moved.output.contains("is number 2 of those that wait at alpha"), "\(moved)")
        #expect(try await orchestrator.queue(of: .alpha).map(\.id) == [high, low, normal])
        try await lab.restartAgent(on: .alpha, with: ["LONGSHORED_LIMITS_OUTGOING": "1"])
        #expect(try await orchestrator.queue(of: .alpha).map(\.id) == [high, low, normal])

        let late = try await longshore(lab, "queue", "cancel", running.text)
        #expect(late.code == 3 && late.error.contains("[too-late]"), "\(late)")
        let unmoved = try await longshore(lab, "queue", "move", running.text, "--first")
        #expect(unmoved.code == 3, "\(unmoved)")
        let cancelled = try await longshore(lab, "queue", "cancel", normal.text)
        #expect(cancelled.code == 0, "\(cancelled)")
        #expect(try await orchestrator.end(of: normal).kind == .cancelled)
        return (running, low, high, normal)
      }
      var starts: [Timestamp] = []
      for (id, guest) in [(running, guests[0]), (high, guests[2]), (low, guests[1])] {
        let history = try await orchestrator.history(of: id)
        #expect(history.last?.data.kind == .completed, "\(String(describing: history.last))")
        starts.append(try #require(history.first { $0.data.kind == .preparing }).time)
        try await guest.verify(.alpha, .beta).expectGood()
      }
      #expect(starts == starts.sorted())
      #expect(await orchestrator.kinds(of: normal) == [.accepted, .queued, .cancelled])
      try await guests[3].verify(.alpha).expectGood()
      #expect(try await orchestrator.queue(of: .alpha) == [])
    }

    @Test("what waits at its destination says so, is moved there, and goes on in that order")
    func atDestination() async throws {
      let lab = try await Lab.find()
      try await lab.clear()
      try await Guest.with(.linked, in: lab) { first in
        try await Guest.with(.linked, in: lab) { second in
          try await Guest.with(.linked, in: lab) { third in
            try await Orchestrator.with(lab) { orchestrator in
              try await lab.withTemplateAtDestination {
                try await lab.withLimits(["LONGSHORED_LIMITS_INCOMING": "1"], on: [.beta]) {
                  let (running, other, last) = try await lab.withLink(of: .beta, rate: "5mbit") {
                    let running = try await orchestrator.migrate(first, from: .alpha)
                    try await orchestrator.progress(of: running, until: \.isCopyingDisks)
                    let other = try await orchestrator.migrate(second, from: .alpha)
                    let event = try await orchestrator.event(.queued, for: .limitReached, of: other)
                    #expect(event.data.waiting?.host.text == "beta" && event.data.waiting?.limit == "limits.incoming")
                    let last = try await orchestrator.migrate(third, from: .alpha)
                    try await orchestrator.event(.queued, for: .limitReached, of: last)
                    #expect(try await orchestrator.queue(of: .beta).map(\.id) == [other, last])
                    #expect(Set(try await orchestrator.queue(of: .alpha).map(\.id)) == [other, last], "the source knows it as well")
                    let moved = try await longshore(lab, "queue", "move", last.text, "--first")
                    #expect(moved.code == 0 && moved.output.contains("is number 1 of those that wait at beta"), "\(moved)")
                    try await lab.restartAgent(on: .beta, with: ["LONGSHORED_LIMITS_INCOMING": "1"])
                    #expect(try await orchestrator.queue(of: .beta).map(\.id) == [last, other])
                    return (running, other, last)
                  }
                  var prepared: [Timestamp] = []
                  for id in [running, last, other] {
                    let history = try await orchestrator.history(of: id)
                    #expect(history.last?.data.kind == .completed, "\(String(describing: history.last))")
                    prepared.append(try #require(history.first { $0.data.kind == .prepared }).time)
                  }
                  #expect(prepared == prepared.sorted())
                  for guest in [first, second, third] { try await guest.verify(.alpha, .beta).expectGood() }
                }
              }
            }
          }
        }
      }
    }

    @Test("guests that cross each other with all limits at one arrive")
    func crossing() async throws {
      let lab = try await Lab.find()
      try await lab.clear()
      let narrow = ["OUTGOING", "INCOMING", "PAIR", "POOL", "TEMPLATES_OUTGOING", "TEMPLATES_INCOMING"]
      try await Guest.with(.linked, in: lab, on: .alpha) { first in
        try await Guest.with(.linked, in: lab, on: .beta) { second in
          try await Guest.with(.linked, in: lab, on: .alpha) { third in
            try await Guest.with(.linked, in: lab, on: .beta) { fourth in
              try await Orchestrator.with(lab) { orchestrator in
                try await lab.withLimits(
                  Dictionary(uniqueKeysWithValues: narrow.map { ("LONGSHORED_LIMITS_\($0)", "1") }), on: Lab.Host.allCases
                ) {
                  var ids: [MigrationID] = []
                  for (guest, host) in [(first, Lab.Host.alpha), (second, .beta), (third, .alpha), (fourth, .beta)] {
                    ids.append(try await orchestrator.migrate(guest, from: host))
                  }
                  for id in ids {
                    let end = try await orchestrator.end(of: id)
                    #expect(end.kind == .completed, "\(end)")
                  }
                  try await first.verify(.alpha, .beta).expectGood()
                  try await second.verify(.beta, .alpha).expectGood()
                  try await third.verify(.alpha, .beta).expectGood()
                  try await fourth.verify(.beta, .alpha).expectGood()
                }
              }
            }
          }
        }
      }
    }

    @Test("of two guests whose memory fits one by one, and not together, the second is refused while the first is on its way")
    func memory() async throws {
      let lab = try await Lab.find()
      try await lab.clear()
      // Both hosts have the machine's memory. The guests take little of it; what they might take is what counts.
      let text = try await lab.on(.beta, "grep", "-m", "1", "MemAvailable", "/proc/meminfo")
      let available = try #require(text.split(separator: " ").dropFirst().first.flatMap { UInt64($0) }) / 1024
      let large = Guest.Form(options: ["--disks", "1", "--memory", "\(available * 6 / 10)"])
      try await Guest.with(large, in: lab) { first in
        try await Guest.with(large, in: lab) { second in
          try await Orchestrator.with(lab) { orchestrator in
            try await lab.withTemplateAtDestination {
              let running = try await lab.withLink(of: .beta, rate: "5mbit") {
                let running = try await orchestrator.migrate(first, from: .alpha)
                try await orchestrator.progress(of: running, until: \.isCopyingDisks)
                let refused = try await orchestrator.end(of: try await orchestrator.migrate(second, from: .alpha))
                #expect(refused.kind == .failed && refused.stage == .checks, "\(refused)")
                #expect(refused.reasons?.map(\.code) == [.noMemory], "\(refused)")
                let check = try #require(refused.checks?.first { $0.code == .noMemory })
                #expect(check.message.contains("of them promised to others") && check.advice != nil, "\(check)")
                _ = try await orchestrator.cancel(running, on: .alpha)
                #expect(try await orchestrator.end(of: running).kind == .cancelled)
                return running
              }
              #expect(await orchestrator.kinds(of: running).last == .cancelled)
              let end = try await orchestrator.end(of: try await orchestrator.migrate(second, from: .alpha))
              #expect(end.kind == .completed, "\(end)")
              try await first.verify(.alpha).expectGood()
              try await second.verify(.alpha, .beta).expectGood()
            }
          }
        }
      }
    }

    private func longshore(_ lab: Lab, _ words: String...) async throws -> Client.Ending {
      let longshore = try #require(Client.longshore)
      // Where all hosts are asked, all of the time passes.
      return try await longshore.run(words + ["--timeout", "10s", "--broker", try lab.brokerURL, "--cluster", Lab.cluster])
    }
  }
}

extension Lab {
  /// Runs the body with agents of hosts that have other limits.
  func withLimits<Value: Sendable>(
    _ limits: [String: String], on hosts: [Host], _ body: () async throws -> Value
  ) async throws -> Value {
    for host in hosts { try await restartAgent(on: host, with: limits) }
    return try await finally(body) {
      for host in hosts { try await restartAgent(on: host) }
    }
  }
}
