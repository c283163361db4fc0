import ArgumentParser
import LongshoreClient
import LongshoreMessages
import Testing

@testable import LongshoreCommands

/// Whole commands, from the command line to the exit code, with a link that is played.
@Suite(.timeLimit(.minutes(10))) struct CommandTests {
  // MARK: - migrate

  @Test func migrateFollowsToTheEnd() async throws {
    var harness = CommandHarness()
    harness.link = Self.completedLink()
    let exit = try await harness.run("migrate", "web-1", "--from", "alpha", "--to", "beta", "--id", "m-1")
    #expect(exit == .done)
    #expect(harness.output.text.hasPrefix("Completed in 2m 14s: web-1 runs at beta"))
    #expect(harness.error.text.contains("web-1  alpha -> beta: accepted\n"))
    let asked = try #require(harness.link.asked.first)
    #expect(asked.routingKey == "lab.alpha")
    #expect(asked.request.host == Sample.alpha)
    // 30 s for the answer and a minute for clocks that differ.
    #expect(asked.request.notAfter == Sample.time(90))
  }

  @Test("An order is part of the trace that the environment names, if it names one", arguments: ["migrate", "drain", "cancel"])
  func trace(command: String) async throws {
    let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    let words =
      switch command {
      case "migrate": ["migrate", "web-1", "--from", "alpha", "--to", "beta", "--detach"]
      case "drain": ["drain", "alpha", "--detach"]
      default: ["cancel", "m-1"]
      }
    func trace(_ variables: [String: String]) async throws -> [TraceContext?] {
      var harness = CommandHarness()
      harness.variables.merge(variables) { $1 }
      harness.link = FakeLink(answer: { _, request in .success(Reply(to: request.id, from: Sample.alpha, body: .accepted)) })
      _ = try await harness.run(words)
      return harness.link.asked.map(\.request.trace)
    }
    let traced = try await trace(["TRACEPARENT": parent, "TRACESTATE": "a=1"])
    #expect(!traced.isEmpty && traced.allSatisfy { $0 == TraceContext(traceparent: parent, tracestate: "a=1") })
    for variables in [[:], ["TRACEPARENT": "00-no"], ["TRACESTATE": "a=1"]] {
      let untraced = try await trace(variables)
      #expect(!untraced.isEmpty && untraced.allSatisfy { $0 == nil })
    }
  }

  @Test func jsonOutputIsTheTerminalEventAlone() async throws {
    var harness = CommandHarness()
    harness.link = Self.completedLink()
    let exit = try await harness.run(
      "migrate", "web-1", "--from", "alpha", "--to", "beta", "--id", "m-1", "--format", "json")
    #expect(exit == .done)
    let lines = harness.output.text.split(separator: "\n")
    #expect(lines.count == 1)
    let event = try MessageCoding.decode(MigrationEvent.self, from: Array(harness.output.text.utf8))
    #expect(event == Sample.completed(4))
    #expect(!harness.error.text.isEmpty)
  }

  @Test func quietIsTheIDAlone() async throws {
    var harness = CommandHarness()
    harness.link = Self.completedLink()
    let exit = try await harness.run("migrate", "web-1", "--from", "alpha", "--to", "beta", "--id", "m-1", "-q")
    #expect(exit == .done)
    #expect(harness.output.text == "m-1\n")
    #expect(harness.error.text == "")
  }

  @Test func detachPrintsTheIDAlone() async throws {
    var harness = CommandHarness()
    harness.link = FakeLink(answer: { _, request in
      .success(Reply(to: request.id, from: Sample.alpha, body: .accepted))
    })
    let exit = try await harness.run("migrate", "web-1", "--from", "alpha", "--to", "beta", "--detach")
    #expect(exit == .done)
    #expect(harness.output.text == "new\n")
    #expect(harness.error.text == "")
  }

  @Test func aRefusalIsToldOnTheErrorStream() async throws {
    var harness = CommandHarness()
    harness.link = FakeLink(answer: { _, _ in .success(Sample.rejected) })
    let exit = try await harness.run("migrate", "web-1", "--from", "alpha", "--to", "beta")
    #expect(exit == .refused)
    #expect(harness.output.text == "")
    #expect(
      harness.error.text == """
        Refused by alpha: web-1 is not moved and nothing was changed.
          - no guest named web-1 is on alpha [unknown-guest]
        Next: `longshore hosts --format json` names the guests of each host.

        """)
  }

  @Test func aDryRunPrintsTheTable() async throws {
    var harness = CommandHarness()
    harness.link = FakeLink(answer: { _, _ in
      .success(Sample.reply(.checked([Check(.noSpace, on: Sample.beta.host, .passed, "enough room")], disks: [])))
    })
    let exit = try await harness.run("migrate", "web-1", "--from", "alpha", "--to", "beta", "--dry-run")
    #expect(exit == .done)
    #expect(harness.output.text.hasSuffix("The migration would run.\n"))
    guard case .migrate(let order)? = harness.link.asked.first?.request.command else {
      Issue.record("no order was given")
      return
    }
    #expect(order.dryRun == true)
  }

  @Test func aLostLinkIsBridgedByTheStatus() async throws {
    var harness = CommandHarness()
    harness.link = FakeLink(
      answer: { link, _ in
        link.tell(.event(Sample.event(1, .accepted)), .lost(reason: "reset"), .restored)
        return .success(Sample.accepted)
      },
      answers: { _, _ in
        .success([
          Sample.reply(.rejected([Reason(.unknownMigration, "unknown")]), from: Sample.beta),
          Sample.reply(.status(Sample.status(.completed, events: [Sample.event(1, .accepted), Sample.completed(6)]))),
        ])
      })
    let exit = try await harness.run("migrate", "web-1", "--from", "alpha", "--to", "beta", "--id", "m-1")
    #expect(exit == .done)
    #expect(harness.error.text.contains("the broker is away (reset); trying again"))
    #expect(harness.link.asked.last?.request.command == .status(migration: Sample.migration))
    #expect(harness.link.asked.last?.routingKey == "lab")
  }

  @Test func needsAttentionEndsWithFive() async throws {
    var harness = CommandHarness()
    harness.link = FakeLink(answer: { link, _ in
      link.tell(.event(Sample.event(5, .needsAttention) { $0.reasons = [Reason(.undecided, "beta is away")] }))
      return .success(Sample.accepted)
    })
    let exit = try await harness.run("migrate", "web-1", "--from", "alpha", "--to", "beta", "--id", "m-1")
    #expect(exit == .unknownOutcome)
    #expect(harness.error.text.contains("  - beta is away [undecided]\nNothing is deleted, and the guest is locked"))
  }

  @Test(arguments: ["dashboard", "gateway --keys /dev/null"], ["--broker amqp://h --ca-file /x.pem", "--broker http://h"])
  func whatIsServedNeedsSettingsThatCanWork(command: String, settings: String) async throws {
    let harness = CommandHarness()
    #expect(try await harness.run("\(command) \(settings)".split(separator: " ").map(String.init)) == .usage)
    #expect(harness.error.text.contains("reading the settings") && !harness.error.text.contains("listens on"))
  }

  @Test func ctrlCDetachesAndCancelsNothing() async throws {
    var harness = CommandHarness()
    harness.link = Self.openLink()
    harness.signals = [.redraw, .interrupt]
    let exit = try await harness.run("migrate", "web-1", "--from", "alpha", "--to", "beta", "--id", "m-1")
    #expect(exit == .interrupted)
    #expect(harness.output.text == "")
    #expect(harness.error.text.contains("Detached"))
    #expect(!harness.link.asked.contains { $0.request.typeName == "cancel" })
  }

  @Test func aHostThatDoesNotAnswerIsATimeout() async throws {
    var harness = CommandHarness()
    harness.link = FakeLink()
    let exit = try await harness.run("migrate", "web-1", "--from", "alpha", "--to", "beta", "--id", "m-1")
    #expect(exit == .noAnswer)
    #expect(harness.error.text.contains("`longshore status m-1` tells; repeat it with `--id m-1`"))
  }

  // MARK: - watch, status, list, cancel, hosts

  @Test func watchingAMigrationThatHasEndedTellsItsEnd() async throws {
    var harness = CommandHarness()
    harness.link = Self.statusLink(Sample.status(.failed, events: [Sample.failed(4)]))
    let exit = try await harness.run("watch", "m-1", "--quiet")
    #expect(exit == .failed)
    #expect(harness.error.text.hasPrefix("Failed at the transfer in 42s: web-1 was not moved.\n"))
  }

  @Test func aWatchedEventIsALine() {
    #expect(
      EventLine.watched(Sample.completed(2), zone: .fixed(0), style: .plain)
        == "2026-01-31 18:32:14  m-1  web-1  alpha -> beta  completed  downtime 212 ms, moved 8.4 GiB")
  }

  @Test func watchingAllEndsWithCtrlC() async throws {
    var harness = CommandHarness()
    harness.signals = [.interrupt]
    #expect(try await harness.run("watch") == .interrupted)
  }

  @Test func aMigrationThatNobodyKnowsIsRefused() async throws {
    var harness = CommandHarness()
    harness.link = FakeLink(answers: { _, _ in
      .success([Sample.reply(.rejected([Reason(.unknownMigration, "unknown")]))])
    })
    #expect(try await harness.run("status", "m-1") == .refused)
    #expect(harness.error.text.contains("no host that answered knows the migration m-1 (alpha)"))
  }

  @Test func silenceOfAllHostsIsATimeout() async throws {
    let harness = CommandHarness()
    #expect(try await harness.run("hosts") == .noAnswer)
    #expect(harness.error.text.contains("no host answered within 2s"))
  }

  @Test func statusTellsTheStory() async throws {
    var harness = CommandHarness()
    harness.link = Self.statusLink(Sample.status(.preparing, events: [Sample.event(1, .accepted)]))
    #expect(try await harness.run("status", "m-1") == .done)
    #expect(harness.output.text.hasPrefix("web-1  alpha -> beta  preparing\n"))
    #expect(harness.error.text == "")
  }

  @Test func listMergesTheHostsAnswersByAge() async throws {
    var younger = Sample.status(.transferring)
    younger.id = Sample.id("m-2")
    younger.acceptedAt = Sample.time(5)
    let answers = [
      Sample.reply(.migrations([younger]), from: Sample.beta),
      Sample.reply(.migrations([Sample.status(.preparing), younger])),
    ]
    var harness = CommandHarness()
    harness.link = FakeLink(answers: { _, _ in .success(answers) })
    #expect(try await harness.run("list", "--quiet") == .done)
    #expect(harness.output.text == "m-1\nm-2\n")
  }

  @Test(arguments: ["list", "list --format json", "status m-1", "cancel m-1"])
  func aHostThatRefusesToTellIsNoHostWithoutMigrations(words: String) async throws {
    let late = Sample.reply(.rejected([Reason(.expired, "the request was not to be done after 12:00")]))
    var harness = CommandHarness()
    harness.link = FakeLink(answers: { _, _ in .success([late]) })
    #expect(try await harness.run(words.split(separator: " ").map(String.init)) == .refused)
    #expect(harness.error.text.contains("alpha does not tell: the request was not to be done after 12:00"))
    #expect(!harness.error.text.contains("No migrations") && !harness.error.text.contains("knows the migration"))
  }

  @Test func listAsJSONIsAListEvenWhereItIsEmpty() async throws {
    var harness = CommandHarness()
    harness.link = FakeLink(answers: { _, _ in .success([Sample.reply(.migrations([]))]) })
    #expect(try await harness.run("list", "--format", "json", "--all") == .done)
    #expect(harness.output.text == "[]\n")
    #expect(harness.link.asked.first?.request.command == .list(includeEnded: true))
  }

  @Test func cancelGoesToTheHostThatHasTheMigration() async throws {
    var harness = CommandHarness()
    harness.link = FakeLink(
      answer: { _, _ in .success(Sample.accepted) },
      answers: { _, _ in .success([Sample.reply(.status(Sample.status(.transferring)))]) })
    #expect(try await harness.run("cancel", "m-1") == .done)
    #expect(harness.link.asked.map(\.routingKey) == ["lab", "lab.alpha"])
    #expect(harness.link.asked.last?.request.command == .cancel(migration: Sample.migration))
    #expect(harness.output.text.hasPrefix("alpha is cancelling m-1; web-1 stays at alpha.\n"))
  }

  @Test func cancelThatComesTooLateIsRefused() async throws {
    var harness = CommandHarness()
    harness.link = FakeLink(
      answer: { _, _ in .success(Sample.reply(.rejected([Reason(.tooLate, "the guest has switched")]))) },
      answers: { _, _ in .success([Sample.reply(.status(Sample.status(.confirming)))]) })
    #expect(try await harness.run("cancel", "m-1") == .refused)
    #expect(harness.output.text == "")
    #expect(harness.error.text.contains("  - the guest has switched [too-late]"))
  }

  @Test func tuneCapsMemoryAlone() async throws {
    var harness = CommandHarness()
    harness.link = FakeLink(
      answer: { _, _ in .success(Sample.reply(.tuned([LimitChange(.memoryBandwidthMiBps, from: nil, to: 20)]))) },
      answers: { _, _ in .success([Sample.reply(.status(Sample.status(.transferring)))]) })
    #expect(try await harness.run("tune", "m-1", "--memory-bandwidth", "20") == .done)
    #expect(
      harness.link.asked.last?.request.command == .tune(migration: Sample.migration, TransferLimits(memoryBandwidthMiBps: 20)))
    #expect(harness.output.text == "web-1 (m-1), on alpha:\n  bandwidth     no cap -> 20 MiB/s for memory\n")
  }

  @Test(
    "A password in --broker is warned of, beside the result",
    arguments: [
      ("amqp://u:s3cret@h", true), ("amqps://u:s3cret@h,i/v?heartbeat=1", true), ("amqp://u@h", false), ("amqp://u:@h", false),
      ("amqp://h:5672", false), ("amqp://h/v:w@x", false), ("h", false),
    ])
  func passwords(broker: String, isWarnedOf: Bool) async throws {
    for words in [["--format", "json"], ["--quiet"]] {
      var harness = CommandHarness()
      harness.link = FakeLink(answers: { _, _ in .success([Sample.reply(.migrations([Sample.status(.transferring)]))]) })
      var command = try #require(try LongshoreCommand.parseAsRoot(["list", "--broker", broker] + words) as? any OperatorCommand)
      #expect(await command.run(in: harness.environment) == .done)
      #expect(harness.error.text.contains("--password-file") == isWarnedOf && !harness.error.text.contains("s3cret"))
      #expect(!harness.output.text.contains("warning") && !harness.output.text.isEmpty)
      // In the environment nobody else sees it.
      harness.variables["LONGSHORE_BROKER"] = broker
      command = try #require(try LongshoreCommand.parseAsRoot(["list"] + words) as? any OperatorCommand)
      let before = harness.error.text
      #expect(await command.run(in: harness.environment) == .done)
      #expect(harness.error.text == before)
    }
  }

  @Test func groupsOfCommandsListWhereNothingElseIsSaid() async throws {
    var harness = CommandHarness()
    harness.link = FakeLink(answers: { _, _ in .success([Sample.reply(.grace([]))]) })
    #expect(try await harness.run("grace") == .done)
    #expect(try await harness.run("templates") == .done)
    #expect(harness.link.asked.map(\.request.command) == [.listGrace, .listTemplates(pool: nil)])
  }

  @Test func tuneSaysWhatWasChangedAndHow() async throws {
    var harness = CommandHarness()
    harness.link = FakeLink(
      answer: { _, _ in
        .success(
          Sample.reply(
            .tuned([
              LimitChange(.maxDowntimeMs, from: nil, to: 2000), LimitChange(.bandwidthMiBps, from: 50, to: 20),
              LimitChange(.deadlineSeconds, from: 86_400, to: 21_600),
            ])))
      }, answers: { _, _ in .success([Sample.reply(.status(Sample.status(.transferring)))]) })
    #expect(try await harness.run("tune", "m-1", "--max-downtime", "2000", "--bandwidth", "20", "--deadline", "6h") == .done)
    #expect(harness.link.asked.map(\.routingKey) == ["lab", "lab.alpha"])
    #expect(
      harness.link.asked.last?.request.command
        == .tune(
          migration: Sample.migration, TransferLimits(maxDowntimeMs: 2000, bandwidthMiBps: 20, deadlineSeconds: 21_600)))
    #expect(
      harness.output.text == """
        web-1 (m-1), on alpha:
          max-downtime  QEMU's 300 ms -> 2000 ms
          bandwidth     50 MiB/s -> 20 MiB/s
          deadline      1d 0h -> 6h 00m after acceptance

        """)
  }

  @Test func forceCompleteSaysHowMuchIsLeft() async throws {
    var harness = CommandHarness()
    harness.link = FakeLink(
      answer: { _, _ in .success(Sample.reply(.forced(Reason(.guestSuspended, "the guest is suspended: 40.0 MiB left")))) },
      answers: { _, _ in .success([Sample.reply(.status(Sample.status(.transferring)))]) })
    #expect(try await harness.run("force-complete", "m-1") == .done)
    #expect(harness.link.asked.last?.request.command == .forceComplete(migration: Sample.migration))
    #expect(harness.output.text.hasPrefix("web-1: the guest is suspended: 40.0 MiB left.\n"))
  }

  @Test func forceCompleteThatComesTooEarlyIsRefused() async throws {
    var harness = CommandHarness()
    harness.link = FakeLink(
      answer: { _, _ in .success(Sample.reply(.rejected([Reason(.tooEarly, "nothing of the guest is copied yet")]))) },
      answers: { _, _ in .success([Sample.reply(.status(Sample.status(.preparing)))]) })
    #expect(try await harness.run("force-complete", "m-1") == .refused)
    #expect(
      harness.error.text.contains("Refused by alpha: the guest is not suspended.\n  - nothing of the guest is copied yet [too-early]"))
  }

  @Test func hostsAreSortedAndCounted() async throws {
    let host = HostDescription(
      agentVersion: "0.1.0", libvirtVersion: "9.0.0", hypervisorVersion: nil, migrations: 1,
      pools: [
        HostDescription.Pool(name: "fast", type: "dir", active: true, capacity: 200 << 30, available: 12 << 30),
        HostDescription.Pool(name: "old", type: "netfs", active: false, capacity: 0, available: 0),
      ],
      guests: [
        HostDescription.Guest(uuid: "u1", name: "web-1", state: "running"),
        HostDescription.Guest(uuid: "u2", name: "db", state: "shut off"),
      ])
    var harness = CommandHarness()
    harness.link = FakeLink(answers: { _, _ in
      .success([Sample.reply(.host(host), from: Sample.beta), Sample.reply(.host(host), from: Sample.alpha)])
    })
    #expect(try await harness.run("hosts") == .done)
    #expect(
      harness.output.text == """
        HOST   AGENT  LIBVIRT  QEMU  MIGRATIONS  GUESTS      POOLS
        alpha  0.1.0  9.0.0    away  1           1 of 2 run  fast (12 of 200 GiB free), old (inactive)
        beta   0.1.0  9.0.0    away  1           1 of 2 run  fast (12 of 200 GiB free), old (inactive)

        """)
  }

  // MARK: - Settings and failures

  @Test func aBrokerThatIsAwayIsSixtyNine() async throws {
    var harness = CommandHarness()
    harness.linkFailure = LinkError(.unreachable, "connection refused", while: "connecting to the broker")
    #expect(try await harness.run("hosts") == .brokerUnreachable)
    #expect(harness.output.text == "")
    #expect(
      harness.error.text == """
        Error connecting to the broker: connection refused
        Next: Check --broker, the network and the broker itself.

        """)
  }

  @Test func noClusterIsAUsageError() async throws {
    var harness = CommandHarness()
    harness.variables = [:]
    #expect(try await harness.run("hosts", "--config", "/dev/null/none") == .usage)
    #expect(harness.error.text.contains("Error reading the settings:"))
  }

  private static func completedLink() -> FakeLink {
    FakeLink(answer: { link, _ in
      link.tell(
        .event(Sample.event(1, .accepted)), .progress(Sample.progressEvent(Sample.progress())),
        .event(Sample.event(1, .accepted)), .event(Sample.completed(4)))
      return .success(Sample.accepted)
    })
  }

  /// A host that accepts and then tells nothing.
  private static func openLink() -> FakeLink { FakeLink(answer: { _, _ in .success(Sample.accepted) }) }

  private static func statusLink(_ status: MigrationStatus) -> FakeLink {
    FakeLink(answers: { _, _ in .success([Sample.reply(.status(status))]) })
  }
}
