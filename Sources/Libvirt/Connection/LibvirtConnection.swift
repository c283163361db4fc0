internal import CLibvirt
internal import Synchronization

/// A connection to a libvirt daemon.
///
/// All calls may be made from any task at once. They run on threads of the connection's own, never on those of Swift's
/// cooperative pool; ``CallLimits`` says how many at a time. Cancelling a task does not stop its call.
///
/// When the daemon goes away, ``waitUntilClosed()`` returns and every call fails with an error whose
/// ``LibvirtError/isConnectionLost`` is true. A connection does not come back: open another, or use ``LibvirtLink``,
/// and look domains and pools up again.
///
/// Call ``close()`` when done. A connection that is dropped closes in the background. Either way the socket stays open
/// until the last ``Domain``, ``StoragePool`` and ``StorageVolume`` of the connection is gone.
public final class LibvirtConnection: Sendable {
  /// The URI that was opened.
  public let uri: String

  let lanes: Lanes
  private let handle: ConnectionHandle
  private let closed = OneShot<CloseReason>()
  let hub = EventHub()
  private let closeNotice: UInt

  /// Connects to the daemon.
  ///
  /// Nobody is asked for a password: what needs one fails with ``LibvirtError/Code/authFailed``. libvirt sets no limit
  /// to the time that connecting to an address without an answer takes; the system's own is about two minutes.
  ///
  /// - Parameters:
  ///   - uri: such as `qemu:///system` or `qemu+tls://alpha.example.org/system`.
  ///   - keepAlive: how to find out that the daemon is gone; nothing leaves it to the daemon. Drivers that work inside
  ///     the client (`test:///default`) have none.
  ///   - limits: how many calls run at a time.
  public static func open(
    _ uri: String, keepAlive: KeepAlive? = KeepAlive(), limits: CallLimits = CallLimits()
  ) async throws(LibvirtError) -> LibvirtConnection {
    let lanes = Lanes(limits)
    let call = Call(operation: "open \(uri)")
    return try await lanes.control.run(call) { call throws(LibvirtError) in
      try EventLoop.start()
      let pointer = try unsafe call.check(virConnectOpen(uri))
      // From here on the connection owns the pointer: a failure below closes it when the object goes.
      let connection = unsafe LibvirtConnection(uri: uri, taking: pointer, lanes: lanes)
      try connection.prepare(keepAlive: keepAlive, call)
      return connection
    }
  }

  private init(uri: String, taking pointer: OpaquePointer, lanes: Lanes) {
    self.uri = uri
    self.lanes = lanes
    handle = unsafe ConnectionHandle(taking: pointer)
    let closed = closed
    let hub = hub
    closeNotice = closeNotices.insert { reason in
      closed.resolve(reason)
      hub.finish()
    }
  }

  private func prepare(keepAlive: KeepAlive?, _ call: Call) throws(LibvirtError) {
    try handle.borrow(call) { connection throws(LibvirtError) in
      try call.check(
        unsafe virConnectRegisterCloseCallback(connection, connectionClosed, callbackContext(closeNotice), nil))
      guard let keepAlive else { return }
      do throws(LibvirtError) {
        try call.check(
          unsafe virConnectSetKeepAlive(connection, keepAlive.seconds, UInt32(clamping: max(1, keepAlive.count))))
      } catch  where error.code == .noSupport {
        // A driver inside the client: there is no other end that could go away.
      }
    }
  }

  deinit {
    Self.close(handle, hub, closeNotice, closed, on: lanes.control)
  }

  /// Closes the connection; does nothing the second time.
  ///
  /// Event sequences end, ``waitUntilClosed()`` returns ``CloseReason/client`` unless the daemon was faster, and later
  /// calls fail with ``LibvirtError/Code/invalidConnection``. Calls under way are not cut short.
  public func close() async {
    await withCheckedContinuation { continuation in
      Self.close(handle, hub, closeNotice, closed, on: lanes.control) { continuation.resume() }
    }
  }

  /// Whether the connection is open and, as far as is known, the daemon is there.
  public func isAlive() async -> Bool {
    guard closed.value == nil else { return false }
    let isAlive = try? await perform("ask whether \(uri) is alive") { call, connection throws(LibvirtError) in
      try unsafe call.check(virConnectIsAlive(connection)) == 1
    }
    return isAlive ?? false
  }

  /// Waits until the connection is closed, by whichever side, and says why.
  ///
  /// - Throws: `CancellationError` when the task is cancelled first; the connection stays open.
  public func waitUntilClosed() async throws(CancellationError) -> CloseReason {
    try await closed.wait()
  }

  // MARK: Calls

  /// Runs a call on one of the connection's threads.
  ///
  /// - Parameters:
  ///   - operation: what is tried, in words that follow "cannot".
  ///   - lane: the sort of call; short ones where nothing is said.
  @safe
  func perform<Value: Sendable>(
    _ operation: String, on lane: Lanes.Sort = .control,
    _ body: @escaping @Sendable (Call, OpaquePointer) throws(LibvirtError) -> Value
  ) async throws(LibvirtError) -> Value {
    // The closure keeps the handle and not `self`: the last release of `self` must not happen under the call.
    let handle = handle
    return try await lanes[lane].run(Call(operation: operation)) { call throws(LibvirtError) in
      try handle.borrow(call) { connection throws(LibvirtError) in try unsafe body(call, connection) }
    }
  }

  /// What the daemon's close callback calls; also the tests' way to lose a connection.
  func connectionWasClosed(_ reason: CloseReason) {
    closeNotices[closeNotice]?(reason)
  }

  private static func close(
    _ handle: ConnectionHandle, _ hub: EventHub, _ closeNotice: UInt, _ closed: OneShot<CloseReason>,
    on lane: BlockingLane, then completed: @escaping @Sendable () -> Void = {}
  ) {
    closed.resolve(.client)
    hub.finish()
    let job: BlockingLane.Job = {
      handle.close { connection in
        // Each registration holds a reference on the connection (libvirt-host.c): without this it would stay open.
        hub.unregister(connection)
        unsafe _ = virConnectUnregisterCloseCallback(connection, connectionClosed)
      }
      closeNotices.remove(closeNotice)
      completed()
    }
    // Without a thread to be had the closing is done here and may wait for the daemon; leaking would be worse.
    if !lane.submit(job) { job() }
  }
}

/// What the close callbacks of the connections call.
private let closeNotices = CallbackTable<@Sendable (CloseReason) -> Void>()

/// libvirt's close callback (`virConnectCloseFunc`), called on the event loop's thread.
private func connectionClosed(_ connection: OpaquePointer?, _ reason: Int32, _ context: UnsafeMutableRawPointer?) {
  unsafe closeNotices[context]?(CloseReason(rawValue: reason))
}
