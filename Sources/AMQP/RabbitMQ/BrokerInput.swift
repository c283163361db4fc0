internal import CRabbitMQ

/// What a broker sends, taken in as a connection takes it in, for tests that feed it rubbish: librabbitmq cuts the bytes into
/// frames and decodes them, the frames are copied, and a session with a consumer and two publishes under way is told of them.
package enum BrokerInput {
  /// What became of the bytes.
  package struct Outcome: Sendable, Equatable {
    /// The frames that were taken in.
    package var frames = 0
    /// Whether the connection would have been given up.
    package var isGivenUp = false
    /// What must not be, in words.
    package var violations: [String] = []
  }

  /// The largest body that is kept, in bytes.
  private static let maximumBodySize = 4096
  private static let consumer = ConsumerID(rawValue: 1)
  private static let publishes = [PublishID(rawValue: 1), PublishID(rawValue: 2)]

  /// Takes in bytes, with the stack that a connection has for it.
  package static func outcome(of bytes: [UInt8]) async throws -> Outcome {
    try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Outcome, any Error>) in
      do throws(AMQPError) {
        try DedicatedThread.start { continuation.resume(returning: takeIn(bytes)) }
      } catch {
        continuation.resume(throwing: error)
      }
    }
  }

  private static func takeIn(_ bytes: [UInt8]) -> Outcome {
    var (session, now) = (readySession(), ContinuousClock.now)
    var outcome = Outcome()
    var answered: [PublishID] = []
    func check(_ effects: [SessionEffect]) {
      for effect in effects {
        switch effect {
        case .published(let id, _): answered.append(id)
        case .deliver(_, let incoming): outcome.violations += violations(in: incoming)
        case .giveUp: outcome.isGivenUp = true
        default: break
        }
      }
    }
    let isWhole = eachFrame(in: bytes) { frame in
      outcome.frames += 1
      check(session.receive(frame, now: now))
      while !outcome.isGivenUp {
        let (outbound, effects) = session.next(frameMax: 4096, now: now)
        check(effects)
        guard outbound != nil else { break }
      }
      now = now.advanced(by: .milliseconds(1))
      return !outcome.isGivenUp
    }
    outcome.isGivenUp = outcome.isGivenUp || !isWhole
    check(session.disconnected(AMQPError(.connectionLost, operation: "test", message: "the input has ended")))
    if answered.sorted(by: { $0.rawValue < $1.rawValue }) != publishes {
      outcome.violations.append("publishes 1 and 2 were answered as \(answered.map(\.rawValue))")
    }
    if !session.isIdle { outcome.violations.append("something is under way without a connection") }
    return outcome
  }

  /// What a delivery must not be: with another body than announced, or with properties that cannot be sent back.
  private static func violations(in incoming: IncomingMessage) -> [String] {
    var violations: [String] = []
    let expected = incoming.bodySize <= maximumBodySize ? incoming.bodySize : 0
    if UInt64(incoming.message.body.count) != expected {
      violations.append("a body of \(incoming.bodySize) bytes was delivered with \(incoming.message.body.count)")
    }
    do throws(AMQPError) {
      try incoming.message.properties.validate(operation: "send the properties back")
    } catch {
      violations.append("\(error)")
    }
    return violations
  }

  /// A session whose consumer is subscribed, and that has sent two messages.
  private static func readySession() -> Session {
    var session = Session(
      topology: Topology(), operationTimeout: .seconds(10), maximumBodySize: maximumBodySize, backOff: BackOff(),
      jitter: { 1 })
    let now = ContinuousClock.now
    func answer(_ methods: [InboundMethod]) {
      for method in methods {
        _ = session.next(frameMax: 4096, now: now)
        _ = session.receive(.method(method), now: now)
      }
    }
    session.connected()
    answer([.openChannelOK, .selectConfirmsOK])
    session.add(consumer, ConsumerSpec(source: .queue("q"), prefetch: 1, arguments: [:], noAck: false, exclusive: false))
    answer([.setPrefetchOK, .consumeOK])
    for id in publishes {
      session.publish(Publication(message: Message("m"), exchange: "x", routingKey: "k", mandatory: true), id: id)
      _ = session.next(frameMax: 4096, now: now)
    }
    return session
  }

  /// The header that a broker sends when it does not speak the protocol's version. librabbitmq can be told the size of frames
  /// only after it has read something.
  private static let protocolHeader = Array("AMQP".utf8) + [0, 0, 9, 1]

  /// Has librabbitmq cut the bytes into frames. Returns false where it refuses them.
  private static func eachFrame(in bytes: [UInt8], _ body: (InboundFrame) -> Bool) -> Bool {
    guard let connection = unsafe amqp_new_connection() else { return false }
    defer { _ = unsafe amqp_destroy_connection(connection) }
    var isTuned = false
    return unsafe (protocolHeader + bytes).withUnsafeBytes { buffer in
      var offset = 0
      while offset < buffer.count {
        var frame = unsafe amqp_frame_t()
        // Only read: librabbitmq's type has no const.
        let start = unsafe UnsafeMutableRawPointer(mutating: buffer.baseAddress)?.advanced(by: offset)
        let taken = unsafe amqp_handle_input(connection, amqp_bytes_t(len: buffer.count - offset, bytes: start), &frame)
        guard taken > 0 else { return false }
        offset += Int(taken)
        // No whole frame yet: the connection waits for more, and its buffers are in use.
        guard unsafe frame.frame_type != 0 else { continue }
        let copy = unsafe InboundFrame(frame)
        unsafe amqp_maybe_release_buffers(connection)
        if !isTuned {
          _ = unsafe amqp_tune_connection(connection, 1, Int32(AMQP_DEFAULT_FRAME_SIZE), 0)
          isTuned = true
        }
        if let copy, !body(copy) { return true }
      }
      return true
    }
  }
}
