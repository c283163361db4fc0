import AMQP
import Logging
import LongshoreMessages
import Synchronization

/// Tells what a host has said from what somebody else has said in its name.
///
/// Events and progress are of the host whose name their routing key has, which the broker lets no other agent use. Replies go by keys that
/// the requester chose: whose they are the broker's `user-id` says, where the settings tell how the agents' users are named.
final class SenderCheck: Sendable {
  private let peerUser: PeerUser?
  private let logger: Logger
  /// Why messages were not believed.
  private let told = Mutex<Set<String>>([])
  /// So many reasons are told at most: the names in them come from outside.
  private static let most = 100

  init(peerUser: PeerUser?, logger: Logger) {
    self.peerUser = peerUser
    self.logger = logger
  }

  /// Whether an event or progress is of the host that it names. What is not is dropped, and the log says so the first time.
  ///
  /// - Parameters:
  ///   - source: The CloudEvents source in the message.
  ///   - host: The host that the message's data name as the one that tells it; nil where they name none.
  ///   - exchange: The exchange that its kind goes through. The history's stream keeps an event's exchange and key.
  func believes(source: String, host: NodeName?, exchange: String, _ delivery: Delivery) -> Bool {
    guard let objection = Self.objection(source: source, host: host, exchange: exchange, delivery) else { return true }
    drop(objection, "An event is not believed")
    return false
  }

  /// Why a reply is not believed; nil where it is of the host that it names. The log says so the first time.
  ///
  /// - Parameter asked: The host that was asked; nil where all were.
  func objection(to reply: Reply, asked: HostAddress?, _ delivery: Delivery) -> String? {
    let objection =
      if let asked, reply.from != asked {
        "\(asked) was asked, and the message says it is of \(reply.from)"
      } else {
        peerUser?.objection(to: reply.from, from: delivery.properties.userID)
      }
    if let objection { drop(objection, "An answer is not believed") }
    return objection
  }

  private static func objection(source: String, host: NodeName?, exchange: String, _ delivery: Delivery) -> String? {
    guard delivery.exchange == exchange else {
      return "the message says it is of \(shown(source)), and came through the exchange \(shown(delivery.exchange))"
    }
    let words = delivery.routingKey.split(separator: ".", maxSplits: 2, omittingEmptySubsequences: false)
    guard words.count == 3, let cluster = NodeName(String(words[0])), let teller = NodeName(String(words[1])),
      HostAddress(cluster: cluster, host: teller).eventSource == source, host == nil || host == teller
    else {
      return "the message says it is of \(shown(source)), and has the routing key \(shown(delivery.routingKey))"
    }
    return nil
  }

  private func drop(_ objection: String, _ what: Logger.Message) {
    let isNews = told.withLock { $0.count < Self.most && $0.insert(objection).inserted }
    if isNews { logger.warning(what, metadata: ["reason": .string(objection)]) }
  }

  /// Tells once of answers that cannot be read.
  func note(unreadable error: LinkError) { drop(error.message, "An answer is not read") }

  /// What comes from outside, for people.
  private static func shown(_ text: String) -> String { "'\(String(text.prefix(120)).printable)'" }
}

/// Why the answers to one request were not believed.
final class CurrentObjection: Sendable {
  private let last = Mutex<String?>(nil)

  /// Takes why an answer is not believed; nil where it is.
  func note(_ objection: String?) -> String? {
    if let objection { last.withLock { $0 = objection } }
    return objection
  }

  /// What it is to who has asked; nil where nothing was not believed.
  func error(while operation: String) -> LinkError? {
    last.withLock { $0 }.map { LinkError(.untrustedReply, "no answer can be believed: \($0)", while: operation) }
  }
}
