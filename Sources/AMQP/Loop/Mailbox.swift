import Synchronization

/// What tasks ask of the connection's thread.
enum Command: Sendable {
  case publish(PublishID, Publication, CheckedContinuation<Void, any Error>)
  case abandonPublish(PublishID)
  case perform(RequestID, Operation, CheckedContinuation<OperationResult, Never>)
  case settle(Delivery.Settlement, tag: UInt64, epoch: UInt64, CheckedContinuation<Void, any Error>)
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
    let (isAccepted, mustWake) = state.withLock { state in
      guard !state.isEnded, state.isConnected || !command.needsConnection else { return (false, false) }
      state.commands.append(command)
      return (true, state.commands.count == 1)
    }
    if mustWake { wakeUp.signal() }
    return isAccepted
  }

  /// Takes everything that was submitted, in order.
  func take() -> [Command] {
    wakeUp.clear()
    return state.withLock { state in
      defer { state.commands = [] }
      return state.commands
    }
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
