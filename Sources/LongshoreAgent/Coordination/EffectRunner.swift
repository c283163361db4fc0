internal import LongshoreMessages
package import MigrationCore

/// Does a source machine's effects in the world.
///
/// A runner observes before it does anything, so that an effect that was begun before a crash can be run again. It reports what
/// came of the effect as events, and returns when there is nothing more to do or its task is cancelled. It does not run in the actor that
/// calls it: what blocks there would hold up all other migrations.
package protocol SourceEffectRunner: Sendable {
  @concurrent func run(
    _ effect: SourceEffect, of migration: SourceMigration, report: @escaping @Sendable (SourceEvent) async -> Void) async
}

/// Does a destination machine's effects in the world. See ``SourceEffectRunner``.
package protocol DestinationEffectRunner: Sendable {
  @concurrent func run(
    _ effect: DestinationEffect, of migration: DestinationMigration,
    report: @escaping @Sendable (DestinationEvent) async -> Void) async
}

/// Sends a message to another agent, now or never: who needs it to arrive asks again.
protocol PeerLink: Sendable {
  /// Returns when the broker has taken the message.
  ///
  /// - Throws: ``PeerUnknown`` where the broker has no queue of that host, and other errors where the broker is away.
  func send(_ body: PeerMessage.Body, of migration: MigrationID, to host: HostAddress) async throws
}

/// The broker has no queue of the host: no agent of that name ever joined.
struct PeerUnknown: Error {}

/// Waits that grow: 1, 2, 4 … seconds, up to 30.
struct BackOffSteps {
  private var next: Int64 = 1000

  /// The next wait, in milliseconds.
  mutating func step() -> Int64 {
    defer { next = min(next * 2, 30_000) }
    return next
  }
}
