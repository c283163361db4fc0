import LongshoreMessages
import LongshoreTestKit
import MigrationCore
import Testing

/// A destination machine under a history, with everything that it said.
struct DestinationRun {
  private(set) var migration = MigrationSamples.prepare().0
  private(set) var told: [PeerMessage.Body] = []

  /// Takes an event and checks the rules.
  @discardableResult
  mutating func take(_ event: DestinationEvent) -> [DestinationEffect] {
    let step = DestinationStep(event, to: migration, at: MigrationSamples.now())
    #expect(step.violations == [])
    migration = step.after
    for case .tell(let body) in step.effects { told.append(body) }
    return step.effects
  }
}

@Suite struct DestinationHistoryTests {
  @Test(arguments: DestinationHistory.all)
  func comesToItsEnd(history: DestinationHistory) {
    var run = DestinationRun()
    for event in history.events { run.take(event) }
    #expect(run.migration.phase.word == history.phase)
    #expect(run.told.map(\.typeName).joined(separator: " ") == history.told)
    #expect(run.migration.outstanding.map(\.word).joined(separator: ", ") == history.outstanding)
  }

  @Test(arguments: DestinationHistory.all)
  func everyEventTwiceIsTheSameMigration(history: DestinationHistory) {
    var run = DestinationRun()
    for event in history.events {
      run.take(event)
      let once = run.migration
      run.take(event)
      #expect(run.migration == once, "\(event)")
    }
    #expect(run.migration.phase.word == history.phase)
  }

  @Test(arguments: DestinationHistory.all)
  func aMigrationReadBackAtEveryStepIsTheSame(history: DestinationHistory) throws {
    var run = DestinationRun()
    var restarted = run.migration
    for event in history.events {
      let effects = run.take(event)
      restarted = try MessageCoding.decode(from: MessageCoding.encode(restarted))
      let stored = try MessageCoding.decode(DestinationEvent.self, from: MessageCoding.encode(event))
      let step = DestinationStep(stored, to: restarted, at: MigrationSamples.now())
      #expect(step.effects == effects)
      restarted = step.after
    }
    #expect(restarted == run.migration)
  }

  private static let sights: [GuestSight] = [
    .absent, .inactive("shut off (crashed)"), .active(.running, job: .none), .active(.pausedByUser, job: .none),
    .active(.pausedForMigration, job: .migration), .active(.postcopy("running (post-copy)"), job: .none),
    .active(.other("paused (I/O error)"), job: .none),
  ]

  private static func refusals(_ migration: DestinationMigration, toName owner: Owner) -> [Reason.Code?] {
    sights.map { migration.refusal(toName: owner, seeing: Observation(source: .silent, destination: $0))?.code }
  }

  /// Without this the guest's newest data would be removed with the operator's word.
  @Test func theSourceCannotBeNamedWhereTheGuestMayHaveRun() {
    for (arrivesPaused, refusal) in [(true, nil), (nil, Reason.Code.contradicted)] {
      var plan = MigrationSamples.plan
      plan.arrivesPaused = arrivesPaused
      var migration = MigrationSamples.prepare(plan).0
      for event in DestinationHistory.toPrepared { _ = migration.apply(event, at: MigrationSamples.now()) }
      #expect(
        Self.refusals(migration, toName: .source) == [
          nil, .contradicted, .contradicted, refusal, nil, .contradicted, .contradicted,
        ])
    }
    var run = DestinationRun()
    for event in DestinationHistory.toPrepared { run.take(event) }
    let gone = run.migration.refusal(toName: .source, seeing: Observation(source: .absent, destination: .absent))
    #expect(gone?.code == .contradicted)
    for event in [DestinationEvent.confirm, .notAsPlanned] { run.take(event) }
    #expect(run.migration.phase == .prepared)
    #expect(Self.refusals(run.migration, toName: .source).allSatisfy { $0 == .contradicted })
    run.take(.confirm)
    #expect(Self.refusals(run.migration, toName: .source).allSatisfy { $0 == .contradicted })
    run.take(.asPlanned)
    #expect(Self.refusals(run.migration, toName: .source).allSatisfy { $0 == .contradicted })
  }

  /// A guest that has ended here can be kept; one that is not here, or on its way, cannot.
  @Test func theDestinationCanBeNamedWhereTheGuestIsOrWas() {
    var run = DestinationRun()
    for event in DestinationHistory.toPrepared { run.take(event) }
    #expect(Self.refusals(run.migration, toName: .destination) == [.contradicted, nil, nil, nil, .contradicted, nil, nil])
    for event in [DestinationEvent.confirm, .asPlanned] { run.take(event) }
    #expect(Self.refusals(run.migration, toName: .destination) == [.contradicted, nil, nil, nil, .contradicted, nil, nil])
  }

  /// Two hosts would run it.
  @Test func theDestinationCannotBeNamedWhereTheGuestIsSeenToRunAtTheSource() {
    var run = DestinationRun()
    for event in DestinationHistory.toPrepared { run.take(event) }
    let sights: [GuestSight] = [.runs, .runsAgain, .migrates, .held, .paused, .off, .absent, .silent]
    let refusals = sights.map { run.migration.refusal(toName: .destination, seeing: Observation(source: $0, destination: .paused))?.code }
    #expect(refusals == [.contradicted, .contradicted, .contradicted, nil, nil, nil, nil, nil])
  }

  @Test func aTransientGuestThatIsNotHereMayHaveRunHere() {
    var plan = MigrationSamples.plan
    plan.guest.persistent = false
    var migration = MigrationSamples.prepare(plan).0
    for event in DestinationHistory.toPrepared { _ = migration.apply(event, at: MigrationSamples.now()) }
    let observation = Observation(source: .silent, destination: .absent)
    #expect(migration.refusal(toName: .source, seeing: observation)?.code == .contradicted)
    #expect(migration.refusal(toName: .destination, seeing: observation) == nil)
  }

  @Test func theFirstPrepareIsAnsweredWithProgress() {
    let (migration, effects) = MigrationSamples.prepare()
    #expect(effects == [.tell(.preparing(PreparationProgress(templateBytesDone: 0, templateBytesTotal: 300 << 20)))])
    #expect(migration.revision == 1)
    #expect(migration.outstanding == [.awaitAdmission])
  }

  @Test func preparedNamesTheDisksTheChecksAndWhatWasCopied() {
    var run = DestinationRun()
    for event in DestinationHistory.toPrepared { run.take(event) }
    #expect(run.told == [.prepared(MigrationSamples.preparation, checks: [MigrationSamples.passedCheck])])
  }

  @Test func aTombstoneRefusesALatePrepareAndStaysRolledBack() {
    let (tombstone, effects) = DestinationMigration.tombstone(
      id: MigrationSamples.id, source: MigrationSamples.source, endpoint: MigrationSamples.endpoint, at: MigrationSamples.now())
    #expect(effects == [.tell(.rolledBack)])
    #expect(tombstone.isTerminal)
    let prepare = DestinationStep(.prepare, to: tombstone, at: MigrationSamples.now())
    #expect(prepare.effects.map(\.word) == ["tell prepare-failed"])
    #expect(prepare.after == tombstone)
    let rollback = DestinationStep(.rollback, to: tombstone, at: MigrationSamples.now())
    #expect(rollback.effects == [.tell(.rolledBack)])
    #expect(rollback.after == tombstone)
  }

  @Test func aPlanWithoutLayersGoesStraightToTheStubs() {
    var plan = MigrationSamples.plan
    plan.layers = []
    var (migration, _) = DestinationMigration.prepare(
      id: MigrationSamples.id, source: MigrationSamples.source, plan: plan, endpoint: MigrationSamples.endpoint,
      at: MigrationSamples.now())
    for event in [DestinationEvent.admitted, .allPassed] {
      migration = DestinationStep(event, to: migration, at: MigrationSamples.now()).after
    }
    #expect(migration.outstanding == [.makeStubs])
  }

  @Test func layersAreProvidedFromTheLowestUp() {
    var plan = MigrationSamples.plan
    let middle = TemplateLayer(
      id: 1, pool: MigrationSamples.name("slow"), volume: MigrationSamples.name("debian-patched.qcow2"), format: .qcow2,
      fileSize: 1 << 20, virtualSize: 8 << 30, backing: 0)
    plan.layers.append(middle)
    var (migration, _) = DestinationMigration.prepare(
      id: MigrationSamples.id, source: MigrationSamples.source, plan: plan, endpoint: MigrationSamples.endpoint,
      at: MigrationSamples.now())
    for event in [DestinationEvent.admitted, .allPassed, .template] {
      migration = DestinationStep(event, to: migration, at: MigrationSamples.now()).after
    }
    #expect(migration.outstanding == [.provideLayer(1)])
    let done = DestinationStep(
      .layerProvided(1, path: "/mnt/slow/debian-patched.qcow2", copied: 0), to: migration, at: MigrationSamples.now())
    #expect(done.after.outstanding == [.makeStubs])
    #expect(done.after.templateBytes == 300 << 20)
  }
}
