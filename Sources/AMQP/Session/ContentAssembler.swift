/// Puts a content's frames together: the method, then the header, then bodies until the announced size is there.
struct ContentAssembler {
  /// The method that announces a content.
  enum Method: Equatable {
    case deliver(DeliveryHeader)
    case returned(ReturnHeader)
  }

  private enum State {
    case idle
    case expectsHeader(Method)
    case expectsBody(Method, Message, remaining: Int)
  }

  private static let operation = "receive a message"

  private var state = State.idle

  /// Forgets a content that will not be completed.
  mutating func reset() { state = .idle }

  /// Whether nothing but the rest of a content may come on the channel.
  var isIdle: Bool {
    if case .idle = state { true } else { false }
  }

  mutating func begin(_ method: Method) throws(AMQPError) {
    guard isIdle else { throw Self.violation("a method came amid a content") }
    state = .expectsHeader(method)
  }

  mutating func header(bodySize: UInt64, _ properties: Message.Properties) throws(AMQPError) -> (Method, Message)? {
    guard case .expectsHeader(let method) = state else { throw Self.violation("a header came without its method") }
    guard let size = Int(exactly: bodySize) else { throw Self.violation("a body of \(bodySize) bytes was announced") }
    let message = Message(body: [], properties: properties)
    guard size > 0 else {
      state = .idle
      return (method, message)
    }
    state = .expectsBody(method, message, remaining: size)
    return nil
  }

  mutating func body(_ bytes: [UInt8]) throws(AMQPError) -> (Method, Message)? {
    guard case .expectsBody(let method, var message, let remaining) = state, bytes.count <= remaining else {
      throw Self.violation("a body came that was not announced")
    }
    // Releases the state's copy, so that the append does not copy what is there.
    state = .idle
    message.body.append(contentsOf: bytes)
    guard bytes.count == remaining else {
      state = .expectsBody(method, message, remaining: remaining - bytes.count)
      return nil
    }
    return (method, message)
  }

  private static func violation(_ message: String) -> AMQPError {
    AMQPError(.protocolViolation, operation: operation, message: message, isRetriable: true)
  }
}
