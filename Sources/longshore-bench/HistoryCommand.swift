internal import ArgumentParser
internal import FoundationEssentials
internal import LongshoreMessages
internal import LongshoreTestKit
internal import MigrationCore
internal import MigrationJournal

/// Makes a journal of migrations that have ended.
struct HistoryCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "history", abstract: "Makes a journal with migrations that have ended, with all that happened to them.")

  @Option(help: "The journal's file, which is made.") var journal: String
  @Option(help: "How many migrations have ended.") var ended: Int
  @Option(help: "How long the last of them took place ago, in seconds; the first a second for each before it.") var ago: Int64 = 60

  func run() async throws {
    let journal = try Journal(path: journal)
    let today = Timestamp(milliseconds: Int64(Date().timeIntervalSince1970 * 1000))
    var steps: [JournalStep] = []
    for number in 0..<ended {
      steps += try Self.life(number, of: ended, ago: ago, from: today, journal: journal.id)
      if steps.count >= 1000 || number == ended - 1 {
        guard try journal.commit(steps) == .committed else { throw ValidationError("\(self.journal) is not empty") }
        try journal.removeFromOutbox(journal.outbox(limit: .max).map(\.row))
        steps = []
      }
    }
    try journal.close()
  }

  /// All steps of a migration that succeeds.
  private static func life(_ number: Int, of count: Int, ago: Int64, from today: Timestamp, journal: String) throws -> [JournalStep] {
    guard let id = MigrationID("ended-\(number)") else { throw ValidationError("no id") }
    let age = 1000 * (ago + Int64(count - number))
    let time = Now(wall: today.adding(milliseconds: -age), bootID: "boot", bootMilliseconds: 1 << 40 - age)
    let guest = GuestReference(uuid: "00000000-0000-4000-8000-\(String(number + (1 << 44), radix: 16).suffix(12))", name: "ended-\(number)")
    var host = HostMigrations(here: MigrationSamples.source, journal: journal, limits: HostMigrations.Limits(outgoing: 1, incoming: 1))
    var steps: [JournalStep] = []
    func take(_ step: HostStep?) throws {
      guard let step else { throw ValidationError("the migration does not go as it should") }
      host.adopt(step)
      steps.append(JournalStep(step, of: MigrationSamples.source))
    }
    try take(
      host.accept(
        RequestKey(id: id, digest: "digest"), order: MigrationSamples.order(), guest: guest, destination: MigrationSamples.destination,
        deadlineSeconds: MigrationSamples.deadlineSeconds, patience: Patience(), at: time))
    let away = Observation(source: .inactive("shut off"), destination: .active(.running, job: .none))
    for event: SourceEvent in [
      .admitted, .inspected(MigrationSamples.inspection),
      .peer(.prepared(MigrationSamples.preparation, checks: [MigrationSamples.passedCheck]), journal: MigrationSamples.destinationJournal),
      .transferEnded(error: nil, MigrationSamples.totals), .observed(away, step: 0),
      .peer(.confirmed(MigrationSamples.confirmation), journal: MigrationSamples.destinationJournal), .sourceRetired,
      .peer(.released, journal: MigrationSamples.destinationJournal),
    ] {
      var event = event
      if case .observed(let seen, _) = event, case .observe(let step)? = host.sources[id]?.outstanding(at: time).first(where: { $0.isLook })
      {
        event = .observed(seen, step: step)
      }
      try take(try host.step(of: event, for: id, at: time))
    }
    guard host.sources[id] == nil else { throw ValidationError("the migration does not end") }
    return steps
  }
}

extension SourceEffect {
  fileprivate var isLook: Bool { if case .observe = self { true } else { false } }
}
