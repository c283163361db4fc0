public import LongshoreMessages

/// Which guest goes where, in which order, and how many at once, so that all of them are at their hosts soonest.
///
/// Guests get hosts by the least load that the links then have; where memory or room is scarce, others make way. The order begins with
/// the host that has most to get, and of its guests with the largest. Orders and numbers of migrations at once are tried out in a
/// ``DrainForecast``, and the soonest is taken.
public struct DrainPlan: Sendable, Hashable {
  /// A guest's move.
  public struct Move: Sendable, Hashable {
    /// The guest's UUID.
    public var guest: String
    /// Where to.
    public var host: NodeName
    /// When it is expected to begin, in seconds from the first one's beginning.
    public var start: Double
    /// When it is expected to end.
    public var end: Double
  }

  /// A guest that no host can take.
  public struct Blocked: Sendable, Hashable {
    /// The guest's UUID.
    public var guest: String
    /// The reasons by host.
    public var refusals: [DrainGuest.Refusal]
  }

  /// The moves, in their order.
  public private(set) var moves: [Move] = []
  /// The guests that no host can take.
  public private(set) var blocked: [Blocked] = []
  /// How many migrations are under way at once.
  public private(set) var parallel = 1
  /// The expected time of all moves, in seconds; nil where no link was measured.
  public private(set) var seconds: Double?
  /// What no plan can be faster than, in seconds; nil with it.
  public private(set) var bound: Double?

  /// Makes a plan.
  ///
  /// - Parameters:
  ///   - survey: What was found out.
  ///   - parallel: How many migrations may be under way at once; nil for the best.
  ///   - cap: What each migration may take of the links, in bytes a second; nil for all.
  public init(_ survey: DrainSurvey, parallel wanted: Int?, cap: Double? = nil) {
    var desk = Assignment(survey, cap: cap)
    desk.assign()
    for index in desk.unplaced { blocked.append(Blocked(guest: survey.guests[index].guest.uuid, refusals: desk.refusals(of: index))) }
    let forecast = DrainForecast(survey, cap: cap)
    let largest = max(1, min(survey.outgoing, desk.hostOf.count))
    let numbers = wanted.map { [max(1, min($0, largest))] } ?? Array(1...min(largest, DrainOrder.parallelRange.upperBound))
    var best: (order: [Int], result: DrainForecast.Result, parallel: Int)?
    for order in desk.orders() {
      for number in numbers {
        let result = forecast.run(order.map { ($0, desk.hostOf[$0] ?? 0) }, parallel: number)
        // More at once has to be worth it.
        if let found = best, result.seconds > found.result.seconds * (number > found.parallel ? 0.995 : 0.999_999) { continue }
        best = (order, result, number)
      }
    }
    guard let best else { return }
    self.parallel = best.parallel
    moves = best.order.map { index in
      let time = best.result.times[index] ?? (0, 0)
      return Move(
        guest: survey.guests[index].guest.uuid, host: survey.hosts[desk.hostOf[index] ?? 0].host, start: time.start, end: time.end)
    }
    guard forecast.isMeasured else { return }
    seconds = best.result.seconds
    bound = forecast.bound(of: best.order, parallel: wanted)
  }

  /// The host that can take a guest best, beside what goes to the hosts already; nil where none can.
  ///
  /// - Parameters:
  ///   - uuid: The guest.
  ///   - survey: What was found out.
  ///   - going: The guests that go to hosts or have gone there since the survey, by their UUIDs; those that are under way count for links.
  ///   - except: Hosts that are not to be taken.
  static func host(
    for uuid: String, _ survey: DrainSurvey, going: [(guest: String, host: NodeName, isOpen: Bool)], except: Set<NodeName>
  ) -> NodeName? {
    guard let index = survey.guests.firstIndex(where: { $0.guest.uuid == uuid }) else { return nil }
    var desk = Assignment(survey, cap: nil)
    for one in going {
      guard let guest = survey.guests.firstIndex(where: { $0.guest.uuid == one.guest }), guest != index,
        let host = survey.hosts.firstIndex(where: { $0.host == one.host })
      else { continue }
      desk.place(guest, at: host, isLoad: one.isOpen)
    }
    return desk.bestHost(for: index, except: except).map { survey.hosts[$0].host }
  }
}

/// Guests at hosts, by what the hosts have left.
private struct Assignment {
  private struct Room: Hashable {
    var host: Int
    var pool: ResourceName
  }

  private struct Place: Hashable {
    var host: Int
    var template: DrainSurvey.Template
  }

  let survey: DrainSurvey
  let rates: [Double]
  let uplink: Double
  private(set) var hostOf: [Int: Int] = [:]
  private(set) var unplaced: [Int] = []
  private var memory: [Double]
  private var room: [Room: Double] = [:]
  private var templates: [Place: Int] = [:]
  /// Seconds that each host's link is busy with what it gets.
  private var load: [Double]
  /// What goes through the source's link, in bytes.
  private var sent = 0.0
  private let index: [NodeName: Int]

  init(_ survey: DrainSurvey, cap: Double?) {
    self.survey = survey
    let forecast = DrainForecast(survey, cap: cap)
    rates = forecast.downlinks
    uplink = forecast.uplink
    memory = survey.hosts.map { $0.offer?.memory.map { Double($0) } ?? .infinity }
    load = survey.hosts.map { _ in 0 }
    index = Dictionary(survey.hosts.enumerated().map { ($1.host, $0) }, uniquingKeysWith: { first, _ in first })
    for (host, found) in survey.hosts.enumerated() {
      for pool in found.offer?.pools ?? [] { room[Room(host: host, pool: pool.pool)] = Double(pool.available) }
    }
  }

  /// The hosts that can take a guest by itself, with the ways to them.
  private func ways(of guest: Int) -> [(host: Int, way: DrainSurvey.Way)] {
    guard survey.guests[guest].refusals.isEmpty else { return [] }
    return survey.guests[guest].ways.compactMap { way in
      guard way.refusals.isEmpty, let host = index[way.host], survey.hosts[host].refusal == nil else { return nil }
      return (host, way)
    }
  }

  private func missing(_ way: DrainSurvey.Way, at host: Int) -> [DrainSurvey.Template] {
    way.templates.filter { templates[Place(host: host, template: $0), default: 0] == 0 }
  }

  private func fits(_ guest: Int, _ way: DrainSurvey.Way, at host: Int) -> Bool {
    guard Double(survey.guests[guest].memory) <= memory[host] else { return false }
    var needed = way.room.mapValues { Double($0) }
    for template in missing(way, at: host) { needed[template.pool, default: 0] += Double(template.bytes) }
    return needed.allSatisfy { pool, bytes in bytes <= room[Room(host: host, pool: pool)] ?? .infinity }
  }

  private func seconds(_ guest: Int, _ way: DrainSurvey.Way, at host: Int) -> Double {
    bytes(guest, way, at: host) / rates[host]
  }

  /// What a guest brings to a host, with the templates that nobody has brought there.
  private func bytes(_ guest: Int, _ way: DrainSurvey.Way, at host: Int) -> Double {
    missing(way, at: host).reduce(Double(survey.guests[guest].bytes)) { $0 + Double($1.bytes) }
  }

  /// Puts a guest at a host, whether or not it fits.
  mutating func place(_ guest: Int, at host: Int, isLoad: Bool = true) {
    guard let way = survey.guests[guest].way(to: survey.hosts[host].host) else { return }
    if isLoad {
      load[host] += seconds(guest, way, at: host)
      sent += bytes(guest, way, at: host)
    }
    memory[host] -= Double(survey.guests[guest].memory)
    for (pool, bytes) in way.room { room[Room(host: host, pool: pool)]? -= Double(bytes) }
    for template in way.templates {
      if templates[Place(host: host, template: template), default: 0] == 0 {
        room[Room(host: host, pool: template.pool)]? -= Double(template.bytes)
      }
      templates[Place(host: host, template: template), default: 0] += 1
    }
    hostOf[guest] = host
  }

  private mutating func remove(_ guest: Int) {
    guard let host = hostOf.removeValue(forKey: guest), let way = survey.guests[guest].way(to: survey.hosts[host].host) else { return }
    memory[host] += Double(survey.guests[guest].memory)
    for (pool, bytes) in way.room { room[Room(host: host, pool: pool)]? += Double(bytes) }
    for template in way.templates {
      templates[Place(host: host, template: template), default: 1] -= 1
      if templates[Place(host: host, template: template)] == 0 {
        room[Room(host: host, pool: template.pool)]? += Double(template.bytes)
      }
    }
    load[host] -= seconds(guest, way, at: host)
    sent -= bytes(guest, way, at: host)
  }

  /// The host with which all are done soonest, if it gets a guest too: by its own link and by the source's.
  func bestHost(for guest: Int, except: Set<NodeName> = []) -> Int? {
    ways(of: guest).filter { !except.contains($0.way.host) && fits(guest, $0.way, at: $0.host) }
      .map { host, way in
        let own = load[host] + seconds(guest, way, at: host)
        return (host: host, seconds: max(own, (sent + bytes(guest, way, at: host)) / uplink), own: own)
      }
      .min { ($0.seconds, $0.own, -memory[$0.host], $0.host) < ($1.seconds, $1.own, -memory[$1.host], $1.host) }?.host
  }

  /// Finds hosts for all guests, as far as there are any.
  mutating func assign() {
    let start = self
    let all = survey.guests.indices.filter { survey.guests[$0].migration == nil }
    let choices = Dictionary(uniqueKeysWithValues: all.map { ($0, ways(of: $0).count) })
    func few(_ guest: Int) -> Int { min(choices[guest] ?? 0, 2) }
    // By what takes longest, and where that leaves guests without a host, by what is hardest to place.
    let bySize = all.sorted {
      (few($0), survey.guests[$1].bytes, survey.guests[$0].guest.uuid) < (few($1), survey.guests[$0].bytes, survey.guests[$1].guest.uuid)
    }
    assign(bySize)
    if !unplaced.isEmpty {
      var other = start
      other.assign(
        all.sorted {
          (few($0), survey.guests[$1].memory, survey.guests[$0].guest.uuid) < (
            few($1), survey.guests[$0].memory, survey.guests[$1].guest.uuid
          )
        })
      if other.unplaced.count < unplaced.count { self = other }
    }
    level()
  }

  private mutating func assign(_ guests: [Int]) {
    var waiting: [Int] = []
    for guest in guests {
      if let host = bestHost(for: guest) { place(guest, at: host) } else { waiting.append(guest) }
    }
    unplaced = waiting.filter { !makeWay(for: $0) }
  }

  /// Places a guest where another one can go elsewhere for it.
  private mutating func makeWay(for guest: Int) -> Bool {
    for (host, way) in ways(of: guest) {
      for other in hostOf.filter({ $0.value == host }).keys.sorted() {
        remove(other)
        if fits(guest, way, at: host) {
          place(guest, at: host)
          if let elsewhere = bestHost(for: other) {
            place(other, at: elsewhere)
            return true
          }
          remove(guest)
        }
        place(other, at: host)
      }
    }
    return false
  }

  /// Evens the hosts' loads out while that brings the end nearer: guests of the host that is busy longest go to others, or change places
  /// with theirs.
  private mutating func level() {
    let total = hostOf.reduce(0.0) { $0 + Double(survey.guests[$1.key].bytes) } / uplink
    for _ in 0..<(4 * max(8, hostOf.count)) {
      guard let busiest = load.indices.max(by: { load[$0] < load[$1] }), load[busiest] > total, improve(busiest) else { return }
    }
  }

  private mutating func improve(_ busiest: Int) -> Bool {
    let before = load[busiest]
    let here = hostOf.filter { $0.value == busiest }.keys.sorted { survey.guests[$0].bytes > survey.guests[$1].bytes }
    var best: (worst: Double, state: Assignment)?
    for guest in here {
      for (host, way) in ways(of: guest) where host != busiest {
        var moved = self
        moved.remove(guest)
        if moved.fits(guest, way, at: host) {
          moved.place(guest, at: host)
          let worst = max(moved.load[busiest], moved.load[host])
          if worst < (best?.worst ?? before) - 1e-9 { best = (worst, moved) }
        }
        for other in hostOf.filter({ $0.value == host }).keys.sorted() where survey.guests[other].bytes < survey.guests[guest].bytes {
          guard let back = survey.guests[other].way(to: survey.hosts[busiest].host), back.refusals.isEmpty else { continue }
          var swapped = self
          swapped.remove(guest)
          swapped.remove(other)
          guard swapped.fits(guest, way, at: host) else { continue }
          swapped.place(guest, at: host)
          guard swapped.fits(other, back, at: busiest) else { continue }
          swapped.place(other, at: busiest)
          let worst = max(swapped.load[busiest], swapped.load[host])
          if worst < (best?.worst ?? before) - 1e-9 { best = (worst, swapped) }
        }
      }
    }
    guard let best else { return false }
    self = best.state
    return true
  }

  /// Orders that are worth trying.
  func orders() -> [[Int]] {
    let bySize = hostOf.keys.sorted {
      (survey.guests[$1].bytes, survey.guests[$0].guest.uuid) < (survey.guests[$0].bytes, survey.guests[$1].guest.uuid)
    }
    var rest = load
    var byHost = Dictionary(grouping: bySize) { hostOf[$0] ?? 0 }
    var byLoad: [Int] = []
    while byLoad.count < bySize.count {
      guard let host = rest.indices.filter({ byHost[$0]?.isEmpty == false }).max(by: { rest[$0] < rest[$1] }),
        let next = byHost[host]?.removeFirst()
      else { break }
      rest[host] -= Double(survey.guests[next].bytes) / rates[host]
      byLoad.append(next)
    }
    // All hosts in step, so that a slow link at the other end does not keep the source's waiting.
    var started = load.map { _ in 0.0 }
    byHost = Dictionary(grouping: bySize) { hostOf[$0] ?? 0 }
    var inStep: [Int] = []
    while inStep.count < bySize.count {
      guard
        let host = started.indices.filter({ byHost[$0]?.isEmpty == false })
          .min(by: { started[$0] * max(load[$1], 1e-9) < started[$1] * max(load[$0], 1e-9) }),
        let next = byHost[host]?.removeFirst()
      else { break }
      started[host] += Double(survey.guests[next].bytes) / rates[host]
      inStep.append(next)
    }
    // A small one first is soon through its preparation, and its bytes flow while the others prepare.
    let quick = byLoad.last.map { [$0] + byLoad.dropLast() } ?? []
    return [byLoad, bySize, inStep, quick].filter { !$0.isEmpty }
  }

  /// Why no host takes a guest.
  func refusals(of guest: Int) -> [DrainGuest.Refusal] {
    let one = survey.guests[guest]
    return survey.hosts.enumerated().compactMap { host, found in
      if let refusal = found.refusal { return DrainGuest.Refusal(host: found.host, reasons: [refusal]) }
      if !one.refusals.isEmpty { return nil }
      guard let way = one.way(to: found.host) else { return nil }
      if !way.refusals.isEmpty { return DrainGuest.Refusal(host: found.host, reasons: way.refusals) }
      return DrainGuest.Refusal(host: found.host, reasons: [lack(for: guest, way, at: host)])
    }
  }

  private func lack(for guest: Int, _ way: DrainSurvey.Way, at host: Int) -> Reason {
    let name = survey.hosts[host].host
    let wanted = survey.guests[guest].memory
    if Double(wanted) > memory[host] {
      return Reason(
        .noMemory,
        "beside the other guests that go to \(name), \(ByteCount(UInt64(max(0, memory[host])))) of memory are left there, and the guest has \(ByteCount(wanted))"
      )
    }
    return Reason(.noSpace, "beside the other guests that go to \(name), its pools have too little room for the guest")
  }
}
