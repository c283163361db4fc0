/// Whether a link has its connection.
public enum LinkState: Sendable, Hashable {
  /// No connection was asked for yet.
  case idle
  /// There is a connection.
  case connected
  /// There is none, for this reason.
  case disconnected(LibvirtError)
}

/// What a link's subscribers are told.
public enum LinkEvent: Sendable, Hashable {
  /// Events flow from here on, for the first time. Read the state of what matters now.
  case connected
  /// Events flow again from here on. Those in between are missed: read the state of what matters anew.
  case reconnected
  /// Something happened to a domain.
  case domain(DomainEvent)
}
