/// How the agents' users of the broker are named: a text in which `{host}` stands for the host's name. By it a message that says it is of
/// a host is believed only if the broker vouches for that host's user.
public struct PeerUser: Sendable, Hashable {
  /// The text, such as `agent-{host}`.
  public let pattern: String

  /// Users that are named so.
  public init(_ pattern: String) { self.pattern = pattern }

  /// The user of a host's agent.
  public func name(of host: NodeName) -> String { pattern.replacing("{host}", with: host.text) }

  /// Why a message is not believed, in a sentence without a full stop; nil where it is its sender's.
  ///
  /// - Parameters:
  ///   - host: The host that the message says it is of.
  ///   - user: Who sent it, as the broker has checked it (`user-id`); nil where the message names nobody.
  public func objection(to host: HostAddress, from user: String?) -> String? {
    let expected = name(of: host.host)
    guard user != expected else { return nil }
    let found = user.map { "the broker's user \($0)" } ?? "somebody who names no user"
    return "the message says it is of \(host), whose user is \(expected) (`peers.user`), and is of \(found)"
  }
}
