import LongshoreMessages
import LongshoreTestKit
import MigrationCore

@testable import LongshoreAgent

/// What happened to an effect.
enum EffectNote<Effect: Sendable & Equatable>: Sendable, Equatable {
  case began(Effect)
  /// It has come to rest: done, or cancelled.
  case ended(Effect)
}

/// Does effects by a script, and notes when each began and came to rest.
struct ScriptedSource: SourceEffectRunner {
  /// The event that an effect reports; nil for an effect that goes on until it is cancelled.
  typealias Script = @Sendable (SourceEffect, SourceMigration) async -> SourceEvent?

  let notes = Recorder<EffectNote<SourceEffect>>()
  let script: Script
  /// Called when a result was taken.
  let onReport: @Sendable () -> Void

  func run(
    _ effect: SourceEffect, of migration: SourceMigration, report: @escaping @Sendable (SourceEvent) async -> Void
  ) async {
    notes.record(.began(effect))
    // Who carries a transfer out takes the view at its switch.
    if effect.key == .followTransfer, migration.takesView { await report(.viewTaken(failure: nil)) }
    if let event = await script(effect, migration) {
      await report(event)
      onReport()
    } else {
      await waitForCancellation()
    }
    notes.record(.ended(effect))
  }
}

/// Does effects by a script. See ``ScriptedSource``.
struct ScriptedDestination: DestinationEffectRunner {
  typealias Script = @Sendable (DestinationEffect, DestinationMigration) async -> DestinationEvent?

  let notes = Recorder<EffectNote<DestinationEffect>>()
  let script: Script

  func run(
    _ effect: DestinationEffect, of migration: DestinationMigration, report: @escaping @Sendable (DestinationEvent) async -> Void
  ) async {
    notes.record(.began(effect))
    if let event = await script(effect, migration) { await report(event) } else { await waitForCancellation() }
    notes.record(.ended(effect))
  }
}

/// Notes what is sent, then does with it what the script says.
struct ScriptedPeers: PeerLink {
  struct Sent: Sendable, Equatable {
    var body: PeerMessage.Body
    var migration: MigrationID
    var host: HostAddress
  }

  let sent = Recorder<Sent>()
  let script: @Sendable (Sent) async throws -> Void

  func send(_ body: PeerMessage.Body, of migration: MigrationID, to host: HostAddress) async throws {
    let message = Sent(body: body, migration: migration, host: host)
    sent.record(message)
    try await script(message)
  }

  /// Returns when a message of this type was sent so many times.
  func wait(for type: String, count: Int = 1) async {
    await sent.wait { sent in sent.count { $0.body.typeName == type } >= count }
  }
}

/// Scripts of a world in which everything succeeds, to be changed where a test needs it.
enum Success {
  static let source: ScriptedSource.Script = { effect, _ in
    switch effect {
    case .inspect: .inspected(MigrationSamples.inspection)
    case .startTransfer, .followTransfer: .transferEnded(error: nil, MigrationSamples.totals)
    case .observe(let step): .observed(atDestination, step: step)
    case .settle(let settlement, _): .settled(settlement, failure: nil)
    case .restoreSource: .sourceRestored
    case .readSource: .sourceRead(MigrationSamples.contents)
    case .retireSource: .sourceRetired
    default: nil
    }
  }

  static let destination: ScriptedDestination.Script = { effect, migration in
    switch effect {
    case .check: .checked([MigrationSamples.passedCheck])
    case .provideLayer(let id): .layerProvided(id, path: "/mnt/slow/debian.qcow2", copied: 300 << 20)
    case .makeStubs: .stubsMade(MigrationSamples.preparedDisks, view: migration.plan?.verify == true ? MigrationSamples.view : nil)
    case .readView: .viewRead(ViewReading(MigrationSamples.contents))
    case .postCheck: .postChecked(MigrationSamples.confirmation, [])
    case .takeOver: .tookOver(MigrationSamples.confirmation)
    case .endCopy: .copyEnded
    case .removeFiles: .filesRemoved
    case .keepFiles: .filesKept
    case .tell, .awaitAdmission, .endView: nil
    }
  }

  /// The guest has moved.
  static let atDestination = Observation(source: .inactive("shut off"), destination: .active(.running, job: .none))
  /// The guest has stayed.
  static let atSource = Observation(source: .active(.running, job: .none), destination: .absent)

  /// The events of a migration that succeeds.
  static let kinds: [MigrationEventData.Kind] = [
    .accepted, .preparing, .prepared, .transferring, .switching, .confirming, .completed,
  ]
}
