internal import CRabbitMQ

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#endif

/// One open connection of librabbitmq, with one channel.
///
/// librabbitmq's connection state belongs to one thread at a time (its README, "Threading"): this type is not `Sendable`
/// and is made, used and closed on the thread of a ``ConnectionLoop``.
///
/// Only one channel is used: librabbitmq loses queued frames of other channels when it waits for one of them.
@safe
final class Transport {
  static let channel: amqp_channel_t = 1

  let address: AMQPConfiguration.Address
  let connection: amqp_connection_state_t
  let arena = Arena()
  let fileDescriptor: Int32
  /// The largest frame that both sides take, in bytes.
  let frameMax: Int
  /// The heartbeat that both sides agreed on; zero if the broker wants none.
  let heartbeat: Duration
  private var isClosed = false
  private var isCorked = false

  init(
    address: AMQPConfiguration.Address, connection: amqp_connection_state_t, fileDescriptor: Int32, frameMax: Int,
    heartbeat: Duration
  ) {
    self.address = address
    unsafe self.connection = unsafe connection
    self.fileDescriptor = fileDescriptor
    self.frameMax = frameMax
    self.heartbeat = heartbeat
  }

  /// After this time in which the peer's TCP has not acknowledged what was sent, the connection counts as dead; nil without
  /// heartbeats.
  ///
  /// The kernel acknowledges within milliseconds, also for a broker that stands still: one heartbeat is as sure a sign as two
  /// missed ones, and who publishes notices sooner.
  var deadPeerTimeout: Duration? { heartbeat > .zero ? heartbeat : nil }

  /// Closes the socket and frees everything. Nothing may be called afterwards.
  func close() {
    guard !isClosed else { return }
    isClosed = true
    _ = unsafe amqp_destroy_connection(connection)
  }

  /// Throws what a status of librabbitmq means.
  func check(_ status: Int32, _ operation: String) throws(AMQPError) {
    guard status != AMQP_STATUS_OK.rawValue else { return }
    let error = AMQPError.library(status, .connectionLost, operation)
    throw error
  }
}

// MARK: - Receiving

extension Transport {
  /// The next frame that is there already; nil if there is none. Serves heartbeats.
  ///
  /// - Throws: ``AMQPError`` when the connection is broken or two heartbeats have passed without a sign of the broker.
  func receive() throws(AMQPError) -> InboundFrame? {
    while true {
      var frame = unsafe amqp_frame_t()
      var noWait = timeval()
      let status = unsafe amqp_simple_wait_frame_noblock(connection, &frame, &noWait)
      if status == AMQP_STATUS_TIMEOUT.rawValue { return nil }
      try check(status, "receive from the broker")
      let copy = unsafe InboundFrame(frame)
      unsafe amqp_maybe_release_buffers(connection)
      if let copy { return copy }
    }
  }
}

// MARK: - Sending

extension Transport {
  /// Whether a frame can be sent without waiting.
  ///
  /// Linux reports a socket as writable only while at least a third of its send buffer is free (`sk_stream_is_writeable`),
  /// and ``open(_:_:)`` makes that more than a frame.
  var isWritable: Bool {
    var descriptor = pollfd(fd: fileDescriptor, events: Int16(POLLOUT), revents: 0)
    return unsafe poll(&descriptor, 1, 0) > 0
  }

  /// Lets the kernel wait for more before it sends a packet that is not full, or no longer (`TCP_CORK`, tcp(7)).
  func setCorked(_ isCorked: Bool) {
    guard isCorked != self.isCorked else { return }
    self.isCorked = isCorked
    setOption(Int32(IPPROTO_TCP), TCP_CORK, isCorked ? 1 : 0)
  }

  /// Sets how long sent data may remain unacknowledged by the peer's TCP. Lifted during an alarm, when the broker
  /// deliberately reads nothing: the option counts a full receive window too (tcp(7)).
  func setUserTimeout(_ timeout: Duration?) {
    setOption(
      Int32(IPPROTO_TCP), TCP_USER_TIMEOUT, Int32(clamping: timeout.map { Int64($0 / .milliseconds(1)) } ?? 0))
  }

  private func setOption(_ level: Int32, _ option: Int32, _ value: Int32) {
    var value = value
    // A refused option leaves the kernel's default, which works as well.
    _ = unsafe setsockopt(fileDescriptor, level, option, &value, socklen_t(MemoryLayout<Int32>.size))
  }

  /// Sends a message that fits one body frame, in one go.
  func publish(_ publication: Publication) throws(AMQPError) {
    defer { arena.recycle() }
    var properties = unsafe arena.properties(publication.message.properties)
    let status = unsafe publication.message.body.withUnsafeBytes { body in
      // Only read: librabbitmq's type has no const.
      let bytes = unsafe amqp_bytes_t(len: body.count, bytes: UnsafeMutableRawPointer(mutating: body.baseAddress))
      return unsafe amqp_basic_publish(
        connection, Self.channel, arena.bytes(publication.exchange), arena.bytes(publication.routingKey),
        publication.mandatory ? 1 : 0, 0, &properties, bytes)
    }
    try check(status, publication.operation)
  }

  /// Sends the method and the header of a message whose body follows in frames.
  func beginPublish(_ publication: Publication) throws(AMQPError) {
    defer { arena.recycle() }
    var method = unsafe amqp_basic_publish_t(
      ticket: 0, exchange: arena.bytes(publication.exchange), routing_key: arena.bytes(publication.routingKey),
      mandatory: publication.mandatory ? 1 : 0, immediate: 0)
    try check(
      unsafe amqp_send_method(connection, Self.channel, AMQP_BASIC_PUBLISH_METHOD, &method), publication.operation)
    var properties = unsafe arena.properties(publication.message.properties)
    let status = unsafe withUnsafeMutablePointer(to: &properties) { properties in
      var frame = unsafe amqp_frame_t()
      unsafe frame.frame_type = UInt8(AMQP_FRAME_HEADER)
      unsafe frame.channel = Self.channel
      unsafe frame.payload.properties.class_id = UInt16(AMQP_BASIC_CLASS)
      unsafe frame.payload.properties.body_size = UInt64(publication.message.body.count)
      unsafe frame.payload.properties.decoded = UnsafeMutableRawPointer(properties)
      return unsafe amqp_send_frame(connection, &frame)
    }
    try check(status, publication.operation)
  }

  /// Sends one frame of a body.
  func sendBody(_ publication: Publication, _ range: Range<Int>) throws(AMQPError) {
    let status = unsafe publication.message.body.withUnsafeBytes { body in
      var frame = unsafe amqp_frame_t()
      unsafe frame.frame_type = UInt8(AMQP_FRAME_BODY)
      unsafe frame.channel = Self.channel
      // Only read: librabbitmq's type has no const.
      let start = unsafe UnsafeMutableRawPointer(mutating: body.baseAddress)?.advanced(by: range.lowerBound)
      unsafe frame.payload.body_fragment = amqp_bytes_t(len: range.count, bytes: start)
      return unsafe amqp_send_frame(connection, &frame)
    }
    try check(status, publication.operation)
  }
}

extension AMQPError {
  /// What a status of librabbitmq means.
  static func library(_ status: Int32, _ code: Code, _ operation: String) -> AMQPError {
    let text = unsafe amqp_error_string2(status).map { unsafe String(cString: $0) } ?? "status \(status)"
    let isAboutTLS = (AMQP_STATUS_SSL_SET_ENGINE_FAILED.rawValue...AMQP_STATUS_SSL_ERROR.rawValue).contains(status)
    return AMQPError(
      isAboutTLS && code == .connectFailed ? .tlsFailed : code, operation: operation, message: text, isRetriable: true)
  }
}
