public import LongshoreMessages

/// What an orchestrator needs of the broker: to ask hosts, and to hear what they tell.
public protocol OrchestratorLink: Sendable {
  /// Sends a request to one host and returns its answer.
  ///
  /// A request that a lost connection left without an answer is sent again, unchanged, until the time is over: hosts know a
  /// request by its id.
  /// - Parameter time: How long to wait for the answer in all.
  /// - Throws: ``LinkError`` with `unknownHost`, `noAnswer`, `notPermitted` or `unreadableReply`.
  func ask(_ request: Request, of host: HostAddress, within time: Duration) async throws(LinkError) -> Reply

  /// Sends a request to all hosts of a cluster. The answers come as the hosts give them; the stream ends when the time is
  /// over, and stops collecting when its reader stops.
  func askAll(_ request: Request, in cluster: NodeName, within time: Duration) -> AsyncThrowingStream<Reply, any Error>

  /// How many messages are among the dead letters.
  /// - Throws: ``LinkError``, with `notPermitted` where the user may not ask that.
  func countDeadLetters() async throws(LinkError) -> Int

  /// Reads the dead letters, the first thousand of them, and does with each what it is told. Those that another reader holds at the time
  /// are not read. Whatever happens meanwhile, a letter is either still there, or what was to become of it has.
  /// - Parameter judge: Says of each letter what is to become of it. Letters that it says nothing of stay.
  /// - Returns: What has become of each that it said something of. One whose receiver is not there is kept.
  /// - Throws: ``LinkError``, with `notPermitted` where the user may not read them; whatever `judge` throws, and then all stay.
  func sortDeadLetters(_ judge: @Sendable ([DeadLetter]) async throws -> [DeadLetter.Fate]) async throws -> [DeadLetter.Sorted]

  /// What the link was opened to hear, from the moment it was opened. To be read once.
  var notices: AsyncStream<LinkNotice> { get }
}

/// Something that the link tells by itself.
public enum LinkNotice: Sendable, Hashable {
  /// A numbered event of a migration.
  case event(MigrationEvent)
  /// A numbered event of a drain.
  case drain(DrainEvent)
  /// Progress of a migration.
  case progress(ProgressEvent)
  /// The connection is lost and being made again. What happens now is not told.
  case lost(reason: String)
  /// The connection is back.
  case restored
}

/// What a link is opened to hear.
public struct Subscription: Sendable, Hashable {
  /// The hosts whose events and progress are heard.
  public enum Scope: Sendable, Hashable {
    /// Nothing is heard.
    case nothing
    /// One host, the source of migrations.
    case host(HostAddress)
    /// All hosts of a cluster.
    case cluster(NodeName)
  }

  /// Whose events and progress are heard.
  public var scope: Scope
  /// How far back events are heard from the stream of all events; nil for those from now on.
  public var history: Duration?

  /// What is heard of whom.
  public init(_ scope: Scope, history: Duration? = nil) {
    self.scope = scope
    self.history = history
  }

  /// No events and no progress.
  public static let nothing = Subscription(.nothing)

  /// The binding key for the events and the progress of the hosts; nil where nothing is heard.
  package var bindingKey: String? {
    switch scope {
    case .nothing: nil
    case .host(let host): "\(host.routingKey).#"
    case .cluster(let cluster): "\(cluster).#"
    }
  }

  /// Whether an event of this CloudEvents source is of these hosts.
  package func covers(source: String) -> Bool {
    switch scope {
    case .nothing: false
    case .host(let host): source == host.eventSource
    case .cluster(let cluster): source.hasPrefix("/clusters/\(cluster)/hosts/")
    }
  }
}
