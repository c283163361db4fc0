/// Puts a content's frames together: the method, then the header, then bodies until the announced size is there.
struct ContentAssembler {
  /// The method that announces a content.
  enum Method: Equatable {
    case deliver(DeliveryHeader)
    case returned(ReturnHeader)
  }

  /// A content that is complete.
  struct Content: Equatable {
    var method: Method
    /// The message; a delivery's without its body where that is too large.
    var message: Message
    /// The size of the body, in bytes.
    var bodySize: UInt64
  }

  private enum State {
    case idle
    case expectsHeader(Method)
    case expectsBody(Content, remaining: UInt64)
  }

  private static let operation = "receive a message"

  /// The largest body that is kept, in bytes.
  let maximumBodySize: Int
  private var state = State.idle

  init(maximumBodySize: Int) { self.maximumBodySize = maximumBodySize }

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

  mutating func header(bodySize: UInt64, _ properties: Message.Properties) throws(AMQPError) -> Content? {
    guard case .expectsHeader(let method) = state else { throw Self.violation("a header came without its method") }
    let content = Content(method: method, message: Message(body: [], properties: properties), bodySize: bodySize)
    guard bodySize > 0 else {
      state = .idle
      return content
    }
    state = .expectsBody(content, remaining: bodySize)
    return nil
  }

  mutating func body(_ bytes: [UInt8]) throws(AMQPError) -> Content? {
    guard case .expectsBody(var content, let remaining) = state, bytes.count <= remaining else {
      throw Self.violation("a body came that was not announced")
    }
    // Releases the state's copy, so that the append does not copy what is there.
    state = .idle
    if keepsBody(of: content) { content.message.body.append(contentsOf: bytes) }
    guard bytes.count == remaining else {
      state = .expectsBody(content, remaining: remaining - UInt64(bytes.count))
      return nil
    }
    return content
  }

  /// What comes back was published here: it is known by its body, and was no larger when it was sent.
  private func keepsBody(of content: Content) -> Bool {
    if case .returned = content.method { true } else { content.bodySize <= maximumBodySize }
  }

  private static func violation(_ message: String) -> AMQPError {
    AMQPError(.protocolViolation, operation: operation, message: message, isRetriable: true)
  }
}
