internal import Glibc

/// Whether file systems answer. One of an NFS server that is away keeps whoever asks it until the server is back.
///
/// A folder is asked on a thread of its own, by one question at a time however many want to know: a server that is away for days holds one
/// thread of the agent for each folder, and nothing else.
actor FileSystemPulse {
  /// How long a file system has for its answer: one round trip to a server that reads no data for it.
  static let limit = Duration.seconds(5)

  private struct Question {
    let askedAt: ContinuousClock.Instant
    var listeners: [Int: CheckedContinuation<Bool, Never>] = [:]
  }

  private let limit: Duration
  private let ask: @Sendable (_ folder: String) async -> Void
  private var questions: [String: Question] = [:]
  private var listeners = 0

  /// - Parameter ask: Returns when the file system of a folder has answered, whatever it says.
  init(limit: Duration = FileSystemPulse.limit, ask: @escaping @Sendable (_ folder: String) async -> Void = FileSystemPulse.look) {
    self.limit = limit
    self.ask = ask
  }

  /// Whether the file system that a folder is in answers within the limit. That the folder is not there is an answer.
  func answers(_ folder: String) async -> Bool {
    if questions[folder] == nil {
      questions[folder] = Question(askedAt: .now)
      Task {
        await ask(folder)
        answered(folder)
      }
    }
    guard let left = questions[folder].map({ limit - ($0.askedAt.duration(to: .now)) }), left > .zero else { return false }
    listeners += 1
    let listener = listeners
    let timer = Task {
      try await Task.sleep(for: left)
      questions[folder]?.listeners.removeValue(forKey: listener)?.resume(returning: false)
    }
    defer { timer.cancel() }
    return await withCheckedContinuation { questions[folder]?.listeners[listener] = $0 }
  }

  /// The folders whose file systems do not answer within the limit, all asked at once.
  nonisolated func silent(among folders: some Sequence<String>) async -> [String] {
    await withTaskGroup(of: (folder: String, answers: Bool).self) { group in
      for folder in folders { group.addTask { (folder, await self.answers(folder)) } }
      return await group.reduce(into: []) { if !$1.answers { $0.append($1.folder) } }.sorted()
    }
  }

  private func answered(_ folder: String) {
    guard let question = questions.removeValue(forKey: folder) else { return }
    for listener in question.listeners.values { listener.resume(returning: true) }
  }

  /// Asks for the free space, which is the server's to say.
  private static func look(at folder: String) async {
    _ = try? await BlockingWork.run { () throws(ImageError) in
      var status = statvfs()
      _ = statvfs(folder, &status)
    }
  }
}
