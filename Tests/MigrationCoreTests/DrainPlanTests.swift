import LongshoreMessages
import LongshoreTestKit
import Testing

@testable import MigrationCore

@Suite("The plan of a drain")
struct DrainPlanTests {
  /// Preparation and handover of each migration, in seconds.
  private static let fixed = 1.6

  /// What no plan can be faster than, worked out apart from the planner: what goes through the source's link, through the destinations'
  /// by the best choice of hosts that there is, through the places, and the longest guest alone.
  private static func bound(_ survey: DrainSurvey, _ guests: [DrainSurvey.Guest]) -> Double {
    guard !guests.isEmpty else { return 0 }
    let uplink = Double(survey.uplinkBps ?? 1)
    let links = Dictionary(uniqueKeysWithValues: survey.hosts.map { ($0.host, Double($0.linkBps ?? 1)) })
    func choices(_ guest: DrainSurvey.Guest) -> [NodeName] { guest.ways.filter(\.refusals.isEmpty).map(\.host) }
    let alone = guests.map { guest in
      guest.ways.filter(\.refusals.isEmpty).map { way in
        Self.fixed + Double(guest.bytes + way.templates.reduce(0) { $0 + $1.bytes }) / min(links[way.host] ?? uplink, uplink)
          + Double(way.templates.count) * 0.5
      }.min() ?? 0
    }
    var bounds = [
      alone.max() ?? 0, alone.reduce(0, +) / Double(survey.outgoing),
      Self.fixed + guests.reduce(0) { $0 + Double($1.bytes) } / uplink,
    ]
    // What the other hosts cannot take, by the hosts that each guest can go to and by memory, goes through the links of some hosts,
    // whichever these are.
    for set in 1..<(1 << survey.hosts.count) {
      let (these, others) = (0..<survey.hosts.count).reduce(into: ([Int](), [Int]())) { sides, host in
        if set >> host & 1 == 1 { sides.0.append(host) } else { sides.1.append(host) }
      }
      let names = Set(others.map { survey.hosts[$0].host })
      var memory = others.reduce(0.0) { $0 + Double(survey.hosts[$1].offer?.memory ?? 0) }
      var through = guests.reduce(0.0) { $0 + Double($1.bytes) }
      let able = guests.filter { !names.isDisjoint(with: choices($0)) }
      // Those that can go nowhere else take their memory first, then those with most bytes for theirs.
      func value(_ guest: DrainSurvey.Guest) -> Double {
        names.isSuperset(of: choices(guest)) ? .infinity : Double(guest.bytes) / Double(guest.memory)
      }
      for guest in able.sorted(by: { value($0) > value($1) }) {
        let part = min(1, memory / Double(guest.memory))
        through -= Double(guest.bytes) * part
        memory -= Double(guest.memory) * part
      }
      bounds.append(Self.fixed + through / these.reduce(0.0) { $0 + Double(survey.hosts[$1].linkBps ?? 1) })
    }
    // Whole guests cannot be shared out as finely: where there are few, all choices are gone through.
    let ways = guests.map(choices)
    if ways.reduce(1.0, { $0 * Double($1.count) }) <= 20_000 {
      var best = Double.infinity
      let memory = Dictionary(uniqueKeysWithValues: survey.hosts.map { ($0.host, $0.offer?.memory ?? .max) })
      let room = Dictionary(uniqueKeysWithValues: survey.hosts.map { ($0.host, $0.offer?.pools.first?.available ?? .max) })
      var held: [NodeName: (memory: UInt64, room: UInt64)] = [:]
      func go(_ index: Int, _ load: [NodeName: Double]) {
        let worst = load.map { $0.value / (links[$0.key] ?? 1) }.max() ?? 0
        guard worst < best else { return }
        guard index < guests.count else {
          best = worst
          return
        }
        for host in ways[index] {
          let before = held[host, default: (0, 0)]
          let after = (memory: before.memory + guests[index].memory, room: before.room + guests[index].bytes)
          guard after.memory <= memory[host] ?? .max, after.room <= room[host] ?? .max else { continue }
          held[host] = after
          go(index + 1, load.merging([host: Double(guests[index].bytes)], uniquingKeysWith: +))
          held[host] = before
        }
      }
      go(0, [:])
      bounds.append(Self.fixed + best)
    }
    return bounds.max() ?? 0
  }

  @Test("ends within 1.15 times of what no plan can be faster than", arguments: 0..<300)
  func makespan(seed: Int) throws {
    var random = SeededRandom(UInt64(seed))
    let survey = DrainSamples.drawn(&random)
    let plan = DrainPlan(survey, parallel: nil)
    try #require(plan.moves.count + plan.blocked.count == survey.guests.count)
    let moved = survey.guests.filter { guest in plan.moves.contains { $0.guest == guest.guest.uuid } }
    let bound = Self.bound(survey, moved)
    let seconds = try #require(moved.isEmpty ? 0 : plan.seconds)
    #expect(seconds <= bound * 1.15, "\(seconds) s for \(moved.count) guests and \(survey.hosts.count) hosts, at least \(bound) s")
    #expect(seconds >= bound * 0.999_999, "faster than is possible")
    #expect((plan.bound ?? 0) <= seconds * 1.000_001)
  }

  @Test("promises no host more than it has, and sends no guest where it cannot go", arguments: 0..<200)
  func room(seed: Int) {
    var random = SeededRandom(UInt64(seed) &+ 10_000)
    let survey = DrainSamples.drawn(&random)
    let plan = DrainPlan(survey, parallel: nil)
    for host in survey.hosts {
      let guests = plan.moves.filter { $0.host == host.host }.compactMap { move in
        survey.guests.first { $0.guest.uuid == move.guest }
      }
      #expect(guests.reduce(0) { $0 + $1.memory } <= host.offer?.memory ?? .max)
      let templates = Set(guests.flatMap { $0.way(to: host.host)?.templates ?? [] }).reduce(0) { $0 + $1.bytes }
      let files = guests.compactMap { $0.way(to: host.host)?.room[DrainSamples.primary] }.reduce(0, +)
      #expect(files + templates <= host.offer?.pools.first?.available ?? .max)
      #expect(guests.allSatisfy { $0.way(to: host.host)?.refusals == [] })
    }
    #expect(Set(plan.moves.map(\.guest)).count == plan.moves.count)
    for blocked in plan.blocked { #expect(blocked.refusals.count == survey.hosts.count) }
  }

  @Test("spreads guests over slow destinations, and takes the source's link where that is the narrow one")
  func spread() {
    var survey = DrainSamples.survey([4, 4, 4, 4], hosts: 2, linkMiB: 100)
    survey.uplinkBps = 200 * DrainSamples.mebibyte
    let plan = DrainPlan(survey, parallel: nil)
    #expect(plan.moves.count { $0.host == DrainSamples.host(1) } == 2)
    #expect(plan.parallel >= 2)
    let one = DrainPlan(survey, parallel: 1)
    #expect(one.parallel == 1)
    #expect((one.seconds ?? 0) > (plan.seconds ?? .infinity) * 1.5)
  }

  @Test("lets one guest make way for another that only one host can take")
  func makingWay() {
    var survey = DrainSamples.survey([8, 1], hosts: 2, memory: DrainSamples.gibibyte)
    survey.guests[1].ways[1].refusals = [Reason(.unknownPool, "no such pool")]
    survey.guests[0].memory = DrainSamples.gibibyte
    let plan = DrainPlan(survey, parallel: nil)
    #expect(plan.blocked == [])
    #expect(plan.moves.first { $0.guest == DrainSamples.guest(1).uuid }?.host == DrainSamples.host(1))
  }

  @Test("tells of each guest that no host can take why, by host")
  func blockers() {
    var survey = DrainSamples.survey([1, 2], hosts: 2, memory: 2 * DrainSamples.gibibyte)
    survey.guests[0].memory = 3 * DrainSamples.gibibyte
    survey.hosts[1].refusal = Reason(.maintenance, "host-2 is in maintenance and takes no guests")
    survey.guests[0].ways[0].refusals = []
    let plan = DrainPlan(survey, parallel: nil)
    #expect(plan.moves.map(\.guest) == [DrainSamples.guest(1).uuid])
    #expect(plan.blocked.map(\.guest) == [DrainSamples.guest(0).uuid])
    #expect(plan.blocked[0].refusals.map { $0.reasons.map(\.code) } == [[.noMemory], [.maintenance]])
  }

  @Test("predicts nothing where nothing was measured, and plans all the same")
  func unmeasured() {
    let plan = DrainPlan(DrainSamples.survey([1, 2, 3], hosts: 2, linkMiB: nil), parallel: nil)
    #expect(plan.seconds == nil && plan.bound == nil)
    #expect(plan.moves.count == 3)
    #expect(DrainPlan(DrainSamples.survey([], hosts: 0), parallel: nil).moves == [])
    #expect(DrainPlan(DrainSamples.survey([1], hosts: 0), parallel: nil).blocked.count == 1)
  }
}
