/// The settings of an agent, by their keys in the configuration file.
///
/// The environment has them under `LONGSHORED_` with `_` between the parts (`broker.passwordFile` is
/// `LONGSHORED_BROKER_PASSWORD_FILE`), and `--set KEY=VALUE` on the command line. Flags go before the environment, and the
/// environment before the file.
enum Setting: String, CaseIterable, Sendable {
  case cluster
  case host
  case hostUUID = "hostUUID"
  case brokerAddresses = "broker.addresses"
  case brokerVirtualHost = "broker.virtualHost"
  case brokerAuthentication = "broker.authentication"
  case brokerUsername = "broker.username"
  case brokerPassword = "broker.password"
  case brokerPasswordFile = "broker.passwordFile"
  case brokerHeartbeat = "broker.heartbeat"
  case brokerTLSEnabled = "broker.tls.enabled"
  case brokerTLSCAFile = "broker.tls.caFile"
  case brokerTLSCertificateFile = "broker.tls.certificateFile"
  case brokerTLSKeyFile = "broker.tls.keyFile"
  case brokerTLSServerName = "broker.tls.serverName"
  case brokerTLSVerify = "broker.tls.verify"
  case libvirtURI = "libvirt.uri"
  case libvirtReachableAs = "libvirt.reachableAs"
  case migrationAddress = "migration.address"
  case migrationTLSName = "migration.tlsName"
  case migrationAllowedAddresses = "migration.allowedAddresses"
  case migrationDeadline = "migration.deadline"
  case migrationGrace = "migration.grace"
  case migrationAnswerTimeout = "migration.answerTimeout"
  case migrationAttentionAfter = "migration.attentionAfter"
  case nbdAddress = "nbd.address"
  case nbdFirstPort = "nbd.firstPort"
  case nbdLastPort = "nbd.lastPort"
  case nbdCredentials = "nbd.credentials"
  case incomingAllowed = "incoming.allowed"
  case incomingOvercommitMemory = "incoming.overcommitMemory"
  case requestsUsers = "requests.users"
  case peersUser = "peers.user"
  case poolsAllowed = "pools.allowed"
  case limitsOutgoing = "limits.outgoing"
  case limitsIncoming = "limits.incoming"
  case limitsPair = "limits.pair"
  case limitsPool = "limits.pool"
  case limitsTemplatesOutgoing = "limits.templatesOutgoing"
  case limitsTemplatesIncoming = "limits.templatesIncoming"
  case bandwidthOutgoing = "bandwidth.outgoing"
  case bandwidthIncoming = "bandwidth.incoming"
  case bandwidthLinks = "bandwidth.links"
  case journalPath = "journal.path"
  case runDirectory = "run.directory"
  case metricsListen = "metrics.listen"
  case logLevel = "log.level"
  case logFormat = "log.format"

  /// What a setting's value is.
  enum Kind: String {
    case text = "a text"
    case list = "a list of texts"
    case integer = "a whole number"
    case truth = "true or false"
    case duration = "a time such as 90s, 30m, 24h or 7d"
  }

  var kind: Kind {
    switch self {
    case .brokerAddresses, .migrationAllowedAddresses, .requestsUsers, .poolsAllowed, .bandwidthOutgoing, .bandwidthIncoming,
      .bandwidthLinks:
      .list
    case .nbdFirstPort, .nbdLastPort, .limitsOutgoing, .limitsIncoming, .limitsPair, .limitsPool, .limitsTemplatesOutgoing,
      .limitsTemplatesIncoming:
      .integer
    case .brokerTLSEnabled, .brokerTLSVerify, .incomingAllowed, .incomingOvercommitMemory: .truth
    case .brokerHeartbeat, .migrationDeadline, .migrationGrace, .migrationAnswerTimeout, .migrationAttentionAfter: .duration
    default: .text
    }
  }

  /// Whether the value must not be shown.
  var isSecret: Bool { self == .brokerPassword }

  /// The name in the environment.
  var environmentName: String {
    var name = "LONGSHORED_"
    for character in rawValue {
      if character == "." {
        name += "_"
      } else {
        if character.isUppercase, name.last?.isLowercase == true { name += "_" }
        name.append(character)
      }
    }
    return name.uppercased()
  }
}

/// A configuration that an agent cannot start with.
struct ConfigurationError: Error, CustomStringConvertible {
  /// Where the value stands: the file, the environment or the command line.
  var place: String
  /// The key; nil where the whole place is meant.
  var key: String?
  /// What is wrong, and what is allowed.
  var message: String

  var description: String { key.map { "\(place): \($0): \(message)" } ?? "\(place): \(message)" }
}
