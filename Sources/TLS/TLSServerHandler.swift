public import NIOCore

/// Puts TLS between a server's connection and its protocol: the first handler of the pipeline of a connection that a client has made.
public final class TLSServerHandler: ChannelDuplexHandler {
  public typealias InboundIn = ByteBuffer
  public typealias InboundOut = ByteBuffer
  public typealias OutboundIn = ByteBuffer
  public typealias OutboundOut = ByteBuffer

  /// The connection ended before there was TLS, or what came was none.
  public struct Failure: Error, Hashable {
    /// A failure.
    public init() {}
  }

  /// The largest record of TLS, in bytes.
  private static let record = 16 * 1024

  private let connection: TLSConnection
  private var isReady = false
  private var hasEnded = false

  /// A handler for one connection; nil where there is no memory for it.
  public init?(_ context: TLSServerContext) {
    guard let connection = context.connection() else { return nil }
    self.connection = connection
  }

  public func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    guard !hasEnded else { return }
    let isTaken = unsafe unwrapInboundIn(data).withUnsafeReadableBytes { unsafe connection.receive($0) }
    guard isTaken else { return fail(context) }
    goOn(context)
  }

  /// Reads as much as there is.
  private func goOn(_ context: ChannelHandlerContext) {
    // Both what is to be answered, such as an alert, and what the client says.
    defer { send(context, promise: nil, flushes: true) }
    if !isReady {
      switch connection.shakeHands() {
      case .done: isReady = true
      case .needsMore: return
      case .ended, .failed: return fail(context)
      }
    }
    while true {
      var buffer = context.channel.allocator.buffer(capacity: Self.record)
      var step = TLSConnection.Step.failed
      unsafe buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: Self.record) { bytes in
        let read = unsafe connection.read(into: bytes)
        step = read.step
        return read.count
      }
      switch step {
      case .done: context.fireChannelRead(wrapInboundOut(buffer))
      case .needsMore: return
      case .ended:
        hasEnded = true
        connection.end()
        send(context, promise: nil, flushes: true)
        return context.close(mode: .all, promise: nil)
      case .failed: return fail(context)
      }
      // Who was told of it may have closed the connection.
      guard context.channel.isActive, !hasEnded else { return }
    }
  }

  private func fail(_ context: ChannelHandlerContext) {
    hasEnded = true
    // The alert that says why goes out first.
    send(context, promise: nil, flushes: true)
    context.close(mode: .all, promise: nil)
  }

  public func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
    guard isReady, !hasEnded, unsafe unwrapOutboundIn(data).withUnsafeReadableBytes({ unsafe connection.write($0) }) else {
      promise?.fail(Failure())
      return
    }
    send(context, promise: promise, flushes: false)
  }

  /// Sends what is to go to the network.
  private func send(_ context: ChannelHandlerContext, promise: EventLoopPromise<Void>?, flushes: Bool) {
    let pending = connection.pending
    guard pending > 0 else {
      promise?.succeed(())
      return
    }
    var buffer = context.channel.allocator.buffer(capacity: pending)
    unsafe buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: pending) { unsafe connection.send(into: $0) }
    context.write(wrapOutboundOut(buffer), promise: promise)
    if flushes { context.flush() }
  }

  public func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
    if !hasEnded, isReady, mode != .input {
      hasEnded = mode == .all
      connection.end()
      send(context, promise: nil, flushes: true)
    }
    context.close(mode: mode, promise: promise)
  }
}

@available(*, unavailable)
extension TLSServerHandler: Sendable {}
