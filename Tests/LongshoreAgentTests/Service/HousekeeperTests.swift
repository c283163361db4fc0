import Testing

@testable import LongshoreAgent

@Suite("The housekeeper", .timeLimit(.minutes(10)))
struct HousekeeperTests {
  private func withHousekeeper(
    grace: Int64, isEnded: Bool, _ body: (SetAsideHost<ManualClock>, HousekeeperCalls) async throws -> Void
  ) async throws {
    try await SetAsideHost.with(ManualClock(), grace: grace, isEnded: isEnded) { host in
      let calls = HousekeeperCalls()
      let housekeeper = Housekeeper(
        journal: host.journal, disks: host.disks, calls: calls, clock: host.clock, logger: host.logger)
      let running = Task { try await housekeeper.run() }
      let result = await Result { try await body(host, calls) }
      running.cancel()
      _ = await running.result
      try result.get()
    }
  }

  @Test("deletes a disk when its time is over, and not a millisecond before")
  func exact() async throws {
    try await withHousekeeper(grace: 10_000, isEnded: true) { host, _ in
      await host.clock.waitUntilPending(10_000)
      host.clock.advance(milliseconds: 9_999)
      #expect(host.isThere)
      host.clock.advance(milliseconds: 1)
      await host.clock.waitUntilPending(60_000)
      #expect(!host.isThere)
    }
  }

  @Test("deletes a disk without a time of grace when it is called, once the migration has ended")
  func called() async throws {
    try await withHousekeeper(grace: 0, isEnded: false) { host, calls in
      await host.clock.waitUntilPending(60_000)
      #expect(host.isThere)
      try host.endMigration()
      calls.call()
      await host.clock.waitUntilBegun(60_000, count: 2)
      #expect(!host.isThere)
    }
  }
}
