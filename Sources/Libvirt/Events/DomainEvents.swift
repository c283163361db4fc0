/// The events of a connection's domains, in libvirt's order.
///
/// Nothing is dropped: events wait in memory until they are read. The sequence ends when the connection is closed or
/// lost, or its task is cancelled; it is taken off the list of receivers then, or when the sequence and its iterator
/// are gone. One sequence is for one consumer; ask ``LibvirtConnection/events()`` for each.
public struct DomainEvents: AsyncSequence, Sendable {
  /// An event.
  public typealias Element = DomainEvent
  /// It ends, it does not fail.
  public typealias Failure = Never

  private let stream: AsyncStream<DomainEvent>
  // Kept open for as long as somebody may read.
  private let connection: LibvirtConnection

  init(stream: AsyncStream<DomainEvent>, connection: LibvirtConnection) {
    self.stream = stream
    self.connection = connection
  }

  /// Starts reading.
  public func makeAsyncIterator() -> Iterator {
    Iterator(base: stream.makeAsyncIterator(), connection: connection)
  }

  /// Reads one event after the other.
  public struct Iterator: AsyncIteratorProtocol {
    private var base: AsyncStream<DomainEvent>.AsyncIterator
    private let connection: LibvirtConnection

    init(base: AsyncStream<DomainEvent>.AsyncIterator, connection: LibvirtConnection) {
      self.base = base
      self.connection = connection
    }

    /// The next event; nothing when the connection is closed or the task is cancelled.
    public mutating func next(isolation actor: isolated (any Actor)?) async -> DomainEvent? {
      await base.next(isolation: actor)
    }
  }
}

extension LibvirtConnection {
  /// Subscribes to the events of all domains of the connection.
  ///
  /// When the call returns, the daemon has registered it: every later event is in the sequence. The daemon is asked
  /// once a connection, and sends events until the connection is closed.
  public func events() async throws(LibvirtError) -> DomainEvents {
    let hub = hub
    try await perform("subscribe to the events of \(uri)") { call, connection throws(LibvirtError) in
      try hub.register(connection, call)
    }
    return DomainEvents(stream: hub.subscribe(), connection: self)
  }
}
