internal import Digests
internal import FoundationEssentials
internal import LongshoreMessages

/// Checks the path between the hosts, which takes both agents: the destination listens and asks, the source tries and answers.
struct PathChecks: Sendable {
  /// What was found.
  struct Finding: Sendable {
    var checks: [Check] = []
    var toDestinationBps: UInt64?
    var fromDestinationBps: UInt64?
  }

  /// How long the source may take to answer, in milliseconds: a connection and libvirt's answer, or the longest measurement.
  private static let patience: Int64 = 18_000
  /// How often the source is asked again, in milliseconds: the answer may be lost with its agent.
  private static let askInterval: Int64 = 5_000

  let here: HostAddress
  /// How the source will reach this host.
  let endpoint: DestinationEndpoint
  let settings: LibvirtSettings
  let peers: any PeerLink
  let mailbox: PathMailbox
  let clock: any HostClock

  /// Lets the source try the path.
  ///
  /// - Parameters:
  ///   - migration: The migration, or the dry run.
  ///   - source: The host that the guest is on.
  ///   - needsTemplates: Whether a template has to be copied.
  ///   - measures: Whether the link is to be measured.
  func check(
    of migration: MigrationID, from source: HostAddress, needsTemplates: Bool, measures: Bool
  ) async -> Finding {
    var finding = Finding(checks: certificate())
    let listening: PathListening?
    do {
      listening = try await PathListening.open(on: endpoint.migrationAddress, ports: settings.migrationPorts)
      if listening == nil {
        let ports = "\(settings.migrationPorts.lowerBound) to \(settings.migrationPorts.upperBound)"
        finding.checks.append(CheckRule.migrationPorts.unknown(on: here.host, "all ports of \(here.host) from \(ports) are in use"))
      }
    } catch {
      listening = nil
      finding.checks.append(CheckRule.migrationPorts.unknown(on: here.host, "the way from \(source.host) could not be tried: \(error)"))
    }
    defer { listening?.close() }
    let tls = shown()
    let question = PathQuestion(
      endpoint: endpoint, listener: listening?.listener, needsTemplates: needsTemplates, measures: measures, tls: tls)
    guard let answer = await ask(question, of: migration, source) else {
      finding.checks.append(
        CheckRule.migrationPorts.unknown(
          on: here.host, "the agent of \(source.host) did not say within \(Self.patience / 1000) s whether it reaches \(here.host)"))
      return finding
    }
    finding.checks += answer.checks
    if tls?.verifiesClients == true, let certificate = answer.certificate { finding.checks.append(trust(certificate, of: source.host)) }
    finding.toDestinationBps = listening?.bytesPerSecond
    finding.fromDestinationBps = answer.fromDestinationBps
    if let listener = answer.listener { finding.checks.append(await tryTemplates(listener, of: source.host)) }
    return finding
  }

  private func ask(_ question: PathQuestion, of migration: MigrationID, _ source: HostAddress) async -> PathAnswer? {
    let (answers, number) = await mailbox.answers(of: migration)
    let asking = Task {
      while !Task.isCancelled {
        try? await peers.send(.tryPath(question), of: migration, to: source)
        try await clock.wait(milliseconds: Self.askInterval)
      }
    }
    let limit = Task {
      try await clock.wait(milliseconds: Self.patience)
      await mailbox.giveUp(migration, number)
    }
    defer {
      asking.cancel()
      limit.cancel()
    }
    // An agent that died while it listened gets the answer to what it asked before.
    let answer = await answers.first { $0.questionToken == nil || $0.questionToken == question.listener?.token }
    await mailbox.giveUp(migration, number)
    return answer
  }

  private func tryTemplates(_ listener: PathListener, of source: NodeName) async -> Check {
    let rule = CheckRule.templatePorts
    do {
      _ = try await listener.tryOut(measures: false)
      return rule.passed(on: here.host, "port \(listener.port) of \(source), of those for templates, can be reached from \(here.host)")
    } catch {
      return rule.failed(
        on: here.host,
        "port \(listener.port) of \(source), of those for templates, cannot be reached from \(here.host): \(error.message)",
        advice: "open TCP \(listener.firstPort) to \(listener.lastPort) from \(here.host) to \(listener.address)")
    }
  }

  // MARK: - TLS

  /// The certificates of this host's QEMU, where disks and memory go with TLS.
  static func certificates(of endpoint: DestinationEndpoint) -> [String] {
    guard endpoint.tlsName != nil else { return [] }
    let folder = LibvirtSettings().certificates ?? LibvirtSettings.defaultCertificates
    return ["\(folder)/ca-cert.pem", "\(folder)/server-cert.pem"]
  }

  /// What QEMU of this host shows to a source, and wants to see of it.
  private func shown() -> PathTLS? {
    guard endpoint.tlsName != nil, let certificate = settings.certificate("server-cert.pem") else { return nil }
    return PathTLS(certificate: String(decoding: certificate, as: UTF8.self), verifiesClients: settings.verifiesClients)
  }

  private func trust(_ certificate: String, of source: NodeName) -> Check {
    let rule = CheckRule.tlsSource
    guard !certificate.isEmpty else {
      return rule.failed(
        on: here.host, "QEMU of \(source) has no client-cert.pem to show, which QEMU of \(here.host) wants to see",
        advice: "put one there, beside its key, or set `migrate_tls_x509_verify = 0` in qemu.conf of \(here.host)")
    }
    return settings.trust(certificate, of: source, as: .client, by: here.host, rule)
  }

  /// Compares the name that the source is told to expect with that in the certificate which QEMU will show.
  private func certificate() -> [Check] {
    guard let name = endpoint.tlsName else { return [] }
    let rule = CheckRule.tlsName
    let path = settings.path(of: "server-cert.pem")
    guard let certificate = settings.certificate("server-cert.pem").flatMap(Certificate.init) else {
      return [
        rule.failed(
          on: here.host, "\(path), the certificate that QEMU of \(here.host) is to show, cannot be read",
          advice: "put one of the name \(name) there")
      ]
    }
    return [
      certificate.matches(name)
        ? rule.passed(on: here.host, "the certificate of QEMU of \(here.host) is of the name \(name)")
        : rule.failed(on: here.host, "\(path), the certificate that QEMU of \(here.host) shows, is not of the name \(name)")
    ]
  }
}

/// Where the source's answers arrive for the checks that wait for them.
actor PathMailbox {
  private var waiting: [MigrationID: (number: Int, answers: AsyncStream<PathAnswer>.Continuation)] = [:]
  private var last = 0

  /// Hands an answer over; one that nobody waits for is of no use.
  func deliver(_ answer: PathAnswer, of migration: MigrationID) { waiting[migration]?.answers.yield(answer) }

  /// The answers of a migration from now on, until they are given up by their number, or somebody else asks for them.
  func answers(of migration: MigrationID) -> (answers: AsyncStream<PathAnswer>, number: Int) {
    let (stream, continuation) = AsyncStream<PathAnswer>.makeStream()
    last += 1
    waiting.updateValue((last, continuation), forKey: migration)?.answers.finish()
    return (stream, last)
  }

  /// How many answers are waited for.
  var waitingCount: Int { waiting.count }

  /// Ends the answers of a migration, if nobody else has asked for them since.
  func giveUp(_ migration: MigrationID, _ number: Int) {
    guard waiting[migration]?.number == number else { return }
    waiting.removeValue(forKey: migration)?.answers.finish()
  }
}
