import AMQP
import Logging
import LongshoreMessages
import LongshoreTestKit
import MigrationCore
import Testing

@testable import LongshoreAgent

@Suite("The agent's configuration")
struct AgentConfigurationTests {
  @Test("Only the cluster must be given")
  func defaults() async throws {
    let configuration = try await configuration("")
    #expect(configuration.host.cluster.text == "lab")
    #expect(configuration.host.host.text == "alpha")
    #expect(configuration.broker.addresses == [AMQPConfiguration.Address(host: "localhost", port: 5672)])
    #expect(configuration.broker.virtualHost == "/")
    #expect(configuration.broker.user == "guest")
    #expect(configuration.broker.heartbeat == .seconds(10))
    #expect(configuration.broker.tls == nil)
    #expect(configuration.libvirtURI == "qemu:///system")
    #expect(configuration.endpoint.libvirtURI.hasPrefix("qemu+tls://"))
    #expect(configuration.endpoint.tlsName == nil)
    #expect(configuration.nbdAddress == configuration.endpoint.migrationAddress)
    #expect(configuration.nbdPorts == 10_809...10_872)
    #expect(configuration.nbdCredentials == nil)
    #expect(configuration.allowedAddresses == nil)
    #expect(configuration.allowedPools == nil)
    #expect(configuration.deadlineSeconds == 86_400)
    #expect(configuration.graceSeconds == 86_400)
    #expect(configuration.answerTimeout == 30_000)
    #expect(configuration.attentionAfter == 60_000)
    #expect(configuration.limits.outgoing == 4)
    #expect(configuration.limits == .init(outgoing: 4, incoming: 4, pair: 3, pool: 4))
    #expect(configuration.templateCopies == (2, 2) && !configuration.overcommitsMemory)
    #expect(configuration.metricsListen == nil)
    #expect(configuration.logLevel == .info)
  }

  @Test(
    "The endpoint for metrics listens where it is told to",
    arguments: [
      ("127.0.0.1:1234", "127.0.0.1:1234"), ("localhost", "localhost:9477"), ("[::]:99", "[::]:99"), ("[::1]", "[::1]:9477"), ("off", nil),
    ] as [(String, String?)])
  func metrics(text: String, address: String?) async throws {
    #expect(try await configuration("metrics: {listen: \"\(text)\"}").metricsListen?.description == address)
  }

  @Test("The endpoint for metrics listens nowhere else", arguments: ["", ":9477", "host:0", "host:65536", "::1"])
  func noMetrics(text: String) async throws {
    let error = await #expect(throws: ConfigurationError.self) { try await configuration("metrics: {listen: \"\(text)\"}") }
    #expect(error?.key == "metrics.listen")
  }

  @Test("Everything can be set")
  func everything() async throws {
    let configuration = try await configuration(
      """
      libvirt: {uri: "qemu+unix:///system", reachableAs: "qemu+tls://kvm1.example/system"}
      migration:
        address: 192.0.2.1
        tlsName: kvm1.example
        allowedAddresses: [kvm2.example, 192.0.2.2]
        deadline: 2h
        grace: 0
        answerTimeout: 5s
        attentionAfter: 10m
      nbd: {address: 198.51.100.1, firstPort: 20000, lastPort: 20010}
      pools: {allowed: [fast, slow]}
      limits: {outgoing: 1, incoming: 64, pair: 2, pool: 5, templatesOutgoing: 6, templatesIncoming: 7}
      journal: {path: /srv/journal}
      run: {directory: /srv/run}
      log: {level: debug}
      """)
    #expect(configuration.libvirtURI == "qemu+unix:///system")
    #expect(configuration.endpoint.libvirtURI == "qemu+tls://kvm1.example/system")
    #expect(configuration.endpoint.migrationAddress == "192.0.2.1")
    #expect(configuration.endpoint.tlsName == "kvm1.example")
    #expect(configuration.allowedAddresses == ["kvm2.example", "192.0.2.2"])
    #expect(configuration.deadlineSeconds == 7200)
    #expect(configuration.graceSeconds == 0)
    #expect(configuration.answerTimeout == 5000)
    #expect(configuration.attentionAfter == 600_000)
    #expect(configuration.nbdAddress == "198.51.100.1")
    #expect(configuration.nbdPorts == 20_000...20_010)
    #expect(configuration.allowedPools == ["fast", "slow"])
    #expect(configuration.limits.outgoing == 1)
    #expect(configuration.limits == .init(outgoing: 1, incoming: 64, pair: 2, pool: 5))
    #expect(configuration.templateCopies == (6, 7))
    #expect(configuration.journalPath == "/srv/journal")
    #expect(configuration.runDirectory == "/srv/run")
    #expect(configuration.logLevel == .debug)
  }

  // MARK: - The broker

  @Test("Bandwidth budgets, with times of day")
  func bandwidth() async throws {
    let configuration = try await configuration(
      """
      bandwidth:
        outgoing: ["200 MiB/s 06:00-22:00", "unlimited"]
        links: ["beta 50", "beta 100MiB/s 22:00-06:00", "gamma 10"]
        incoming: ["7"]
      """)
    let window = BandwidthSchedule.Window(begin: 360, end: 1320, rate: 200 << 20)
    #expect(configuration.bandwidth.host == BandwidthSchedule(windows: [window]))
    let night = BandwidthSchedule.Window(begin: 1320, end: 360, rate: 100 << 20)
    #expect(configuration.bandwidth.links[MigrationSamples.destination.host] == BandwidthSchedule(windows: [night], otherwise: 50 << 20))
    #expect(configuration.bandwidth.links.count == 2)
    #expect(configuration.incomingBandwidth == BandwidthSchedule(otherwise: 7 << 20))
  }

  @Test(
    "A budget that is none is refused with what is allowed",
    arguments: [
      ("{outgoing: [fast]}", "bandwidth.outgoing"), ("{links: [\"50\"]}", "bandwidth.links"), ("{links: [\"beta 0\"]}", "bandwidth.links"),
      ("{incoming: [\"1\", \"2\"]}", "bandwidth.incoming"),
    ])
  func badBandwidth(_ yaml: String, key: String) async throws {
    let error = await #expect(throws: ConfigurationError.self) { try await configuration("bandwidth: \(yaml)") }
    #expect(error?.key == key)
  }

  @Test(
    "Addresses of brokers",
    arguments: [
      ("[rabbit]", [("rabbit", 5672)]), ("[rabbit:5673, other]", [("rabbit", 5673), ("other", 5672)]),
      ("[\"[2001:db8::1]\"]", [("2001:db8::1", 5672)]), ("[\"[2001:db8::1]:5673\"]", [("2001:db8::1", 5673)]),
    ] as [(String, [(String, UInt16)])])
  func addresses(_ yaml: String, _ expected: [(String, UInt16)]) async throws {
    let broker = try await configuration("broker: {addresses: \(yaml)}").broker
    #expect(broker.addresses == expected.map { AMQPConfiguration.Address(host: $0, port: $1) })
  }

  @Test("TLS has a port of its own")
  func tls() async throws {
    let broker = try await configuration(
      """
      broker:
        addresses: [rabbit, "other:5000"]
        tls: {enabled: true, caFile: /ca.pem, certificateFile: /c.pem, keyFile: /k.pem, serverName: r.example, verify: false}
      """
    ).broker
    #expect(broker.addresses.map(\.port) == [5671, 5000])
    let tls = try #require(broker.tls)
    #expect(tls.caFile == "/ca.pem")
    #expect(tls.certificateFile == "/c.pem")
    #expect(tls.keyFile == "/k.pem")
    #expect(tls.serverName == "r.example")
    #expect(tls.verifiesServer == false)
  }

  @Test("The broker may know the agent by its certificate, and then there is a name and no password")
  func certificate() async throws {
    let tls = "tls: {enabled: true, certificateFile: /c.pem, keyFile: /k.pem}"
    let broker = try await configuration("broker: {authentication: certificate, username: agent-kvm1, \(tls)}").broker
    #expect(broker.authentication == .certificate)
    #expect(broker.user == "agent-kvm1")
    #expect(broker.password.isEmpty)
    for wrong in [
      "authentication: certificate, \(tls)", "authentication: certificate, username: u", "authentication: maybe",
      "authentication: certificate, username: u, password: p, \(tls)",
      "authentication: certificate, username: u, tls: {enabled: true, certificateFile: /c.pem}",
    ] {
      #expect(try await failure("broker: {\(wrong)}").key == "broker.authentication", "\(wrong)")
    }
  }

  @Test("A password file gives its first line", arguments: ["s3 cret", "s3 cret\n", "s3 cret\r\nmore\n"])
  func passwordFile(_ content: String) async throws {
    try await withTemporaryFolder { folder in
      let file = try folder.write(Array(content.utf8), to: "password")
      #expect(try await configuration("broker: {passwordFile: \(file)}").broker.password == "s3 cret")
    }
  }

  @Test("A password and a password file are too much, and the message has no secret")
  func twoPasswords() async throws {
    try await withTemporaryFolder { folder in
      let file = try folder.write(Array("hunter2".utf8), to: "password")
      let error = try await failure("broker: {password: hunter3, passwordFile: \(file)}")
      #expect(error.key == "broker.passwordFile")
      #expect(!"\(error)".contains("hunter"))
    }
  }

  @Test("A password file that is not there is named")
  func noPasswordFile() async throws {
    let error = try await failure("broker: {passwordFile: /nowhere/password}")
    #expect(error.key == "broker.passwordFile")
    #expect(error.message.contains("/nowhere/password"))
  }

  // MARK: - What is refused

  @Test("The cluster is missing")
  func noCluster() async throws {
    try await withSettings { settings throws in
      let error = #expect(throws: ConfigurationError.self) { try AgentConfiguration(settings: settings) }
      #expect(error?.key == "cluster")
      #expect(error?.message.contains("cluster: c1") == true)
    }
  }

  @Test(
    "Values that cannot be used are named by their keys",
    arguments: [
      ("broker: {addresses: []}", Setting.brokerAddresses), ("broker: {addresses: [\"rabbit:\"]}", .brokerAddresses),
      ("broker: {addresses: [\"rabbit:0\"]}", .brokerAddresses), ("broker: {addresses: [\"rabbit:65536\"]}", .brokerAddresses),
      ("broker: {addresses: [\"rabbit:amqp\"]}", .brokerAddresses), ("broker: {addresses: [\"2001:db8::1\"]}", .brokerAddresses),
      ("broker: {addresses: [\"[2001:db8::1\"]}", .brokerAddresses), ("broker: {addresses: [\"[::1]x\"]}", .brokerAddresses),
      ("broker: {addresses: [\":5672\"]}", .brokerAddresses), ("broker: {heartbeat: 0}", .brokerHeartbeat),
      ("libvirt: {reachableAs: \"qemu:///system\"}", .libvirtReachableAs), ("libvirt: {reachableAs: kvm1}", .libvirtReachableAs),
      ("libvirt: {reachableAs: \"qemu+ssh://kvm1/system?command=x\"}", .libvirtReachableAs),
      ("migration: {address: \"kvm1/x\"}", .migrationAddress),
      ("migration: {deadline: 0s}", .migrationDeadline), ("migration: {deadline: 31d}", .migrationDeadline),
      ("migration: {answerTimeout: 5}", .migrationAnswerTimeout), ("nbd: {firstPort: 0}", .nbdFirstPort),
      ("nbd: {firstPort: 65536}", .nbdFirstPort), ("nbd: {firstPort: 20000, lastPort: 19999}", .nbdLastPort),
      ("nbd: {credentials: pki}", .nbdCredentials), ("nbd: {credentials: /nonexistent/pki}", .nbdCredentials),
      ("limits: {outgoing: 0}", .limitsOutgoing), ("limits: {incoming: 65}", .limitsIncoming), ("limits: {pair: 0}", .limitsPair),
      ("limits: {pool: 65}", .limitsPool), ("limits: {templatesIncoming: 0}", .limitsTemplatesIncoming),
      ("incoming: {overcommitMemory: often}", .incomingOvercommitMemory), ("log: {level: loud}", .logLevel),
    ])
  func refused(_ yaml: String, _ setting: Setting) async throws {
    let error = try await failure(yaml)
    #expect(error.key == setting.rawValue)
    #expect(error.place.hasSuffix("longshored.yaml"))
  }

  @Test("Names that cannot be routing keys are refused", arguments: ["Lab", "lab.1", "lab_1", "lab 1", ""])
  func names(_ name: String) async throws {
    for setting in [Setting.cluster, .host] {
      try await withSettings(flags: ["cluster=lab", "host=alpha", "\(setting.rawValue)=\(name)"]) { settings throws in
        let error = #expect(throws: ConfigurationError.self) { try AgentConfiguration(settings: settings) }
        #expect(error?.key == setting.rawValue)
        #expect(error?.place == "the command line")
      }
    }
  }

  // MARK: - Tools

  private func configuration(_ yaml: String) async throws -> AgentConfiguration {
    var result: AgentConfiguration?
    try await withSettings(file: "cluster: lab\nhost: alpha\n\(yaml)\n") { result = try AgentConfiguration(settings: $0) }
    return try #require(result)
  }

  private func failure(_ yaml: String) async throws -> ConfigurationError {
    let error = await #expect(throws: ConfigurationError.self) { try await configuration(yaml) }
    return try #require(error)
  }
}
