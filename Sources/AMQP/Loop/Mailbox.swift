import Synchronization

/// What tasks ask of the connection's thread.
enum Command: Sendable {
  case publish(PublishID, Publication, CheckedContinuation<Void, any Error>)
  case abandonPublish(PublishID)
  case perform(RequestID, Operation, CheckedContinuation<OperationResult, Never>)
  case settle(Delivery.Settlement, tag: UInt64, epoch: UInt64)
  case add(ConsumerID, ConsumerSpec, any DeliverySink)
  case pause(ConsumerID)
  case resume(ConsumerID)
  case remove(ConsumerID)
  case reconnect
  case drain
  case stop

  /// Whether the command makes sense only on a connection.
  var needsConnection: Bool {
    switch self {
    case .publish, .perform, .settle, .reconnect: true
    case .abandonPublish, .add, .pause, .resume, .remove, .drain, .stop: false
    }
  }
}

/// The way from any task to the connection's thread.
final class Mailbox: Sendable {
  private struct State {
    var commands: [Command] = []
    var isConnected = false
    /// Which channel's deliveries can be settled.
    var epoch: UInt64 = 0
    /// Whether the thread waits for a signal.
    var isWaiting = false
    var isEnded = false
    var lastID: UInt64 = 0
  }

  let wakeUp: WakeUp
  private let state = Mutex(State())

  init() throws(AMQPError) {
    wakeUp = try WakeUp()
  }

  /// A number that no other publish, request or consumer of this connection has.
  func nextID() -> UInt64 {
    state.withLock { state in
      state.lastID += 1
      return state.lastID
    }
  }

  /// Hands a command over. Returns false, and does nothing, if there is no connection and the command needs one, or if the
  /// thread has ended.
  func submit(_ command: Command) -> Bool {
    submit(command) { !$0.isEnded && ($0.isConnected || !command.needsConnection) }
  }

  /// Hands over what becomes of a delivery. Returns false, and does nothing, if its channel is gone.
  func settle(_ settlement: Delivery.Settlement, tag: UInt64, epoch: UInt64) -> Bool {
    submit(.settle(settlement, tag: tag, epoch: epoch)) { $0.isConnected && $0.epoch == epoch }
  }

  private func submit(_ command: Command, if isAcceptable: (borrowing State) -> Bool) -> Bool {
    let (isAccepted, mustWake) = state.withLock { state in
      guard isAcceptable(state) else { return (false, false) }
      state.commands.append(command)
      defer { state.isWaiting = false }
      return (true, state.isWaiting)
    }
    if mustWake { wakeUp.signal() }
    return isAccepted
  }

  /// Takes everything that was submitted, in order.
  func take() -> [Command] {
    state.withLock { state in
      defer { state.commands = [] }
      return state.commands
    }
  }

  /// Asks for a signal at the next command. Returns false where there is one already.
  func beginWaiting() -> Bool {
    state.withLock { state in
      state.isWaiting = state.commands.isEmpty
      return state.isWaiting
    }
  }

  /// Ends what ``beginWaiting()`` began.
  ///
  /// - Parameter isSignalled: Whether the descriptor is readable.
  func endWaiting(isSignalled: Bool) {
    state.withLock { $0.isWaiting = false }
    // A signal that is late is found at the next wait.
    if isSignalled { wakeUp.clear() }
  }

  /// Says which channel's deliveries can be settled from now on.
  func setEpoch(_ epoch: UInt64) {
    state.withLock { $0.epoch = epoch }
  }

  /// Says whether commands that need a connection are taken.
  func setConnected(_ isConnected: Bool) {
    state.withLock { $0.isConnected = isConnected }
  }

  /// Takes no more commands; returns those that were left.
  func end() -> [Command] {
    state.withLock { state in
      state.isEnded = true
      state.isConnected = false
      defer { state.commands = [] }
      return state.commands
    }
  }

  /// The error of a command that found no connection.
  func refusal(_ operation: String) -> AMQPError {
    if state.withLock({ $0.isEnded }) {
      return AMQPError(.closed, operation: operation, message: "the connection has ended")
    }
    return AMQPError(.notConnected, operation: operation, message: "there is no connection to the broker", isRetriable: true)
  }
}
