internal import Digests
internal import Libvirt
internal import Logging
internal import LongshoreMessages

/// Tries the path to a destination, as its agent asks before anything is made.
actor PathTrials {
  /// How long the destination's libvirt may take to answer, in milliseconds.
  private static let libvirtLimit: Int64 = 8_000
  /// How long the destination may take to try the port for templates, in milliseconds.
  private static let templateLimit: Int64 = 15_000

  private let here: HostAddress
  private let allowed: AllowedAddresses
  /// Where templates are served.
  private let templateAddress: String
  private let templatePorts: ClosedRange<UInt16>
  private let peers: any PeerLink
  private let clock: any HostClock
  private let logger: Logger
  /// Opens another host's libvirt anew and closes it.
  private let tryLibvirt: @Sendable (_ uri: String) async throws(LibvirtError) -> Void
  /// How this host's libvirt is configured now.
  private let settings: @Sendable () -> LibvirtSettings
  private var running: Set<MigrationID> = []

  init(
    here: HostAddress, allowed: AllowedAddresses, templateAddress: String,
    templatePorts: ClosedRange<UInt16>, peers: any PeerLink, clock: any HostClock, logger: Logger,
    tryLibvirt: @escaping @Sendable (_ uri: String) async throws(LibvirtError) -> Void = { uri throws(LibvirtError) in
      try await LibvirtConnection.open(uri).close()
    },
    settings: @escaping @Sendable () -> LibvirtSettings = { LibvirtSettings() }
  ) {
    self.here = here
    self.allowed = allowed
    self.templateAddress = templateAddress
    self.templatePorts = templatePorts
    self.peers = peers
    self.clock = clock
    self.logger = logger
    self.tryLibvirt = tryLibvirt
    self.settings = settings
  }

  /// Tries the path and answers. A question that is being worked on is not begun again.
  func answer(_ question: PathQuestion, of migration: MigrationID, to destination: HostAddress) async {
    guard running.insert(migration).inserted else { return }
    defer { running.remove(migration) }
    var answer = await attempt(question, destination.host)
    answer.questionToken = question.listener?.token
    do {
      try await peers.send(.pathTried(answer), of: migration, to: destination)
    } catch {
      logger.debug(
        "What was found of the path could not be told", metadata: [LogKeys.migration: "\(migration)", LogKeys.error: "\(error)"])
    }
  }

  private func attempt(_ question: PathQuestion, _ destination: NodeName) async -> PathAnswer {
    let endpoint = question.endpoint
    let port: UInt16
    do {
      try allowed.check(endpoint)
      port = try PeerLibvirt(endpoint.libvirtURI).port
    } catch {
      return PathAnswer(checks: [CheckRule.allowedAddress.failed(on: here.host, error.reason.message)])
    }
    let address = CheckRule.allowedAddress.passed(on: here.host, "the addresses of \(destination) are allowed")
    async let libvirt = checkLibvirt(endpoint.libvirtURI, port, destination)
    async let migrationPort = checkPort(question, destination)
    let (portCheck, rate) = await migrationPort
    var answer = PathAnswer(checks: [address, await libvirt] + [portCheck].compactMap(\.self), fromDestinationBps: rate)
    if let tls = question.tls {
      let settings = settings()
      answer.checks.append(settings.trust(tls.certificate, of: destination, as: .server, by: here.host, .tlsDestination))
      answer.certificate = settings.certificate("client-cert.pem").map { String(decoding: $0, as: UTF8.self) } ?? ""
    }
    if question.needsTemplates { await serveTemplates(&answer) }
    return answer
  }

  private func checkLibvirt(_ uri: String, _ port: UInt16, _ destination: NodeName) async -> Check {
    let rule = CheckRule.destinationLibvirt
    // A new connection, as the source's libvirt will make one: an open one may have outlived the way by which it came. libvirt waits
    // for it as long as the kernel does, which is minutes.
    let outcome = await withLimit(milliseconds: Self.libvirtLimit, clock) { [tryLibvirt] () -> String in
      do throws(LibvirtError) {
        try await tryLibvirt(uri)
        return ""
      } catch {
        return error.message
      }
    }
    switch outcome {
    case ""?: return rule.passed(on: here.host, "the libvirt of \(destination) answers at \(uri)")
    case let failure:
      return rule.failed(
        on: here.host,
        "the libvirt of \(destination) does not answer \(here.host) at \(uri): \(failure ?? "nothing came back within \(Self.libvirtLimit / 1000) s")",
        advice: "see on \(here.host) what `virsh --connect \(uri) list` says: libvirt's daemon there must listen, firewalls must let "
          + "TCP \(port) through, and certificates must fit")
    }
  }

  private func checkPort(_ question: PathQuestion, _ destination: NodeName) async -> (Check?, UInt64?) {
    guard var listener = question.listener else { return (nil, nil) }
    // The transfer goes to this address, and to no other that a listener might name.
    listener.address = question.endpoint.migrationAddress
    let rule = CheckRule.migrationPorts
    let name = "port \(listener.port) of \(destination), of those for disks and memory,"
    do {
      let rate = try await listener.tryOut(measures: question.measures)
      return (rule.passed(on: here.host, "\(name) can be reached from \(here.host)"), rate)
    } catch {
      return (
        rule.failed(
          on: here.host, "\(name) cannot be reached from \(here.host): \(error.message)",
          advice: "open TCP \(listener.firstPort) to \(listener.lastPort) from \(here.host) to \(listener.address)"),
        nil
      )
    }
  }

  /// Listens on a port of those for templates until the destination has tried it.
  private func serveTemplates(_ answer: inout PathAnswer) async {
    do {
      guard let listening = try await PathListening.open(on: templateAddress, ports: templatePorts, once: true) else {
        let ports = "\(templatePorts.lowerBound) to \(templatePorts.upperBound)"
        answer.checks.append(CheckRule.templatePorts.unknown(on: here.host, "all ports of \(here.host) from \(ports) are in use"))
        return
      }
      answer.listener = listening.listener
      Task { [clock] in
        try? await clock.wait(milliseconds: Self.templateLimit)
        listening.close()
      }
    } catch {
      answer.checks.append(CheckRule.templatePorts.unknown(on: here.host, "the way of templates could not be tried: \(error)"))
    }
  }
}
