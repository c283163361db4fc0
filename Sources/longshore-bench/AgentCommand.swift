internal import ArgumentParser
internal import LongshoreAgent
internal import LongshoreMessages
internal import LongshoreTestKit
internal import MigrationCore

/// An agent whose transfers are made up: they begin, tell of their progress every second, and never end.
struct AgentCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "agent", abstract: "Runs an agent whose work on guests is made up: its transfers begin, and never end.")

  @Option(name: .customLong("set"), help: ArgumentHelp("A setting of the configuration file.", valueName: "key=value"))
  var settings: [String] = []

  func run() async throws {
    try await MeasuredAgent.run(
      settings: settings, standIn: StandIn(source: EndlessSource.init, destination: ReadyDestination()))
  }
}

/// Reads every guest as the same one, and transfers it for ever.
private struct EndlessSource: SourceEffectRunner {
  let post: StandIn.Post

  func run(
    _ effect: SourceEffect, of migration: SourceMigration, report: @escaping @Sendable (SourceEvent) async -> Void
  ) async {
    switch effect {
    case .inspect:
      var inspection = MigrationSamples.inspection
      inspection.plan = EndlessGuest.plan(of: migration.guest)
      await report(.inspected(inspection))
    case .startTransfer, .followTransfer: await transfer(migration)
    default: await waitForCancellation()
    }
  }

  private func transfer(_ migration: SourceMigration) async {
    let began = ContinuousClock.now
    for step in 1... {
      guard (try? await Task.sleep(for: .seconds(1))) != nil else { return }
      let done = UInt64(step) << 20
      await post(
        Progress(
          phase: .transferring, guest: migration.guest,
          disks: EndlessGuest.targets.map {
            Progress.Disk(target: $0, bytes: Progress.Amount(done: done, remaining: 1 << 40, total: done + 1 << 40))
          },
          rateBps: 2 << 20, elapsedSeconds: (ContinuousClock.now - began) / .seconds(1)),
        migration.id)
    }
  }
}

/// Prepares everything at once.
private struct ReadyDestination: DestinationEffectRunner {
  func run(
    _ effect: DestinationEffect, of migration: DestinationMigration, report: @escaping @Sendable (DestinationEvent) async -> Void
  ) async {
    switch effect {
    case .check: await report(.checked([MigrationSamples.passedCheck]))
    case .makeStubs:
      await report(
        .stubsMade(
          EndlessGuest.targets.map {
            PreparedDisk(target: $0, chain: [PreparedDisk.Layer(path: "/pool/\(migration.id)-\($0)", format: .qcow2)])
          }, view: nil))
    case .removeFiles: await report(.filesRemoved)
    default: await waitForCancellation()
    }
  }
}

/// A guest of two disks without a template.
private enum EndlessGuest {
  static let targets = [MigrationSamples.name("vda"), MigrationSamples.name("vdb")]

  static func plan(of guest: GuestReference) -> MigrationPlan {
    var plan = MigrationSamples.plan
    plan.guest.uuid = guest.uuid
    plan.layers = []
    plan.disks = targets.map { target in
      var disk = plan.disks[0]
      disk.target = target
      disk.backing = nil
      disk.volume = MigrationSamples.name("\(guest.name)-\(target).qcow2")
      return disk
    }
    return plan
  }
}

private func waitForCancellation() async { while (try? await Task.sleep(for: .seconds(3600))) != nil {} }
