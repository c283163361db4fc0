import Logging
import LongshoreMessages
import LongshoreTestKit
import MigrationCore
import MigrationJournal
import Testing

@testable import LongshoreAgent

@Suite("A host's prefetches", .timeLimit(.minutes(10)))
struct PrefetchCoordinatorTests {
  private static let layers = MigrationSamples.plan.layers
  private static let order = PrefetchOrder(template: layers[0].volume, from: MigrationSamples.source.host)

  /// Does effects by a script, and notes when each began and came to rest.
  private struct Runner: PrefetchRunner {
    typealias Script = @Sendable (PrefetchEffect, TemplatePrefetch) async -> PrefetchEvent?

    let notes = Recorder<EffectNote<PrefetchEffect>>()
    let script: Script

    func run(
      _ effect: PrefetchEffect, of prefetch: TemplatePrefetch, progress: @escaping @Sendable (UInt64) async -> Void,
      report: @escaping @Sendable (PrefetchEvent) async -> Void
    ) async {
      notes.record(.began(effect))
      if case .provideLayer = effect { await progress(1000) }
      if let event = await script(effect, prefetch) { await report(event) } else { await waitForCancellation() }
      notes.record(.ended(effect))
    }
  }

  /// Everything succeeds.
  private static let success: Runner.Script = { effect, _ in
    switch effect {
    case .askSource: .described(layers)
    case .check: .checked
    case .provideLayer(let id): .layerProvided(id, path: "/mnt/slow/debian.qcow2", copied: 300 << 20)
    case .keepFiles: .filesKept
    case .removeFiles: .filesRemoved
    case .awaitAdmission, .holdOffer, .awaitDeadline: nil
    }
  }

  private struct Host {
    let journal: Journal
    let runner: Runner
    let prefetches: PrefetchCoordinator

    init(_ journal: Journal? = nil, limit: Int = 4, script: @escaping Runner.Script) throws {
      let journal = try journal ?? Journal(path: Journal.inMemory)
      self.journal = journal
      runner = Runner(script: script)
      prefetches = PrefetchCoordinator(
        here: MigrationSamples.destination, journal: journal, limit: limit, deadlineSeconds: { 60 }, clock: ManualClock(), runner: runner,
        outboxChanged: {}, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    }

    func order(_ order: PrefetchOrder, _ id: String, trace: TraceContext? = nil) async throws -> Reply.Body {
      try await prefetches.order(order, key: RequestKey(id: #require(MigrationID(id)), digest: "\(order)"), trace: trace)
    }

    func work(_ id: String) async throws -> TemplateWork? { try await prefetches.work(#require(MigrationID(id))) }
  }

  @Test("are journalled before they are answered, and come to their end")
  func placed() async throws {
    let host = try Host(script: Self.success)
    guard case .templateWork(let begun) = try await host.order(PrefetchCoordinatorTests.order, "one") else { throw Unexpected() }
    #expect(begun.phase == .queued)
    #expect(try host.journal.openPrefetches().migrations.map(\.id.text) == ["one"])
    await host.runner.notes.wait(for: .ended(.keepFiles))
    let work = try #require(try await host.work("one"))
    #expect(work.phase == .done && work.files.map(\.state) == [.copied] && work.bytesDone == 300 << 20)
    #expect(try host.journal.outbox(limit: 10).map(\.type) == ["template-done"], "the source may end its offer")
    // The same order once more is the same prefetch.
    #expect(try await host.order(PrefetchCoordinatorTests.order, "one") == .templateWork(work))
    #expect(host.runner.notes.elements.count { $0 == .began(.askSource) } == 1)
    var other = Self.order
    other.destinationPool = Self.layers[0].pool
    guard case .rejected(let reasons) = try await host.order(other, "one") else { throw Unexpected() }
    #expect(reasons.map(\.code) == [.idReused])
    #expect(try await host.work("none") == nil)
  }

  @Test("work in their order's trace, also when the agent comes back")
  func trace() async throws {
    let trace = try #require(TraceContext(traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"))
    let traces = Recorder<TraceContext?>()
    let first = try Host { effect, prefetch in
      traces.record(.current)
      if case .provideLayer = effect { return nil }
      return await Self.success(effect, prefetch)
    }
    _ = try await first.order(Self.order, "one", trace: trace)
    await first.runner.notes.wait(for: .began(.provideLayer(0)))
    await first.prefetches.stop()
    let second = try Host(first.journal) { effect, prefetch in
      traces.record(.current)
      return await Self.success(effect, prefetch)
    }
    try await second.prefetches.resume()
    await second.runner.notes.wait(for: .ended(.keepFiles))
    #expect(!traces.elements.isEmpty && traces.elements.allSatisfy { $0 == trace })
    #expect(try second.journal.outbox(limit: 10).map(\.headers) == [trace.fields])
  }

  @Test("that are ordered twice at once are one")
  func joined() async throws {
    let gate = Gate()
    let host = try Host { effect, prefetch in
      if case .provideLayer = effect { await gate.pass() }
      return await Self.success(effect, prefetch)
    }
    _ = try await host.order(PrefetchCoordinatorTests.order, "one")
    await host.runner.notes.wait(for: .began(.provideLayer(0)))
    for id in ["two", "three"] {
      guard case .templateWork(let work) = try await host.order(PrefetchCoordinatorTests.order, id) else { throw Unexpected() }
      #expect(work.id.text == "one")
    }
    gate.open()
    await host.runner.notes.wait(for: .ended(.keepFiles))
    #expect(host.runner.notes.elements.count { $0 == .began(.provideLayer(0)) } == 1)
  }

  @Test("of the host itself are refused")
  func sameHost() async throws {
    let host = try Host(script: Self.success)
    let order = PrefetchOrder(template: Self.order.template, from: MigrationSamples.destination.host)
    guard case .rejected(let reasons) = try await host.order(order, "one") else { throw Unexpected() }
    #expect(reasons.map(\.code) == [.sameHost])
    #expect(try host.journal.openPrefetches().migrations == [])
  }

  @Test("go on where they were when the agent comes back")
  func resumed() async throws {
    let first = try Host { effect, prefetch in
      if case .provideLayer = effect { return nil }
      return await Self.success(effect, prefetch)
    }
    _ = try await first.order(PrefetchCoordinatorTests.order, "one")
    await first.runner.notes.wait(for: .began(.provideLayer(0)))
    #expect(try await first.work("one")?.bytesDone == 1000)
    await first.prefetches.stop()
    #expect(first.runner.notes.elements.contains(.ended(.provideLayer(0))))

    let second = try Host(first.journal, script: Self.success)
    try await second.prefetches.resume()
    await second.runner.notes.wait(for: .ended(.keepFiles))
    #expect(!second.runner.notes.elements.contains(.began(.askSource)), "the source has told it already")
    #expect(try await second.work("one")?.phase == .done)
  }

  @Test("that are cancelled come to rest before what they made is removed")
  func cancelled() async throws {
    let host = try Host { effect, prefetch in
      if case .provideLayer = effect { return nil }
      return await Self.success(effect, prefetch)
    }
    _ = try await host.order(PrefetchCoordinatorTests.order, "one")
    await host.runner.notes.wait(for: .began(.provideLayer(0)))
    let id = try #require(MigrationID("one"))
    let reason = Reason(.cancelled, "enough")
    #expect(try await host.prefetches.cancel(id, reason: reason) == .some(nil))
    await host.runner.notes.wait(for: .ended(.removeFiles))
    let notes = host.runner.notes.elements
    #expect(
      try #require(notes.firstIndex(of: .ended(.provideLayer(0)))) < #require(notes.firstIndex(of: .began(.removeFiles))))
    #expect(try await host.work("one")?.phase == .cancelled)
    #expect(try await host.prefetches.cancel(id, reason: reason) == .some(nil))
    #expect(try await host.prefetches.cancel(#require(MigrationID("none")), reason: reason) == nil)
  }

  @Test("that fail leave nothing, and say why")
  func failed() async throws {
    let reason = Reason(.templateDiffers, "the file is not the template at the source")
    let host = try Host { effect, prefetch in
      if case .provideLayer = effect { return .layerFailed(0, reason) }
      return await Self.success(effect, prefetch)
    }
    _ = try await host.order(PrefetchCoordinatorTests.order, "one")
    await host.runner.notes.wait(for: .ended(.removeFiles))
    let work = try #require(try await host.work("one"))
    #expect(work.phase == .failed && work.reason == reason)
  }

  @Test("wait for each other where more are ordered than the host lets work")
  func limited() async throws {
    let gate = Gate()
    let host = try Host(limit: 1) { effect, prefetch in
      if case .askSource = effect { await gate.pass() }
      return await Self.success(effect, prefetch)
    }
    var other = Self.order
    other.destinationPool = Self.layers[0].pool
    _ = try await host.order(PrefetchCoordinatorTests.order, "one")
    await host.runner.notes.wait(for: .began(.askSource))
    _ = try await host.order(other, "two")
    #expect(try await host.work("two")?.phase == .queued)
    gate.open()
    await host.runner.notes.wait { $0.count { $0 == .ended(.keepFiles) } == 2 }
    #expect(try await host.work("two")?.phase == .done)
  }

  private struct Unexpected: Error {}
}
