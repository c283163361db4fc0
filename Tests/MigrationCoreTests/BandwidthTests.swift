import LongshoreMessages
import LongshoreTestKit
import Testing

@testable import MigrationCore

/// What budgets give to whom.
@Suite("Bandwidth budgets")
struct BandwidthTests {
  static let mebibyte = 1_048_576.0

  static func id(_ number: Int) throws -> MigrationID { try QueueSamples.id(number) }
  static func name(_ text: String) throws -> NodeName { try #require(NodeName(text)) }

  // MARK: - Division

  @Test("memory and all disks of a migration share what it may send; what one does not use goes to the others")
  func withinMigration() throws {
    let claim = BandwidthClaim(migration: try Self.id(1), peer: try Self.name("beta"), limit: 100)
    func rates(_ demands: [Double]) throws -> [Double] {
      let id = try Self.id(1)
      return BandwidthDivision.rates(of: demands.map { .init(demand: $0, of: id) }, claims: [claim], host: nil, links: [:])
    }
    #expect(try rates([.infinity, .infinity, .infinity, .infinity]) == [25, 25, 25, 25])
    #expect(try rates([.infinity, 10, 0, .infinity]) == [45, 10, 0, 45])
    #expect(try rates([10, 20]) == [10, 20])
    #expect(try rates([]) == [])
  }

  @Test("migrations share by their weights, whatever the number of their connections")
  func weights() throws {
    let claims = [
      BandwidthClaim(migration: try Self.id(1), peer: try Self.name("beta"), weight: 4),
      BandwidthClaim(migration: try Self.id(2), peer: try Self.name("beta"), weight: 1),
    ]
    let streams = try [1, 2, 2, 2].map { BandwidthDivision.Stream(demand: .infinity, of: try Self.id($0)) }
    let rates = BandwidthDivision.rates(of: streams, claims: claims, host: 150, links: [:])
    #expect(rates == [120, 10, 10, 10])
    #expect(MigrationPriority.highest.bandwidthWeight == 16 * MigrationPriority.lowest.bandwidthWeight)
  }

  @Test("what a narrow link cannot take goes to other links")
  func nested() throws {
    let claims = [
      BandwidthClaim(migration: try Self.id(1), peer: try Self.name("beta"), weight: 1),
      BandwidthClaim(migration: try Self.id(2), peer: try Self.name("beta"), weight: 1),
      BandwidthClaim(migration: try Self.id(3), peer: try Self.name("gamma"), weight: 1),
    ]
    let streams = try [1, 2, 3].map { BandwidthDivision.Stream(demand: .infinity, of: try Self.id($0)) }
    #expect(BandwidthDivision.rates(of: streams, claims: claims, host: 90, links: [try Self.name("beta"): 20]) == [10, 10, 70])
    #expect(
      BandwidthDivision.rates(of: streams, claims: claims, host: nil, links: [try Self.name("beta"): 20]) == [10, 10, .infinity])
  }

  /// A host drawn by lot.
  private static func draw(_ draws: inout SeededNumbers) throws -> (
    streams: [BandwidthDivision.Stream], claims: [BandwidthClaim], host: Double?, links: [NodeName: Double]
  ) {
    let links = try ["beta", "gamma", "delta"].map(name)
    let claims = try (0..<Int.random(in: 1...6, using: &draws)).map { number in
      BandwidthClaim(
        migration: try id(number), peer: links[Int.random(in: 0...2, using: &draws)],
        weight: Double(1 << Int.random(in: 0...4, using: &draws)),
        limit: Bool.random(using: &draws) ? UInt64.random(in: 1...1000, using: &draws) : nil)
    }
    let streams = (0..<Int.random(in: 0...20, using: &draws)).map { _ in
      BandwidthDivision.Stream(
        demand: Bool.random(using: &draws) ? .infinity : Double.random(in: 0...300, using: &draws),
        of: claims[Int.random(in: 0..<claims.count, using: &draws)].migration)
    }
    var budgets: [NodeName: Double] = [:]
    for link in links where Bool.random(using: &draws) { budgets[link] = Double.random(in: 0...1000, using: &draws) }
    return (streams, claims, Bool.random(using: &draws) ? Double.random(in: 0...1500, using: &draws) : nil, budgets)
  }

  @Test("no budget is exceeded, nobody gets more than it asks for, and who lacks something has a budget that is spent")
  func drawnDivisions() throws {
    var draws = SeededNumbers(seed: 2026)
    for _ in 0..<5000 {
      let (streams, claims, host, links) = try Self.draw(&draws)
      let rates = BandwidthDivision.rates(of: streams, claims: claims, host: host, links: links)
      let by = Dictionary(claims.map { ($0.migration, $0) }, uniquingKeysWith: { first, _ in first })
      func sum(_ isIn: (BandwidthClaim) -> Bool) -> Double {
        zip(streams, rates).reduce(0) { sum, pair in by[pair.0.migration].map(isIn) == true ? sum + pair.1 : sum }
      }
      var spent: [(isIn: (BandwidthClaim) -> Bool, isSpent: Bool)] = []
      if let host {
        #expect(sum { _ in true } <= host * 1.000001)
        spent.append(({ _ in true }, sum { _ in true } >= host * 0.999999))
      }
      for (link, rate) in links {
        #expect(sum { $0.peer == link } <= rate * 1.000001)
        spent.append(({ $0.peer == link }, sum { $0.peer == link } >= rate * 0.999999))
      }
      for claim in claims {
        guard let limit = claim.limit else { continue }
        let own = sum { $0.migration == claim.migration }
        #expect(own <= Double(limit) * 1.000001)
        spent.append(({ $0.migration == claim.migration }, own >= Double(limit) * 0.999999))
      }
      for (stream, rate) in zip(streams, rates) {
        #expect(rate <= stream.demand && rate >= 0)
        guard rate < stream.demand * 0.999999, let claim = by[stream.migration] else { continue }
        #expect(spent.contains { $0.isSpent && $0.isIn(claim) }, "\(stream) gets \(rate) although something is left")
      }
    }
  }

  // MARK: - Rounds

  /// Connections that send what they have and may, and what was sent of it.
  struct Wire {
    struct Sender {
      var migration: MigrationID
      /// Bytes a second that come to be sent; infinite for a copy.
      var demand: Double
      var waiting = 0.0
      var sent = 0.0
      /// How often it gets what comes to be sent, in milliseconds.
      var lump = 1
      /// How much less than its rate it gets to send, as a part of one.
      var loss = 0.0
      /// The time up to which the pace holds it back after the last burst, in milliseconds.
      var heldTo = 0.0

      /// Lets a millisecond pass. As Linux does, it sends bursts of up to 64 KiB and keeps still for as long as each takes at the pace of
      /// its moment.
      mutating func pass(at time: Double, rate: Double) {
        if demand.isInfinite {
          waiting = .infinity
        } else if Int(time) % lump == 0 {
          waiting += demand * Double(lump) / 1000
        }
        while heldTo < time + 1, waiting > 0 {
          let burst = min(65_536, waiting)
          heldTo = max(heldTo, time) + burst / (rate * (1 - loss)) * 1000
          sent += burst
          waiting -= burst
        }
      }
    }
    var senders: [Sender]
    var claims: [BandwidthClaim]
    var budgets: BandwidthBudgets
    var rounds = BandwidthRounds()
    var now: Int64 = 0
    private var rates: [UInt64: Double?] = [:]

    init(_ senders: [Sender], claims: [BandwidthClaim], budgets: BandwidthBudgets) {
      self.senders = senders
      self.claims = claims
      self.budgets = budgets
    }

    var sent: Double { senders.reduce(0) { $0 + $1.sent } }
    func sent(of id: MigrationID) -> Double { senders.filter { $0.migration == id }.reduce(0) { $0 + $1.sent } }

    mutating func run(seconds: Double, wire: Double = 2000 * mebibyte, step: Int64 = 50) {
      for _ in 0..<Int(seconds * 1000 / Double(step)) {
        for index in senders.indices {
          let rate = rates[UInt64(index), default: nil] ?? wire
          for millisecond in 0..<step {
            senders[index].pass(at: Double(now + millisecond), rate: rate)
          }
        }
        now += step
        rates = rounds.round(
          senders.enumerated().map { index, sender in
            .init(id: UInt64(index), migration: sender.migration, sent: UInt64(sender.sent), isHeld: sender.waiting > 0)
          }, claims: claims, budgets: budgets, at: now)
      }
    }
  }

  @Test("a budget is used to within a few percent and not exceeded, whatever part of the connections has little to send")
  func used() throws {
    let id = try Self.id(1)
    for demands in [
      [Double.infinity], [.infinity, 0, 0, 0], [.infinity, 3 * Self.mebibyte, 0.2 * Self.mebibyte, 0],
      [.infinity, .infinity, 15 * Self.mebibyte], [.infinity, 1000, 4 * Self.mebibyte],
    ] {
      var wire = Wire(
        demands.enumerated().map { .init(migration: id, demand: $1, lump: [1, 100, 30][$0 % 3]) },
        claims: [BandwidthClaim(migration: id, peer: try Self.name("beta"), limit: 20 << 20)], budgets: BandwidthBudgets())
      wire.run(seconds: 3, wire: 40 * Self.mebibyte)
      let before = wire.sent
      wire.run(seconds: 10)
      let rate = (wire.sent - before) / 10 / Self.mebibyte
      let given = "\(demands): \(rate)"
      #expect(rate > 19.4, "\(given)")
      #expect(rate < 20.3, "\(given)")
      // What has something to send gets it, up to its part.
      for sender in wire.senders where sender.demand < 20 * Self.mebibyte / Double(demands.count) {
        #expect(sender.waiting < max(1, sender.demand), "\(demands): \(sender)")
      }
    }
  }

  @Test("what was sent before a connection was found is saved afterwards")
  func found() throws {
    let id = try Self.id(1)
    var wire = Wire(
      [.init(migration: id, demand: .infinity)],
      claims: [BandwidthClaim(migration: id, peer: try Self.name("beta"))], budgets: BandwidthBudgets(host: 100 << 20))
    wire.run(seconds: 10)
    // 50 ms of 2000 MiB/s are a second of the budget.
    #expect(wire.sent / Self.mebibyte < 1012, "\(wire.sent / Self.mebibyte)")
    #expect(wire.sent / Self.mebibyte > 980)
  }

  @Test("what is lost on the way of what is given is given again")
  func losses() throws {
    let id = try Self.id(1)
    var wire = Wire(
      [.init(migration: id, demand: .infinity, loss: 0.09)],
      claims: [BandwidthClaim(migration: id, peer: try Self.name("beta"))], budgets: BandwidthBudgets(host: 100 << 20))
    wire.run(seconds: 3)
    let before = wire.sent
    wire.run(seconds: 10)
    #expect(abs((wire.sent - before) / 1000 / Self.mebibyte - 1) < 0.03)
  }

  @Test("what was sent before anybody looked is of another time")
  func old() throws {
    var rounds = BandwidthRounds()
    let claim = BandwidthClaim(migration: try Self.id(1), peer: try Self.name("beta"), limit: 1000)
    let sight = BandwidthRounds.Sight(id: 1, migration: claim.migration, sent: 1 << 40, isHeld: true, isOld: true)
    #expect(rounds.round([sight], claims: [claim], budgets: .init(), at: 0) == [1: 1000])
    var new = BandwidthRounds()
    let young = BandwidthRounds.Sight(id: 1, migration: claim.migration, sent: 1 << 40, isHeld: true)
    #expect(new.round([young], claims: [claim], budgets: .init(), at: 0) == [1: 100])
  }

  @Test("when one ends the other has all of it within a round; without a budget nothing is limited")
  func givenBack() throws {
    let ids = try [Self.id(1), Self.id(2)]
    let peer = try Self.name("beta")
    var wire = Wire(
      ids.map { .init(migration: $0, demand: .infinity) },
      claims: [
        BandwidthClaim(migration: ids[0], peer: peer, weight: 4), BandwidthClaim(migration: ids[1], peer: peer, weight: 1),
      ], budgets: BandwidthBudgets(links: [peer: 50 << 20]))
    wire.run(seconds: 4)
    let before = (wire.sent(of: ids[0]), wire.sent(of: ids[1]))
    wire.run(seconds: 10)
    let ratio = (wire.sent(of: ids[0]) - before.0) / (wire.sent(of: ids[1]) - before.1)
    #expect(ratio > 3.8 && ratio < 4.2, "\(ratio)")
    wire.senders.removeFirst()
    var rounds = BandwidthRounds()
    let last = BandwidthRounds.Sight(id: 2, migration: ids[1], sent: 0, isHeld: true)
    let other = BandwidthRounds.Sight(id: 1, migration: ids[0], sent: 0, isHeld: true)
    _ = rounds.round([other, last], claims: wire.claims, budgets: wire.budgets, at: 0)
    let later = BandwidthRounds.Sight(id: 2, migration: ids[1], sent: (10 << 20) / 20, isHeld: true)
    let alone = rounds.round([later], claims: wire.claims, budgets: wire.budgets, at: 50)
    #expect(try #require(alone[2] ?? nil) >= 50 * Self.mebibyte)
    let free = rounds.round([later], claims: wire.claims, budgets: .init(), at: 100)
    #expect(free.count == 1 && free.values.allSatisfy { $0 == nil })
  }

  @Test("what a migration is told that it may send is its part of the budgets, whatever is saved or asked for at the moment")
  func allotted() throws {
    let ids = try [Self.id(1), Self.id(2)]
    let peer = try Self.name("beta")
    let claims = [
      BandwidthClaim(migration: ids[0], peer: peer, weight: 4),
      BandwidthClaim(migration: ids[1], peer: peer, weight: 1, limit: 30 << 20),
    ]
    // The first round finds what was sent before, and saves it for seconds.
    var wire = Wire(
      [
        .init(migration: ids[0], demand: .infinity), .init(migration: ids[0], demand: 2 * Self.mebibyte, lump: 100),
        .init(migration: ids[1], demand: .infinity),
      ], claims: claims, budgets: BandwidthBudgets(host: 50 << 20))
    #expect(wire.rounds.allotment(of: ids[0]) == nil)
    for _ in 0..<20 {
      wire.run(seconds: 0.05)
      #expect(wire.rounds.allotment(of: ids[0]) == 40 * Self.mebibyte)
      #expect(wire.rounds.allotment(of: ids[1]) == 10 * Self.mebibyte)
    }
    // One that is about to begin has its part beside them, by its own limit and that of its link.
    let next = BandwidthClaim(migration: try Self.id(3), peer: peer, weight: 5)
    #expect(wire.rounds.prospect(of: next, budgets: wire.budgets) == 25 * Self.mebibyte)
    #expect(wire.rounds.prospect(of: next, budgets: BandwidthBudgets(host: 50 << 20, links: [peer: 20 << 20])) == 10 * Self.mebibyte)
    var limited = next
    limited.limit = 3 << 20
    #expect(wire.rounds.prospect(of: limited, budgets: wire.budgets) == 3 * Self.mebibyte)
    #expect(BandwidthRounds().prospect(of: limited, budgets: wire.budgets) == 3 * Self.mebibyte, "nothing moves")
    #expect(BandwidthRounds().prospect(of: next, budgets: wire.budgets) == 50 * Self.mebibyte)
    #expect(wire.rounds.prospect(of: next, budgets: .init()) == nil)
    // What the one leaves the other may have, up to its own budget; that it asks for little does not lessen what it may.
    wire.senders = wire.senders.map { sender in
      var sender = sender
      sender.demand = Self.mebibyte
      sender.waiting = 0
      return sender
    }
    wire.run(seconds: 8)
    #expect(wire.rounds.allotment(of: ids[1]) == 30 * Self.mebibyte)
    #expect(try #require(wire.rounds.allotment(of: ids[0])) > 40 * Self.mebibyte)
    #expect(wire.rounds.allotment(of: try Self.id(3)) == nil)
    wire.budgets = BandwidthBudgets()
    wire.run(seconds: 0.05)
    #expect(wire.rounds.allotment(of: ids[0]) == nil)
    #expect(wire.rounds.allotment(of: ids[1]) == 30 * Self.mebibyte)
  }

  @Test("no budget is exceeded over time in drawn histories in which demands, claims and budgets change")
  func drawnHistories() throws {
    for seed in 1...60 {
      var draws = SeededNumbers(seed: UInt64(seed))
      let peers = try ["beta", "gamma"].map(Self.name)
      let claims = try (0..<3).map {
        BandwidthClaim(
          migration: try Self.id($0), peer: peers[$0 % 2], weight: Double(1 << Int.random(in: 0...4, using: &draws)),
          limit: Bool.random(using: &draws) ? UInt64.random(in: 1...40, using: &draws) << 20 : nil)
      }
      let senders = (0..<Int.random(in: 1...8, using: &draws)).map { _ in
        Wire.Sender(migration: claims[Int.random(in: 0...2, using: &draws)].migration, demand: .infinity)
      }
      let host = UInt64.random(in: 5...80, using: &draws) << 20
      var wire = Wire(senders, claims: claims, budgets: BandwidthBudgets(host: host, links: [peers[0]: host / 2]))
      // The first round pays for what was sent before anything was found.
      wire.run(seconds: 8, wire: 4 * Double(host) / Double(senders.count))
      let before = wire.sent
      var byMigration: [MigrationID: Double] = [:]
      for claim in claims { byMigration[claim.migration] = wire.sent(of: claim.migration) }
      for _ in 0..<40 {
        for index in wire.senders.indices where Int.random(in: 0..<3, using: &draws) == 0 {
          wire.senders[index].demand =
            Bool.random(using: &draws) ? .infinity : Double.random(in: 0...Double(host), using: &draws) / 4
          if wire.senders[index].waiting.isInfinite { wire.senders[index].waiting = 0 }
        }
        wire.run(seconds: 0.5)
      }
      let seconds = 20.0
      #expect(wire.sent - before <= Double(host) * (seconds + 2 * BandwidthRounds.credit) * 1.001, "seed \(seed)")
      for claim in claims {
        guard let limit = claim.limit else { continue }
        let sent = wire.sent(of: claim.migration) - (byMigration[claim.migration] ?? 0)
        #expect(sent <= Double(limit) * (seconds + 2 * BandwidthRounds.credit) * 1.001, "seed \(seed)")
      }
    }
  }

  // MARK: - What comes into a host

  @Test("what may come is divided among what comes, by priority, and those are told who heed it")
  func incoming() throws {
    var plan = MigrationSamples.plan
    func coming(_ number: Int, _ priority: MigrationPriority, heeds: Bool = true, admitted: Bool = true) throws -> DestinationMigration {
      plan.heedsBandwidth = heeds ? true : nil
      var (migration, _) = DestinationMigration.prepare(
        id: try Self.id(number), source: try QueueSamples.host(number), plan: plan, endpoint: MigrationSamples.preparation.endpoint,
        place: QueuePlace(priority: priority), at: MigrationSamples.now())
      if admitted { _ = migration.apply(.admitted, at: MigrationSamples.now()) }
      return migration
    }
    let host = HostMigrations(
      here: MigrationSamples.destination, journal: "j", limits: .init(outgoing: 4, incoming: 4, pair: 4, pool: 4),
      destinations: [
        try coming(1, .normal), try coming(2, .high), try coming(3, .lowest, heeds: false), try coming(4, .highest, admitted: false),
      ])
    let shares = host.incomingShares(of: 130)
    #expect(shares.map(\.migration) == [try Self.id(1), try Self.id(2)])
    #expect(shares.map(\.rate) == [40, 80])
    #expect(shares.map(\.source) == [try QueueSamples.host(1), try QueueSamples.host(2)])
    #expect(host.incomingShares(of: nil).map(\.rate) == [nil, nil])
  }

  @Test("a source claims no more than its order, the operator and the destination allow")
  func claim() throws {
    var run = SourceRun(SourceHistory(name: "", steps: [], phase: "", events: ""))
    for step in [SourceHistory.Step.admitted, .inspected, .preparing] { run.take(step) }
    #expect(run.migration.bandwidthClaim == BandwidthClaim(migration: MigrationSamples.id, peer: MigrationSamples.destination.host))
    run.take(.hear(.limitBandwidth(50 << 20)))
    #expect(run.migration.bandwidthClaim.limit == 50 << 20)
    run.take(.budget(20))
    #expect(run.migration.bandwidthClaim.limit == 20 << 20 && run.migration.course.bandwidthMiBps == 20)
    run.take(.budget(80))
    #expect(run.migration.bandwidthClaim.limit == 50 << 20)
    run.take(.hear(.limitBandwidth(nil)))
    #expect(run.migration.bandwidthClaim.limit == 80 << 20)
  }

  // MARK: - Times of day

  @Test("a schedule says what holds when, over midnight as well")
  func schedule() throws {
    let schedule = try BandwidthSchedule(parsing: ["200 MiB/s 06:00-22:00", "unlimited 22:00-23:30", "50MiB/s"])
    func rate(_ text: String, _ zone: LocalTime = .utc) throws -> UInt64? {
      schedule.rate(at: try #require(Timestamp(text)), in: zone)
    }
    #expect(try rate("2026-11-26T05:59:59.999Z") == 50 << 20)
    #expect(try rate("2026-11-26T06:00:00.000Z") == 200 << 20)
    #expect(try rate("2026-11-26T21:59:59.000Z") == 200 << 20)
    #expect(try rate("2026-11-26T22:00:00.000Z") == nil)
    #expect(try rate("2026-11-26T23:30:00.000Z") == 50 << 20)
    #expect(try rate("2026-11-26T05:30:00.000Z", LocalTime(offset: 3600)) == 200 << 20)
    #expect(try rate("2026-11-26T05:30:00.000Z", LocalTime(offset: -5 * 3600)) == 50 << 20)
    let night = try BandwidthSchedule(parsing: ["unlimited 22:00-06:00", "10"])
    #expect(night.rate(at: try #require(Timestamp("2026-11-26T03:00:00.000Z")), in: .utc) == nil)
    #expect(night.rate(at: try #require(Timestamp("2026-11-26T12:00:00.000Z")), in: .utc) == 10 << 20)
    let always = try BandwidthSchedule(parsing: ["5 00:00-24:00"])
    #expect(always.rate(at: try #require(Timestamp("2026-11-26T12:00:00.000Z")), in: .utc) == 5 << 20)
    #expect(!night.isUnlimited)
    #expect(BandwidthSchedule().isUnlimited)
  }

  @Test("summer time is followed to the second")
  func summerTime() throws {
    // Berlin: from 01:00 UTC on the last Sunday of March it is two hours ahead.
    let change = try #require(Timestamp("2026-03-29T01:00:00.000Z"))
    let zone = LocalTime(offset: 3600, changes: [.init(at: change, offset: 7200)])
    let schedule = try BandwidthSchedule(parsing: ["1 03:00-04:00"])
    #expect(schedule.rate(at: Timestamp(milliseconds: change.milliseconds - 1), in: zone) == nil)
    #expect(schedule.rate(at: change, in: zone) == 1 << 20)
    #expect(schedule.nextChange(after: Timestamp(milliseconds: change.milliseconds - 60_000), in: zone) == change)
  }

  @Test(
    "what is no entry is refused with what is wrong",
    arguments: [
      "", "fast", "0", "200 MiB/s at night", "200 06:00", "200 6:00-22:00", "200 06:00-06:00", "200 06:00-25:00", "200 06:60-07:00",
      "1048577", "-1", "5 06:00-07:00 08:00-09:00",
    ])
  func malformed(entry: String) {
    #expect(throws: BandwidthSchedule.Malformed.self) { try BandwidthSchedule(parsing: [entry]) }
  }

  @Test("of the entries one at most holds at any time")
  func twice() {
    #expect(throws: BandwidthSchedule.Malformed.self) { try BandwidthSchedule(parsing: ["1", "2"]) }
  }

  @Test("an outlook tells the mean of what is to come")
  func outlook() throws {
    let now = try #require(Timestamp("2026-11-26T21:59:50.000Z"))
    let schedule = try BandwidthSchedule(parsing: ["10 06:00-22:00"])
    let outlook = BandwidthOutlook(now: now, schedules: [schedule])
    #expect(outlook.rate(at: now) == 10 << 20)
    // 100 MiB in the 10 s to the window's end, then 1000 MiB at the link's 100 MiB/s in another 10 s.
    #expect(abs(outlook.meanRate(of: 1100 * Self.mebibyte, link: 100 * Self.mebibyte) / Self.mebibyte - 55) < 0.01)
    #expect(outlook.meanRate(of: 50 * Self.mebibyte, link: 100 * Self.mebibyte) == 10 * Self.mebibyte)
    #expect(outlook.meanRate(of: 50 * Self.mebibyte, link: 5 * Self.mebibyte) == 5 * Self.mebibyte)
    #expect(BandwidthOutlook(now: now, fixed: 1 << 20).meanRate(of: 1e9, link: 1e9) == Self.mebibyte)
  }
}
