import ArgumentParser
import LongshoreClient
import LongshoreMessages
import Testing

@testable import LongshoreCommands

/// `longshore queue`, from the command line to the exit code, with hosts that are played.
@Suite(.timeLimit(.minutes(10))) struct QueueCommandTests {
  private static func entry(
    _ id: String, at host: NodeName, _ position: Int, limit: String = "limits.outgoing", pool: String? = nil,
    priority: MigrationPriority = .normal, since: Double = -250, start: Double? = nil
  ) -> QueueEntry {
    QueueEntry(
      id: Sample.id(id), guest: GuestReference(uuid: Sample.guest.uuid, name: "guest-\(id)"), sourceHost: Sample.alpha.host,
      destinationHost: Sample.beta.host, priority: priority, since: Sample.time(since),
      waiting: Waiting(
        host: host, limit: limit, pool: pool.map(Sample.name), position: position, reason: Reason(.limitReached, "because")),
      expectedStart: start.map(Sample.time))
  }

  private static let queues = [
    Reply(
      to: nil, from: Sample.alpha,
      body: .queue([
        entry("m-2", at: Sample.alpha.host, 1, priority: .high, start: 71), entry("m-3", at: Sample.alpha.host, 2),
        // What the source heard last of one that waits at its destination, which has moved there since.
        entry("m-4", at: Sample.beta.host, 2, limit: "limits.incoming"),
      ])),
    Reply(
      to: nil, from: Sample.beta,
      body: .queue([entry("m-4", at: Sample.beta.host, 1, limit: "limits.pool", pool: "primary", priority: .lowest, since: -5)])),
  ]

  private func harness(_ answer: Reply.Body = .queue([])) -> CommandHarness {
    var harness = CommandHarness()
    harness.link = FakeLink(
      answer: { _, request in .success(Reply(to: request.id, from: request.host ?? Sample.alpha, body: answer)) },
      answers: { _, request in
        if case .status = request.command {
          .success([
            Sample.reply(
              .status(
                MigrationStatus(
                  id: Sample.migration, phase: .queued, guest: Sample.guest, sourceHost: Sample.alpha.host,
                  destinationHost: Sample.beta.host, acceptedAt: Sample.start, updatedAt: Sample.start)))
          ])
        } else {
          .success(Self.queues)
        }
      })
    return harness
  }

  @Test func whatWaitsIsListedByTheLinesOfTheHosts() async throws {
    let harness = harness()
    #expect(try await harness.run("queue") == .done)
    #expect(
      harness.output.text
        == """
        AT     NO  ID   GUEST      FROM   TO    PRIORITY
        alpha  1   m-2  guest-m-2  alpha  beta  high
          since 18:25:50 for limits.outgoing of alpha; starts at 18:31:11, in 1m 11s
        alpha  2   m-3  guest-m-3  alpha  beta  normal
          since 18:25:50 for limits.outgoing of alpha; start unknown
        beta   1   m-4  guest-m-4  alpha  beta  lowest
          since 18:29:55 for limits.pool (primary) of beta; start unknown

        """)
    let quiet = self.harness()
    #expect(try await quiet.run("queue", "--quiet") == .done)
    #expect(quiet.output.text == "m-2\nm-3\nm-4\n")
    let one = self.harness()
    #expect(try await one.run("queue", "--host", "beta") == .done)
    #expect(one.output.text == "" && one.error.text == "No migration waits; 1 host answered.\n")
    #expect(one.link.asked.map(\.request.command) == [.queue])
    let json = self.harness()
    #expect(try await json.run("queue", "list", "--format", "json") == .done)
    #expect(json.output.text.hasPrefix("[{") && json.output.text.contains(#""expectedStart""#))
  }

  @Test func aMigrationIsMovedWhereItWaits() async throws {
    let moved = harness(.queue([Self.entry("m-4", at: Sample.beta.host, 3)]))
    #expect(try await moved.run("queue", "move", "m-4", "--before", "m-9") == .done)
    #expect(
      moved.link.asked.map(\.request.command) == [.queue, .moveQueued(QueueMove(Sample.id("m-4"), to: .before(Sample.id("m-9"))))])
    #expect(moved.link.asked.map(\.routingKey) == ["lab", "lab.beta"])
    #expect(moved.output.text == "guest-m-4 is number 3 of those that wait at beta.\n")
    let started = harness()
    #expect(try await started.run("queue", "move", "m-2", "--first") == .done)
    #expect(started.output.text == "guest-m-2 does not wait at alpha any more: it is at work.\n")
    let refused = harness(.rejected([Reason(.tooLate, "the migration m-2 does not wait at alpha any more: it is at work")]))
    #expect(try await refused.run("queue", "move", "m-2", "--priority", "highest") == .refused)
    #expect(refused.link.asked.last?.request.command == .moveQueued(QueueMove(Sample.id("m-2"), to: .priority(.highest))))
    #expect(refused.error.text.hasPrefix("Refused by alpha: m-2 is not moved.\n  - the migration m-2 does not wait"))
    let unknown = harness()
    #expect(try await unknown.run("queue", "move", "m-7", "--first") == .refused)
    #expect(unknown.error.text.hasPrefix("Nothing is moved: m-7 waits at no host that answered."))
  }

  @Test(arguments: [[], ["--first", "--priority", "high"], ["--before", "m-2"], ["--priority", "urgent"]])
  func aMoveSaysOneThing(words: [String]) {
    #expect(throws: (any Error).self) { try LongshoreCommand.parseAsRoot(["queue", "move", "m-2"] + words) }
  }

  @Test func oneThatWaitsIsCancelled() async throws {
    let harness = harness(.accepted)
    #expect(try await harness.run("queue", "cancel", "m-1") == .done)
    #expect(harness.link.asked.last?.request.command == .cancelQueued(migration: Sample.migration))
    #expect(harness.output.text == "m-1 is cancelled; web-1 stays at alpha.\n")
    let refused = self.harness(.rejected([Reason(.tooLate, "it is at work")]))
    #expect(try await refused.run("queue", "cancel", "m-1") == .refused)
    #expect(refused.error.text.hasPrefix("Refused by alpha: m-1 is not cancelled.\n  - it is at work [too-late]\n"))
  }
}
