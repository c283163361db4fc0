import Glibc
import Logging
import LongshoreTestKit
import MigrationCore
import MigrationJournal
import PrometheusMetrics
import Testing

@testable import LongshoreAgent

@Suite("The endpoint for those who watch", .timeLimit(.minutes(10)))
struct MonitoringEndpointTests {
  private let clock = ManualClock()
  private let health: AgentHealth
  private let registry: PrometheusRegistry
  private let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

  init() throws {
    health = AgentHealth(connections: [], clock: clock)
    registry = try AgentMetrics.registry()
  }

  private func endpoint(port: UInt16 = 9477, sample: @escaping @Sendable () async -> Void = {}) -> MonitoringEndpoint {
    MonitoringEndpoint(
      address: AgentConfiguration.ListenAddress(host: "127.0.0.1", port: port, place: "the file"), health: health, registry: registry,
      gate: SampleGate(sample), clock: clock, logger: logger)
  }

  @Test("shows what was measured when it is asked, in the format that is asked for")
  func metrics() async {
    let metrics = AgentMetrics(factory: registry)
    let endpoint = endpoint { metrics.delivered(again: false) }
    let text = await endpoint.answer("/metrics", accept: nil)
    #expect(text.status == 200 && text.contentType.hasPrefix("text/plain; version=0.0.4"))
    #expect(text.body.contains("\nlongshore_broker_deliveries_total 1\n"))
    let open = await endpoint.answer("/metrics", accept: "application/openmetrics-text")
    #expect(open.contentType.hasPrefix("application/openmetrics-text") && open.body.hasSuffix("# EOF\n"))
    #expect(open.body.contains("\nlongshore_broker_deliveries_total 2\n"))
  }

  @Test("shows what it has where what is to be asked hangs, and does not let questions pile up")
  func hanging() async {
    let (begun, begin) = AsyncStream<Void>.makeStream()
    let (never, end) = AsyncStream<Void>.makeStream()
    let endpoint = endpoint {
      begin.yield()
      for await _ in never {}
    }
    let first = Task { await endpoint.answer("/metrics", accept: nil) }
    for await _ in begun { break }
    // The second finds the first at it, and does not wait for it.
    #expect(await endpoint.answer("/metrics", accept: nil).status == 200)
    await clock.waitUntilPending(3000)
    clock.advance(milliseconds: 3000)
    #expect(await first.value.body.contains("longshore_build_info"))
    end.finish()
  }

  @Test("says what is missing")
  func readiness() async {
    let endpoint = endpoint()
    let before = await endpoint.answer("/readyz", accept: nil)
    #expect(before.status == 503)
    #expect(
      before.body == """
        {"ready":false,"missing":[{"part":"broker","message":"the inbox is not consumed yet"},\
        {"part":"libvirt","message":"no connection to libvirt yet"}]}

        """)
    health.libvirt(away: nil)
    health.written(JournalError(.diskFull, operation: "write \"it\"", message: "the disk is full"))
    // What was to be stored was wrong: that says nothing of the file.
    health.written(JournalError(.guestBusy, operation: "write", message: "busy"))
    let full = await endpoint.answer("/readyz", accept: nil).body
    #expect(full.contains("{\"part\":\"journal\",\"message\":\"write \\\"it\\\": the disk is full [diskFull]\"}"))
    #expect(!full.contains("libvirt"))
    health.written(nil)
    #expect(await !endpoint.answer("/readyz", accept: nil).body.contains("journal"))
  }

  @Test("says whether the loops go round")
  func liveness() async {
    let endpoint = endpoint()
    clock.advance(milliseconds: AgentHealth.patience)
    #expect(await endpoint.answer("/healthz", accept: nil).body == "{\"alive\":true,\"missing\":[]}\n")
    clock.advance(milliseconds: 1)
    let stuck = await endpoint.answer("/healthz", accept: nil)
    #expect(stuck.status == 503 && stuck.body.contains("have not gone round for 90 s"))
    health.progressed()
    #expect(await endpoint.answer("/healthz", accept: nil).status == 200)
  }

  @Test("refuses a port that is in use, and names the setting")
  func inUse() async throws {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(descriptor) }
    var name = sockaddr_in()
    name.sin_family = sa_family_t(AF_INET)
    name.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let bound = withUnsafeMutablePointer(to: &name) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
        bind(descriptor, address, length) == 0 && listen(descriptor, 1) == 0 && getsockname(descriptor, address, &length) == 0
      }
    }
    try #require(bound)
    let port = UInt16(bigEndian: name.sin_port)
    let error = await #expect(throws: ConfigurationError.self) { try await endpoint(port: port).start() }
    #expect(error?.description.hasPrefix("the file: metrics.listen: 127.0.0.1:\(port) is in use by another program") == true)
  }

  @Test("takes an address once it is free, and gives it back")
  func listening() async throws {
    // Nothing else in these tests uses the port of the documentation.
    let first = try await endpoint(port: 19_477).start()
    await #expect(throws: ConfigurationError.self) { _ = try await endpoint(port: 19_477).start() }
    await first.stop()
    try await endpoint(port: 19_477).start().stop()
  }
}

@Suite("The heartbeat", .timeLimit(.minutes(10)))
struct HeartbeatTests {
  @Test("proves the journal, and stops where what decides hangs")
  func beats() async throws {
    let clock = ManualClock()
    let health = AgentHealth(connections: [], clock: clock)
    let journal = try Journal(path: Journal.inMemory) { health.written($1) }
    let (asked, ask) = AsyncStream<Int>.makeStream()
    let (never, end) = AsyncStream<Void>.makeStream()
    let rounds = Recorder<Int>()
    let heart = Heartbeat(
      health: health, journal: journal, manager: ServiceManager(environment: [:]),
      round: {
        rounds.record(0)
        if rounds.elements.count == 3 {
          ask.yield(3)
          for await _ in never {}
        }
        return "idle"
      }, clock: clock, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    let running = Task { try await heart.run() }
    for beat in 1...2 {
      await clock.waitUntilBegun(250, count: beat)
      #expect(health.lastProgress == clock.now().wall)
      clock.advance(milliseconds: 250)
    }
    for await _ in asked { break }
    try journal.close()
    clock.advance(milliseconds: AgentHealth.patience)
    #expect(health.stuck.map(\.part) == ["loops"])
    end.finish()
    // So long after the start no more is waited for what lacks.
    await clock.waitUntilBegun(Heartbeat.interval, count: 1)
    #expect(health.stuck.isEmpty)
    #expect(!health.canWrite)
    running.cancel()
    _ = await running.result
  }

  @Test("calls the start complete after half a minute though something lacks, and says what, once")
  func startsWithout() async throws {
    try await withTemporaryFolder { folder in
      let clock = ManualClock()
      let health = AgentHealth(connections: [], clock: clock)
      let journal = try Journal(path: Journal.inMemory) { health.written($1) }
      try await withNotifySocket(folder.file("notify")) { next in
        let heart = Heartbeat(
          health: health, journal: journal, manager: ServiceManager(environment: ["NOTIFY_SOCKET": folder.file("notify")]),
          round: { "idle" }, clock: clock, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        let running = Task { try await heart.run() }
        let lacking = "STATUS=broker: the inbox is not consumed yet; libvirt: no connection to libvirt yet; idle"
        await clock.waitUntilBegun(250, count: 1)
        #expect(next() == "WATCHDOG=1\n\(lacking)")
        clock.advance(milliseconds: Heartbeat.startPatience - 1)
        await clock.waitUntilBegun(250, count: 2)
        #expect(next() == "WATCHDOG=1")
        clock.advance(milliseconds: 250)
        await clock.waitUntilBegun(Heartbeat.interval, count: 1)
        #expect(next() == "WATCHDOG=1\nREADY=1")
        clock.advance(milliseconds: Heartbeat.interval)
        await clock.waitUntilBegun(Heartbeat.interval, count: 2)
        #expect(next() == "WATCHDOG=1")
        #expect(next() == nil)
        running.cancel()
        _ = await running.result
      }
    }
  }
}
