import FoundationEssentials
import LongshoreMessages

/// Who may do more than look: who has the token, for the time of a session.
actor ActionGate {
  /// A session of somebody who has shown the token.
  struct Session: Sendable, Hashable {
    /// What its forms carry, so that no other page can send them.
    var formToken: String
    /// When it ends.
    var endsAt: Timestamp
  }

  /// Why somebody does not get in.
  enum Refusal: Error, Hashable {
    /// The token is another.
    case wrongToken
    /// Too many wrong ones were shown lately.
    case tooManyTries
  }

  /// How long a session lasts, in milliseconds: a shift.
  static let lifetime: Int64 = 8 * 3_600_000
  /// The most sessions; the one that ends first goes.
  static let mostSessions = 100
  /// The wrong tokens that may be shown within a minute.
  static let triesPerMinute = 10
  /// The fewest characters of a token: what is shorter can be guessed.
  static let shortestToken = 16

  private let token: [UInt8]
  private let now: @Sendable () -> Timestamp
  private let random: @Sendable () -> String
  private var sessions: [String: Session] = [:]
  private var failures: [Timestamp] = []

  /// A gate for a token.
  /// - Parameter random: Makes a text that nobody can guess.
  init(
    token: String, now: @escaping @Sendable () -> Timestamp,
    random: @escaping @Sendable () -> String = ActionGate.unguessable
  ) {
    self.token = Array(token.utf8)
    self.now = now
    self.random = random
  }

  /// Lets somebody in who has the token.
  /// - Returns: The session's id, for the cookie.
  func logIn(token shown: String) throws(Refusal) -> String {
    let time = now()
    failures.removeAll { time.milliseconds - $0.milliseconds >= 60_000 }
    guard failures.count < Self.triesPerMinute else { throw .tooManyTries }
    guard Self.isSame(Array(shown.utf8), token) else {
      failures.append(time)
      throw .wrongToken
    }
    sessions = sessions.filter { $0.value.endsAt > time }
    if sessions.count >= Self.mostSessions, let first = sessions.min(by: { $0.value.endsAt < $1.value.endsAt }) {
      sessions[first.key] = nil
    }
    let id = random()
    sessions[id] = Session(formToken: random(), endsAt: time.adding(milliseconds: Self.lifetime))
    return id
  }

  /// The session of a cookie; nil where there is none.
  func session(_ id: String?) -> Session? {
    guard let id, let session = sessions[id], session.endsAt > now() else { return nil }
    return session
  }

  /// Whether a form was made for this session.
  func accepts(formToken: String?, of session: Session) -> Bool {
    Self.isSame(Array((formToken ?? "").utf8), Array(session.formToken.utf8))
  }

  /// Ends a session.
  func logOut(_ id: String?) { if let id { sessions[id] = nil } }

  /// Compares without telling by its time where texts differ.
  private static func isSame(_ left: [UInt8], _ right: [UInt8]) -> Bool {
    guard left.count == right.count else { return false }
    return zip(left, right).reduce(0 as UInt8) { $0 | ($1.0 ^ $1.1) } == 0
  }

  /// 32 bytes of the system's generator, in hexadecimal digits.
  static func unguessable() -> String {
    var generator = SystemRandomNumberGenerator()
    return (0..<4).map { _ in
      let digits = String(generator.next() as UInt64, radix: 16)
      return String(repeating: "0", count: 16 - digits.count) + digits
    }.joined()
  }
}
