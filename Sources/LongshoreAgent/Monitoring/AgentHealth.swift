internal import AMQP
internal import LongshoreMessages
internal import MigrationCore
internal import MigrationJournal
internal import Synchronization

/// What is known of the agent's health without asking anybody: whoever wants to know gets an answer, whatever hangs.
final class AgentHealth: Sendable {
  /// After how many milliseconds without a round of the loops the agent counts as stuck. A disk that takes longer for one write holds up
  /// all work, and a restart does not help it: so long is waited that no disk that still works takes as long.
  static let patience: Int64 = 90_000

  /// What lacks.
  struct Fault: Sendable, Hashable, Codable {
    /// `broker`, `libvirt`, `journal` or `loops`.
    var part: String
    /// What is wrong, in a sentence.
    var message: String
  }

  private struct State {
    /// When the loops went round last; when the agent was started before that.
    var progress: Now
    var journal: String?
    var libvirt: String? = "no connection to libvirt yet"
    var consumer: Consumer?
    var hasStarted = false
  }

  private let clock: any HostClock
  private let connections: [(name: String, connection: AMQPConnection)]
  private let state: Mutex<State>

  /// - Parameter connections: The connections to the broker, by what they are for.
  init(connections: [(name: String, connection: AMQPConnection)], clock: any HostClock) {
    self.connections = connections
    self.clock = clock
    state = Mutex(State(progress: clock.now()))
  }

  // MARK: - What is noted

  /// The loops went round.
  func progressed() {
    let now = clock.now()
    state.withLock { $0.progress = now }
  }

  /// The start is complete: all was there at once.
  func started() { state.withLock { $0.hasStarted = true } }

  /// A write to the journal went well, or failed.
  func written(_ failure: JournalError?) {
    if let failure, !failure.isOfFile { return }
    state.withLock { $0.journal = failure?.description }
  }

  /// There is a connection to libvirt, or there is none, for this reason.
  func libvirt(away reason: String?) { state.withLock { $0.libvirt = reason } }

  /// This consumer reads the inbox.
  func consumes(_ consumer: Consumer) { state.withLock { $0.consumer = consumer } }

  // MARK: - What is told

  /// When the loops went round last.
  var lastProgress: Timestamp { state.withLock { $0.progress.wall } }

  /// Whether the start is complete.
  var hasStarted: Bool { state.withLock { $0.hasStarted } }

  /// Whether the journal could be written last.
  var canWrite: Bool { state.withLock { $0.journal == nil } }

  /// Whether libvirt is connected.
  var hasLibvirt: Bool { state.withLock { $0.libvirt == nil } }

  /// Whether the broker delivers.
  var isConsuming: Bool {
    if case .active? = state.withLock({ $0.consumer })?.state { true } else { false }
  }

  /// Whether each connection to the broker is there, by what it is for.
  var broker: [(name: String, isConnected: Bool)] { connections.map { ($0.name, $0.connection.state.isConnected) } }

  /// Why the agent is not alive: its loops have not gone round for too long. Empty where they have.
  var stuck: [Fault] {
    let silence = state.withLock { $0.progress }.milliseconds(until: clock.now())
    guard silence > Self.patience else { return [] }
    return [Fault(part: "loops", message: "the agent's loops have not gone round for \(silence / 1000) s")]
  }

  /// Why the agent cannot do its work now; empty where it can.
  var faults: [Fault] {
    let state = state.withLock { $0 }
    var faults: [Fault] = []
    if let fault = brokerFault(state.consumer) { faults.append(fault) }
    if let libvirt = state.libvirt { faults.append(Fault(part: "libvirt", message: libvirt)) }
    if let journal = state.journal { faults.append(Fault(part: "journal", message: journal)) }
    return faults + stuck
  }

  private func brokerFault(_ consumer: Consumer?) -> Fault? {
    for (name, connection) in connections {
      switch connection.state {
      case .connected, .unblocked: continue
      case .blocked(let reason): return Fault(part: "broker", message: "the broker takes no messages: \(reason)")
      case .connecting: return Fault(part: "broker", message: "no connection for \(name) yet")
      case .disconnected(let error, _): return Fault(part: "broker", message: "no connection for \(name): \(error)")
      case .closed: return Fault(part: "broker", message: "the connection for \(name) has ended")
      }
    }
    switch consumer?.state {
    case .active: return nil
    case .inactive(let error?): return Fault(part: "broker", message: "the inbox is not consumed: \(error)")
    // While the journal cannot be written no messages are taken, which is not the broker's fault.
    case .paused: return nil
    case .inactive(nil), .ended, nil: return Fault(part: "broker", message: "the inbox is not consumed yet")
    }
  }
}
