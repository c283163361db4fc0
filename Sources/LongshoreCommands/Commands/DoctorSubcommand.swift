import ArgumentParser
import LongshoreClient
import LongshoreMessages

/// `longshore doctor`: whether all is well.
struct DoctorSubcommand: OperatorCommand {
  static let configuration = CommandConfiguration(
    commandName: "doctor",
    abstract: "Look whether all is well at the broker, at the hosts and between them.",
    discussion: """
      Each agent looks at its libvirt, pools and mounts, certificates and secrets, journal and left-overs; hosts try the ways between \
      them, from libvirt to the ports of migrations and templates; the command looks at the broker, at what its user may do there and how \
      long certificates last, compares clocks and versions, and looks for hosts that \
      had migrations in the last week and are silent now. Nothing is changed. What is not well is told with what to do about it.

      With more than \(Self.fewHosts) hosts the ways are tried of the hosts alone that --host names.

      EXAMPLES:
        longshore doctor
        longshore doctor --host beta
        longshore doctor --all
        longshore doctor --format json | jq '.checks[] | select(.outcome != "passed")'

      \(CommandExit.help(
        [.done, .failed, .refused, .notPermitted, .usage, .brokerUnreachable, .noAnswer],
        meanings: [.done: "all is well, or there are warnings alone", .failed: "something keeps migrations from working"]))
      """)

  /// Hosts that migrations of this time past name should answer.
  private static let memory = Duration.seconds(7 * 86_400)
  /// Up to so many hosts all ways between them are tried: each takes two agents a second or two.
  static let fewHosts = 8

  @Option(
    help: ArgumentHelp("Look at this host, and the ways from and to it. May be given several times.", valueName: "host"),
    completion: BusCompletion.of(.host), transform: NameArgument.node)
  var host: [NodeName] = []

  @Flag(help: "Show what is well, too.")
  var all = false

  @Option(
    help: ArgumentHelp("How long hosts may take (default: 40s).", valueName: "duration"), transform: DurationArgument.parse)
  var timeout: Duration = .seconds(40)

  @OptionGroup(title: "Connection options") var connection: ConnectionOptions
  @OptionGroup(title: "Output options") var output: OutputOptions

  func perform(_ session: CommandSession) async throws -> CommandExit {
    let subscription = Subscription(.cluster(session.cluster), history: Self.memory)
    do {
      return try await session.withLink(subscription) { [self] link in try await examine(session, link, refusal: nil) }
    } catch let error as LinkError where error.code == .notPermitted {
      // Who may log in and hear nothing is told what lacks; who may not log in fails again.
      return try await session.withLink(.nothing) { [self] link in try await examine(session, link, refusal: error) }
    } catch let error as LinkError where error.code == .unreachable {
      let checks = await Examination.checkCertificates(session).filter { $0.outcome != .passed }
      if !checks.isEmpty { show(checks, session) }
      throw error
    }
  }

  /// - Parameter refusal: What the broker does not let this command's user hear; nil where it does.
  private func examine(_ session: CommandSession, _ link: any OrchestratorLink, refusal: LinkError?) async throws -> CommandExit {
    let checks = try await Examination(session: session, link: link, chosen: host, time: timeout, refusal: refusal).make()
    show(checks, session)
    return checks.contains { $0.outcome == .refused } ? .failed : .done
  }

  private func show(_ checks: [Check], _ session: CommandSession) {
    switch session.options.format {
    case .json, .yaml: session.writeValue(DoctorReport(checks: checks))
    case .table where session.options.quiet:
      session.write(checks.filter { $0.outcome != .passed }.map { "\($0.host) \($0.code)".printable })
    case .table: session.write(DiagnosisText.lines(checks, showsAll: all, style: session.policy.result))
    }
  }
}

/// What `longshore doctor` found, for programs.
struct DoctorReport: Encodable {
  /// All checks, those of the command itself first, under the name of the host that each is about.
  var checks: [Check]
}

/// One examination of a cluster.
struct Examination: Sendable {
  /// Up to this difference clocks agree, in milliseconds; and up to this one requests are not taken for expired.
  private static let clockTolerance: Int64 = 2_000
  private static let clockLimit: Int64 = 30_000
  /// For how long certificates should be valid, in seconds: 30 days.
  private static let certificateReserve: Int64 = 30 * 86_400

  let session: CommandSession
  let link: any OrchestratorLink
  /// The hosts that are looked at; none for all that answer.
  let chosen: [NodeName]
  let time: Duration
  /// What the broker does not let this command's user hear; nil where it does.
  let refusal: LinkError?

  private struct Answer {
    var host: NodeName
    var diagnosis: Result<Diagnosis, CommandFailure>
    /// How far the host's clock is ahead, in milliseconds.
    var ahead: Int64 = 0
    var isChosen = true
  }

  /// Makes all checks.
  /// - Throws: ``LinkError``; ``CommandFailure`` where no host answers.
  func make() async throws -> [Check] {
    let quick = HostQuestion(session: session, link: link, time: HostQuestion.time(toFindWhoMayTake: time))
    let described: [Reply]
    let named: Set<NodeName>
    do {
      (described, named) = try await hear { try await quick.all(.describe) }
    } catch let error as LinkError where error.code == .notPermitted {
      return await checkBroker(refusal ?? error)
    }
    let known = described.map(\.from.host).sorted { $0.text < $1.text }
    let silent = named.subtracting(known).sorted { $0.text < $1.text }
    let hosts = chosen.isEmpty ? known + silent : chosen
    let ways = known.count <= DoctorSubcommand.fewHosts || !chosen.isEmpty ? known : []
    var checks = await checkBroker(refusal)
    checks += compareVersions(described.filter { hosts.contains($0.from.host) })
    // What a host has found of the way to it stands below what it has found of itself.
    var ofWays: [Check] = []
    for answer in await ask(hosts, ways: ways) {
      let found = tell(answer)
      checks += found.filter { $0.host == answer.host }
      ofWays += found.filter { $0.host != answer.host }
    }
    return checks + ofWays
  }

  /// Does work, and hears meanwhile which hosts had migrations.
  private func hear<Value: Sendable>(_ work: () async throws -> Value) async throws -> (Value, Set<NodeName>) {
    let hearing = Task { [link] in
      var named: Set<NodeName> = []
      for await notice in link.notices {
        if case .event(let event) = notice { named.formUnion([event.data.sourceHost, event.data.destinationHost]) }
      }
      return named
    }
    defer { hearing.cancel() }
    let value = try await work()
    hearing.cancel()
    return (value, await hearing.value)
  }

  // MARK: - The broker

  private func checkBroker(_ refusal: LinkError?) async -> [Check] {
    guard let broker = Self.broker else { return [] }
    var checks: [Check] = []
    let rule = CheckRule.brokerProtected
    checks.append(
      session.settings.isProtected
        ? rule.passed(on: broker, "this command speaks to the broker over TLS, or on this machine")
        : rule.failed(on: broker, "this command speaks to the broker without TLS"))
    checks.append(
      refusal.map {
        CheckRule.brokerPermits.failed(on: broker, "the broker refuses the user of this command: \($0.operation): \($0.message)")
      }
        ?? CheckRule.brokerPermits.passed(on: broker, "the broker lets this command hear events, read their history and send requests"))
    checks += await Self.checkCertificates(session)
    switch await result({ () throws(LinkError) in try await link.countDeadLetters() }) {
    case .success(0): checks.append(CheckRule.noDeadLetters.passed(on: broker, "there are no dead letters"))
    case .success(let count):
      checks.append(
        CheckRule.noDeadLetters.failed(on: broker, "there \(count == 1 ? "is" : "are") \(Quantity.count(count, "dead letter"))"))
    // A user who may not ask is not told.
    case .failure: break
    }
    return checks
  }

  private static let broker = NodeName("broker")

  /// How long the certificates last that the broker shows, and the one that is shown to it.
  static func checkCertificates(_ session: CommandSession) async -> [Check] {
    guard let broker else { return [] }
    let now = session.environment.now().milliseconds / 1000
    return await session.environment.certificates(session.settings).map { certificate in
      guard let validity = certificate.validity else {
        return CheckRule.certificatesValid.failed(on: broker, "\(certificate.name) cannot be read")
      }
      func date(_ seconds: Int) -> String { "\(Timestamp(milliseconds: Int64(seconds) * 1000))" }
      if now < validity.lowerBound {
        return CheckRule.certificatesValid.failed(on: broker, "\(certificate.name) is not valid before \(date(validity.lowerBound))")
      }
      if now > validity.upperBound {
        return CheckRule.certificatesValid.failed(
          on: broker, "\(certificate.name) is not valid any more since \(date(validity.upperBound))")
      }
      let text = "\(certificate.name) is valid until \(date(validity.upperBound))"
      return Int64(validity.upperBound) - now < certificateReserve
        ? CheckRule.certificatesLast.failed(on: broker, text) : CheckRule.certificatesLast.passed(on: broker, text)
    }
  }

  // MARK: - Hosts

  /// Asks hosts to look at themselves and at the ways to the others, and those to look at the ways to them.
  private func ask(_ hosts: [NodeName], ways: [NodeName]) async -> [Answer] {
    await withTaskGroup(of: (Int, Answer).self) { group in
      for (number, host) in (hosts + ways.filter { !hosts.contains($0) }).enumerated() {
        let isChosen = hosts.contains(host)
        let others = (isChosen ? ways : hosts).filter { $0 != host }
        group.addTask { (number, await ask(host, DiagnosisOrder(waysTo: others, waysOnly: isChosen ? nil : true))) }
      }
      return await group.reduce(into: [Int: Answer]()) { $0[$1.0] = $1.1 }.sorted { $0.key < $1.key }.map(\.value)
    }
  }

  private func ask(_ host: NodeName, _ order: DiagnosisOrder) async -> Answer {
    let question = HostQuestion(session: session, link: link, time: time)
    switch await result({ () throws(LinkError) in try await question.ask(.diagnose(order), of: host) }) {
    case .success(let reply):
      // The host tells the time when it has looked at everything, so that the answer's way is all that lies between.
      let received = session.environment.now()
      switch reply.body {
      case .diagnosis(let diagnosis):
        return Answer(
          host: host, diagnosis: .success(diagnosis), ahead: diagnosis.time.milliseconds - received.milliseconds,
          isChosen: order.waysOnly != true)
      case .rejected(let reasons):
        return Answer(
          host: host,
          diagnosis: .failure(
            CommandFailure(.refused, "\(host) does not tell: \(reasons.map(\.words).joined(separator: "; "))", while: "asking \(host)")))
      default:
        return Answer(
          host: host, diagnosis: .failure(CommandFailure(.unknownOutcome, "\(host) answers something else", while: "asking \(host)")))
      }
    case .failure(let error): return Answer(host: host, diagnosis: .failure(CommandFailure(error)))
    }
  }

  private func tell(_ answer: Answer) -> [Check] {
    switch answer.diagnosis {
    case .success(let diagnosis) where !answer.isChosen: return diagnosis.checks
    case .success(let diagnosis):
      return [CheckRule.agentAnswers.passed(on: answer.host, "the agent answers"), clock(answer)] + diagnosis.checks
    case .failure(let failure): return [CheckRule.agentAnswers.failed(on: answer.host, failure.message)]
    }
  }

  private func clock(_ answer: Answer) -> Check {
    let difference = abs(answer.ahead)
    guard difference > Self.clockTolerance else {
      return CheckRule.clocksAgree.passed(on: answer.host, "its clock agrees with this machine's")
    }
    let found = "its clock is \(Quantity.seconds(Double(difference) / 1000)) \(answer.ahead > 0 ? "ahead of" : "behind") this machine's"
    return difference > Self.clockLimit
      ? CheckRule.clocksUsable.failed(on: answer.host, found) : CheckRule.clocksAgree.failed(on: answer.host, found)
  }

  private func compareVersions(_ replies: [Reply]) -> [Check] {
    let rule = CheckRule.agentsAlike
    return replies.sorted { $0.from.host.text < $1.from.host.text }.compactMap { reply in
      guard case .host(let host) = reply.body else { return nil }
      let found = "the agent is Longshore \(host.agentVersion)"
      return host.agentVersion == LongshoreVersion.current
        ? rule.passed(on: reply.from.host, found)
        : rule.failed(on: reply.from.host, "\(found), and this command is \(LongshoreVersion.current)")
    }
  }

  private func result<Value: Sendable>(_ work: () async throws(LinkError) -> Value) async -> Result<Value, LinkError> {
    do throws(LinkError) {
      return .success(try await work())
    } catch {
      return .failure(error)
    }
  }
}
