import LongshoreMessages
import LongshoreTestKit
import Testing

@testable import MigrationCore

@Suite("Admission")
struct AdmissionTests {
  private static let wide = HostMigrations.Limits(outgoing: 100, incoming: 100)

  private func ids(_ numbers: [Int]) throws -> [MigrationID] { try numbers.map(QueueSamples.id) }

  // MARK: - The limits

  @Test("all limits hold together, and each says which one keeps a migration waiting")
  func limits() throws {
    var host = try QueueHost(HostMigrations.Limits(outgoing: 3, incoming: 1, pair: 2, pool: 2))
    for (number, destination, pools) in [
      (1, 1, ["a"]), (2, 1, ["b"]), (3, 1, ["c"]), (4, 2, ["a", "b"]), (5, 3, ["b", "c"]), (6, 3, ["b"]),
    ] {
      try host.accept(.init(number: number, destination: destination, pools: pools))
      try host.admit()
    }
    // The third needs the first's way, the fourth may go, the others wait for a place at all.
    #expect(Set(host.running) == Set(try ids([1, 2, 4])))
    #expect(host.line == (try ids([3, 5, 6])))
    let limits = host.migrations.queue(ends: [:], at: host.now).map(\.waiting.limit)
    #expect(limits == ["limits.outgoing", "limits.outgoing", "limits.outgoing"])
    try host.end(QueueSamples.id(4))
    #expect(try host.admit() == ids([5]))
    let waits = host.migrations.queue(ends: [:], at: host.now).map(\.waiting)
    #expect(waits.map(\.limit) == ["limits.outgoing", "limits.outgoing"])
    try host.end(QueueSamples.id(5))
    // The way to host-1 is taken, and the pool b by the second; the sixth may go all the same.
    #expect(try host.admit() == ids([6]))
    try host.end(QueueSamples.id(6))
    #expect(host.migrations.queue(ends: [:], at: host.now).map(\.waiting.limit) == ["limits.pair"])
    let reason = try #require(host.migrations.queue(ends: [:], at: host.now).first?.waiting.reason.message)
    #expect(reason == "2 migrations at once may go from host-0 to host-1 (`limits.pair`), and this one is next")
  }

  @Test("who waits for a pool keeps its places in all pools from those behind it, and nobody's way elsewhere")
  func claims() throws {
    var host = try QueueHost(HostMigrations.Limits(outgoing: 4, incoming: 1, pool: 1))
    for (number, pools) in [(1, ["a"]), (2, ["b"]), (3, ["a", "b"]), (4, ["a"]), (5, ["b"]), (6, ["c"])] {
      try host.accept(.init(number: number, pools: pools))
      try host.admit()
    }
    #expect(Set(host.running) == Set(try ids([1, 2, 6])))
    #expect(host.migrations.queue(ends: [:], at: host.now).map(\.waiting.pool?.text) == ["a", "a", "b"])
    try host.end(QueueSamples.id(1))
    #expect(try host.admit() == [], "the pool a is kept for the third, which waits for b")
    try host.end(QueueSamples.id(2))
    #expect(try host.admit() == ids([3]))
    try host.end(QueueSamples.id(3))
    #expect(try host.admit() == ids([4, 5]))
  }

  // MARK: - The order

  @Test("a level of priority counts as a quarter of an hour of waiting")
  func priorities() throws {
    var host = try QueueHost(HostMigrations.Limits(outgoing: 1, incoming: 1))
    let quarter = MigrationPriority.agingMilliseconds
    for (number, minutes, priority) in [
      (1, 0, MigrationPriority.normal), (2, 0, .lowest), (3, quarter * 2 - 1, .normal), (4, quarter * 2 + 1, .normal),
      (5, quarter * 2 + 2, .highest), (6, quarter * 4 + 1, .highest),
    ] as [(Int, Int64, MigrationPriority)] {
      host.milliseconds = minutes
      try host.accept(.init(number: number, priority: priority))
      try host.admit()
    }
    #expect(host.running == (try ids([1])))
    #expect(host.line == (try ids([5, 3, 2, 4, 6])))
  }

  @Test("of many that come in the same millisecond the first goes first, and one can be put between any two")
  func sameMillisecond() throws {
    var host = try QueueHost(HostMigrations.Limits(outgoing: 1, incoming: 1))
    for number in [0, 9, 3, 7, 1, 5] {
      try host.accept(.init(number: number))
      try host.admit()
    }
    #expect(host.line == (try ids([9, 3, 7, 1, 5])))
    try host.move(5, to: .before(QueueSamples.id(3)))
    try host.move(1, to: .before(QueueSamples.id(3)))
    #expect(host.line == (try ids([9, 5, 1, 3, 7])))
    try host.move(7, to: .first)
    #expect(host.line == (try ids([7, 9, 5, 1, 3])))
    try host.move(9, to: .before(QueueSamples.id(3)))
    #expect(host.line == (try ids([7, 5, 1, 9, 3])))
  }

  /// Orders, starts, ends, moves, restarts and the passing of time, as a seed draws them.
  @Test("orders that come together are each stored once with what they wait for, and tell the same as those that come one by one")
  func together() throws {
    var host = try QueueHost(.init(outgoing: 1, incoming: 9))
    var other = host
    let orders = (1...4).map { QueueHost.Order(number: $0) }
    let steps = try host.accept(together: orders)
    for order in orders { try other.accept(order) }
    try other.admit()

    #expect(steps.compactMap(\.source?.id) == (try ids([1, 2, 3, 4, 1])), "the first one begins, and then gets its place")
    #expect(steps.map { $0.source?.revision } == [1, 1, 1, 1, 2])
    #expect(steps.map(\.sourceEvent) == [nil, nil, nil, nil, .admitted])
    #expect(steps.dropFirst().prefix(3).map { $0.source?.waiting?.position } == [1, 2, 3])
    #expect(host.line == other.line)
    #expect(host.line == (try ids([2, 3, 4])))
    #expect(Set(host.events.map(\.id)) == Set(other.events.map(\.id)) && host.events.count == other.events.count)
    // What happens to it next follows what is stored.
    try host.end(try QueueSamples.id(2))
    #expect(host.events.last.flatMap { Int($0.sequence) } == 3)
    #expect(host.migrations.sources[try QueueSamples.id(2)] == nil)
  }

  @Test("the guest of a migration is kept until it has ended, and then can be taken again")
  func guests() throws {
    var host = try QueueHost(.init(outgoing: 1, incoming: 9))
    for number in 1...3 { try host.accept(.init(number: number)) }
    try host.admit()
    let guest = QueueSamples.guest(2).uuid
    #expect(host.migrations.lock(onGuest: guest)?.code == .guestBusy)
    #expect(host.migrations.sources.keeper(ofGuest: guest)?.id == (try QueueSamples.id(2)))
    try host.end(try QueueSamples.id(2))
    #expect(host.migrations.lock(onGuest: guest) == nil)
    #expect(host.migrations.lock(onGuest: QueueSamples.guest(3).uuid)?.code == .guestBusy)
    try host.accept(.init(number: 2))
    #expect(host.migrations.lock(onGuest: guest)?.code == .guestBusy)
    try host.restart()
    #expect(host.migrations.lock(onGuest: guest)?.code == .guestBusy)
  }

  @Test("no limit is passed, nobody is overtaken but by the rule, and each gets its turn", arguments: UInt64(0)..<60)
  func histories(seed: UInt64) throws {
    var numbers = SeededNumbers(seed: seed)
    let limits = HostMigrations.Limits(
      outgoing: .random(in: 1...4, using: &numbers), incoming: 1, pair: .random(in: 1...3, using: &numbers),
      pool: .random(in: 1...3, using: &numbers))
    var host = try QueueHost(limits)
    var next = 0
    var started = 0
    func check(_ admitted: [MigrationID], _ after: QueueHost) throws {
      let running = after.running.compactMap { after.orders[$0]?.order }
      #expect(running.count <= limits.outgoing)
      for destination in Set(running.map(\.destination)) { #expect(running.count { $0.destination == destination } <= limits.pair) }
      for pool in Set(running.flatMap(\.pools)) { #expect(running.count { $0.pools.contains(pool) } <= limits.pool) }
      // Who was overtaken lacked something of its own, or came so much later that the rule says so.
      for one in after.line {
        let (waiting, since) = try #require(after.orders[one])
        let hasRoom =
          running.count < limits.outgoing && running.count { $0.destination == waiting.destination } < limits.pair
          && waiting.pools.allSatisfy { pool in running.count { $0.pools.contains(pool) } < limits.pool }
        if hasRoom {
          // Only a claim of one before it can keep it back.
          #expect(after.line.first != one)
        }
        for other in admitted {
          let (overtaker, came) = try #require(after.orders[other])
          let levels = (overtaker.priority ?? .normal).level - (waiting.priority ?? .normal).level
          let isByRule = since.milliseconds(until: came) <= levels * MigrationPriority.agingMilliseconds
          if isByRule { continue }
          // Of what both need there is a place left.
          for pool in Set(waiting.pools).intersection(overtaker.pools) {
            #expect(running.count { $0.pools.contains(pool) } < limits.pool, "\(other) has taken what \(one) waits for")
          }
          if waiting.destination == overtaker.destination {
            #expect(running.count { $0.destination == waiting.destination } < limits.pair, "\(other) has taken what \(one) waits for")
          }
        }
      }
    }
    for _ in 0..<150 {
      switch Int.random(in: 0..<10, using: &numbers) {
      case 0..<4:
        next += 1
        let pools = ["a", "b", "c"].filter { _ in Bool.random(using: &numbers) }
        try host.accept(
          .init(
            number: next, destination: .random(in: 1...3, using: &numbers), pools: pools.isEmpty ? ["a"] : pools,
            priority: MigrationPriority.allCases.randomElement(using: &numbers)))
      case 4..<8: if let id = host.running.min(by: { $0.text < $1.text }) { try host.end(id) }
      case 8: host.milliseconds += .random(in: 0...MigrationPriority.agingMilliseconds, using: &numbers)
      default: try host.restart()
      }
      let admitted = try host.admit()
      started += admitted.count
      try check(admitted, host)
    }
    // Nobody comes any more: all get their turn.
    while let id = host.running.first {
      try host.end(id)
      started += try host.admit().count
    }
    #expect(host.line == [])
    #expect(started == next)
    #expect(host.events.filter { $0.data.kind == .queued }.allSatisfy { $0.data.waiting != nil })
    for id in host.orders.keys { #expect(host.events.count { $0.subject == id && $0.data.kind == .queued } <= 8) }
  }

  @Test("whoever waits is overtaken by those alone that come within an hour, however many are more urgent")
  func noStarvation() throws {
    var host = try QueueHost(HostMigrations.Limits(outgoing: 1, incoming: 1))
    try host.accept(.init(number: 0, priority: .normal))
    try host.admit()
    try host.accept(.init(number: 1, priority: .lowest))
    // One of the highest priority comes every minute, and takes as long.
    var minutes = 0
    while !host.running.contains(try QueueSamples.id(1)) {
      minutes += 1
      host.milliseconds = Int64(minutes) * 60_000
      try host.accept(.init(number: minutes + 1, priority: .highest))
      try host.end(try #require(host.running.first))
      try host.admit()
      try #require(minutes < 100)
    }
    #expect(minutes == 60)
  }

  @Test("the operator's moves put a migration exactly there, and last over restarts", arguments: UInt64(0)..<40)
  func moves(seed: UInt64) throws {
    var numbers = SeededNumbers(seed: seed)
    var host = try QueueHost(HostMigrations.Limits(outgoing: 1, incoming: 1))
    for number in 0..<8 {
      host.milliseconds += .random(in: 0...3, using: &numbers)
      try host.accept(.init(number: number, priority: MigrationPriority.allCases.randomElement(using: &numbers)))
      try host.admit()
    }
    for _ in 0..<60 {
      var line = host.line
      let id = try #require(line.randomElement(using: &numbers))
      let number = try #require(Int(id.text.dropFirst()))
      line.removeAll { $0 == id }
      if Bool.random(using: &numbers), let other = line.randomElement(using: &numbers) {
        try host.move(number, to: .before(other))
        line.insert(id, at: try #require(line.firstIndex(of: other)))
      } else {
        try host.move(number, to: .first)
        line.insert(id, at: 0)
      }
      #expect(host.line == line)
      if Bool.random(using: &numbers) { try host.restart() }
      #expect(host.line == line)
    }
  }

  @Test("what does not wait, or waits elsewhere, is not moved")
  func refusals() throws {
    var host = try QueueHost(HostMigrations.Limits(outgoing: 1, incoming: 1))
    for number in 1...3 {
      try host.accept(.init(number: number))
      try host.admit()
    }
    func code(_ number: Int, _ place: QueueMove.Place) throws -> Reason.Code? {
      let id = try QueueSamples.id(number)
      do throws(Rejected) {
        _ = try host.migrations.places(for: QueueMove(id, to: place), at: host.now)
        return nil
      } catch {
        return error.reason.code
      }
    }
    #expect(try code(1, .first) == .tooLate)
    #expect(try code(9, .first) == .unknownMigration)
    #expect(try code(2, .before(QueueSamples.id(1))) == .tooLate)
    #expect(try code(2, .before(QueueSamples.id(2))) == .contradicted)
    #expect(try code(2, .before(QueueSamples.id(3))) == nil)
    #expect(try code(3, .priority(.highest)) == nil)
    #expect(host.migrations.refusal(toTreatAsQueued: try QueueSamples.id(2), in: .source) == nil)
    #expect(host.migrations.refusal(toTreatAsQueued: try QueueSamples.id(2), in: .destination)?.code == .contradicted)
  }

  @Test("whatever head start a message names, those that wait keep an order, and nothing runs over")
  func headStarts() throws {
    var host = HostMigrations(here: MigrationSamples.destination, journal: "journal", limits: .init(outgoing: 1, incoming: 1))
    for (number, headStart) in [0, Int64.max, .max, .max - 1, .min, .min, 5].enumerated() {
      var plan = QueueSamples.plan(number)
      plan.queue = try MessageCoding.decode(
        QueuePlace.self, from: Array(#"{"priority":"highest","headStartUs":\#(headStart)}"#.utf8))
      let message = PeerMessage(
        migration: try QueueSamples.id(number), from: MigrationSamples.source, to: MigrationSamples.destination, journal: "journal",
        body: .prepare(plan))
      let step = host.step(of: message, endpoint: MigrationSamples.endpoint, at: MigrationSamples.now()) { _ throws(Never) in nil }
      host.adopt(try #require(step))
      for step in host.admission(to: .destination, at: MigrationSamples.now()) { host.adopt(step) }
    }
    #expect(host.queue(ends: [:], at: MigrationSamples.now()).map(\.id) == (try ids([1, 2, 3, 6, 4, 5])))
  }

  // MARK: - What is told

  @Test("a change of the reason is told once each, and at most eight times")
  func told() throws {
    var (migration, _) = MigrationSamples.accepted()
    func tell(_ waiting: Waiting) throws -> Int {
      try migration.apply(.waits(waiting), at: MigrationSamples.now()).count
    }
    #expect(try tell(QueueSamples.waiting()) == 1)
    #expect(try tell(QueueSamples.waiting(position: 4)) == 0, "the place alone is no news")
    #expect(try tell(QueueSamples.waiting(limit: "limits.pair")) == 1)
    var count = 2
    for number in 0..<20 { count += try tell(QueueSamples.waiting(limit: number.isMultiple(of: 2) ? "limits.pool" : "limits.pair")) }
    #expect(count == 8)
    #expect(migration.publicPhase == .queued && migration.reasons?.first?.code == .limitReached)
    _ = try migration.apply(.admitted, at: MigrationSamples.now())
    #expect(migration.waiting == nil && migration.reasons == nil)
  }

  @Test("the destination tells for what a migration waits there, and its source tells all others")
  func toldByTheDestination() throws {
    var (source, _) = MigrationSamples.accepted()
    _ = try source.apply(.waits(QueueSamples.waiting()), at: MigrationSamples.now())
    _ = try source.apply(.admitted, at: MigrationSamples.now(5000))
    _ = try source.apply(.inspected(MigrationSamples.inspection), at: MigrationSamples.now(5400))
    #expect(source.inspection?.plan.queue == QueuePlace(headStartUs: 5_400_000), "what was waited here counts there")
    var (destination, _) = MigrationSamples.prepare()
    let waiting = QueueSamples.waiting(at: MigrationSamples.destination, limit: "limits.incoming")
    let words = destination.apply(.waits(waiting), at: MigrationSamples.now())
    guard case .tell(let word)? = words.first else { throw CancellationError() }
    let effects = try source.apply(.peer(word, journal: MigrationSamples.destinationJournal), at: MigrationSamples.now(6000))
    guard case .emit(let event)? = effects.first else { throw CancellationError() }
    #expect(event.kind == .queued && event.waiting == waiting)
    #expect(source.publicPhase == .queued)
    #expect(pauses(of: source) == [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 600, 600])
    #expect(try source.apply(.peer(word, journal: MigrationSamples.destinationJournal), at: MigrationSamples.now(7000)) == [])
    guard case .tell(let next)? = destination.apply(.admitted, at: MigrationSamples.now()).first else { throw CancellationError() }
    #expect(try source.apply(.peer(next, journal: MigrationSamples.destinationJournal), at: MigrationSamples.now(8000)) == [])
    #expect(source.publicPhase == .preparing)
    #expect(pauses(of: source) == [1, 2, 4, 8, 16, 30, 30, 30, 30, 30, 30, 30])
  }

  /// The waits between the questions of a source, in seconds.
  private func pauses(of source: SourceMigration) -> [Int64] {
    var last: Int64?
    return (0..<12).map { _ in
      let pause = source.pauseBeforeAskingAgain(after: last)
      last = pause
      return pause / 1000
    }
  }

  // MARK: - Expected starts

  @Test("those that wait start when what they wait for is predicted to end, as far as that is known")
  func expectedStarts() throws {
    var host = try QueueHost(HostMigrations.Limits(outgoing: 2, incoming: 1, pair: 1))
    for (number, destination) in [(1, 1), (2, 2), (3, 1), (4, 3), (5, 3)] {
      try host.accept(.init(number: number, destination: destination))
      try host.admit()
    }
    func starts(_ ends: [Int: Int64]) throws -> [Int64?] {
      let ends = try Dictionary(uniqueKeysWithValues: ends.map { (try QueueSamples.id($0), $1) })
      let entries = host.migrations.queue(ends: ends, at: host.now)
      return entries.map { $0.expectedStart.map { $0.milliseconds - host.now.wall.milliseconds } }
    }
    #expect(try starts([:]) == [nil, nil, nil])
    // The fourth may go before the third, whose way is taken.
    #expect(try starts([1: 9000, 2: 4000]) == [9000, 4000, nil])
    #expect(try starts([1: 2000, 2: 4000]) == [2000, 4000, nil])
    #expect(try starts([2: 4000]) == [nil, 4000, nil])
  }

  // MARK: - Template copies

  @Test("copies out of a host get their places in the order of their asking, and who falls silent loses its place")
  func exportLine() throws {
    var line = ExportLine(limit: 1)
    let copies = try (0..<4).map { ExportLine.Copy(try QueueSamples.id($0), layer: 0) }
    func ask(_ number: Int, _ milliseconds: Int64) -> ExportLine.Place {
      line.ask(for: copies[number], at: MigrationSamples.now(milliseconds))
    }
    #expect(ask(0, 0) == .granted)
    #expect(ask(0, 1) == .granted)
    #expect(ask(1, 2) == .waiting(before: 0))
    #expect(ask(2, 3) == .waiting(before: 1))
    #expect(ask(3, 4) == .waiting(before: 2))
    line.end(copies[0], at: MigrationSamples.now(5000))
    #expect(ask(0, 5001) == .ended, "a late question gets no place anew, and none in the line")
    #expect(ask(2, 6000) == .waiting(before: 1))
    #expect(ask(3, 9000) == .waiting(before: 2))
    #expect(ask(2, 11_000) == .granted, "the first has not asked for ten seconds")
    line.end(copies[2].migration)
    #expect(ask(3, 12_000) == .granted)
    line.end(copies[3], at: MigrationSamples.now(12_000))
    #expect(ask(3, 16_999) == .ended)
    #expect(ask(3, 17_000) == .granted, "who still asks means it")
  }
}
