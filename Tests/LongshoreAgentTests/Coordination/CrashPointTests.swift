import LongshoreMessages
import LongshoreTestKit
import MigrationCore
import Synchronization
import Testing

@testable import LongshoreAgent
@testable import MigrationJournal

@Suite("Two hosts, of which one dies at a point and comes back", .timeLimit(.minutes(10)))
struct CrashPointTests {
  /// What the world does with a migration.
  enum Course: CaseIterable {
    case success, verified, sourceIsLeftPaused, cancelled, refused, prepareFails

    /// The source's events, whoever dies.
    var kinds: [MigrationEventData.Kind] {
      switch self {
      case .success, .verified: Success.kinds
      case .sourceIsLeftPaused: [.accepted, .preparing, .prepared, .transferring, .failed]
      case .cancelled: [.accepted, .preparing, .prepared, .transferring, .cancelled]
      case .refused, .prepareFails: [.accepted, .preparing, .failed]
      }
    }
  }

  @Test("come to the same end, wherever it is", arguments: Course.allCases)
  func sameEnd(_ course: Course) async throws {
    for death in try await Self.visits(in: course) { try await Self.run(course, death) }
  }

  @Test("come to every point of both machines")
  func everyPoint() async throws {
    var reached: Set<CrashPoint> = []
    for course in Course.allCases { reached.formUnion(try await Self.visits(in: course).map(\.point)) }
    #expect(CrashPoint.allCases.filter { $0.isOfMachine && !reached.contains($0) } == [])
    #expect(reached.filter { !$0.isOfMachine } == [])
  }

  /// The points that are come to when nobody dies.
  private static func visits(in course: Course) async throws -> Set<Visit> { try await run(course, nil) }

  @discardableResult
  private static func run(_ course: Course, _ death: Visit?) async throws -> Set<Visit> {
    var visits: Set<Visit> = []
    try await withTemporaryFolder { folder in
      let world = World(course, death: death, folder: folder)
      try await world.run()
      try world.expectEnd()
      visits = Set(world.visits.elements)
    }
    return visits
  }
}

extension CrashPoint {
  /// Whether the coordinator comes to it, and not what does the effects.
  fileprivate var isOfMachine: Bool { rawValue.hasPrefix("before") || rawValue.hasPrefix("after") }
}

/// A host that has come to a point.
private struct Visit: Hashable {
  let host: HostAddress
  let point: CrashPoint
}

/// Two hosts, and between them a broker that loses nothing.
private final class World: Sendable {
  private let course: CrashPointTests.Course
  private let hosts: [Host]
  private let death: Visit?
  private let died = Mutex(false)
  /// One element whenever something may have to be done.
  private let changes = Recorder<Void>()
  private let isPaused = Mutex(true)
  private let aborted = Abortion()
  let visits = Recorder<Visit>()

  private var source: Host { hosts[0] }

  init(_ course: CrashPointTests.Course, death: Visit?, folder: TemporaryFolder) {
    self.course = course
    self.death = death
    hosts = [MigrationSamples.source, MigrationSamples.destination].map { here in
      Host(here: here, path: folder.file(here.host.text))
    }
  }

  /// Does what is to be done until both hosts have ended the migration and have heard everything.
  func run() async throws {
    var isOver = false
    while !isOver {
      let seen = changes.elements.count
      for host in hosts { try await host.start(in: self) }
      try await order()
      for host in hosts { host.publish(to: hosts) }
      for host in hosts { await host.takeMail() }
      isOver = hosts.allSatisfy(\.isDone)
      if !isOver { await changes.wait { $0.count > seen } }
    }
    for host in hosts { try await host.end() }
  }

  /// The orchestrator's orders, which a broker delivers until they are journalled.
  private func order() async throws {
    _ = try? await source.living { try await $0.accept(MigrationSamples.id) }
    guard course == .cancelled, (try? source.kinds())?.last == .transferring else { return }
    try? await source.living { try await $0.coordinator.cancel(MigrationSamples.id, reason: Reason(.cancelled, "asked for")) }
  }

  /// A host's agent has come to a point, and may die of it.
  fileprivate func came(_ host: Host, to point: CrashPoint) {
    let visit = Visit(host: host.here, point: point)
    visits.record(visit)
    guard visit == death, isFirstDeath() else { return }
    host.die()
    changes.record(())
  }

  private func isFirstDeath() -> Bool {
    died.withLock { died in
      defer { died = true }
      return !died
    }
  }

  /// An agent that runs on a host's journal.
  fileprivate func station(_ host: Host, journal: Journal) throws -> Station {
    try Station(
      here: host.here, journal: journal,
      source: { effect, migration in host.isUp ? await self.result(of: effect, migration) : nil },
      destination: { effect, migration in host.isUp ? await self.result(of: effect, migration) : nil },
      send: { sent in
        let message = PeerMessage(migration: sent.migration, from: host.here, to: sent.host, journal: journal.id, body: sent.body)
        if host.isUp { self.hosts.first { $0.here == sent.host }?.put(message) }
        self.changes.record(())
      },
      onReport: { self.changes.record(()) }, onOutboxChange: { _ in self.changes.record(()) })
  }

  /// Expects the course's events, gapless and each once, of which the last alone is terminal.
  func expectEnd() throws {
    #expect(died.withLock { $0 } == (death != nil))
    let comment = Comment(rawValue: death.map { "died at \($0.point) on \($0.host)" } ?? "nobody died")
    let journal = try Journal(path: source.path)
    let events = try journal.events(of: MigrationSamples.id)
    #expect(events.map(\.data.kind) == course.kinds, comment)
    #expect(events.map { Int($0.sequence) } == Array(1...course.kinds.count), comment)
    #expect(events.count { $0.data.kind.isTerminal } == 1, comment)
    #expect(events.last?.data.verification?.outcome == (course == .verified ? .equal : nil), comment)
    #expect(try journal.outbox(limit: 1000).filter { $0.exchange == Wire.events }.map(\.messageID) == events.map(\.id), comment)
    try journal.close()
  }

  // MARK: - What the world does

  private func result(of effect: SourceEffect, _ migration: SourceMigration) async -> SourceEvent? {
    switch (course, effect) {
    case (.verified, .inspect): return .inspected(MigrationSamples.verifiedInspection)
    case (.cancelled, .startTransfer), (.cancelled, .followTransfer):
      await aborted.wait()
      return Task.isCancelled ? nil : .transferEnded(error: "operation aborted", nil)
    case (.cancelled, .abortTransfer):
      aborted.happen()
      return nil
    case (.cancelled, .observe(let step)): return .observed(Success.atSource, step: step)
    case (.sourceIsLeftPaused, .startTransfer), (.sourceIsLeftPaused, .followTransfer):
      return .transferEnded(error: "the connection to the destination was lost", nil)
    case (.sourceIsLeftPaused, .observe(let step)):
      let state = isPaused.withLock { $0 } ? GuestState.pausedForMigration : .running
      return .observed(Observation(source: .active(state, job: .none), destination: .absent), step: step)
    case (.sourceIsLeftPaused, .settle(let settlement, _)):
      isPaused.withLock { $0 = false }
      return .settled(settlement, failure: nil)
    default: return await Success.source(effect, migration)
    }
  }

  private func result(of effect: DestinationEffect, _ migration: DestinationMigration) async -> DestinationEvent? {
    switch (course, effect) {
    case (.refused, .check): .checked([MigrationSamples.refusedCheck])
    case (.prepareFails, .makeStubs): .stubsFailed(Reason(.stubFailed, "no space left"))
    default: await Success.destination(effect, migration)
    }
  }
}

/// A host whose journal and mail outlive its agent.
private final class Host: Sendable {
  private struct State {
    var station: Station?
    var isUp = false
    var observer: @Sendable (CrashPoint) -> Void = { _ in }
    /// What the broker has for the agent.
    var mail: [PeerMessage] = []
    /// The last row of the outbox that this life's agent has published.
    var published: Int64 = 0
  }

  let here: HostAddress
  let path: String
  private let state = Mutex(State())

  init(here: HostAddress, path: String) {
    self.here = here
    self.path = path
  }

  var isUp: Bool { state.withLock(\.isUp) }

  /// Whether the migration has ended here, nothing is to be read any more, and everything is published.
  var isDone: Bool {
    guard let station = state.withLock({ $0.isUp && $0.mail.isEmpty ? $0.station : nil }) else { return false }
    let source = try? station.journal.source(MigrationSamples.id)
    let destination = try? station.journal.destination(MigrationSamples.id)
    let published = state.withLock(\.published)
    return (source?.isTerminal ?? destination?.isTerminal ?? false)
      && (try? station.journal.outbox(after: published, limit: 1).isEmpty) == true
  }

  /// Starts an agent, unless it runs, after the one before has come to rest.
  func start(in world: World) async throws {
    guard !isUp else { return }
    try await end()
    let station = try world.station(self, journal: try Journal(path: path))
    state.withLock { state in
      state.station = station
      state.isUp = true
      state.published = 0
      state.observer = { world.came(self, to: $0) }
    }
    try await living { try await $0.coordinator.resume() }
  }

  /// Does something with the agent, which may die of it.
  func living<Value: Sendable>(_ body: @Sendable (Station) async throws -> Value) async throws -> Value {
    let (station, observer) = state.withLock { ($0.station, $0.observer) }
    let living = try #require(station)
    return try await CrashPoint.$observer.withValue(observer) { try await body(living) }
  }

  /// From now on nothing that the agent does lasts or reaches anybody.
  func die() {
    let station = state.withLock { state in
      state.isUp = false
      return state.station
    }
    _ = try? station?.journal.pragma("query_only = ON")
  }

  func end() async throws {
    guard let station = state.withLock(\.station) else { return }
    await station.coordinator.stop()
    try? station.journal.close()
  }

  /// The kinds of the events that are in the journal.
  func kinds() throws -> [MigrationEventData.Kind] { try state.withLock(\.station)?.kinds() ?? [] }

  func put(_ message: PeerMessage) { state.withLock { $0.mail.append(message) } }

  /// Hands what is new in the outbox to the hosts that it is for. An agent that starts publishes all of it again.
  func publish(to hosts: [Host]) {
    guard let station = state.withLock({ $0.isUp ? $0.station : nil }) else { return }
    for message in (try? station.journal.outbox(after: state.withLock(\.published), limit: 1000)) ?? [] {
      state.withLock { $0.published = message.row }
      guard message.exchange == Wire.peers, let message = try? MessageCoding.read(PeerMessage.self, from: message.body) else { continue }
      hosts.first { $0.here == message.to }?.put(message)
    }
  }

  /// Lets the agent take its mail. What it dies of stays in the queue.
  func takeMail() async {
    while isUp, let message = state.withLock(\.mail.first) {
      do {
        try await living { try await $0.coordinator.receive(message, endpoint: MigrationSamples.endpoint) }
      } catch {
        return
      }
      state.withLock { if $0.isUp { $0.mail.removeFirst() } }
    }
  }
}

/// The abortion of a transfer, for the one who follows it to wait for.
private final class Abortion: Sendable {
  private struct State {
    var hasHappened = false
    var watchers: [AsyncStream<Never>.Continuation] = []
  }

  private let state = Mutex(State())

  func happen() {
    let watchers = state.withLock { state in
      state.hasHappened = true
      return state.watchers
    }
    for watcher in watchers { watcher.finish() }
  }

  /// Returns when it has happened or the task is cancelled.
  func wait() async {
    let (stream, watcher) = AsyncStream<Never>.makeStream()
    let hasHappened = state.withLock { state in
      state.watchers.append(watcher)
      return state.hasHappened
    }
    if hasHappened { watcher.finish() }
    for await _ in stream {}
  }
}
