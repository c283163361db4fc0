/// A name of a cluster or a host: 1 to 63 characters of `a-z`, `0-9` and `-`.
///
/// Such a name can stand in a routing key, in a queue's name, in a CloudEvents source and in a folder's name without escaping.
public struct NodeName: Sendable, Hashable, Codable, CustomStringConvertible {
  /// The longest name allowed, in characters: that of a DNS label.
  public static let maximumLength = 63

  /// The name's text.
  public let text: String

  /// Returns nil where `text` is not a name of this form.
  public init?(_ text: String) {
    guard (1...Self.maximumLength).contains(text.utf8.count), text.utf8.allSatisfy(Self.allows) else { return nil }
    self.text = text
  }

  public init(from decoder: any Decoder) throws {
    let text = try decoder.singleValueContainer().decode(String.self)
    guard let name = NodeName(text) else {
      throw invalidValue(decoder, "\(quoted(text)) is not a name: use 1 to 63 of a-z, 0-9 and -")
    }
    self = name
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(text)
  }

  public var description: String { text }

  private static func allows(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"): true
    default: false
    }
  }
}

/// A host of a cluster, as messages are addressed.
public struct HostAddress: Sendable, Hashable, Codable, CustomStringConvertible {
  /// The cluster's name.
  public var cluster: NodeName
  /// The host's name within its cluster.
  public var host: NodeName

  /// Names a host of a cluster.
  public init(cluster: NodeName, host: NodeName) {
    self.cluster = cluster
    self.host = host
  }

  /// The routing key of messages to this host: `<cluster>.<host>`.
  public var routingKey: String { "\(cluster).\(host)" }

  /// The CloudEvents source of this host's events: `/clusters/<cluster>/hosts/<host>`.
  public var eventSource: String { "/clusters/\(cluster)/hosts/\(host)" }

  /// The name of the host's inbox: `longshore.host.<cluster>.<host>`.
  public var inbox: String { "longshore.host.\(cluster).\(host)" }

  public var description: String { "\(host) (cluster \(cluster))" }
}

/// The names of the exchanges and queues that all hosts share.
public enum Wire {
  /// Topic exchange of the orchestrators' requests; key `<cluster>.<host>`, or `<cluster>` for all hosts of a cluster.
  public static let requests = "longshore.requests"
  /// Topic exchange of the messages between agents; key `<cluster>.<host>`. Only agents may write to it.
  public static let peers = "longshore.peers"
  /// Topic exchange of the replies; the key is the request's `reply_to`.
  public static let replies = "longshore.replies"
  /// Topic exchange of the numbered events; key `<cluster>.<host>.<guest UUID>.<type>`.
  public static let events = "longshore.events"
  /// Topic exchange of progress; the keys are those of the events.
  public static let progress = "longshore.progress"
  /// Stream of all numbered events, for late subscribers.
  public static let history = "longshore.events.history"
  /// Fan-out exchange and durable queue of the messages that no agent could use.
  public static let deadLetters = "longshore.dead-letters"

  /// The version of the message schemas that this code speaks.
  public static let schema = 1
  /// The largest message that an agent reads, in bytes. A plan of 100 disks takes about 60 kB.
  public static let maximumMessageSize = 1 << 20
  /// The content type of requests, replies and peer messages.
  public static let jsonContentType = "application/json"
  /// The content type of events and progress: CloudEvents 1.0, structured mode.
  public static let eventContentType = "application/cloudevents+json"
  /// The header of a dead letter that says why it is one.
  public static let deadLetterReasonHeader = "x-longshore-reason"
  /// The header that says who made it one: the routing key of the host.
  public static let deadLetterHostHeader = "x-longshore-host"
  /// The header that says when, as RFC 3339 writes it.
  public static let deadLetterTimeHeader = "x-longshore-time"
  /// The headers that say where the message had been published.
  public static let deadLetterExchangeHeader = "x-longshore-exchange"
  public static let deadLetterRoutingKeyHeader = "x-longshore-routing-key"
}

/// The id of a migration, which is the id of the request that ordered it: 1 to 64 characters of `A-Z`, `a-z`, `0-9` and `-`,
/// the first not a `-`. A UUID is one.
public struct MigrationID: Sendable, Hashable, Codable, CustomStringConvertible {
  /// The longest id allowed, in characters.
  public static let maximumLength = 64

  /// The id's text.
  public let text: String

  /// Returns nil where `text` is not an id of this form.
  public init?(_ text: String) {
    guard (1...Self.maximumLength).contains(text.utf8.count), text.utf8.first != UInt8(ascii: "-"),
      text.utf8.allSatisfy(Self.allows)
    else { return nil }
    self.text = text
  }

  public init(from decoder: any Decoder) throws {
    let text = try decoder.singleValueContainer().decode(String.self)
    guard let id = MigrationID(text) else {
      throw invalidValue(decoder, "\(quoted(text)) is not an id: use 1 to 64 of A-Z, a-z, 0-9 and -, such as a UUID")
    }
    self = id
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(text)
  }

  public var description: String { text }

  private static func allows(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"):
      true
    default: false
    }
  }
}

/// A name that libvirt knows on a host: of a guest, a pool or a volume. Never a path: 1 to 255 bytes, without `/`, NUL and
/// control characters, and neither `.` nor `..`.
public struct ResourceName: Sendable, Hashable, Codable, CustomStringConvertible, CodingKeyRepresentable {
  /// The longest name allowed, in bytes: that of a file on Linux (`NAME_MAX`).
  public static let maximumLength = 255

  /// The name's text.
  public let text: String

  /// Returns nil where `text` is not a name of this form.
  public init?(_ text: String) {
    guard (1...Self.maximumLength).contains(text.utf8.count), text != ".", text != "..",
      text.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7f && $0 != UInt8(ascii: "/") })
    else { return nil }
    self.text = text
  }

  public init(from decoder: any Decoder) throws {
    let text = try decoder.singleValueContainer().decode(String.self)
    guard let name = ResourceName(text) else {
      throw invalidValue(
        decoder, "\(quoted(text)) is not a name: use 1 to 255 bytes without / and control characters, never a path")
    }
    self = name
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(text)
  }

  public var codingKey: any CodingKey { NameKey(stringValue: text) }

  public init?(codingKey: some CodingKey) { self.init(codingKey.stringValue) }

  public var description: String { text }
}

/// A coding key of any text.
struct NameKey: CodingKey {
  let stringValue: String
  var intValue: Int? { nil }
  init(stringValue: String) { self.stringValue = stringValue }
  init?(intValue: Int) { nil }
}

/// Text from outside, shortened and with control characters escaped, for a message that people read.
func quoted(_ text: String) -> String {
  let limit = 80
  var shown = ""
  for scalar in text.unicodeScalars.prefix(limit) { shown += scalar.escaped(asASCII: false) }
  return text.unicodeScalars.count > limit ? "\"\(shown)…\"" : "\"\(shown)\""
}
