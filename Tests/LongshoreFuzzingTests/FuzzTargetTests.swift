import LongshoreFuzzing
import LongshoreTestKit
import Testing

@Suite("Rubbish from outside")
struct FuzzTargetTests {
  /// The inputs of each reader in one run of the tests; `contrib/fuzz` tries millions.
  private static let inputs = 2000

  @Test(
    "Every seed is read, so that the mutations begin behind the first check, or refused, as its name says", arguments: FuzzTarget.allCases)
  func seeds(_ target: FuzzTarget) async throws {
    let seeds = try Seed.of(target)
    #expect(!seeds.isEmpty)
    for seed in seeds {
      #expect(await target.outcome(of: seed.bytes) == (seed.isRefused ? .refused : .read), "\(seed.name)")
    }
  }

  @Test("Nothing that is nearly right crashes a reader or is read in two ways", arguments: FuzzTarget.allCases)
  func mutations(_ target: FuzzTarget) async throws {
    var mutator = StructuralMutator(seeds: try Seed.of(target).map(\.bytes), number: 1)
    var outcomes = (read: 0, refused: 0)
    for index in 0..<Self.inputs {
      let input = mutator.next()
      switch await target.outcome(of: input) {
      case .read: outcomes.read += 1
      case .refused: outcomes.refused += 1
      case .violation(let what): Issue.record("input \(index): \(what): \(String(decoding: input.prefix(2000), as: UTF8.self))")
      }
    }
    // Mutations that a reader always takes, or never, would test nothing.
    #expect(outcomes.read > 0 && outcomes.refused > 0, "\(outcomes)")
  }

  @Test("The same number gives the same inputs, another gives others")
  func determinism() throws {
    let seeds = try Seed.of(.request).map(\.bytes)
    func inputs(_ number: UInt64) -> [[UInt8]] {
      var mutator = StructuralMutator(seeds: seeds, number: number)
      return (0..<100).map { _ in mutator.next() }
    }
    #expect(inputs(7) == inputs(7))
    #expect(inputs(7) != inputs(8))
    #expect(Set(inputs(7)).count > 90)
  }
}
