import FoundationEssentials
import Testing

/// A lab whose broker is a cluster of three nodes, made when the first suite that needs it begins. Who runs the tests removes it
/// (`contrib/lab/down`).
struct ClusteredLab: SuiteTrait, TestScoping {
  /// The lab's name and the agent of its hosts, as the environment gives them.
  static let name = ProcessInfo.processInfo.environment["LONGSHORE_TEST_CLUSTER_LAB"]
  private static let agent = ProcessInfo.processInfo.environment["LONGSHORE_TEST_AGENT"]
  /// Whether it can be made.
  static var isUsable: Bool { Lab.isUsable && name != nil && agent != nil }
  /// Why it cannot.
  static let missing: Comment =
    "needs root, LONGSHORE_TEST_CLUSTER_LAB with the name of a lab to be made, and LONGSHORE_TEST_AGENT with the agent's path"

  @TaskLocal private static var current: Lab?

  /// The lab of the suite that runs.
  static var lab: Lab { get throws { try #require(current) } }

  func provideScope(
    for test: Test, testCase: Test.Case?, performing function: @Sendable @concurrent () async throws -> Void
  ) async throws {
    guard Self.isUsable, let name = Self.name, let agent = Self.agent else { return try await function() }
    try await Lab.script("up", ["--name", name, "--brokers", "3", "--agent", agent])
    try await Self.$current.withValue(Lab.find(name)) { try await function() }
  }
}

extension Trait where Self == ClusteredLab {
  /// Gives the suite a lab with a cluster of brokers.
  static var clusteredLab: Self { Self() }
}

// MARK: - The broker's nodes

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
