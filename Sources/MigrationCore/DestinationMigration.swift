public import LongshoreMessages

/// What can happen to a migration at its destination.
public enum DestinationEvent: Sendable, Hashable, Codable {
  /// The source said something.
  case peer(PeerMessage.Body)
  /// It is this migration's turn.
  case admitted
  /// It is not this migration's turn yet.
  case waits(Waiting)
  /// The operator has given it another place among those that wait.
  case placed(QueuePlace)
  /// All checks were made.
  case checked([Check])
  /// A layer is in place at this path; so many bytes of it had to be copied.
  case layerProvided(Int, path: String, copied: UInt64)
  /// A layer could not be put in place.
  case layerFailed(Int, Reason)
  /// The stubs are in place, and what a view of the disks is begun with, where the plan asks for one.
  case stubsMade([PreparedDisk], view: PreparedView? = nil)
  /// The stubs could not be made.
  case stubsFailed(Reason)
  /// The post-checks were made: the guest is there as planned, or not, for these reasons.
  case postChecked(Confirmation?, [Reason])
  /// The view of the disks was read, or could not be.
  case viewRead(ViewReading)
  /// The guest goes on here, by the operator's word; nil where it is not as planned.
  case tookOver(Confirmation?)
  /// No copy of the guest has a process here any more.
  case copyEnded
  /// The copy of the guest, which was to be ended and removed by the operator's word, was left as it is: it runs, or may have run. Or the
  /// guest was to go on here, and the copy stands still as it did, since the source has it.
  case copyKept
  /// The operator names the owner of a guest whose source is away.
  case ownerNamed(Owner, Reason)
  /// Nothing of what this migration registered is left here.
  case filesRemoved
  /// The registered files are forgotten.
  case filesKept
}

/// What a migration's destination machine wants done.
public enum DestinationEffect: Sendable, Hashable, Codable {
  /// Say something to the source, once. Durable: done in the transaction that stores the machine.
  case tell(PeerMessage.Body)

  /// Apply `admitted` when it is this migration's turn.
  case awaitAdmission
  /// Make all checks of the plan.
  case check
  /// Put a layer in place: adopt the one that is there, or copy and verify it.
  case provideLayer(Int)
  /// Make the stubs anew.
  case makeStubs
  /// Read back from libvirt whether the guest is here as planned.
  case postCheck(step: Int)
  /// Read the view of the disks that libvirt's backup job serves; apply `viewRead`.
  case readView
  /// End the view of the disks, where there is one.
  case endView
  /// Let the guest go on here, look at it, apply `tookOver`. Where it stands still, and the source's libvirt shows that it goes on there
  /// (``DestinationMigration/refusalToGoOn(seeing:)``), apply `copyKept` instead.
  case takeOver
  /// End the guest's process here, whose disks stay; apply `copyEnded`. Where only a copy may be ended that has never run, it loses its
  /// definition too, and where it runs or may have run, apply `copyKept` instead.
  case endCopy(evenRunning: Bool)
  /// Remove every file that this migration registered, except published templates, and a leftover definition. Where the guest must not be
  /// here any more, and its definition is, apply `copyKept` instead.
  case removeFiles(evenDefined: Bool)
  /// Forget the registered files, which are the guest's from now on; then apply `filesKept`.
  case keepFiles

  /// Whether the effect belongs into the transaction that stores the machine.
  public var isDurable: Bool {
    if case .tell = self { true } else { false }
  }
}

/// A migration as its destination host drives it: a value that takes events and says what is to be done.
///
/// ```
/// queued -> checking -> providingLayers -> makingStubs -> prepared <-> postChecking -> confirmed -> releasing -> released
///    |          |              |                |             |              |
///    |          +-> refused    |                |             |              |    ^-> comparing
///    +----------+--------------+----------------+-------------+--------------+-> removing -> rolledBack, failed
/// ```
///
/// Where the operator names the owner of a guest that the agents cannot settle: `takingOver -> releasing`, or `endingCopy -> removing`.
public struct DestinationMigration: Sendable, Hashable, Codable {
  /// Why what was made is removed.
  public enum Removal: Sendable, Hashable, Codable {
    /// The source asked for it.
    case rollback(Reason)
    /// The preparation failed.
    case failure(Reason)
    /// The operator named the source.
    case named(Reason)
  }

  /// The phases of a migration at its destination.
  public enum Phase: Sendable, Hashable, Codable {
    /// Waits for its turn. Can become: checking, removing.
    case queued
    /// The checks are made. Can become: providingLayers, refused, removing.
    case checking
    /// Layers are adopted or copied, one after the other. Can become: makingStubs, removing.
    case providingLayers
    /// Stubs are made. Can become: prepared, removing.
    case makingStubs
    /// Waits for the guest. Can become: postChecking, takingOver, endingCopy, removing.
    case prepared
    /// The guest is looked at. Can become: confirmed, prepared, takingOver, endingCopy, removing.
    case postChecking
    /// The guest is here as planned. Can become: comparing, releasing, endingCopy.
    case confirmed(Confirmation)
    /// The disks are read as they were at the switch. Can become: confirmed, releasing, endingCopy.
    case comparing(Confirmation)
    /// By the operator's word the guest goes on here. Can become: releasing; prepared where the source is seen to have it.
    case takingOver
    /// The guest is at the source, and a copy of it here is ended: by the operator's word here one that stands still, by their word at the
    /// source one that runs as well. Can become: prepared, removing.
    case endingCopy(Reason, evenRunning: Bool)
    /// The source is done; the files become the guest's. Can become: released.
    case releasing
    /// Files are removed. Can become: prepared, rolledBack, failed.
    case removing(Removal)
    /// Ended: the guest is here and free.
    case released
    /// Ended: a check refused, and nothing was made.
    case refused
    /// Ended: the preparation failed, and nothing is left.
    case failed(Reason)
    /// Ended: nothing is left, and a late `prepare` is refused.
    case rolledBack
  }

  /// The migration's id.
  public let id: MigrationID
  /// The source host.
  public let source: HostAddress
  /// The plan; nil for a migration that was rolled back before its `prepare` arrived.
  public let plan: MigrationPlan?
  /// When it came.
  public let acceptedAt: Now
  /// The trace that the source's order belongs to; nil where it is in none.
  public private(set) var trace: TraceContext?

  /// Where it stands.
  public private(set) var phase: Phase
  /// Counts the changes of the value: the journal refuses to store a revision that does not follow the stored one.
  public private(set) var revision = 1
  /// Counts the phases.
  public private(set) var step = 0
  /// The result of the checks.
  public private(set) var checks: [Check] = []
  /// The paths of the layers that are in place, by their ids.
  public private(set) var layerPaths: [Int: String] = [:]
  /// The bytes of layers that had to be copied.
  public private(set) var templateBytes: UInt64 = 0
  /// The disks that are in place.
  public private(set) var disks: [PreparedDisk] = []
  /// What a view of the disks is begun with; nil where none is asked for.
  public private(set) var view: PreparedView?
  /// What came of reading the view; nil until it was read.
  public private(set) var reading: ViewReading?
  /// Whether the source has asked for a confirmation, having found the guest here; nil for not.
  public private(set) var isArrived: Bool?
  /// What the post-checks saw of the guest here.
  public private(set) var confirmation: Confirmation?
  /// How the source reaches this host.
  public let endpoint: DestinationEndpoint
  /// The place among those that wait; nil where it is the one that the plan says.
  private var ownPlace: QueuePlace?
  /// For what it waits, as it was told last; nil while it is worked on.
  public private(set) var waiting: Waiting?
  /// How often the source was told that it waits; nil for not yet.
  private var toldWaits: Int?

  /// The place among those that wait.
  public var place: QueuePlace { ownPlace ?? plan?.queue ?? QueuePlace() }

  /// A migration that a first `prepare` brings.
  public static func prepare(
    id: MigrationID, source: HostAddress, plan: MigrationPlan, endpoint: DestinationEndpoint, place: QueuePlace? = nil,
    trace: TraceContext? = nil, at now: Now
  ) -> (DestinationMigration, [DestinationEffect]) {
    var migration = DestinationMigration(
      id: id, source: source, plan: plan, acceptedAt: now, phase: .queued, endpoint: endpoint)
    migration.trace = trace
    if let place, place != migration.place { migration.ownPlace = place }
    return (migration, [migration.progress])
  }

  /// The tombstone of a migration whose `rollback` came before its `prepare`.
  public static func tombstone(
    id: MigrationID, source: HostAddress, endpoint: DestinationEndpoint, at now: Now
  ) -> (DestinationMigration, [DestinationEffect]) {
    let migration = DestinationMigration(
      id: id, source: source, plan: nil, acceptedAt: now, phase: .rolledBack, endpoint: endpoint)
    return (migration, [.tell(.rolledBack)])
  }

  private init(
    id: MigrationID, source: HostAddress, plan: MigrationPlan?, acceptedAt: Now, phase: Phase,
    endpoint: DestinationEndpoint
  ) {
    self.id = id
    self.source = source
    self.plan = plan
    self.acceptedAt = acceptedAt
    self.phase = phase
    self.endpoint = endpoint
  }

  /// Takes an event and returns what is to be done once. Late and duplicate events change nothing; a question of the source that
  /// was answered before is answered again.
  public mutating func apply(_ event: DestinationEvent, at now: Now) -> [DestinationEffect] {
    let before = self
    let effects: [DestinationEffect] =
      switch event {
      case .peer(let body): heard(body)
      case .ownerNamed where isTerminal: []
      case .ownerNamed(.source, let reason): disown(reason)
      case .ownerNamed(.destination, _): heard(.assign)
      default: worked(event)
      }
    if self != before { revision = before.revision + 1 }
    return effects
  }

  /// What is to be done for as long as the phase lasts.
  public var outstanding: [DestinationEffect] {
    switch phase {
    case .queued: [.awaitAdmission]
    case .checking: [.check]
    case .providingLayers: nextLayer.map { [.provideLayer($0.id)] } ?? []
    case .makingStubs: [.makeStubs]
    case .postChecking: [.postCheck(step: step)]
    case .comparing: [.readView]
    case .confirmed where reading != nil: [.endView]
    case .takingOver: [.takeOver]
    case .endingCopy(_, let evenRunning): [.endCopy(evenRunning: evenRunning)]
    case .releasing: [.keepFiles]
    case .removing(.named): [.removeFiles(evenDefined: false)]
    case .removing: [.removeFiles(evenDefined: true)]
    case .prepared, .confirmed, .released, .refused, .failed, .rolledBack: []
    }
  }

  /// Whether the migration has ended here.
  public var isTerminal: Bool {
    switch phase {
    case .released, .refused, .failed, .rolledBack: true
    default: false
    }
  }

  /// Whether the guest must not be moved on or have files of its own prepared.
  public var locksGuest: Bool { !isTerminal }

  // MARK: - The operator's word

  /// Why the operator cannot name this owner while the guest's source is away; nil where it can.
  ///
  /// - Parameter observation: What both hosts' libvirts show of the guest. The source is away, but its libvirt may not be.
  public func refusal(toName owner: Owner, seeing observation: Observation) -> Reason? {
    switch (phase, owner) {
    case (.prepared, _), (.postChecking, _), (.confirmed, _), (.comparing, _), (.removing(.rollback), .source): break
    default: return Reason(.notNeeded, "the guest is not in question here: the migration is past that, or has not come to it")
    }
    switch (phase, owner) {
    // Its writes since the switch are here and nowhere else, also where it has ended meanwhile.
    case (.confirmed, .source), (.comparing, .source):
      return Reason(.contradicted, "this host, the destination, has confirmed the guest, so that its newest data is here")
    case (_, .source) where isArrived == true:
      return Reason(.contradicted, "the source has found the guest at this host, the destination, so that its newest data is here")
    default: break
    }
    switch (owner, observation.source) {
    case (.source, .absent): return Reason(.contradicted, "the libvirt of \(source.host) does not have the guest any more")
    case (.destination, let there): if let refusal = refusalToGoOn(seeing: there) { return refusal }
    default: break
    }
    switch (owner, observation.destination) {
    case (_, .unreachable(let why)):
      return Reason(.unavailable, "this host's libvirt does not answer, so that the guest cannot be seen: \(why)")
    case (.destination, .active(_, job: .migration)):
      return Reason(.contradicted, "this host's libvirt still has a migration job on the guest, which is on its way here")
    case (.source, .active(.running, _)), (.source, .active(.runningMigrationCanceled, _)):
      return Reason(.contradicted, "the guest runs at this host, the destination")
    case (.source, .active(.postcopy(let how), _)):
      return Reason(.contradicted, "the guest is \(how) at this host: in a post-copy migration its newest memory is here")
    // libvirt defines a guest just before it starts it here, and keeps no definition of a transient one. What stands still has run, unless
    // it was to arrive so.
    case (.source, .inactive), (.source, .active(.other, _)),
      (.source, .absent) where leavesNoDefinition,
      (.source, .active(.pausedByUser, _)) where plan?.arrivesPaused != true:
      guard phase == .prepared else { return nil }
      return Reason(
        .contradicted,
        "the guest may have run at this host, the destination, and its newest data may be here: name this host, which keeps its disks, or "
          + "start the source's agent, which can tell")
    case (.destination, .absent) where !leavesNoDefinition:
      return Reason(.contradicted, "the guest is not at this host, the destination")
    default: return nil
    }
  }

  /// Why the guest must not go on here by the operator's word; nil where nothing is seen against it. Looked at anew before it is resumed:
  /// between the word and that an agent may have been away for days.
  ///
  /// - Parameter there: What the source's libvirt shows of the guest.
  public func refusalToGoOn(seeing there: GuestSight) -> Reason? {
    switch there {
    case .active(_, job: .migration):
      Reason(.contradicted, "the libvirt of \(source.host) still has a migration job on the guest")
    case .active(.running, _), .active(.runningMigrationCanceled, _):
      Reason(.contradicted, "the guest runs at \(source.host), whose libvirt answers")
    default: nil
    }
  }

  /// Whether a guest that has ended leaves nothing behind in libvirt.
  private var leavesNoDefinition: Bool { plan?.guest.persistent == false }

  // MARK: - The source's words

  private mutating func heard(_ body: PeerMessage.Body) -> [DestinationEffect] {
    switch (body, phase) {
    case (.prepare, .queued), (.prepare, .checking), (.prepare, .providingLayers), (.prepare, .makingStubs):
      return [progress]
    case (.prepare, .prepared): return [prepared]
    case (.prepare, .refused): return [.tell(.refused(checks))]
    case (.prepare, .failed(let reason)): return [.tell(.prepareFailed(reason))]
    case (.prepare, .removing): return []
    case (.prepare, .rolledBack):
      return [.tell(.prepareFailed(Reason(.cancelled, "the migration was rolled back before it was prepared")))]
    case (.prepare, .postChecking), (.prepare, .confirmed), (.prepare, .comparing), (.prepare, .takingOver), (.prepare, .endingCopy),
      (.prepare, .releasing), (.prepare, .released):
      return []

    case (.confirm, .prepared):
      isArrived = true
      enter(.postChecking)
      return []
    case (.confirm, .confirmed(let confirmation)), (.confirm, .comparing(let confirmation)): return [.tell(.confirmed(confirmation))]
    case (.confirm, .releasing), (.confirm, .released): return [.tell(confirmation.map { .confirmed($0) } ?? Self.takenOverOtherwise)]
    case (.confirm, .postChecking), (.confirm, .takingOver), (.confirm, .endingCopy): return []
    case (.confirm, _):
      let reason = Reason(.postCheckFailed, "the destination has nothing prepared for this migration")
      return [.tell(.confirmFailed([reason]))]

    case (.compare, .confirmed(let confirmation)):
      if let reading { return [.tell(.compared(reading))] }
      enter(.comparing(confirmation))
      return [.tell(.comparing)]
    case (.compare, .comparing): return [.tell(.comparing)]
    case (.compare, .releasing): return []
    case (.compare, _): return [.tell(.compared(Self.nothingToCompare))]

    case (.release, .confirmed), (.release, .comparing):
      enter(.releasing)
      return []
    // Where nothing was made or nothing is left, nothing is locked either.
    case (.release, .released), (.release, .refused), (.release, .failed), (.release, .rolledBack): return [.tell(.released)]
    case (.release, _): return []

    case (.rollback, .rolledBack), (.rollback, .refused), (.rollback, .failed): return [.tell(.rolledBack)]
    case (.rollback, .confirmed), (.rollback, .comparing), (.rollback, .releasing): return []
    // The source does not know yet what the operator has said here.
    case (.rollback, .released), (.disown, .released): return [.tell(.released)]
    case (.rollback, .takingOver), (.rollback, .endingCopy), (.rollback, .removing(.rollback)): return []
    case (.rollback(let reason), _):
      enter(.removing(.rollback(reason)))
      return []

    case (.disown, .rolledBack), (.disown, .refused), (.disown, .failed): return [.tell(.rolledBack)]
    case (.disown, .takingOver), (.disown, .releasing): return []
    case (.disown(let reason), _): return endCopy(reason, evenRunning: true)

    case (.yield, .takingOver), (.yield, .releasing), (.yield, .endingCopy): return []
    case (.yield, .released): return [.tell(.released)]
    case (.yield, .rolledBack), (.yield, .refused), (.yield, .failed): return [.tell(.rolledBack)]
    case (.yield, _): return [.tell(.yielded)]

    case (.assign, .prepared), (.assign, .postChecking):
      enter(.takingOver)
      return []
    case (.assign, .confirmed), (.assign, .comparing):
      enter(.releasing)
      return []
    case (.assign, .released), (.assign, .refused), (.assign, .failed), (.assign, .rolledBack): return [.tell(.released)]
    case (.assign, _): return []

    default: return []
    }
  }

  private mutating func endCopy(_ reason: Reason, evenRunning: Bool) -> [DestinationEffect] {
    if case .endingCopy(_, let already) = phase, already || !evenRunning { return [] }
    enter(.endingCopy(reason, evenRunning: evenRunning))
    return []
  }

  /// Takes the operator's word that the guest is at the source: where that has said the same before, a copy that runs is ended too.
  private mutating func disown(_ reason: Reason) -> [DestinationEffect] {
    switch phase {
    case .prepared: endCopy(reason, evenRunning: false)
    case .removing(.rollback): endCopy(reason, evenRunning: true)
    default: []
    }
  }

  // MARK: - Events of the destination's own work

  private mutating func worked(_ event: DestinationEvent) -> [DestinationEffect] {
    switch (phase, event) {
    case (.queued, .admitted):
      let wasWaiting = waiting != nil
      waiting = nil
      enter(.checking)
      return wasWaiting ? [progress] : []
    case (.queued, .waits(let next)) where !next.isSame(as: waiting):
      waiting = next
      let told = toldWaits ?? 0
      guard told < Self.mostToldWaits else { return [] }
      toldWaits = told + 1
      return [progress]
    case (.queued, .placed(let place)):
      if place != self.place { ownPlace = place }
      return []
    case (.checking, .checked(let checks)):
      self.checks = checks
      if checks.contains(where: { $0.outcome == .refused }) {
        enter(.refused)
        return [.tell(.refused(checks))]
      }
      enter(nextLayer == nil ? .makingStubs : .providingLayers)
      return []
    case (.providingLayers, .layerProvided(let id, let path, let copied)) where id == nextLayer?.id:
      layerPaths[id] = path
      templateBytes += copied
      enter(nextLayer == nil ? .makingStubs : .providingLayers)
      return []
    case (.providingLayers, .layerFailed(let id, let reason)) where id == nextLayer?.id:
      enter(.removing(.failure(reason)))
      return []
    case (.makingStubs, .stubsMade(let disks, let view)):
      self.disks = disks
      self.view = view
      enter(.prepared)
      return [prepared]
    case (.makingStubs, .stubsFailed(let reason)):
      enter(.removing(.failure(reason)))
      return []
    case (.postChecking, .postChecked(let confirmation?, _)):
      self.confirmation = confirmation
      enter(.confirmed(confirmation))
      return [.tell(.confirmed(confirmation))]
    case (.postChecking, .postChecked(nil, let reasons)):
      enter(.prepared)
      return [.tell(.confirmFailed(reasons))]
    case (.comparing(let confirmation), .viewRead(let reading)):
      self.reading = reading
      enter(.confirmed(confirmation))
      return [.tell(.compared(reading))]
    case (.takingOver, .tookOver(let confirmation)):
      self.confirmation = confirmation
      enter(.releasing)
      return []
    case (.endingCopy(let reason, let evenRunning), .copyEnded):
      enter(.removing(evenRunning ? .rollback(reason) : .named(reason)))
      return []
    // The source's agent, or the operator, decides anew.
    case (.endingCopy(_, evenRunning: false), .copyKept), (.removing(.named), .copyKept), (.takingOver, .copyKept):
      enter(.prepared)
      return []
    case (.releasing, .filesKept):
      enter(.released)
      return [.tell(.released)]
    case (.removing(.rollback), .filesRemoved), (.removing(.named), .filesRemoved):
      enter(.rolledBack)
      return [.tell(.rolledBack)]
    case (.removing(.failure(let reason)), .filesRemoved):
      enter(.failed(reason))
      return [.tell(.prepareFailed(reason))]
    default: return []
    }
  }

  private mutating func enter(_ next: Phase) {
    phase = next
    waiting = nil
    step += 1
  }

  /// How often the source is told that the migration waits: limits that take turns in being reached are not told for ever.
  private static let mostToldWaits = 8

  /// The answer to a question for a guest that the operator named here, and that was not found as planned.
  private static let takenOverOtherwise = PeerMessage.Body.confirmFailed([
    Reason(.postCheckFailed, "the operator named the destination there as the guest's owner, and it was not found as planned")
  ])

  /// The answer to a question for what cannot be told.
  static let nothingToCompare = ViewReading(
    failure: Reason(.notVerified, "the destination has no guest of this migration, or knows nothing of it"))

  /// What is read where no view was prepared.
  public static let noView = ViewReading(failure: Reason(.notVerified, "no view of the disks was prepared"))

  /// The first layer of the plan that is not in place yet.
  private var nextLayer: TemplateLayer? { plan?.layers.first { layerPaths[$0.id] == nil } }

  private var prepared: DestinationEffect {
    .tell(
      .prepared(
        Preparation(disks: disks, endpoint: endpoint, templateBytes: templateBytes, view: view), checks: checks))
  }

  private var progress: DestinationEffect {
    let total = plan?.layers.reduce(0) { $0 + $1.fileSize } ?? 0
    return .tell(.preparing(PreparationProgress(templateBytesDone: templateBytes, templateBytesTotal: total, waiting: waiting)))
  }
}
