internal import AMQP
internal import FoundationEssentials
internal import Glibc
internal import Logging
internal import LongshoreMessages
internal import MigrationCore

/// What an agent has to know of its host. The keys are those of ``Setting``.
struct AgentConfiguration: Sendable {
  /// The default path of the configuration file.
  static let defaultPath = "/etc/longshore/longshored.yaml"

  /// This host, as messages are addressed to it.
  var host: HostAddress
  /// The host's UUID in inventories, in lower case; nil for that of libvirt.
  var hostUUID: String?
  /// The broker.
  var broker: AMQPConfiguration
  /// The URI of this host's libvirt.
  var libvirtURI: String
  /// How other hosts reach this one.
  var endpoint: DestinationEndpoint
  /// The addresses that other hosts may name as theirs; nil for all.
  var allowedAddresses: Set<String>?
  /// The time that a migration may take where the request does not say it, in seconds.
  var deadlineSeconds: Int64
  /// How long the source's disks are kept after a migration, in seconds.
  var graceSeconds: Int64
  /// How long to wait for the destination's first answer, in milliseconds.
  var answerTimeout: Int64
  /// How long to wait before the operator is called, in milliseconds.
  var attentionAfter: Int64
  /// The address and the ports on which templates are served.
  var nbdAddress: String
  var nbdPorts: ClosedRange<UInt16>
  var nbdCredentials: String?
  /// Whether guests may come: not where the host is in maintenance.
  var takesGuests: Bool
  /// The broker's users who may order; nil for all whom the broker lets publish requests.
  var orderingUsers: Set<String>?
  /// The broker's user of each agent; nil where any user who may publish messages of agents is taken for one.
  var peerUser: PeerUser?
  /// The pools that guests may be moved into; nil for all.
  var allowedPools: Set<String>?
  /// Whether guests may come that have more memory than is available.
  var overcommitsMemory: Bool
  /// How many migrations may work at once.
  var limits: HostMigrations.Limits
  /// How many templates may be copied at once, out of this host and into it.
  var templateCopies: (outgoing: Int, incoming: Int)
  /// What may leave this host, and go to one other host.
  var bandwidth: BandwidthPacer.Schedules
  /// What may come into this host.
  var incomingBandwidth: BandwidthSchedule
  /// The journal's path.
  var journalPath: String
  /// The folder for the lock and the process ids of exports.
  var runDirectory: String
  /// Where the endpoint for metrics listens; nil for nowhere.
  var metricsListen: ListenAddress?
  /// The certificates, and the files with passwords and keys, that the configuration names.
  var certificateFiles: [String]
  var secretFiles: [String]
  /// The least important messages that are logged.
  var logLevel: Logger.Level
  /// The form of the lines that are logged.
  var logFormat: LogFormat

  /// An address and a port on which to listen.
  struct ListenAddress: Sendable, Hashable, CustomStringConvertible {
    var host: String
    var port: UInt16
    /// Where the setting stands.
    var place: String

    var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
  }

  /// Reads the configuration.
  init(settings: SettingsReader) throws {
    let hostname = Self.hostname()
    guard let cluster = try Self.name(.cluster, settings, default: nil) else {
      throw settings.wrong(.cluster, "missing: name the cluster that this host belongs to, such as `cluster: c1`")
    }
    guard let name = try Self.name(.host, settings, default: hostname.split(separator: ".").first.map(String.init)) else {
      throw settings.wrong(.host, "the host's own name \(hostname) cannot be used: give one of a-z, 0-9 and -")
    }
    host = HostAddress(cluster: cluster, host: name)
    if let text = try settings.text(.hostUUID) {
      guard let uuid = UUIDText.normal(text) else {
        throw settings.wrong(.hostUUID, "\(text) is not a UUID, such as 3a1f0c5e-8b7d-4e2a-9c6f-5d4e3f2a1b0c")
      }
      hostUUID = uuid
    }
    broker = try Self.broker(settings, connectionName: "longshored \(name)")
    libvirtURI = try settings.text(.libvirtURI) ?? "qemu:///system"
    let address = try settings.text(.migrationAddress) ?? hostname
    endpoint = DestinationEndpoint(
      libvirtURI: try settings.text(.libvirtReachableAs) ?? "qemu+tls://\(hostname)/system", migrationAddress: address,
      tlsName: try settings.text(.migrationTLSName))
    do {
      _ = try PeerLibvirt(endpoint.libvirtURI)
    } catch {
      throw settings.wrong(
        .libvirtReachableAs,
        "\(endpoint.libvirtURI) is opened by no other host: give it as they reach it, such as qemu+tls://\(hostname)/system, with tls, tcp or ssh, "
          + "and without parameters")
    }
    guard HostText.isHost(address) else {
      throw settings.wrong(.migrationAddress, "\(address) is no host name and no IP address")
    }
    allowedAddresses = try settings.list(.migrationAllowedAddresses).map(Set.init)
    deadlineSeconds =
      try settings.duration(.migrationDeadline, in: 1000...Request.deadlineRange.upperBound * 1000).map { $0 / 1000 } ?? 86_400
    graceSeconds = try settings.duration(.migrationGrace, in: 0...31_536_000_000).map { $0 / 1000 } ?? 86_400
    answerTimeout = try settings.duration(.migrationAnswerTimeout, in: 1000...3_600_000) ?? 30_000
    attentionAfter = try settings.duration(.migrationAttentionAfter, in: 1000...86_400_000) ?? 60_000
    nbdAddress = try settings.text(.nbdAddress) ?? address
    let first = try settings.integer(.nbdFirstPort, in: 1...65_535) ?? 10_809
    let last = try settings.integer(.nbdLastPort, in: 1...65_535) ?? max(first, 10_872)
    guard first <= last else { throw settings.wrong(.nbdLastPort, "\(last) is below nbd.firstPort, \(first)") }
    nbdPorts = UInt16(first)...UInt16(last)
    nbdCredentials = try settings.text(.nbdCredentials)
    if let folder = nbdCredentials { try Self.requireCredentials(in: folder, settings) }
    takesGuests = try settings.truth(.incomingAllowed) ?? true
    overcommitsMemory = try settings.truth(.incomingOvercommitMemory) ?? false
    orderingUsers = try settings.list(.requestsUsers).map(Set.init)
    peerUser = try settings.text(.peersUser).map(PeerUser.init)
    if let peerUser, peerUser.name(of: host.host) != broker.user {
      throw settings.wrong(
        .peersUser,
        "by `\(peerUser.pattern)` this host's own user would be \(peerUser.name(of: host.host)), and broker.username is \(broker.user)")
    }
    allowedPools = try settings.list(.poolsAllowed).map(Set.init)
    limits = HostMigrations.Limits(
      outgoing: try settings.integer(.limitsOutgoing, in: 1...64) ?? 4, incoming: try settings.integer(.limitsIncoming, in: 1...64) ?? 4,
      pair: try settings.integer(.limitsPair, in: 1...64) ?? 3, pool: try settings.integer(.limitsPool, in: 1...64) ?? 4)
    templateCopies = (
      outgoing: try settings.integer(.limitsTemplatesOutgoing, in: 1...64) ?? 2,
      incoming: try settings.integer(.limitsTemplatesIncoming, in: 1...64) ?? 2
    )
    bandwidth = try Self.bandwidth(settings)
    incomingBandwidth = try Self.schedule(try settings.list(.bandwidthIncoming) ?? [], .bandwidthIncoming, settings)
    journalPath = try settings.text(.journalPath) ?? "/var/lib/longshore/journal.sqlite"
    runDirectory = try settings.text(.runDirectory) ?? "/run/longshore"
    metricsListen = try Self.listenAddress(settings)
    let libvirtFolder = "/etc/pki/libvirt"
    certificateFiles =
      [try settings.text(.brokerTLSCAFile), try settings.text(.brokerTLSCertificateFile)].compactMap(\.self)
      + (nbdCredentials.map { folder in ["ca-cert", "server-cert", "client-cert"].map { "\(folder)/\($0).pem" } } ?? [])
      + (endpoint.libvirtURI.contains("+tls://")
        ? ["/etc/pki/CA/cacert.pem"] + ["server", "client"].map { "\(libvirtFolder)/\($0)cert.pem" } : [])
    secretFiles =
      [try settings.text(.brokerPasswordFile), try settings.text(.brokerTLSKeyFile)].compactMap(\.self)
      + (nbdCredentials.map { folder in ["server-key", "client-key"].map { "\(folder)/\($0).pem" } } ?? [])
    logFormat = .logfmt
    if let text = try settings.text(.logFormat) {
      guard let format = LogFormat(rawValue: text) else {
        throw settings.wrong(.logFormat, "\(text) is not one of \(LogFormat.allCases.map(\.rawValue).joined(separator: ", "))")
      }
      logFormat = format
    }
    logLevel = .info
    if let text = try settings.text(.logLevel) {
      guard let level = Logger.Level(rawValue: text) else {
        throw settings.wrong(.logLevel, "\(text) is not one of \(Logger.Level.allCases.map(\.rawValue).joined(separator: ", "))")
      }
      logLevel = level
    }
  }

  private static func bandwidth(_ settings: SettingsReader) throws -> BandwidthPacer.Schedules {
    var schedules = BandwidthPacer.Schedules(host: try schedule(settings.list(.bandwidthOutgoing) ?? [], .bandwidthOutgoing, settings))
    var links: [NodeName: [String]] = [:]
    for entry in try settings.list(.bandwidthLinks) ?? [] {
      let words = entry.split(separator: " ", maxSplits: 1).map(String.init)
      guard words.count == 2, let peer = NodeName(words[0]) else {
        throw settings.wrong(.bandwidthLinks, "`\(entry)` is not a host and its budget, such as `kvm2 100 MiB/s 06:00-22:00`")
      }
      links[peer, default: []].append(words[1])
    }
    for (peer, entries) in links { schedules.links[peer] = try schedule(entries, .bandwidthLinks, settings) }
    return schedules
  }

  private static func schedule(_ entries: [String], _ setting: Setting, _ settings: SettingsReader) throws -> BandwidthSchedule {
    do throws(BandwidthSchedule.Malformed) {
      return try BandwidthSchedule(parsing: entries)
    } catch {
      throw settings.wrong(setting, error.message)
    }
  }

  /// Looks for the files that templates need for TLS, on both sides, before the first guest finds that one lacks.
  private static func requireCredentials(in folder: String, _ settings: SettingsReader) throws {
    guard folder.hasPrefix("/") else { throw settings.wrong(.nbdCredentials, "\(folder) is not an absolute path") }
    for name in ["ca-cert.pem", "server-cert.pem", "server-key.pem", "client-cert.pem", "client-key.pem"]
    where access("\(folder)/\(name)", R_OK) != 0 {
      throw settings.wrong(.nbdCredentials, "\(folder)/\(name) cannot be read: \(String(cString: strerror(errno)))")
    }
  }

  private static func name(_ setting: Setting, _ settings: SettingsReader, default text: String?) throws -> NodeName? {
    guard let given = try settings.text(setting) else { return text.flatMap(NodeName.init) }
    guard let name = NodeName(given) else { throw settings.wrong(setting, "\(given) is not a name: use 1 to 63 of a-z, 0-9 and -") }
    return name
  }

  // MARK: - The broker

  private static func broker(_ settings: SettingsReader, connectionName: String) throws -> AMQPConfiguration {
    let isTLS = try settings.truth(.brokerTLSEnabled) ?? false
    var broker = AMQPConfiguration()
    broker.connectionName = connectionName
    broker.maximumBodySize = Wire.maximumMessageSize
    broker.addresses = try (settings.list(.brokerAddresses) ?? ["localhost"]).map { text in
      guard let address = address(text, defaultPort: isTLS ? 5671 : 5672) else {
        throw settings.wrong(.brokerAddresses, "\(text) is not an address: use HOST, HOST:PORT or [IPv6]:PORT")
      }
      return address
    }
    if broker.addresses.isEmpty { throw settings.wrong(.brokerAddresses, "the list is empty: name at least one broker") }
    broker.virtualHost = try settings.text(.brokerVirtualHost) ?? "/"
    try setCredentials(of: &broker, settings)
    broker.heartbeat = .milliseconds(try settings.duration(.brokerHeartbeat, in: 1000...600_000) ?? 10_000)
    if isTLS {
      broker.tls = AMQPConfiguration.TLS(
        caFile: try settings.text(.brokerTLSCAFile), certificateFile: try settings.text(.brokerTLSCertificateFile),
        keyFile: try settings.text(.brokerTLSKeyFile), serverName: try settings.text(.brokerTLSServerName),
        verifiesServer: try settings.truth(.brokerTLSVerify) ?? true)
    }
    if broker.authentication == .certificate, broker.tls?.certificateFile == nil || broker.tls?.keyFile == nil {
      throw settings.wrong(
        .brokerAuthentication, "a certificate needs broker.tls.enabled, broker.tls.certificateFile and broker.tls.keyFile")
    }
    return broker
  }

  private static func setCredentials(of broker: inout AMQPConfiguration, _ settings: SettingsReader) throws {
    let user = try settings.text(.brokerUsername)
    let password = try password(settings)
    switch try settings.text(.brokerAuthentication) ?? "password" {
    case "password":
      broker.user = user ?? "guest"
      broker.password = password ?? "guest"
    case "certificate":
      guard let user else {
        throw settings.wrong(
          .brokerAuthentication, "a certificate needs broker.username too: the name that the broker takes from the certificate")
      }
      guard password == nil else {
        throw settings.wrong(.brokerAuthentication, "with a certificate there is no password: take broker.password and passwordFile away")
      }
      broker.authentication = .certificate
      broker.user = user
      broker.password = ""
    case let other: throw settings.wrong(.brokerAuthentication, "\(other) is neither password nor certificate")
    }
  }

  private static func password(_ settings: SettingsReader) throws -> String? {
    let given = try settings.text(.brokerPassword)
    guard let file = try settings.text(.brokerPasswordFile) else { return given }
    guard given == nil else { throw settings.wrong(.brokerPasswordFile, "broker.password is given as well: keep one of them") }
    guard let bytes = FileManager.default.contents(atPath: file) else {
      throw settings.wrong(.brokerPasswordFile, "the file \(file) is missing or cannot be read")
    }
    let text = String(decoding: bytes, as: UTF8.self)
    return String(text.prefix { !$0.isNewline })
  }

  private static func listenAddress(_ settings: SettingsReader) throws -> ListenAddress? {
    guard let text = try settings.text(.metricsListen), text != "off" else { return nil }
    guard let address = address(text, defaultPort: 9477) else {
      throw settings.wrong(.metricsListen, "\(text) is not an address: use HOST:PORT or [IPv6]:PORT, such as 127.0.0.1:9477, or off")
    }
    return ListenAddress(host: address.host, port: address.port, place: settings.place(of: .metricsListen))
  }

  private static func address(_ text: String, defaultPort: UInt16) -> AMQPConfiguration.Address? {
    var host = text[...]
    var rest = text[...]
    if text.first == "[" {
      guard let end = text.firstIndex(of: "]") else { return nil }
      host = text[text.index(after: text.startIndex)..<end]
      rest = text[text.index(after: end)...]
    } else if let colon = text.firstIndex(of: ":") {
      host = text[..<colon]
      rest = text[colon...]
    } else {
      rest = ""
    }
    guard !host.isEmpty else { return nil }
    if rest.isEmpty { return AMQPConfiguration.Address(host: String(host), port: defaultPort) }
    guard rest.first == ":", let port = UInt16(rest.dropFirst()), port > 0 else { return nil }
    return AMQPConfiguration.Address(host: String(host), port: port)
  }

  private static func hostname() -> String {
    var buffer = [CChar](repeating: 0, count: 256)
    gethostname(&buffer, buffer.count - 1)
    return String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }
}
