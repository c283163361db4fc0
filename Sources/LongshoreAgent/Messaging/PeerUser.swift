internal import LongshoreMessages

/// How the agents' users of the broker are named: a text in which `{host}` stands for the host's name. By it a message that says it is of
/// a host is believed only if the broker vouches for that host's user.
struct PeerUser: Sendable, Hashable {
  let pattern: String

  init(_ pattern: String) { self.pattern = pattern }

  /// The user of a host's agent.
  func name(of host: NodeName) -> String { pattern.replacing("{host}", with: host.text) }

  /// Why a message is not believed; nil where it is its sender's.
  ///
  /// - Parameter user: Who sent it, as the broker has checked it; nil where the message names nobody.
  func objection(to message: PeerMessage, from user: String?) -> Reason? {
    let expected = name(of: message.from.host)
    guard user != expected else { return nil }
    let found = user.map { "the broker's user \($0)" } ?? "somebody who names no user"
    return Reason(.notAuthorised, "the message says it is of \(message.from), whose user is \(expected) (`peers.user`), and is of \(found)")
  }
}
