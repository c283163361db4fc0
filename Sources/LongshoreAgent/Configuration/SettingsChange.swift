internal import AMQP
internal import LongshoreMessages
internal import MigrationCore

/// What becomes of a configuration that was read anew while the agent runs.
struct SettingsChange: Sendable, Equatable {
  /// The settings that have another value and count from now on.
  var applied: [Setting]
  /// The settings that have another value and need a restart; until then they stay as they were.
  var needRestart: [Setting]

  /// Compares what holds with what was read.
  init(from old: AgentConfiguration, to new: AgentConfiguration) {
    let changed = Setting.allCases.filter { !$0.isSame(in: old, new) }
    applied = changed.filter(\.countsAtOnce)
    needRestart = changed.filter { !$0.countsAtOnce }
  }

  /// Whether nothing is different.
  var isEmpty: Bool { applied.isEmpty && needRestart.isEmpty }
}

extension Setting {
  /// Whether a new value counts while the agent runs. The others have been given to connections, sockets, files and the journal.
  var countsAtOnce: Bool {
    switch self {
    case .hostUUID, .migrationAllowedAddresses, .migrationDeadline, .migrationGrace, .migrationAnswerTimeout, .migrationAttentionAfter,
      .incomingAllowed, .incomingOvercommitMemory, .requestsUsers, .peersUser, .poolsAllowed, .limitsOutgoing, .limitsIncoming,
      .limitsPair, .limitsPool, .limitsTemplatesOutgoing, .limitsTemplatesIncoming, .bandwidthOutgoing, .bandwidthIncoming,
      .bandwidthLinks, .logLevel:
      true
    case .cluster, .host, .brokerAddresses, .brokerVirtualHost, .brokerAuthentication, .brokerUsername, .brokerPassword,
      .brokerPasswordFile, .brokerHeartbeat,
      .brokerTLSEnabled, .brokerTLSCAFile, .brokerTLSCertificateFile, .brokerTLSKeyFile, .brokerTLSServerName, .brokerTLSVerify,
      .libvirtURI, .libvirtReachableAs, .migrationAddress, .migrationTLSName, .nbdAddress, .nbdFirstPort, .nbdLastPort, .nbdCredentials,
      .journalPath, .runDirectory, .metricsListen, .logFormat:
      false
    }
  }

  /// Whether two configurations have the same value of the setting, given or by default.
  fileprivate func isSame(in old: AgentConfiguration, _ new: AgentConfiguration) -> Bool {
    func same<Value: Equatable>(_ value: (AgentConfiguration) -> Value) -> Bool { value(old) == value(new) }
    return switch self {
    case .cluster: same(\.host.cluster)
    case .host: same(\.host.host)
    case .hostUUID: same(\.hostUUID)
    case .brokerAddresses: same(\.broker.addresses)
    case .brokerVirtualHost: same(\.broker.virtualHost)
    case .brokerAuthentication: same(\.broker.authentication)
    case .brokerUsername: same(\.broker.user)
    case .brokerPassword: same(\.broker.password)
    // What counts is what is in the file, which is the password.
    case .brokerPasswordFile: true
    case .brokerHeartbeat: same(\.broker.heartbeat)
    case .brokerTLSEnabled: same { $0.broker.tls == nil }
    case .brokerTLSCAFile: same(\.broker.tls?.caFile)
    case .brokerTLSCertificateFile: same(\.broker.tls?.certificateFile)
    case .brokerTLSKeyFile: same(\.broker.tls?.keyFile)
    case .brokerTLSServerName: same(\.broker.tls?.serverName)
    case .brokerTLSVerify: same(\.broker.tls?.verifiesServer)
    case .libvirtURI: same(\.libvirtURI)
    case .libvirtReachableAs: same(\.endpoint.libvirtURI)
    case .migrationAddress: same(\.endpoint.migrationAddress)
    case .migrationTLSName: same(\.endpoint.tlsName)
    case .migrationAllowedAddresses: same(\.allowedAddresses)
    case .migrationDeadline: same(\.deadlineSeconds)
    case .migrationGrace: same(\.graceSeconds)
    case .migrationAnswerTimeout: same(\.answerTimeout)
    case .migrationAttentionAfter: same(\.attentionAfter)
    case .nbdAddress: same(\.nbdAddress)
    case .nbdFirstPort: same(\.nbdPorts.lowerBound)
    case .nbdLastPort: same(\.nbdPorts.upperBound)
    case .nbdCredentials: same(\.nbdCredentials)
    case .incomingAllowed: same(\.takesGuests)
    case .incomingOvercommitMemory: same(\.overcommitsMemory)
    case .requestsUsers: same(\.orderingUsers)
    case .peersUser: same(\.peerUser?.pattern)
    case .poolsAllowed: same(\.allowedPools)
    case .limitsOutgoing: same(\.limits.outgoing)
    case .limitsIncoming: same(\.limits.incoming)
    case .limitsPair: same(\.limits.pair)
    case .limitsPool: same(\.limits.pool)
    case .limitsTemplatesOutgoing: same(\.templateCopies.outgoing)
    case .limitsTemplatesIncoming: same(\.templateCopies.incoming)
    case .bandwidthOutgoing: same(\.bandwidth.host)
    case .bandwidthIncoming: same(\.incomingBandwidth)
    case .bandwidthLinks: same(\.bandwidth.links)
    case .journalPath: same(\.journalPath)
    case .runDirectory: same(\.runDirectory)
    case .metricsListen: same(\.metricsListen?.description)
    case .logLevel: same(\.logLevel)
    case .logFormat: same(\.logFormat)
    }
  }
}

extension AgentConfiguration {
  /// This configuration with what of another one counts at once.
  func adopting(_ new: AgentConfiguration) -> AgentConfiguration {
    var adopted = self
    adopted.hostUUID = new.hostUUID
    adopted.allowedAddresses = new.allowedAddresses
    adopted.deadlineSeconds = new.deadlineSeconds
    adopted.graceSeconds = new.graceSeconds
    adopted.answerTimeout = new.answerTimeout
    adopted.attentionAfter = new.attentionAfter
    adopted.takesGuests = new.takesGuests
    adopted.overcommitsMemory = new.overcommitsMemory
    adopted.orderingUsers = new.orderingUsers
    adopted.peerUser = new.peerUser
    adopted.allowedPools = new.allowedPools
    adopted.limits = new.limits
    adopted.templateCopies = new.templateCopies
    adopted.bandwidth = new.bandwidth
    adopted.incomingBandwidth = new.incomingBandwidth
    adopted.logLevel = new.logLevel
    return adopted
  }
}
