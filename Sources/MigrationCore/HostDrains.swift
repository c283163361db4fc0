public import LongshoreMessages

/// A change of a host's drain, which happens when it is journalled, as a whole, and not before. Made by ``HostDrains``.
public struct DrainStep: Sendable, Hashable {
  /// When the drain began, or what happened to it was applied.
  public let at: Now
  /// The key of the order that is accepted with the step; nil for a drain that goes on.
  public let request: RequestKey?
  /// The drain as the step leaves it.
  public let drain: Drain
  /// The drain's next numbered events, up to the number that ``drain`` has reached.
  public let events: [DrainEvent]

  init(_ drain: Drain, _ events: [DrainEventData], of host: HostAddress, request: RequestKey? = nil, at now: Now) {
    at = now
    self.request = request
    self.drain = drain
    self.events = events.enumerated().map { index, data in
      DrainEvent(
        drain: drain.id, host: host, sequence: drain.sequence - events.count + index + 1, time: now.wall, data: data, trace: drain.trace)
    }
  }
}

/// The drain of a host that has not ended, and what the host decides about drains: whether it takes an order, and whether the
/// host may leave its maintenance. There is one at most at a time.
///
/// A decision is a ``DrainStep``: the driver journals it, then hands it to ``adopt(_:)``. What cannot be journalled has not happened, and
/// the value is as it was.
public struct HostDrains: Sendable, Hashable {
  /// What became of an order.
  public enum Acceptance: Sendable, Hashable {
    /// It begins a drain.
    case begins(DrainStep)
    /// It was accepted before, and is this drain.
    case known(Drain)
    /// It is refused, and nothing is changed.
    case rejected(Reason)
  }

  /// The host.
  public let here: HostAddress
  /// The drain that has not ended.
  public private(set) var open: Drain?

  /// The drain of a host, as its journal holds the one that has not ended.
  public init(here: HostAddress, open: Drain? = nil) {
    self.here = here
    self.open = open
  }

  /// Takes over a step that is journalled. A drain that has ended is forgotten.
  public mutating func adopt(_ step: DrainStep) { open = step.drain.isTerminal ? nil : step.drain }

  // MARK: - Orders

  /// What an order means.
  ///
  /// - Parameters:
  ///   - known: What the journal holds of a drain of the order's id; nil where it holds none.
  ///   - trace: The trace that the order belongs to; nil where it is in none.
  public func accept(
    _ order: DrainOrder, _ request: RequestKey, known: Drain?, trace: TraceContext? = nil, at now: Now
  ) -> Acceptance {
    if let known { return known.order == order ? .known(known) : .rejected(HostMigrations.idReused(request.id)) }
    if let refusal = refusal(of: order) { return .rejected(refusal) }
    if let open {
      return .rejected(
        Reason(
          .drainRuns,
          "\(here.host) is being drained already by \(open.id): follow it, or cancel it first (`longshore drains cancel \(open.id)`)"))
    }
    let (drain, events) = Drain.accept(id: request.id, order: order, host: here.host, trace: trace, at: now)
    return .begins(DrainStep(drain, events, of: here, request: request, at: now))
  }

  /// Why an order is refused whatever the host does at present; nil where it is not.
  public func refusal(of order: DrainOrder) -> Reason? {
    if order.to?.contains(here.host) == true {
      return Reason(.sameHost, "the guests are on \(here.host) already: name other hosts")
    }
    if order.to?.isEmpty == true {
      return Reason(.malformed, "no host is named: name some, or leave `to` away for all that offer themselves")
    }
    return nil
  }

  // MARK: - Events

  /// The step that an occurrence is for the drain; nil where it changes nothing, or no drain runs.
  public func step(of occurrence: DrainOccurrence, at now: Now) -> DrainStep? {
    guard let before = open else { return nil }
    var drain = before
    let events = drain.apply(occurrence, at: now)
    return drain == before ? nil : DrainStep(drain, events, of: here, at: now)
  }

  // MARK: - Maintenance

  /// Why the host stays in its maintenance; nil where it may leave it.
  public var refusalToEndMaintenance: Reason? {
    open.map {
      Reason(
        .drainRuns,
        "\(here.host) is being drained by \($0.id), which keeps it in maintenance: cancel it first (`longshore drains cancel \($0.id)`)")
    }
  }
}
