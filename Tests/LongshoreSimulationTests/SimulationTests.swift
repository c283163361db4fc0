import LongshoreTestKit
import Testing

@testable import LongshoreSimulation

/// The product's decisions over a simulated world with faults. `contrib/simulate` runs as many seeds as one likes.
@Suite("The simulation")
struct SimulationTests {
  /// What seeds came to.
  private struct Ends: Sendable {
    var migrations: Set<String> = []
    var drains: Set<String> = []
    var violations: [String] = []

    mutating func add(_ seed: UInt64) {
      let outcome = Simulation(seed: seed).outcome
      migrations.formUnion(outcome.migrations.keys)
      drains.formUnion(outcome.drains.keys)
      if let violation = outcome.violation {
        violations.append("seed \(seed), \(violation.invariant): \(violation.message). contrib/simulate --seed \(seed) shows its history")
      }
    }
  }

  @Test("No invariant is violated", arguments: 0..<10)
  func seeds(part: Int) async {
    let ends = await computing {
      (UInt64(part) * 100..<UInt64(part + 1) * 100).reduce(into: Ends()) { $0.add($1) }
    }
    #expect(ends.violations == [])
    #expect(ends.migrations.isSuperset(of: ["completed", "failed", "cancelled"]))
    #expect(ends.drains.isSuperset(of: ["completed", "incomplete", "guest moved", "guest failed"]))
    #expect(!ends.migrations.isDisjoint(with: ["waited at the source", "waited at the destination"]))
  }

  @Test("A seed is the same history each time, and its schedule alone makes it again")
  func determinism() async throws {
    for seed in UInt64(0)..<20 {
      await Task.yield()
      let first = Simulation(seed: seed, isRecorded: true)
      #expect(Simulation(seed: seed, isRecorded: true).history == first.history)
      let text = RecordedSchedule(first.setup, first.actions).text
      let read = try #require(RecordedSchedule(text: text))
      #expect(read.text == text)
      let second = Simulation(read.setup, read.actions)
      #expect(second.outcome.migrations == first.outcome.migrations)
      #expect(second.outcome.drains == first.outcome.drains)
      #expect(second.actions == first.actions)
    }
  }

  @Test("A broken rule is caught", arguments: Mutant.all.filter { !$0.isRare })
  func mutant(_ mutant: Mutant) async throws {
    // What it came to with the rule as it is; nil where nothing was noticed.
    let control: Simulation.Outcome? = await computing {
      (UInt64(0)..<1500).lazy.map { Simulation(seed: $0, seams: mutant.seams()) }
        .first { $0.outcome.violation?.invariant == mutant.invariant }
        .map { Simulation($0.setup, $0.actions).outcome }
    }
    #expect(try #require(control, "nothing noticed that \(mutant.name)").violation == nil, "the rule alone makes the difference")
  }

  @Test("Every invariant has a broken rule")
  func everyInvariant() {
    #expect(Set(Mutant.all.map(\.invariant)) == ["I1", "I2", "I3", "I4", "I5", "I6", "I7", "I8", "drain", "limit"])
  }

  @Test("A schedule that violates an invariant is made smaller, and still does")
  func shrinking() throws {
    let mutant = try #require(Mutant.all.first { $0.invariant == "I6" })
    let run = try #require(
      (UInt64(0)..<500).lazy.map { Simulation(seed: $0, seams: mutant.seams()) }.first { $0.outcome.violation?.invariant == "I6" })
    let smallest = RecordedSchedule(run.setup, run.actions).shrunk("I6", seams: mutant.seams())
    #expect(smallest.actions.count < run.actions.count)
    #expect(Simulation(smallest.setup, smallest.actions, seams: mutant.seams()).outcome.violation?.invariant == "I6")
  }
}
