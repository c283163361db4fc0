import FoundationEssentials
import Testing

/// Gives a suite a lab of its own, made when the suite begins, so that it runs beside the others. Who runs the tests removes it
/// (`contrib/lab/down`).
struct OwnLab: SuiteTrait, TestScoping {
  private static let agent = ProcessInfo.processInfo.environment["LONGSHORE_TEST_AGENT"]
  /// Whether one can be made.
  static var isUsable: Bool { Lab.isUsable && agent != nil }
  /// Why none can.
  static let missing: Comment =
    "needs root, LONGSHORE_TEST_LAB with a lab's name that those of the other labs begin with, and LONGSHORE_TEST_AGENT with the agent's path"

  /// What the lab's name ends with, and what `contrib/lab/up` is told besides.
  let suffix: String
  let options: [String]

  func provideScope(
    for test: Test, testCase: Test.Case?, performing function: @Sendable @concurrent () async throws -> Void
  ) async throws {
    guard let agent = Self.agent, let common = Lab.name else { return try await function() }
    let name = "\(common)-\(suffix)"
    try await Lab.script("up", ["--name", name, "--agent", agent] + options)
    try await Lab.$own.withValue(Lab.find(name)) { try await function() }
  }
}

extension Trait where Self == OwnLab {
  /// Gives the suite a lab of its own.
  ///
  /// - Parameters:
  ///   - suffix: A few letters: they end the lab's name.
  ///   - options: What `contrib/lab/up` is told besides the name and the agent.
  static func ownLab(_ suffix: String, _ options: String...) -> Self { Self(suffix: suffix, options: options) }
}
