/// A message from one agent to another about one migration, or to all of a cluster. All are idempotent, and repeated until answered.
public struct PeerMessage: Sendable, Hashable {
  /// What is said.
  public enum Body: Sendable, Hashable {
    // From the source to the destination.

    /// Check the plan and answer with the table, create nothing. Answer: `checked`.
    case check(MigrationPlan)
    /// Check, and prepare templates and stubs. Answers: `preparing`, then `prepared` or `refused` or `prepareFailed`.
    case prepare(MigrationPlan)
    /// The guest has switched: make the post-checks. Answers: `confirmed` or `confirmFailed`.
    case confirm
    /// The source is done with the guest: end the migration and unlock the guest. Answer: `released`.
    case release
    /// Remove what was prepared, and refuse every later `prepare` of this migration. Answer: `rolledBack`, or `released` where the
    /// operator has named the destination there.
    case rollback(Reason)
    /// By the operator's word the guest is at the source: end a copy of it here, then do as for `rollback`.
    case disown(Reason)
    /// The guest runs at both hosts: leave it to the source which of them goes on. Answer: `yielded`, or `released` where the operator has
    /// named the destination there.
    case yield
    /// By the operator's word the guest is at the destination: let it go on here and end the migration. Answer: `released`.
    case assign
    /// Tell what the disks held at the switch. Answers: `comparing`, at once, and `compared`.
    case compare
    /// The answer to `offerLayer`.
    case layerOffered(LayerOffer)
    /// The answer to `tryPath`.
    case pathTried(PathAnswer)
    /// The answer to `describe-template`.
    case templateDescribed(TemplateDescription)

    // From the destination to the source.

    /// All checks of a dry run, and what an estimate needs; nil from agents that know of none, or where a check refuses.
    case checked([Check], facts: DestinationFacts? = nil)
    /// The preparation goes on.
    case preparing(PreparationProgress)
    /// Templates and stubs are in place.
    case prepared(Preparation, checks: [Check])
    /// A check refused the migration; nothing was created.
    case refused([Check])
    /// The preparation failed, and what it had made is removed.
    case prepareFailed(Reason)
    /// The guest runs at the destination, on its disks, as planned.
    case confirmed(Confirmation)
    /// The guest is not at the destination as planned; nothing was changed.
    case confirmFailed([Reason])
    /// The disks are being read.
    case comparing
    /// What the disks held at the switch, or why that is not known.
    case compared(ViewReading)
    /// The operator has not named the copy there: the source decides which of two that run goes on.
    case yielded
    /// The guest is unlocked. Unasked where the operator has named the destination there.
    case released
    /// Nothing of this migration is left at the destination. Unasked where the operator has named the source there.
    case rolledBack
    /// Tell the digest of a layer, and where `export` is set serve its bytes over NBD. Answer: `layerOffered`.
    case offerLayer(Int, export: Bool)
    /// Try whether the path to the destination is open, from libvirt to the ports. Sent only where the plan says that the source
    /// does (``MigrationPlan/sourceTriesPath``). Answer: `pathTried`.
    case tryPath(PathQuestion)
    /// Tell of what a template consists, and answer `offer-layer` for it from then on. Repeated for as long as the template is copied: a
    /// host that does not hear it for some minutes serves it no longer. Answer: `templateDescribed`.
    case describeTemplate(PrefetchOrder)
    /// The template is in place, or not wanted any more: serve it no longer.
    case templateDone
    /// Send no more than so many bytes a second of this migration; nil for as many as you like. Sent only where the plan says that the
    /// source heeds it (``MigrationPlan/heedsBandwidth``), and again when it changes. There is no answer.
    case limitBandwidth(UInt64?)

    // From a host that is drained to others, and back.

    /// Tell what you can take of my guests. The field `migration` has the drain's id. Answer: `offered`.
    case askOffer
    /// The answer to `askOffer`.
    case offered(HostOffer)

    // From a host that is diagnosed to another one.

    /// Check the way from me to you, apart from any guest. The field `migration` has the id of the question. Answers: `tryPath`, then
    /// `checked`.
    case checkWay(HostVersions?)
  }

  /// A layer's digest and the place of its bytes.
  public struct LayerOffer: Sendable, Hashable, Codable {
    /// The layer, by its id in the plan.
    public var layer: Int
    /// What the layer has to be; nil while the source still computes it.
    public var digest: LayerDigest?
    /// The NBD URI of the layer's bytes; nil where none were asked for.
    public var uri: String?
    /// Why the layer cannot be offered; nil where it can.
    public var failure: Reason?
    /// Why its bytes are not served yet, where the destination has to ask again: as many templates as may be copied out of the host
    /// are being copied. Nil where they are, where none were asked for, and from agents that know no such limit.
    public var waiting: Waiting?

    /// An offer.
    public init(layer: Int, digest: LayerDigest?, uri: String?, failure: Reason? = nil, waiting: Waiting? = nil) {
      self.layer = layer
      self.digest = digest
      self.uri = uri
      self.failure = failure
      self.waiting = waiting
    }
  }

  /// The migration.
  public var migration: MigrationID
  /// Who says it.
  public var from: HostAddress
  /// To whom; nil for all hosts of the sender's cluster.
  public var to: HostAddress?
  /// The id of the sender's journal, which is new when the journal was made anew.
  public var journal: String
  /// What is said.
  public var body: Body
  /// Where it belongs in a trace; nil where it is in none. It is not in the message's JSON, but in its header fields.
  public var trace: TraceContext?

  /// A message.
  public init(
    migration: MigrationID, from: HostAddress, to: HostAddress?, journal: String, body: Body, trace: TraceContext? = nil
  ) {
    self.trace = trace
    self.migration = migration
    self.from = from
    self.to = to
    self.journal = journal
    self.body = body
  }
}

/// How far a preparation is.
public struct PreparationProgress: Sendable, Hashable, Codable {
  /// Bytes of templates copied so far.
  public var templateBytesDone: UInt64
  /// Bytes of templates to copy in all.
  public var templateBytesTotal: UInt64
  /// What the migration waits for at the destination, or its template at either host; nil while it is worked on, and from agents that
  /// do not say it.
  public var waiting: Waiting?

  /// A preparation's progress.
  public init(templateBytesDone: UInt64, templateBytesTotal: UInt64, waiting: Waiting? = nil) {
    self.templateBytesDone = templateBytesDone
    self.templateBytesTotal = templateBytesTotal
    self.waiting = waiting
  }
}

extension PeerMessage: Codable {
  private enum Keys: String, CodingKey {
    case schema, migration, from, to, journal
  }

  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: Keys.self)
    migration = try container.decode(MigrationID.self, forKey: .migration)
    from = try container.decode(HostAddress.self, forKey: .from)
    to = try container.decodeIfPresent(HostAddress.self, forKey: .to)
    journal = try container.decode(String.self, forKey: .journal)
    body = try Body(from: decoder)
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: Keys.self)
    try container.encode(Wire.schema, forKey: .schema)
    try container.encode(migration, forKey: .migration)
    try container.encode(from, forKey: .from)
    try container.encodeIfPresent(to, forKey: .to)
    try container.encode(journal, forKey: .journal)
    try body.encode(to: encoder)
  }
}

extension PeerMessage.Body: Codable {
  private enum Keys: String, CodingKey {
    case type, plan, preparation, checks, reason, reasons, progress, confirmation, layer, export, offer, facts, path, answer, order,
      description, reading, bandwidthBps, hostOffer, versions
  }

  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: Keys.self)
    let type = try container.decode(String.self, forKey: .type)
    switch type {
    case "check": self = .check(try container.decode(MigrationPlan.self, forKey: .plan))
    case "prepare": self = .prepare(try container.decode(MigrationPlan.self, forKey: .plan))
    case "confirm": self = .confirm
    case "release": self = .release
    case "rollback": self = .rollback(try container.decode(Reason.self, forKey: .reason))
    case "disown": self = .disown(try container.decode(Reason.self, forKey: .reason))
    case "yield": self = .yield
    case "yielded": self = .yielded
    case "assign": self = .assign
    case "compare": self = .compare
    case "comparing": self = .comparing
    case "compared": self = .compared(try container.decode(ViewReading.self, forKey: .reading))
    case "layer-offered": self = .layerOffered(try container.decode(PeerMessage.LayerOffer.self, forKey: .offer))
    case "path-tried": self = .pathTried(try container.decode(PathAnswer.self, forKey: .answer))
    case "checked":
      self = .checked(
        try container.decode([Check].self, forKey: .checks),
        facts: try container.decodeIfPresent(DestinationFacts.self, forKey: .facts))
    case "describe-template": self = .describeTemplate(try container.decode(PrefetchOrder.self, forKey: .order))
    case "template-described": self = .templateDescribed(try container.decode(TemplateDescription.self, forKey: .description))
    case "template-done": self = .templateDone
    case "limit-bandwidth": self = .limitBandwidth(try container.decodeIfPresent(UInt64.self, forKey: .bandwidthBps))
    case "try-path": self = .tryPath(try container.decode(PathQuestion.self, forKey: .path))
    case "preparing": self = .preparing(try container.decode(PreparationProgress.self, forKey: .progress))
    case "prepared":
      self = .prepared(
        try container.decode(Preparation.self, forKey: .preparation),
        checks: try container.decode([Check].self, forKey: .checks))
    case "refused": self = .refused(try container.decode([Check].self, forKey: .checks))
    case "prepare-failed": self = .prepareFailed(try container.decode(Reason.self, forKey: .reason))
    case "confirmed": self = .confirmed(try container.decode(Confirmation.self, forKey: .confirmation))
    case "confirm-failed": self = .confirmFailed(try container.decode([Reason].self, forKey: .reasons))
    case "released": self = .released
    case "rolled-back": self = .rolledBack
    case "offer-layer":
      self = .offerLayer(
        try container.decode(Int.self, forKey: .layer), export: try container.decode(Bool.self, forKey: .export))
    case "ask-offer": self = .askOffer
    case "offered": self = .offered(try container.decode(HostOffer.self, forKey: .hostOffer))
    case "check-way": self = .checkWay(try container.decodeIfPresent(HostVersions.self, forKey: .versions))
    default: throw UnknownMessageType(type: type)
    }
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: Keys.self)
    try container.encode(typeName, forKey: .type)
    switch self {
    case .check(let plan), .prepare(let plan): try container.encode(plan, forKey: .plan)
    case .rollback(let reason), .disown(let reason), .prepareFailed(let reason): try container.encode(reason, forKey: .reason)
    case .layerOffered(let offer): try container.encode(offer, forKey: .offer)
    case .pathTried(let answer): try container.encode(answer, forKey: .answer)
    case .tryPath(let question): try container.encode(question, forKey: .path)
    case .describeTemplate(let order): try container.encode(order, forKey: .order)
    case .templateDescribed(let description): try container.encode(description, forKey: .description)
    case .checked(let checks, let facts):
      try container.encode(checks, forKey: .checks)
      try container.encodeIfPresent(facts, forKey: .facts)
    case .refused(let checks): try container.encode(checks, forKey: .checks)
    case .preparing(let progress): try container.encode(progress, forKey: .progress)
    case .prepared(let preparation, let checks):
      try container.encode(preparation, forKey: .preparation)
      try container.encode(checks, forKey: .checks)
    case .confirmed(let confirmation): try container.encode(confirmation, forKey: .confirmation)
    case .confirmFailed(let reasons): try container.encode(reasons, forKey: .reasons)
    case .offerLayer(let layer, let export):
      try container.encode(layer, forKey: .layer)
      try container.encode(export, forKey: .export)
    case .limitBandwidth(let rate): try container.encodeIfPresent(rate, forKey: .bandwidthBps)
    case .compared(let reading): try container.encode(reading, forKey: .reading)
    case .confirm, .release, .yield, .yielded, .assign, .compare, .comparing, .released, .rolledBack, .templateDone, .askOffer: break
    case .offered(let offer): try container.encode(offer, forKey: .hostOffer)
    case .checkWay(let versions): try container.encodeIfPresent(versions, forKey: .versions)
    }
  }
}

extension PeerMessage.Body {
  /// The types of what a source says where it does not wait for the answer, since it has ended the migration: nobody says it again.
  public static let typesSaidOnce: Set<String> = ["rollback", "disown", "assign"]

  /// The value of the field `type`.
  public var typeName: String {
    switch self {
    case .check: "check"
    case .prepare: "prepare"
    case .confirm: "confirm"
    case .release: "release"
    case .rollback: "rollback"
    case .disown: "disown"
    case .yield: "yield"
    case .yielded: "yielded"
    case .assign: "assign"
    case .compare: "compare"
    case .comparing: "comparing"
    case .compared: "compared"
    case .layerOffered: "layer-offered"
    case .checked: "checked"
    case .preparing: "preparing"
    case .prepared: "prepared"
    case .refused: "refused"
    case .prepareFailed: "prepare-failed"
    case .confirmed: "confirmed"
    case .confirmFailed: "confirm-failed"
    case .released: "released"
    case .rolledBack: "rolled-back"
    case .offerLayer: "offer-layer"
    case .pathTried: "path-tried"
    case .tryPath: "try-path"
    case .describeTemplate: "describe-template"
    case .templateDescribed: "template-described"
    case .templateDone: "template-done"
    case .limitBandwidth: "limit-bandwidth"
    case .askOffer: "ask-offer"
    case .offered: "offered"
    case .checkWay: "check-way"
    }
  }
}
