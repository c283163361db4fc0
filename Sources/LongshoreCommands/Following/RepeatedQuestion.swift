/// Follows something by asking for it: one question at a time, and no more of them than seconds pass. Neither Ctrl-C nor the screen waits
/// for a question that is under way.
enum RepeatedQuestion<Answer: Sendable> {
  /// What can happen meanwhile.
  enum Happening: Sendable {
    /// A question was answered.
    case answer(Answer)
    /// The operator's side.
    case signal(FollowSignal)
  }

  /// Asks until what happens has an outcome; a question that is under way then is given up.
  /// - Parameters:
  ///   - signals: Ctrl-C, redraws, and the seconds.
  ///   - question: Makes the next question.
  ///   - hear: Takes in what happens, and returns the outcome where that is one.
  /// - Returns: The outcome; nil where the task was cancelled before there was one.
  /// - Throws: What `hear` throws.
  static func run<Outcome: Sendable>(
    _ signals: AsyncStream<FollowSignal>, question: () -> @Sendable () async -> Answer, hear: (Happening) throws -> Outcome?
  ) async throws -> Outcome? {
    let (happenings, source) = AsyncStream.makeStream(of: Happening.self)
    return try await withThrowingTaskGroup(of: Void.self) { group in
      defer { group.cancelAll() }
      group.addTask {
        for await signal in signals { source.yield(.signal(signal)) }
      }
      var isAsking = false
      var isDue = false
      for await happening in happenings {
        switch happening {
        case .answer: isAsking = false
        // Seconds that pass while a question is under way count as one.
        case .signal(.second): isDue = true
        case .signal: break
        }
        if let outcome = try hear(happening) { return outcome }
        guard isDue, !isAsking else { continue }
        isDue = false
        isAsking = true
        let ask = question()
        group.addTask {
          let answer = await ask()
          source.yield(.answer(answer))
        }
      }
      return nil
    }
  }
}
