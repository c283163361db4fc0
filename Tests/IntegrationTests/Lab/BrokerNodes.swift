import Testing

extension Lab {
  /// A queue as the broker's cluster has it.
  struct ReplicatedQueue: Sendable {
    let name: String
    let kind: String
    /// The node that leads it.
    let leader: String
    /// The nodes with a replica, and those whose replica is online.
    let members: String
    let online: String
  }

  /// The queues of the broker.
  func queues() async throws -> [ReplicatedQueue] {
    try await command("broker", "queues").split(separator: "\n").map { line in
      let words = line.split(separator: "\t").map(String.init)
      try #require(words.count == 5, "\(line)")
      return ReplicatedQueue(name: words[0], kind: words[1], leader: words[2], members: words[3], online: words[4])
    }
  }

  /// The node that leads a queue.
  func leader(of queue: String) async throws -> String { try #require(try await queues().first { $0.name == queue }).leader }

  /// The nodes that the connections of a host's agent are on.
  func nodes(of host: Host) async throws -> [String] {
    try await command("broker", "connections", host.rawValue).split(separator: "\n")
      .map { String($0.prefix { $0 != "\t" }) }
  }

  /// The node that a host's agent publishes to.
  func node(publishedToBy host: Host) async throws -> String {
    let lines = try await command("broker", "connections", host.rawValue).split(separator: "\n")
    return try #require(lines.first { $0.hasSuffix(" (publishing)") }?.split(separator: "\t").first.map(String.init), "\(lines)")
  }
}
