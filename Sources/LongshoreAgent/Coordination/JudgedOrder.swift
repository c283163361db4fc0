internal import LongshoreMessages
internal import MigrationCore
internal import MigrationJournal

/// An order to migrate, or what was meant for one, after everything was looked up but the host's migrations.
struct JudgedOrder: Sendable {
  /// What is needed to begin a migration.
  struct Content: Sendable {
    var command: MigrateCommand
    var guest: GuestReference
    /// The pools that the guest's disks are in, as far as they are known before it is inspected.
    var sourcePools: [ResourceName]?
    var destination: HostAddress
    var deadlineSeconds: Int64
    var patience: Patience
    /// The trace that the order belongs to; nil where it is in none.
    var trace: TraceContext?
  }

  /// Why an order is refused.
  struct Refusal: Error {
    var reasons: [Reason]
  }

  /// What tells whether it was accepted before; nil for what is refused whether it was or not.
  var key: RequestKey?
  /// The order, or why it is refused where it is new.
  var content: Result<Content, Refusal>
  /// The message that tells who sent it what became of it; nil where nobody is to be told.
  var answer: @Sendable (HostMigrations.Acceptance) -> OutboxMessage?

  /// The step that begins the migration among others.
  func begin(in migrations: HostMigrations, at now: Now) -> Result<HostStep, Refusal> {
    content.flatMap { content in
      guard let key else { return .failure(Refusal(reasons: [])) }
      do throws(Rejected) {
        return .success(
          try migrations.accept(
            key, order: content.command, guest: content.guest, sourcePools: content.sourcePools, destination: content.destination,
            deadlineSeconds: content.deadlineSeconds, patience: content.patience, trace: content.trace, at: now))
      } catch {
        return .failure(Refusal(reasons: [error.reason]))
      }
    }
  }

  /// The same order, refused.
  func refused(_ reasons: [Reason]) -> Self {
    JudgedOrder(key: nil, content: .failure(Refusal(reasons: reasons)), answer: answer)
  }
}
