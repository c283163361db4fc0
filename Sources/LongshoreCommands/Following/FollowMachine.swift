import LongshoreClient
import LongshoreMessages

/// Follows one migration from what is heard of it: a pure state machine. Events may come twice, late and out of order.
struct FollowMachine: Hashable {
  /// What can be heard.
  enum Input: Sendable, Hashable {
    /// The host answered the order.
    case answered(Reply)
    /// The order could not be given, or was not answered in time.
    case unanswered(LinkError)
    /// The answer to a question for the migration's status.
    case status(MigrationStatus)
    /// A word from the link.
    case notice(LinkNotice)
    /// The time has passed in which something should have been heard.
    case quiet
    /// Ctrl-C.
    case interrupted
  }

  /// What follows from it.
  enum Effect: Sendable, Hashable {
    /// Show this to the operator.
    case show(FollowReport)
    /// Ask for the migration's status.
    case askStatus
    /// Say when it has been quiet for a while.
    case awaitNews
    /// Stop following.
    case end(FollowOutcome)
  }

  /// When to stop following.
  enum End: Sendable, Hashable {
    /// As soon as the host has answered.
    case answer
    /// When the migration ends or needs the operator.
    case attention
    /// When the migration ends.
    case terminal
  }

  /// The migration's id.
  let migration: MigrationID
  /// When to stop.
  let end: End
  /// Whether the host is known to have accepted the order.
  private(set) var isAccepted: Bool
  /// Whether the following has ended; nothing has an effect then.
  private(set) var hasEnded = false

  /// Whether it is not known how the migration stands: an order that was repeated may be of one that has ended, and what happened while the
  /// link was away is not told.
  private var isUnsure = false
  /// The host that tells of the migration, once that is known: events of others are none of its.
  private var source: NodeName?
  /// The sequences of the events heard.
  private var heard: Set<String> = []
  /// The highest of them.
  private var latest = ""

  /// Follows an order that has just been given.
  init(ordering migration: MigrationID, until end: End) {
    self.migration = migration
    self.end = end
    isAccepted = false
  }

  /// Follows a migration that is under way.
  init(attachingTo migration: MigrationID) {
    self.migration = migration
    end = .terminal
    isAccepted = true
  }

  /// Takes in what was heard and says what follows.
  mutating func apply(_ input: Input) -> [Effect] {
    guard !hasEnded else { return [] }
    switch input {
    case .answered(let reply): return take(reply)
    case .unanswered(let error):
      // Where events have come, the host has the order whatever became of its answer.
      return isAccepted ? [] : finish(.unheard(error))
    case .status(let status): return take(status)
    case .notice(.event(let event)): return take(event)
    case .notice(.progress(let progress)):
      guard progress.subject == migration, source == nil || progress.source.hasSuffix("/hosts/\(source?.text ?? "")") else { return [] }
      isAccepted = true
      isUnsure = false
      return [.show(.progress(progress))]
    case .notice(.drain): return []
    case .notice(.lost(let reason)): return [.show(.linkLost(reason: reason))]
    case .notice(.restored):
      // An order without an answer is given again by the link itself.
      guard isAccepted else { return [.show(.linkRestored)] }
      isUnsure = true
      return [.show(.linkRestored), .askStatus, .awaitNews]
    // A host may be away at that very time too.
    case .quiet: return isUnsure ? [.askStatus, .awaitNews] : []
    case .interrupted: return finish(.detached(accepted: isAccepted))
    }
  }

  private mutating func take(_ reply: Reply) -> [Effect] {
    switch reply.body {
    case .accepted:
      if end == .answer { return finish(.accepted(reply)) }
      guard !isAccepted else { return [] }
      isAccepted = true
      // Its events follow at once, unless it was ordered before.
      isUnsure = true
      return [.show(.accepted), .awaitNews]
    case .checked: return finish(.checked(reply))
    case .rejected: return isAccepted ? [] : finish(.refused(reply))
    case .status(let status): return take(status)
    case .tuned, .forced, .migrations, .host, .grace, .orphans, .templates, .templateWork, .queue, .drain, .drains,
      .maintenance, .diagnosis, .report, .inventory, .configured:
      return []
    }
  }

  /// - Parameter isOld: Whether the event is told again, and the migration has got over what it says.
  private mutating func take(_ event: MigrationEvent, isOld: Bool = false) -> [Effect] {
    guard event.subject == migration, source == nil || source == event.data.sourceHost, heard.insert(event.sequence).inserted else {
      return []
    }
    isAccepted = true
    isUnsure = false
    if event.data.kind.isTerminal { return [.show(.event(event))] + finish(.ended(event)) }
    // A late one is no news: the migration is further.
    guard event.sequence > latest else { return [] }
    latest = event.sequence
    // Disks that differ do not hold the migration up: its end follows, and says so again.
    let goesOn = event.data.reasons?.contains { $0.code == .contentDiffers } == true
    if event.data.kind == .needsAttention, end == .attention, !goesOn, !isOld {
      return [.show(.event(event))] + finish(.needsAttention(event))
    }
    return [.show(.event(event))]
  }

  private mutating func take(_ status: MigrationStatus) -> [Effect] {
    guard status.id == migration, source == nil || source == status.sourceHost else { return [] }
    source = status.sourceHost
    isAccepted = true
    isUnsure = false
    var effects: [Effect] = []
    let events = (status.events ?? []).sorted { $0.sequence < $1.sequence }
    let present = status.phase == .needsAttention ? events.last { $0.data.kind == .needsAttention } : nil
    for event in events where !hasEnded { effects += take(event, isOld: event != present) }
    guard !hasEnded else { return effects }
    if status.phase.isTerminal { return effects + finish(.endedBefore(status)) }
    return effects + [.show(.status(status))]
  }

  private mutating func finish(_ outcome: FollowOutcome) -> [Effect] {
    hasEnded = true
    return [.end(outcome)]
  }
}

/// What the operator is shown of a migration that is being followed.
enum FollowReport: Sendable, Hashable {
  /// The host has accepted the order.
  case accepted
  /// A new event.
  case event(MigrationEvent)
  /// New progress.
  case progress(ProgressEvent)
  /// Where the migration stands, as its host says.
  case status(MigrationStatus)
  /// The broker is away.
  case linkLost(reason: String)
  /// The broker is back.
  case linkRestored
}
