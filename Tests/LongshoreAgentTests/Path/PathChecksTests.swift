import Libvirt
import Logging
import LongshoreMessages
import LongshoreTestKit
import Testing

@testable import LongshoreAgent

@Suite("The path between the hosts", .timeLimit(.minutes(10)))
struct PathChecksTests {
  private static let source = MigrationSamples.source
  private static let destination = MigrationSamples.destination

  /// Both agents' parts, which hear each other.
  private struct Pair {
    let checks: PathChecks
    let asked: ScriptedPeers

    /// - Parameters:
    ///   - libvirt: The destination's libvirt, under the URI `qemu+tcp://127.0.0.1:1/system`; nil where none answers there.
    ///   - ports: Ports, of which other runs may have some: the first half for the migration, the rest for templates.
    ///   - change: Changes what the source is asked.
    init(
      libvirt: String? = "test:///default", ports: ClosedRange<UInt16>, allowed: Set<String>? = nil, tlsName: String? = nil,
      certificates: String = "/nowhere", sourceCertificates: String = "/nowhere",
      clock: any HostClock = SystemHostClock(), earlier: PathAnswer? = nil,
      change: @escaping @Sendable (inout PathQuestion) -> Void = { _ in }
    ) {
      let mailbox = PathMailbox()
      let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
      let middle = ports.lowerBound + (ports.upperBound - ports.lowerBound) / 2
      let answering = ScriptedPeers { sent in
        guard case .pathTried(let answer) = sent.body else { return }
        if let earlier { await mailbox.deliver(earlier, of: sent.migration) }
        await mailbox.deliver(answer, of: sent.migration)
      }
      let trials = PathTrials(
        here: source, allowed: AllowedAddresses(hosts: allowed),
        templateAddress: "127.0.0.1", templatePorts: (middle + 1)...ports.upperBound, peers: answering, clock: clock, logger: logger,
        tryLibvirt: { uri throws(LibvirtError) in try await LibvirtConnection.open(libvirt ?? uri).close() },
        settings: {
          var settings = LibvirtSettings(text: "")
          settings.certificates = sourceCertificates
          return settings
        })
      asked = ScriptedPeers { sent in
        guard case .tryPath(var question) = sent.body else { return }
        change(&question)
        await trials.answer(question, of: sent.migration, to: destination)
      }
      var settings = LibvirtSettings(text: "")
      settings.certificates = certificates
      settings.migrationPorts = ports.lowerBound...middle
      checks = PathChecks(
        here: destination,
        endpoint: DestinationEndpoint(libvirtURI: "qemu+tcp://127.0.0.1:1/system", migrationAddress: "127.0.0.1", tlsName: tlsName),
        settings: settings, peers: asked, mailbox: mailbox, clock: clock)
    }

    func check(needsTemplates: Bool = false, measures: Bool = false) async -> PathChecks.Finding {
      await checks.check(of: MigrationSamples.id, from: source, needsTemplates: needsTemplates, measures: measures)
    }
  }

  @Test("passes where libvirt answers and the ports are open, and is measured if asked for")
  func open() async {
    let finding = await Pair(ports: 28_200...28_299).check(needsTemplates: true, measures: true)
    #expect(finding.checks.map(\.outcome) == [.passed, .passed, .passed, .passed], "\(finding.checks)")
    #expect(finding.checks.map(\.code) == [.addressNotAllowed, .libvirtUnreachable, .portClosed, .portClosed])
    #expect(finding.checks.map(\.host.text) == ["alpha", "alpha", "alpha", "beta"])
    #expect(finding.toDestinationBps ?? 0 > 1 << 20 && finding.fromDestinationBps ?? 0 > 1 << 20)
    let short = await Pair(ports: 28_200...28_299).check()
    #expect(short.checks.map(\.outcome) == [.passed, .passed, .passed])
    #expect(short.toDestinationBps == nil && short.fromDestinationBps == nil)
  }

  @Test("A closed port is named with its host and what to do")
  func closed() async throws {
    let finding = await Pair(ports: 28_200...28_299) { $0.listener?.port = 1 }.check()
    let check = try #require(finding.checks.first { $0.outcome == .refused })
    #expect(check.code == .portClosed)
    #expect(check.message.hasPrefix("port 1 of beta, of those for disks and memory, cannot be reached from alpha: "))
    #expect(check.advice == "open TCP 28200 to 28249 from alpha to 127.0.0.1")
    #expect(finding.checks.count { $0.outcome == .refused } == 1)
  }

  @Test("The answer to what an agent asked before it died is none")
  func earlierAnswer() async {
    let closed = CheckRule.migrationPorts.failed(on: Self.source.host, "port 28200 of beta cannot be reached")
    let finding = await Pair(ports: 28_200...28_299, earlier: PathAnswer(checks: [closed], questionToken: "another")).check()
    #expect(finding.checks.map(\.outcome) == [.passed, .passed, .passed], "\(finding.checks)")
  }

  @Test("A libvirt that does not answer is named with its port")
  func noLibvirt() async throws {
    let finding = await Pair(libvirt: nil, ports: 28_200...28_299).check()
    let check = try #require(finding.checks.first { $0.outcome == .refused })
    #expect(check.code == .libvirtUnreachable)
    #expect(try #require(check.advice).contains("TCP 1 through"))
    // The rest is tried all the same.
    #expect(finding.checks.contains { $0.code == .portClosed && $0.outcome == .passed })
  }

  @Test("An address that is not allowed is not even tried")
  func notAllowed() async {
    let finding = await Pair(ports: 28_200...28_299, allowed: ["192.0.2.9"]).check(needsTemplates: true)
    #expect(finding.checks.map(\.code) == [.addressNotAllowed])
    #expect(finding.checks.map(\.outcome) == [.refused])
  }

  @Test("A certificate that cannot be read is refused where TLS is used")
  func certificate() async throws {
    let finding = await Pair(ports: 28_200...28_299, tlsName: "beta.example.net").check()
    let check = try #require(finding.checks.first)
    #expect(check.code == .tlsNameDiffers && check.outcome == .refused)
    #expect(check.message.hasPrefix("/nowhere/server-cert.pem, "))
  }

  @Test("The certificate's name is compared with the one that the source is to expect")
  func certificateNames() async throws {
    try await withTemporaryFolder { folder in
      try await folder.run(
        "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", "key.pem", "-out",
        "server-cert.pem", "-subj", "/CN=beta", "-addext", "subjectAltName=DNS:beta.example.net")
      for (name, outcome) in [("beta.example.net", Check.Outcome.passed), ("gamma.example.net", .refused)] {
        let finding = await Pair(ports: 28_200...28_299, tlsName: name, certificates: folder.path).check()
        #expect(finding.checks.first?.code == .tlsNameDiffers && finding.checks.first?.outcome == outcome, "\(finding.checks)")
      }
    }
  }

  @Test("Each host's QEMU must trust what the other's shows")
  func trust() async throws {
    try await withTemporaryFolder { folder in
      for host in ["alpha", "beta", "foreign"] {
        try await folder.run("mkdir", host)
        for (file, name) in [("server", "beta.example.net"), ("client", "alpha.example.net")] {
          try await folder.run(
            "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", "key.pem", "-out",
            "\(host)/\(file)-cert.pem", "-subj", "/CN=\(name)")
        }
      }
      // Each trusts the other's certificate, which is its own authority; `foreign` trusts what nobody shows.
      try await folder.run("cp", "beta/server-cert.pem", "alpha/ca-cert.pem")
      try await folder.run("cp", "alpha/client-cert.pem", "beta/ca-cert.pem")
      try await folder.run("cp", "foreign/server-cert.pem", "foreign/ca-cert.pem")
      func outcomes(_ source: String, _ destination: String) async throws -> [Check.Outcome] {
        let finding = await Pair(
          ports: 28_200...28_299, tlsName: "beta.example.net", certificates: "\(folder.path)/\(destination)",
          sourceCertificates: "\(folder.path)/\(source)"
        ).check()
        let checks = finding.checks.filter { $0.code == .tlsNotTrusted }
        #expect(checks.map(\.host.text) == ["alpha", "beta"])
        return checks.map(\.outcome)
      }
      #expect(try await outcomes("alpha", "beta") == [.passed, .passed])
      #expect(try await outcomes("foreign", "beta") == [.refused, .refused])
      #expect(try await outcomes("alpha", "foreign") == [.refused, .refused])
      try await folder.run("rm", "alpha/client-cert.pem")
      #expect(try await outcomes("alpha", "beta") == [.passed, .refused])
      try await folder.run("rm", "alpha/ca-cert.pem")
      #expect(try await outcomes("alpha", "beta") == [.refused, .refused])
    }
  }

  @Test("A source that does not answer is a warning")
  func silent() async throws {
    let clock = ManualClock()
    let mailbox = PathMailbox()
    let peers = ScriptedPeers { _ in }
    var settings = LibvirtSettings(text: "")
    settings.migrationPorts = 28_200...28_299
    let checks = PathChecks(
      here: Self.destination, endpoint: DestinationEndpoint(libvirtURI: "qemu+tls://beta/system", migrationAddress: "127.0.0.1"),
      settings: settings, peers: peers, mailbox: mailbox, clock: clock)
    let finding = Task { await checks.check(of: MigrationSamples.id, from: Self.source, needsTemplates: true, measures: false) }
    await clock.waitUntilPending(18_000)
    await peers.wait(for: "try-path")
    clock.advance(milliseconds: 18_000)
    #expect(await finding.value.checks.map(\.outcome) == [.warning])
    #expect(await finding.value.checks.map(\.code) == [.portClosed])
    #expect(await mailbox.waitingCount == 0)
  }
}
