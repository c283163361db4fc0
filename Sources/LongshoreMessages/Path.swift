/// A port on which an agent listens for the time of a check, so that the other host can try whether it gets there.
public struct PathListener: Sendable, Hashable, Codable {
  /// The address, as the host wants to be reached.
  public var address: String
  /// The TCP port.
  public var port: UInt16
  /// What who connects has to say, and hears back: 32 characters that nobody else knows.
  public var token: String
  /// The first port of the range that it stands for.
  public var firstPort: UInt16
  /// The last port of it.
  public var lastPort: UInt16

  /// A port to be tried.
  public init(address: String, port: UInt16, token: String, firstPort: UInt16, lastPort: UInt16) {
    self.address = address
    self.port = port
    self.token = token
    self.firstPort = firstPort
    self.lastPort = lastPort
  }
}

/// What the destination asks the source to try before anything is made.
public struct PathQuestion: Sendable, Hashable, Codable {
  /// How the destination will be reached by the transfer.
  public var endpoint: DestinationEndpoint
  /// A port of the range that libvirt takes migrations on; nil where none of them could be listened on.
  public var listener: PathListener?
  /// Whether a template has to be copied, for which the destination must reach the source.
  public var needsTemplates: Bool
  /// Whether the link's speed is to be measured, which takes a second or two.
  public var measures: Bool
  /// What QEMU of the destination shows and wants to see; nil where disks and memory go without TLS, or the certificate cannot be read.
  public var tls: PathTLS?

  /// A question.
  public init(
    endpoint: DestinationEndpoint, listener: PathListener?, needsTemplates: Bool, measures: Bool, tls: PathTLS? = nil
  ) {
    self.endpoint = endpoint
    self.listener = listener
    self.needsTemplates = needsTemplates
    self.measures = measures
    self.tls = tls
  }
}

/// What QEMU of a destination shows to a source, and wants to see of it.
public struct PathTLS: Sendable, Hashable, Codable {
  /// The largest certificate file that agents tell each other of, in bytes.
  public static let maximumSize = 65_536

  /// Its certificate, and those between it and an authority: PEM.
  public var certificate: String
  /// Whether the source must show a certificate that QEMU of the destination trusts.
  public var verifiesClients: Bool

  /// What QEMU shows and wants to see.
  public init(certificate: String, verifiesClients: Bool) {
    self.certificate = certificate
    self.verifiesClients = verifiesClients
  }
}

/// What the source found when it tried the path to the destination.
public struct PathAnswer: Sendable, Hashable, Codable {
  /// Its checks.
  public var checks: [Check]
  /// A port of the range that templates are served on, for the destination to try; nil where none is needed or could be listened on.
  public var listener: PathListener?
  /// What the source received from the destination, in bytes a second; nil where it was not measured.
  public var fromDestinationBps: UInt64?
  /// The token of the question's listener, by which the answer to an earlier question, whose port is closed, is told apart; nil where it
  /// had none, or the source's agent does not say it.
  public var questionToken: String?
  /// The certificate that QEMU of the source shows, and those between it and an authority: PEM, empty where it has none; nil where the
  /// question was not about TLS, or the source's agent does not say it.
  public var certificate: String?

  /// An answer.
  public init(
    checks: [Check], listener: PathListener? = nil, fromDestinationBps: UInt64? = nil, questionToken: String? = nil,
    certificate: String? = nil
  ) {
    self.checks = checks
    self.listener = listener
    self.fromDestinationBps = fromDestinationBps
    self.questionToken = questionToken
    self.certificate = certificate
  }
}

/// What the destination knows that an estimate needs.
public struct DestinationFacts: Sendable, Hashable, Codable {
  /// A pool that the migration brings files into.
  public struct Pool: Sendable, Hashable, Codable {
    /// The pool.
    public var pool: ResourceName
    /// The size of its file system, in bytes.
    public var capacity: UInt64
    /// What is free there, in bytes.
    public var available: UInt64
    /// What the migration brings into its file system, in bytes; of all pools that are in it.
    public var coming: UInt64

    /// A pool.
    public init(pool: ResourceName, capacity: UInt64, available: UInt64, coming: UInt64) {
      self.pool = pool
      self.capacity = capacity
      self.available = available
      self.coming = coming
    }
  }

  /// The pools, in the order of the plan.
  public var pools: [Pool]
  /// The layers that are there already under their names, by their ids in the plan.
  public var presentLayers: [Int]
  /// Those of them that were not read since they last changed, so that they are when the migration compares them.
  public var unreadLayers: [Int]
  /// What the destination received from the source, in bytes a second; nil where it was not measured.
  public var toDestinationBps: UInt64?
  /// What the source received from the destination, in bytes a second; nil where it was not measured.
  public var fromDestinationBps: UInt64?
  /// What the destination's bandwidth budget lets come now, in bytes a second; nil where it limits nothing, and from agents that do not
  /// know of any.
  public var incomingBps: UInt64?

  /// Facts.
  public init(
    pools: [Pool], presentLayers: [Int], unreadLayers: [Int] = [], toDestinationBps: UInt64? = nil, fromDestinationBps: UInt64? = nil,
    incomingBps: UInt64? = nil
  ) {
    self.pools = pools
    self.presentLayers = presentLayers
    self.unreadLayers = unreadLayers
    self.toDestinationBps = toDestinationBps
    self.fromDestinationBps = fromDestinationBps
    self.incomingBps = incomingBps
  }
}
