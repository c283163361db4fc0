import LongshoreMessages
import LongshoreTestKit
import MigrationCore
import Testing

/// Every state that the destination machine can reach by any events in any order, with the rules checked at every step.
@Suite struct DestinationWalkTests {
  /// What tells two states apart: all but the counters.
  struct Key: Hashable {
    var phase: DestinationMigration.Phase
    var layers: [Int: String]
    var disks: Int
    var isConfirmed: Bool
    var isRead: Bool
    var isArrived: Bool

    init(_ migration: DestinationMigration) {
      phase = migration.phase
      layers = migration.layerPaths
      disks = migration.disks.count
      isConfirmed = migration.confirmation != nil
      isRead = migration.reading != nil
      isArrived = migration.isArrived == true
    }
  }

  private static let reason = Reason(.operationFailed, "it failed")

  private static let events: [DestinationEvent] =
    [
      .admitted, .waits(QueueSamples.waiting(at: MigrationSamples.destination)), .placed(QueuePlace(priority: .lowest)),
      .checked([MigrationSamples.passedCheck]), .checked([MigrationSamples.passedCheck, MigrationSamples.refusedCheck]),
      .layerProvided(0, path: "/mnt/slow/debian.qcow2", copied: 1), .layerProvided(7, path: "/mnt/slow/other", copied: 1),
      .layerFailed(0, reason), .layerFailed(7, reason), .stubsMade(MigrationSamples.preparedDisks), .stubsFailed(reason),
      .postChecked(MigrationSamples.confirmation, []), .postChecked(nil, [reason]), .filesRemoved, .filesKept,
      .tookOver(MigrationSamples.confirmation), .tookOver(nil), .copyEnded, .copyKept, .viewRead(ViewReading(MigrationSamples.contents)),
      .viewRead(ViewReading(failure: reason)), .ownerNamed(.source, reason), .ownerNamed(.destination, reason),
    ]
    + [.prepare(MigrationSamples.plan), .confirm, .compare, .release, .rollback(reason), .disown(reason), .yield, .assign, .released].map(
      DestinationEvent.peer)

  @Test func everyStepOfEveryReachableStateKeepsTheRules() async throws {
    var walk = StateWalk<Key>()
    var violations: Set<String> = []
    var phases: Set<String> = []
    let tombstone = DestinationMigration.tombstone(
      id: MigrationSamples.id, source: MigrationSamples.source, endpoint: MigrationSamples.endpoint, at: MigrationSamples.now())
    for start in [MigrationSamples.prepare().0, tombstone.0] {
      try await walk.run(from: start, key: Key.init) { migration in
        phases.insert(migration.phase.word)
        let stored = try MessageCoding.decode(DestinationMigration.self, from: MessageCoding.encode(migration))
        #expect(stored == migration)
        return Self.events.map { event in
          let step = DestinationStep(event, to: migration, at: MigrationSamples.now())
          violations.formUnion(step.violations)
          return step.after
        }
      }
    }
    #expect(violations.sorted() == [])
    #expect(phases.count == 18, "every phase is reached")
  }
}
