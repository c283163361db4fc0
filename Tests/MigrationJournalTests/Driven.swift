import LongshoreMessages
import MigrationCore
import MigrationJournal

/// A migration at its source and the steps that its events make, as an agent would commit them: one outbox message for each numbered
/// event and each word to the destination.
struct DrivenSource {
  var migration: SourceMigration
  private let number: Int
  private var seconds: Int64 = 0

  /// Begins a migration of a guest and returns it with its first step.
  static func begin(_ number: Int, digest: String = "digest") throws -> (DrivenSource, JournalStep) {
    let (migration, effects) = SourceMigration.accept(
      id: try Sample.id(number),
      order: MigrateCommand(guest: try Sample.name("vm\(number)"), destination: .init(host: try Sample.host("beta").host)),
      guest: Sample.guest(number), source: try Sample.host("alpha"), destination: try Sample.host("beta"), deadlineSeconds: 3600,
      patience: Patience(), at: Sample.now())
    let driven = DrivenSource(migration: migration, number: number)
    var step = driven.step(of: effects, event: nil)
    step.request = RequestKey(id: migration.id, digest: digest)
    return (driven, step)
  }

  private init(migration: SourceMigration, number: Int) {
    self.migration = migration
    self.number = number
  }

  /// Applies an event and returns its step.
  mutating func apply(_ event: SourceEvent) throws -> JournalStep {
    seconds += 1
    let effects = try migration.apply(event, at: Sample.now(seconds))
    return step(of: effects, event: event)
  }

  private func step(of effects: [SourceEffect], event: SourceEvent?) -> JournalStep {
    var step = JournalStep(source: migration, sourceEvent: event, at: Sample.now(seconds))
    let emitted = effects.count { if case .emit = $0 { true } else { false } }
    var sequence = migration.sequence - emitted
    for effect in effects {
      switch effect {
      case .emit(let data):
        sequence += 1
        let event = MigrationEvent(
          migration: migration.id, host: migration.source, sequence: sequence, time: Sample.now(seconds).wall, data: data)
        step.events.append(event)
        step.outbox.append(Sample.message(event.id))
      case .tell: step.outbox.append(Sample.message("tell"))
      default: break
      }
    }
    return step
  }
}

/// A migration at its destination and the steps that its events make.
struct DrivenDestination {
  var migration: DestinationMigration
  private var seconds: Int64 = 0

  /// Begins a migration of a guest and returns it with its first step.
  static func begin(_ number: Int) throws -> (DrivenDestination, JournalStep) {
    let (migration, _) = DestinationMigration.prepare(
      id: try Sample.id(number), source: try Sample.host("alpha"), plan: try Sample.plan(number), endpoint: Sample.endpoint,
      at: Sample.now())
    return (DrivenDestination(migration: migration), JournalStep(destination: migration, at: Sample.now()))
  }

  private init(migration: DestinationMigration) { self.migration = migration }

  /// Applies an event and returns its step.
  mutating func apply(_ event: DestinationEvent) -> JournalStep {
    seconds += 1
    let effects = migration.apply(event, at: Sample.now(seconds))
    return JournalStep(
      destination: migration, destinationEvent: event, at: Sample.now(seconds),
      outbox: effects.filter(\.isDurable).map { _ in Sample.message("tell") })
  }
}
