import Logging
import Synchronization
import Testing

@testable import Libvirt

@Suite("A link", .timeLimit(.minutes(10)))
struct LinkTests {
  @Test("opens on demand, once for all who ask")
  func onDemand() async throws {
    let daemon = FakeDaemon()
    let link = daemon.link()
    let connections = try await withThrowingTaskGroup(of: LibvirtConnection.self) { group in
      for _ in 0..<20 { group.addTask { try await link.connection() } }
      return try await group.reduce(into: []) { $0.append($1) }
    }
    #expect(daemon.attempts == 1)
    #expect(Set(connections.map(ObjectIdentifier.init)).count == 1)
  }

  @Test("says why there is no connection, and tries anew for the next who asks")
  func away() async throws {
    let daemon = FakeDaemon(failures: 1)
    let link = daemon.link()
    let error = await #expect(throws: LibvirtError.self) { try await link.connection() }
    #expect(error?.code == .notConnected)
    #expect(error?.cause == FakeDaemon.refusal)
    #expect(try await link.connection().isAlive())
    #expect(daemon.attempts == 2)
  }

  @Test("reconnects with growing pauses, and tells of the loss and the return once")
  func reconnects() async throws {
    let daemon = FakeDaemon(failures: 3)
    let clock = RecordingClock()
    let log = LogRecorder()
    let link = daemon.link(
      backoff: Backoff(first: .seconds(1), longest: .seconds(3), jitter: 0.5), clock: clock, logger: log.logger)
    var states = await link.states().makeAsyncIterator()
    #expect(await states.next() == .idle)
    let running = Task { await link.run() }
    #expect(await states.next() == .disconnected(FakeDaemon.refusal))
    #expect(await states.next() == .connected)
    // The random number is 1, so half of each pause is taken off.
    #expect(clock.pauses == [.milliseconds(500), .seconds(1), .milliseconds(1_500)])

    let first = try await link.connection()
    first.connectionWasClosed(.keepAlive)
    let loss = LibvirtError(
      code: .notConnected, message: "the connection was lost: keepalive", operation: "use fake:///system")
    #expect(await states.next() == .disconnected(loss))
    #expect(await states.next() == .connected)
    #expect(try await link.connection() !== first)
    #expect(
      log.messages == [
        "warning libvirt cannot be reached", "info libvirt connected", "warning libvirt connection lost",
        "info libvirt connection is back",
      ])

    running.cancel()
    await running.value
    #expect(await states.next() == .idle)
  }

  @Test("fails at once while it is away and kept by run()")
  func failsFast() async throws {
    let daemon = FakeDaemon(failures: 1)
    let clock = HeldClock()
    let link = daemon.link(clock: clock)
    let running = Task { await link.run() }
    await clock.waitForSleeper()
    let error = await #expect(throws: LibvirtError.self) { try await link.connection() }
    #expect(error?.code == .notConnected)
    #expect(error?.cause == FakeDaemon.refusal)
    #expect(daemon.attempts == 1)
    running.cancel()
    await running.value
  }

  @Test("restores the events and says that some may be missed")
  func events() async throws {
    try await TestDriver.withDomain { _, domain in
      let daemon = FakeDaemon()
      let link = daemon.link(clock: RecordingClock())
      var events = await link.events().makeAsyncIterator()
      let running = Task { await link.run() }
      #expect(await events.next() == .connected)
      try await domain.start()
      #expect(await nextEvent(&events, of: domain) == .lifecycle(.started(.booted)))

      try await link.connection().connectionWasClosed(.endOfFile)
      var event = await events.next()
      // Other tests' domains live on the same host.
      while case .domain = event { event = await events.next() }
      #expect(event == .reconnected)
      try await domain.destroy()
      #expect(await nextEvent(&events, of: domain) == .lifecycle(.stopped(.destroyed)))

      var late = await link.events().makeAsyncIterator()
      #expect(await late.next() == .connected)
      running.cancel()
      await running.value
    }
  }

  @Test("ends its sequences when it goes")
  func ends() async throws {
    var link: LibvirtLink? = FakeDaemon().link()
    _ = try await link?.connection()
    let states = try #require(await link?.states())
    let events = try #require(await link?.events())
    link = nil
    for await _ in states {}
    for await _ in events {}
  }

  @Test(
    "waits longer after each failure, up to a limit",
    arguments: [
      (1, 0.0, Duration.seconds(1)), (2, 0.0, .seconds(2)), (3, 0.0, .seconds(4)), (4, 0.0, .seconds(5)),
      (1_000_000, 0.0, .seconds(5)), (2, 1.0, .milliseconds(1_500)), (2, 0.5, .milliseconds(1_750)),
    ])
  func backoff(failures: Int, random: Double, pause: Duration) {
    let backoff = Backoff(first: .seconds(1), longest: .seconds(5), jitter: 0.25)
    #expect(backoff.pause(afterFailures: failures, random: random) == pause)
  }

  private func nextEvent(
    _ events: inout AsyncStream<LinkEvent>.AsyncIterator, of domain: Domain
  ) async -> DomainEvent.Kind? {
    while let event = await events.next(isolation: #isolation) {
      if case .domain(let event) = event, event.isNews(of: domain) { return event.kind }
    }
    return nil
  }
}

/// A daemon that refuses the first attempts; behind it is the test driver.
private final class FakeDaemon: Sendable {
  static let refusal = LibvirtError(
    code: .systemError, domain: .rpc, message: "Connection refused", operation: "open fake:///system")

  private let failures: Int
  private let count = Mutex(0)

  init(failures: Int = 0) {
    self.failures = failures
  }

  var attempts: Int { count.withLock { $0 } }

  func link(
    backoff: Backoff = Backoff(), clock: any Clock<Duration> = ContinuousClock(),
    logger: Logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
  ) -> LibvirtLink {
    LibvirtLink(uri: "fake:///system", backoff: backoff, logger: logger, clock: clock, random: { 1 }) {
      [self] () async throws(LibvirtError) in
      let attempt = count.withLock {
        $0 += 1
        return $0
      }
      guard attempt > failures else { throw FakeDaemon.refusal }
      return try await LibvirtConnection.open(TestDriver.uri)
    }
  }
}

/// A clock on which a pause never ends by itself.
private final class HeldClock: Clock {
  typealias Instant = RecordingClock.Instant

  private let (sleepers, continuation) = AsyncStream.makeStream(of: Void.self)

  var now: Instant { Instant(offset: .zero) }
  var minimumResolution: Duration { .zero }

  func sleep(until deadline: Instant, tolerance: Duration?) async throws {
    continuation.yield()
    // Nothing comes; the stream ends with the task's cancellation.
    let (nothing, source) = AsyncStream.makeStream(of: Void.self)
    for await _ in nothing {}
    source.finish()
    try Task.checkCancellation()
  }

  func waitForSleeper() async {
    _ = await sleepers.first { _ in true }
  }
}

/// Keeps what is logged, as level and message.
private final class LogRecorder: Sendable {
  private let lines = Mutex<[String]>([])

  /// What was logged at level info and above.
  var messages: [String] { lines.withLock { $0 } }

  var logger: Logger { Logger(label: "test") { _ in Handler(recorder: self) } }

  private struct Handler: LogHandler {
    let recorder: LogRecorder
    var metadata: Logger.Metadata = [:]
    var logLevel = Logger.Level.info

    init(recorder: LogRecorder) {
      self.recorder = recorder
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
      get { metadata[key] }
      set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
      recorder.lines.withLock { $0.append("\(event.level) \(event.message)") }
    }
  }
}
