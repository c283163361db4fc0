import LongshoreClient
import LongshoreMessages
import Synchronization

@testable import LongshoreCommands

/// A link whose hosts are closures.
final class FakeLink: OrchestratorLink {
  /// A question that was asked.
  struct Asked: Hashable {
    var request: Request
    var routingKey: String
  }

  let notices: AsyncStream<LinkNotice>

  private let teller: AsyncStream<LinkNotice>.Continuation
  private let answer: @Sendable (FakeLink, Request) -> Result<Reply, LinkError>
  private let answers: @Sendable (FakeLink, Request) -> Result<[Reply], LinkError>
  private let log = Mutex<[Asked]>([])
  private let letters: Result<[DeadLetter], LinkError>
  private let sorted = Mutex<[DeadLetter.Fate]>([])
  /// Letters that cannot be sent again, by id.
  private let unsendable: [String: LinkError]

  /// Questions that are never answered.
  private let hangs: @Sendable (Request) -> Bool

  /// Hosts that answer at once. The closures may tell events through the link that they get.
  init(
    answer: @escaping @Sendable (FakeLink, Request) -> Result<Reply, LinkError> = { _, _ in .failure(.silence) },
    answers: @escaping @Sendable (FakeLink, Request) -> Result<[Reply], LinkError> = { _, _ in .success([]) },
    letters: Result<[DeadLetter], LinkError> = .success([]), unsendable: [String: LinkError] = [:],
    hangs: @escaping @Sendable (Request) -> Bool = { _ in false }
  ) {
    self.hangs = hangs
    self.letters = letters
    self.unsendable = unsendable
    (notices, teller) = AsyncStream.makeStream()
    self.answer = answer
    self.answers = answers
  }

  /// All that was asked, in order.
  var asked: [Asked] { log.withLock { $0 } }

  /// What was to become of the dead letters, in their order.
  var fates: [DeadLetter.Fate] { sorted.withLock { $0 } }

  func countDeadLetters() async throws(LinkError) -> Int { try letters.get().count }

  func sortDeadLetters(_ judge: @Sendable ([DeadLetter]) async throws -> [DeadLetter.Fate]) async throws -> [DeadLetter.Sorted] {
    let letters = try letters.get()
    let fates = try await judge(letters)
    sorted.withLock { $0 = fates }
    return zip(letters, fates).map { letter, fate in
      DeadLetter.Sorted(letter: letter, fate: fate, failure: fate == .sendAgain ? unsendable[letter.id] : nil)
    }
  }

  /// Tells an event, progress, or what becomes of the link.
  func tell(_ notices: LinkNotice...) { for notice in notices { teller.yield(notice) } }

  func ask(_ request: Request, of host: HostAddress, within time: Duration) async throws(LinkError) -> Reply {
    log.withLock { $0.append(Asked(request: request, routingKey: host.routingKey)) }
    if hangs(request) {
      let (nothing, teller) = AsyncStream.makeStream(of: Void.self)
      // It ends with the task that asks.
      for await _ in nothing {}
      teller.finish()
      throw .silence
    }
    return try answer(self, request).get()
  }

  func askAll(
    _ request: Request, in cluster: NodeName, within time: Duration
  ) -> AsyncThrowingStream<Reply, any Error> {
    log.withLock { $0.append(Asked(request: request, routingKey: cluster.text)) }
    let result = answers(self, request)
    return AsyncThrowingStream { continuation in
      switch result {
      case .success(let replies):
        for reply in replies { continuation.yield(reply) }
        continuation.finish()
      case .failure(let error): continuation.finish(throwing: error)
      }
    }
  }
}

extension LinkError {
  static let silence = LinkError(.noAnswer, "no answer within 30s", while: "asking alpha (cluster lab)")
}
