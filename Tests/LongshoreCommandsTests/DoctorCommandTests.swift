import LongshoreClient
import LongshoreMessages
import Testing

@testable import LongshoreCommands

/// `longshore doctor`, with hosts that are played.
@Suite(.timeLimit(.minutes(10))) struct DoctorCommandTests {
  private static let gamma = Sample.node("gamma")

  private static func description(_ version: String = LongshoreVersion.current) -> HostDescription {
    HostDescription(agentVersion: version, libvirtVersion: "9.0.0", hypervisorVersion: "7.2.0", migrations: 0, pools: [], guests: [])
  }

  /// Hosts that find nothing, or what is given here, with clocks that are so far ahead.
  private static func harness(
    _ found: [NodeName: [Check]] = [:], ahead: [NodeName: Int64] = [:], versions: [NodeName: String] = [:],
    hosts: [HostAddress] = [Sample.alpha, Sample.beta], letters: Result<[DeadLetter], LinkError> = .success([])
  ) -> CommandHarness {
    var harness = CommandHarness()
    harness.variables["LONGSHORE_BROKER"] = "amqps://broker.example.net"
    harness.link = FakeLink(
      answer: { _, request in
        guard let host = request.host, hosts.contains(host) else { return .failure(.silence) }
        let time = Sample.start.adding(milliseconds: ahead[host.host] ?? 0)
        return .success(
          Reply(to: request.id, from: host, body: .diagnosis(Diagnosis(time: time, checks: found[host.host] ?? []))))
      },
      answers: { _, _ in
        .success(hosts.map { Reply(to: nil, from: $0, body: .host(description(versions[$0.host] ?? LongshoreVersion.current))) })
      }, letters: letters)
    return harness
  }

  @Test func allIsWell() async throws {
    let harness = Self.harness()
    #expect(try await harness.run("doctor") == .done)
    #expect(
      harness.output.text == """
        broker
          ok  3 checks passed
        alpha
          ok  3 checks passed
        beta
          ok  3 checks passed

        All is well.

        """)
    #expect(
      Set(harness.link.asked.compactMap { asked in if case .diagnose(let order) = asked.request.command { order } else { nil } })
        == [DiagnosisOrder(waysTo: [Sample.alpha.host]), DiagnosisOrder(waysTo: [Sample.beta.host])])
  }

  @Test func whatIsNotWellIsToldWithWhatToDo() async throws {
    let harness = Self.harness(
      [
        Sample.alpha.host: [
          CheckRule.hostLibvirt.failed(on: Sample.alpha.host, "libvirt did not answer within 8 s"),
          CheckRule.migrationPorts.passed(on: Sample.beta.host, "port 49152 of beta can be reached from alpha"),
        ],
        Sample.beta.host: [CheckRule.spareRoom.failed(on: Sample.beta.host, "1.0 GiB of 100 GiB are free in the pool fast")],
      ])
    #expect(try await harness.run("doctor") == .failed)
    #expect(
      harness.output.text == """
        broker
          ok  3 checks passed
        alpha
          FAILED  libvirt did not answer within 8 s [libvirt-unreachable]
             to do: \(CheckRule.hostLibvirt.advice)
          ok  3 checks passed
        beta
          warning  1.0 GiB of 100 GiB are free in the pool fast [no-space]
             to do: \(CheckRule.spareRoom.advice)
          ok  4 checks passed

        1 check of 12 failed; 1 warning.

        """)
  }

  @Test(
    "clocks",
    arguments: [(0, nil), (1_900, nil), (-1_900, nil), (2_500, .warning), (-29_000, .warning), (31_000, .refused)]
      as [(Int64, Check.Outcome?)])
  func clocks(ahead: Int64, outcome: Check.Outcome?) async throws {
    let harness = Self.harness(ahead: [Sample.beta.host: ahead])
    #expect(try await harness.run("doctor", "--quiet") == (outcome == .refused ? .failed : .done))
    #expect(harness.output.text == (outcome == nil ? "" : "beta clock-differs\n"))
  }

  @Test func anotherVersionOfAnAgentIsTold() async throws {
    let harness = Self.harness(versions: [Sample.alpha.host: "0.0.9"])
    #expect(try await harness.run("doctor", "--quiet") == .done)
    #expect(harness.output.text == "alpha versions-differ\n")
  }

  @Test func aHostThatHadMigrationsAndIsSilentIsTold() async throws {
    let harness = Self.harness(hosts: [Sample.alpha])
    harness.link.tell(.event(Sample.completed(3)))
    #expect(try await harness.run("doctor", "--quiet") == .failed)
    #expect(harness.output.text == "beta no-answer\n")
  }

  @Test func deadLettersAndAnUnprotectedBrokerAreTold() async throws {
    var harness = Self.harness(letters: .success([DeadLetter(body: [])]))
    harness.variables["LONGSHORE_BROKER"] = "amqp://broker.example.net"
    #expect(try await harness.run("doctor", "--quiet") == .done)
    #expect(harness.output.text == "broker unprotected\nbroker dead-letters\n")
    harness.variables["LONGSHORE_BROKER"] = "amqp://127.0.0.1"
    harness.link = Self.harness(letters: .failure(LinkError(.notPermitted, "refused", while: "asking"))).link
    let before = harness.output.text
    #expect(try await harness.run("doctor", "--quiet") == .done)
    #expect(harness.output.text == before, "who may not ask for dead letters is not told of them")
  }

  @Test(
    "certificates of the broker, and the command's own",
    arguments: [(-1, .refused), (0, .passed), (69, .passed), (71, .warning), (100, .warning), (101, .refused)] as [(Int64, Check.Outcome)])
  func certificates(day: Int64, outcome: Check.Outcome) async throws {
    var harness = Self.harness()
    let start = Int(Sample.start.milliseconds / 1000 - day * 86_400)
    harness.certificates = [
      CertificateDates(name: "the certificate of the broker b:5671", validity: start...(start + 100 * 86_400)),
      CertificateDates(name: "this command's certificate /c.pem", validity: start...(start + 1000 * 86_400)),
    ]
    #expect(try await harness.run("doctor", "--all") == (outcome == .refused ? .failed : .done))
    let line = try #require(harness.output.text.split(separator: "\n").first { $0.contains("of the broker b:5671") })
    #expect(line.hasPrefix(outcome == .passed ? "  ok" : outcome == .warning ? "  warning" : "  FAILED"), "\(line)")
    harness.certificates = [CertificateDates(name: "this command's certificate /c.pem", validity: nil)]
    #expect(try await harness.run("doctor", "--quiet") == .failed)
    #expect(harness.output.text.hasSuffix("broker certificate-expires\n"))
  }

  @Test func aBrokerThatCannotBeReachedForACertificateIsTold() async throws {
    var harness = Self.harness()
    harness.linkFailure = LinkError(.unreachable, "certificate verify failed", while: "connecting to the broker")
    harness.certificates = [CertificateDates(name: "the certificate of the broker b:5671", validity: 1...2)]
    #expect(try await harness.run("doctor", "--quiet") == .brokerUnreachable)
    #expect(harness.output.text == "broker certificate-expires\n")
  }

  @Test func whatTheBrokerDoesNotPermitIsToldWithWhatToDo() async throws {
    var harness = Self.harness()
    harness.hearsNothing = true
    #expect(try await harness.run("doctor") == .failed)
    #expect(harness.output.text.contains("reading the history of events: access refused [not-permitted]"), "\(harness.output.text)")
    #expect(harness.output.text.contains("contrib/rabbitmq/setup orchestrator") && harness.output.text.contains("beta"))
    var mute = Self.harness()
    mute.link = FakeLink(answers: { _, _ in .failure(LinkError(.notPermitted, "access refused", while: "asking")) })
    #expect(try await mute.run("doctor", "--quiet") == .failed)
    #expect(mute.output.text == "broker not-permitted\n")
    var stranger = Self.harness()
    stranger.linkFailure = LinkError(.notPermitted, "wrong password", while: "connecting to the broker")
    #expect(try await stranger.run("doctor") == .notPermitted)
  }

  @Test func ofOneHostTheOthersLookAtTheWaysToItAlone() async throws {
    let harness = Self.harness(hosts: [Sample.alpha, Sample.beta, HostAddress(cluster: Sample.cluster, host: Self.gamma)])
    #expect(try await harness.run("doctor", "--host", "beta") == .done)
    let orders = harness.link.asked.compactMap { asked in
      if case .diagnose(let order) = asked.request.command { (asked.request.host?.host, order) } else { nil }
    }
    #expect(orders.count == 3)
    for (host, order) in orders {
      #expect(
        order
          == (host == Sample.beta.host
            ? DiagnosisOrder(waysTo: [Sample.alpha.host, Self.gamma]) : DiagnosisOrder(waysTo: [Sample.beta.host], waysOnly: true)))
    }
    #expect(!harness.output.text.contains("gamma"))
  }

  @Test func theReportIsForProgramsToo() async throws {
    let harness = Self.harness()
    #expect(try await harness.run("doctor", "--format", "yaml") == .done)
    #expect(harness.output.text.hasPrefix("---\nchecks:\n- code: unprotected\n"))
  }
}
