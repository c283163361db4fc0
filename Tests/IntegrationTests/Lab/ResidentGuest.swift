import Testing

/// A guest that a suite's tests share, because none of them moves it away.
struct ResidentGuest: SuiteTrait, TestScoping {
  @TaskLocal private static var current: Guest?

  /// The guest of the suite that runs.
  static var guest: Guest { get throws { try #require(current) } }

  func provideScope(
    for test: Test, testCase: Test.Case?, performing function: @Sendable @concurrent () async throws -> Void
  ) async throws {
    guard Lab.isUsable else { return try await function() }
    let lab = try await Lab.find()
    try await lab.clear()
    try await Guest.with(.mixed, in: lab) { guest in
      try await Self.$current.withValue(guest) { try await function() }
    }
  }
}

extension Trait where Self == ResidentGuest {
  /// Gives the suite a guest on `alpha`, with a linked and a full clone.
  static var residentGuest: Self { Self() }
}
