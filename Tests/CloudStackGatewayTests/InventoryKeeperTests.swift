import LongshoreClient
import LongshoreMessages
import Synchronization
import Testing

@testable import CloudStackGateway

@Suite("The keeper of the inventory", .timeLimit(.minutes(1)))
struct InventoryKeeperTests {
  /// Hosts whose first answers come when a test lets them.
  private final class SlowCluster: ClusterBus {
    private let cluster = FakeCluster()
    private let isFirst = Mutex(true)
    let asked: AsyncStream<Void>
    private let asks: AsyncStream<Void>.Continuation
    private let answers: AsyncStream<Void>
    private let answer: AsyncStream<Void>.Continuation

    init() {
      (asked, asks) = AsyncStream.makeStream()
      (answers, answer) = AsyncStream.makeStream()
    }

    var rounds: Int { cluster.rounds.count }

    func letAnswer() { answer.finish() }

    func ask(
      _ command: Request.Command, of host: NodeName, id: MigrationID?, in trace: TraceContext?, within time: Duration
    ) async throws(LinkError) -> Reply {
      try await cluster.ask(command, of: host, id: id, in: trace, within: time)
    }

    func askAll(
      _ command: Request.Command, within time: Duration, until enough: @Sendable ([Reply]) -> Bool
    ) async throws -> [Reply] {
      let replies = try await cluster.askAll(command, within: time, until: enough)
      let isFirst = isFirst.withLock { isFirst in
        defer { isFirst = false }
        return isFirst
      }
      if isFirst {
        asks.finish()
        for await _ in answers {}
      }
      return replies
    }
  }

  private let bus = SlowCluster()
  private let clock = RunningGateway.Clock()

  private func keeper() async -> InventoryKeeper {
    let now: @Sendable () -> Timestamp = { [clock] in clock.now }
    return InventoryKeeper(
      Sample.cluster, bus: bus, state: ClusterState(ClusterModel(cluster: Sample.cluster), now: now), now: now)
  }

  @Test("asks once for all who want to know, and not again so soon")
  func once() async throws {
    let keeper = await keeper()
    let first = Task { try await keeper.inventory() }
    for await _ in bus.asked {}
    let second = Task { try await keeper.inventory() }
    bus.letAnswer()
    _ = try await (first.value, second.value, keeper.inventory())
    #expect(bus.rounds == 1)
  }

  @Test("asks anew after a change that came while it was asking")
  func change() async throws {
    let keeper = await keeper()
    let first = Task { try await keeper.inventory() }
    for await _ in bus.asked {}
    await keeper.forget()
    bus.letAnswer()
    _ = try await first.value
    _ = try await keeper.inventory()
    #expect(bus.rounds == 2)
  }

  @Test("does not take the answer to a question that was asked too early")
  func early() async throws {
    let keeper = await keeper()
    let first = Task { try await keeper.inventory() }
    for await _ in bus.asked {}
    clock.advance(seconds: 1)
    let end = clock.now
    let second = Task { try await keeper.inventory(notBefore: end) }
    bus.letAnswer()
    _ = try await (first.value, second.value)
    #expect(bus.rounds == 2)
  }
}
