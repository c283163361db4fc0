internal import Broadcasting
public import Logging

/// A connection to one daemon that comes back.
///
/// ```swift
/// let link = LibvirtLink(uri: "qemu:///system", logger: logger)
/// async let running: Void = link.run()
/// for await event in await link.events() { … }
/// ```
///
/// While ``run()`` is at work it keeps the link connected, and ``connection()`` never waits for a daemon that is away:
/// it fails at once with ``LibvirtError/Code/notConnected``. Without ``run()`` a connection is opened on demand.
/// Either way there is one attempt at a time, whoever asks.
public actor LibvirtLink {
  /// What opens a connection; in tests something else than libvirt.
  typealias Opener = @Sendable () async throws(LibvirtError) -> LibvirtConnection

  /// The daemon's URI.
  public nonisolated let uri: String

  private let open: Opener
  private let backoff: Backoff
  private let clock: any Clock<Duration>
  private let random: @Sendable () -> Double
  private let logger: Logger
  private let stateChanges = Broadcast<LinkState>()
  private let eventReceivers = Broadcast<LinkEvent>()

  private var phase = Phase.idle
  private var hasBeenConnected = false
  /// How many `run()` are at work.
  private var runs = 0

  private typealias Outcome = OneShot<Result<LibvirtConnection, LibvirtError>>

  private enum Phase {
    /// Can become: opening.
    case idle
    /// An attempt is under way, after an error if the daemon was away before. Can become: connected, away.
    case opening(Outcome, after: LibvirtError?)
    /// With the task that hands on its events. Can become: away, idle.
    case connected(LibvirtConnection, Task<Void, Never>)
    /// Can become: opening.
    case away(LibvirtError)
  }

  /// Makes a link; nothing is opened yet.
  ///
  /// - Parameters:
  ///   - uri: the daemon's URI.
  ///   - keepAlive: how to find out that the daemon is gone.
  ///   - limits: how many calls run at a time.
  ///   - backoff: how long to wait between attempts.
  ///   - logger: gets one line when the daemon is away and one when it is back.
  public init(
    uri: String, keepAlive: KeepAlive? = KeepAlive(), limits: CallLimits = CallLimits(), backoff: Backoff = Backoff(),
    logger: Logger
  ) {
    self.init(uri: uri, backoff: backoff, logger: logger) { () async throws(LibvirtError) in
      try await LibvirtConnection.open(uri, keepAlive: keepAlive, limits: limits)
    }
  }

  init(
    uri: String, backoff: Backoff = Backoff(), logger: Logger, clock: any Clock<Duration> = ContinuousClock(),
    random: @escaping @Sendable () -> Double = { .random(in: 0...1) }, open: @escaping Opener
  ) {
    self.uri = uri
    self.open = open
    self.backoff = backoff
    self.clock = clock
    self.random = random
    var logger = logger
    logger[metadataKey: "libvirt.uri"] = "\(uri)"
    self.logger = logger
  }

  // MARK: Use

  /// The connection. Do not keep it: ask again for each piece of work.
  ///
  /// - Throws: ``LibvirtError/Code/notConnected``, whose ``LibvirtError/cause`` says why there is none.
  public func connection() async throws(LibvirtError) -> LibvirtConnection {
    switch phase {
    case .connected(let connection, _):
      return connection
    case .opening(_, after: .some(let cause)) where runs > 0:
      throw notConnected(cause)
    case .away(let cause) where runs > 0:
      throw notConnected(cause)
    case .idle, .opening, .away:
      let result: Result<LibvirtConnection, LibvirtError>
      do throws(CancellationError) {
        result = try await connect()
      } catch {
        throw LibvirtError(
          code: .notConnected, message: "the task was cancelled while it waited", operation: "use \(uri)")
      }
      do throws(LibvirtError) {
        return try result.get()
      } catch {
        throw notConnected(error)
      }
    }
  }

  /// The states of the link, beginning with the present one. Each call gives a sequence of its own, for one consumer;
  /// it ends with its consumer.
  public func states() -> AsyncStream<LinkState> {
    stateChanges.subscribe(beginningWith: state)
  }

  /// The events of all domains, across reconnects. Each call gives a sequence of its own, for one consumer; it ends
  /// with its consumer.
  ///
  /// The first element is ``LinkEvent/connected`` or, when the first connection is long gone,
  /// ``LinkEvent/reconnected``: only from then on are events seen. Nothing is dropped while connected; events wait in
  /// memory until they are read.
  public func events() -> AsyncStream<LinkEvent> {
    if case .connected = phase { return eventReceivers.subscribe(beginningWith: .connected) }
    return eventReceivers.subscribe()
  }

  /// Keeps the link connected until the task is cancelled, then closes the connection.
  ///
  /// A daemon that is away is waited for without end, with a growing pause between the attempts.
  public func run() async {
    runs += 1
    // It ends with the task's cancellation and with nothing else.
    try? await keepConnected()
    runs -= 1
    if runs == 0, case .connected(let connection, let reader) = phase {
      phase = .idle
      stateChanges.send(.idle)
      reader.cancel()
      await connection.close()
    }
  }

  deinit {
    if case .connected(_, let reader) = phase { reader.cancel() }
  }

  // MARK: Connecting

  private var state: LinkState {
    switch phase {
    case .idle, .opening(_, after: nil): .idle
    case .connected: .connected
    case .opening(_, after: .some(let cause)), .away(let cause): .disconnected(cause)
    }
  }

  private func notConnected(_ cause: LibvirtError) -> LibvirtError {
    LibvirtError(code: .notConnected, message: "there is no connection", operation: "use \(uri)", cause: cause)
  }

  private func keepConnected() async throws {
    var failures = 0
    while !Task.isCancelled {
      let result = try await connect()
      if case .success(let connection) = result {
        failures = 0
        lost(connection, try await connection.waitUntilClosed())
      } else {
        failures += 1
        try await clock.sleep(for: backoff.pause(afterFailures: failures, random: random()))
      }
    }
  }

  /// Waits for the attempt that is under way, or for a new one.
  private func connect() async throws(CancellationError) -> Result<LibvirtConnection, LibvirtError> {
    let cause: LibvirtError?
    switch phase {
    case .connected(let connection, _): return .success(connection)
    case .opening(let outcome, _): return try await outcome.wait()
    case .idle: cause = nil
    case .away(let error): cause = error
    }
    let outcome = Outcome()
    phase = .opening(outcome, after: cause)
    // A task of its own: who started it may be cancelled while others wait for it too.
    Task {
      do throws(LibvirtError) {
        let connection = try await open()
        opened(connection, try await connection.events())
        outcome.resolve(.success(connection))
      } catch {
        failed(error, after: cause)
        outcome.resolve(.failure(error))
      }
    }
    return try await outcome.wait()
  }

  private func opened(_ connection: LibvirtConnection, _ events: DomainEvents) {
    let receivers = eventReceivers
    // Before the task that hands on the connection's first event.
    receivers.send(hasBeenConnected ? .reconnected : .connected)
    let reader = Task { [weak self] in
      for await event in events { receivers.send(.domain(event)) }
      guard let reason = try? await connection.waitUntilClosed() else { return }
      await self?.lost(connection, reason)
      await connection.close()
    }
    phase = .connected(connection, reader)
    logger.info(hasBeenConnected ? "libvirt connection is back" : "libvirt connected")
    stateChanges.send(.connected)
    hasBeenConnected = true
  }

  private func failed(_ error: LibvirtError, after cause: LibvirtError?) {
    phase = .away(error)
    if cause == nil {
      logger.warning("libvirt cannot be reached", metadata: ["error": "\(error)"])
      stateChanges.send(.disconnected(error))
    } else {
      logger.debug("libvirt still cannot be reached", metadata: ["error": "\(error)"])
    }
  }

  private func lost(_ connection: LibvirtConnection, _ reason: CloseReason) {
    guard case .connected(let current, _) = phase, current === connection else { return }
    let error = LibvirtError(
      code: .notConnected, message: "the connection was lost: \(reason)", operation: "use \(uri)")
    phase = .away(error)
    logger.warning("libvirt connection lost", metadata: ["reason": "\(reason)"])
    stateChanges.send(.disconnected(error))
  }
}
