import Dispatch
import Synchronization
import Testing

@testable import LongshoreAgent

@Suite("Threads that may block", .timeLimit(.minutes(1)))
struct BlockingExecutorTests {
  /// What is at rest until it is let go, as a file of a server that is away.
  private final class Server: Sendable {
    private let back = DispatchSemaphore(value: 0)
    func look() { back.wait() }
    func comeBack(for count: Int) { for _ in 0..<count { back.signal() } }
  }

  /// How many are at work, and were at most.
  private final class Gauge: Sendable {
    private let count = Mutex((now: 0, most: 0))
    var most: Int { count.withLock(\.most) }
    func begin() { count.withLock { $0 = ($0.now + 1, max($0.most, $0.now + 1)) } }
    func end() { count.withLock { $0.now -= 1 } }
  }

  private actor Decisions {
    private(set) var count = 0
    func decide() { count += 1 }
  }

  @Test("let others go on while many are blocked, and actors too")
  func others() async {
    let (executor, server, decisions) = (BlockingExecutor(limit: 64), Server(), Decisions())
    let blocked = (0..<32).map { _ in
      Task(executorPreference: executor) {
        await decisions.decide()
        server.look()
      }
    }
    let other = Task(executorPreference: executor) {
      await decisions.decide()
      await Task.yield()
      await decisions.decide()
    }
    await other.value
    server.comeBack(for: blocked.count)
    for task in blocked { await task.value }
    #expect(await decisions.count == 34)
    // One may be started for a task that another thread then takes.
    #expect(executor.threadCount <= 64)
  }

  @Test("are no more than the limit; tasks beyond wait")
  func limit() async {
    let (executor, server, atWork) = (BlockingExecutor(limit: 2), Server(), Gauge())
    let tasks = (0..<8).map { _ in
      Task(executorPreference: executor) {
        atWork.begin()
        server.look()
        atWork.end()
      }
    }
    server.comeBack(for: tasks.count)
    for task in tasks { await task.value }
    #expect((1...2).contains(atWork.most))
    // Those that have been idle for long have ended.
    #expect(executor.threadCount <= 2)
  }

  @Test("do what an effect does that blocks, and not the actor that started it")
  func effects() async {
    let (server, ended) = (Server(), Recorder<Int>())
    var effects = EffectTasks<Int>()
    effects.reconcile(Array(0..<32)) { number in
      {
        server.look()
        ended.record(number)
      }
    }
    let free = Recorder<Int>()
    effects.start(99) { free.record(99) }
    await free.wait(for: 99)
    #expect(ended.elements.isEmpty)
    server.comeBack(for: 32)
    await ended.wait { $0.count == 32 }
  }
}
