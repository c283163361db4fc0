import Synchronization
import Testing

/// Notes that a test in a lab has failed, so that the next ones do not fail for what it has left.
struct LabKeeping: SuiteTrait, TestTrait, TestScoping {
  private static let broken = Mutex<Set<String>>([])

  var isRecursive: Bool { true }

  /// Whether a test in a lab has failed since this was last asked.
  static func takeBroken(_ lab: String) -> Bool { broken.withLock { $0.remove(lab) != nil } }

  func provideScope(
    for test: Test, testCase: Test.Case?, performing function: @Sendable @concurrent () async throws -> Void
  ) async throws {
    do {
      try await function()
    } catch {
      if let lab = Lab.own?.name ?? Lab.name { _ = Self.broken.withLock { $0.insert(lab) } }
      throw error
    }
  }
}

extension Trait where Self == LabKeeping {
  /// Has the lab mended after a test that failed.
  static var labKept: Self { Self() }
}
