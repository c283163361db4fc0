import FoundationEssentials
import LongshoreTestKit
import Testing

@testable import LongshoreSimulation

/// Recorded schedules, in `Histories/*.txt`: the smallest ones found in which a broken rule violates its invariant, and in which the
/// product does not.
///
/// To record what is missing, run `LONGSHORE_RECORD_HISTORIES=1 swift test --filter GoldenScheduleTests`. A schedule of a mended
/// violation is a file of its own: what `contrib/simulate` printed of it.
@Suite("Recorded schedules")
struct GoldenScheduleTests {
  private static let folder = Repository.path("Tests/LongshoreSimulationTests/Histories")

  private static let files: [String] =
    ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []).filter { $0.hasSuffix(".txt") }.sorted()

  @Test("Nothing that must never happen happens in them", arguments: files)
  func replay(file: String) throws {
    let schedule = try #require(RecordedSchedule(text: try Repository.text("Tests/LongshoreSimulationTests/Histories/\(file)")))
    let run = Simulation(schedule.setup, schedule.actions)
    #expect(run.outcome.violation == nil)
  }

  @Test("Each broken rule has one that catches it", arguments: Mutant.all)
  func mutant(_ mutant: Mutant) throws {
    let name = "\(mutant.invariant)-\(mutant.name.filter { $0 != "'" }.replacing(" ", with: "-"))"
    if !Self.files.contains("\(name).txt"), ProcessInfo.processInfo.environment["LONGSHORE_RECORD_HISTORIES"] == "1" {
      try record(mutant, as: name)
    }
    let text = try Repository.text("Tests/LongshoreSimulationTests/Histories/\(name).txt")
    let schedule = try #require(RecordedSchedule(text: text))
    let run = Simulation(schedule.setup, schedule.actions, seams: mutant.seams())
    #expect(run.outcome.violation?.invariant == mutant.invariant)
  }

  private func record(_ mutant: Mutant, as name: String) throws {
    let seams = mutant.seams()
    let run = try #require(
      (UInt64(0)..<10_000).lazy.map { Simulation(seed: $0, seams: seams) }.first { run in
        run.outcome.violation?.invariant == mutant.invariant && Simulation(run.setup, run.actions).outcome.violation == nil
      })
    let smallest = RecordedSchedule(run.setup, run.actions).shrunk(mutant.invariant, seams: seams)
    let what = Simulation(smallest.setup, smallest.actions, seams: seams).outcome.violation?.message ?? ""
    let text = "# \(mutant.invariant), where \(mutant.name): \(what)\n" + smallest.text
    try text.write(toFile: "\(Self.folder)/\(name).txt", atomically: true, encoding: .utf8)
  }
}
