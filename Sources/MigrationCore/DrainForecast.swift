import LongshoreMessages

/// How long moves take that share links: each is a preparation, then bytes, then a handover. Those that send share the source's link and
/// their destination's fairly, as TCP does, and get no more than their cap.
struct DrainForecast {
  /// When the moves begin and end, in seconds.
  struct Result {
    /// By the guests' places in the survey.
    var times: [Int: (start: Double, end: Double)] = [:]
    /// The last one's end.
    var seconds = 0.0
  }

  /// A move that is under way.
  struct Running {
    /// The host's place in the survey.
    var host: Int
    /// What is left of the preparation, in seconds.
    var preparation = 0.0
    /// What is left to be sent, in bytes.
    var bytes: Double
    /// What comes after, in seconds.
    var handover = Estimator.handover
    /// The pools that its disks are in.
    var pools: [ResourceName] = []
    /// The guest's place in the survey; nil for one that is not in it.
    var guest: Int?
  }

  /// What a link carries that nobody has measured, in bytes a second: a gigabit. It serves to compare plans, and is told to nobody.
  private static let unmeasured = 117_000_000.0

  let survey: DrainSurvey
  let cap: Double
  let uplink: Double
  let downlinks: [Double]
  /// Whether any link was measured.
  let isMeasured: Bool

  init(_ survey: DrainSurvey, cap: Double?) {
    self.survey = survey
    self.cap = cap ?? .infinity
    let fastest = survey.hosts.compactMap(\.linkBps).max()
    isMeasured = survey.uplinkBps != nil || fastest != nil
    let uplink = max(1, (survey.uplinkBps ?? fastest).map { Double($0) } ?? Self.unmeasured)
    self.uplink = uplink
    downlinks = survey.hosts.map { max(1, min($0.linkBps.map { Double($0) } ?? uplink, cap.map { $0 * 64 } ?? .infinity)) }
  }

  /// Lets moves go.
  ///
  /// - Parameters:
  ///   - order: Those that wait, in their order: guest and host, by their places in the survey.
  ///   - running: Those that are under way.
  ///   - parallel: How many may be under way at once.
  func run(_ order: [(guest: Int, host: Int)], running: [Running] = [], parallel: Int) -> Result {
    var result = Result()
    var running = running
    var waiting = order
    var now = 0.0
    var there: Set<Template> = []
    for one in running { if let guest = one.guest { result.times[guest] = (0, 0) } }
    let most = max(1, min(parallel, survey.outgoing))
    while true {
      var index = 0
      while index < waiting.count, running.count < most {
        let (guest, host) = waiting[index]
        guard hasPlace(host, survey.guests[guest].sourcePools, running) else {
          index += 1
          continue
        }
        waiting.remove(at: index)
        result.times[guest] = (now, now)
        running.append(move(guest, to: host, &there))
      }
      guard !running.isEmpty else { break }
      let rates = rates(of: running)
      let step =
        zip(running, rates).map { one, rate in
          one.preparation > 0 ? one.preparation : one.bytes > 0 ? one.bytes / rate : one.handover
        }.min() ?? 0
      now += step
      for index in running.indices {
        if running[index].preparation > 0 {
          running[index].preparation = left(running[index].preparation, step)
        } else if running[index].bytes > 0 {
          running[index].bytes = left(running[index].bytes, rates[index] * step)
        } else {
          running[index].handover = left(running[index].handover, step)
        }
      }
      for one in running where one.isDone {
        if let guest = one.guest { result.times[guest]?.end = now }
      }
      running.removeAll(where: \.isDone)
    }
    result.seconds = now
    return result
  }

  /// What no order of moves can be faster than.
  ///
  /// - Parameter guests: The guests, by their places in the survey.
  func bound(of guests: [Int], parallel: Int?) -> Double {
    guard !guests.isEmpty else { return 0 }
    let fixed = Estimator.preparation + Estimator.handover
    var total = 0.0
    var work = 0.0
    var longest = 0.0
    for guest in guests {
      let bytes = Double(survey.guests[guest].bytes)
      let rate =
        survey.guests[guest].ways.filter(\.refusals.isEmpty).compactMap { way in
          survey.hosts.firstIndex { $0.host == way.host }.map { min(downlinks[$0], uplink, cap) }
        }.max() ?? uplink
      total += bytes
      work += fixed + bytes / rate
      longest = max(longest, fixed + bytes / rate)
    }
    let places = Double(max(1, min(parallel ?? .max, survey.outgoing)))
    return max(longest, fixed + total / min(uplink, downlinks.reduce(0, +)), work / places)
  }

  // MARK: - Parts

  private struct Template: Hashable {
    var host: Int
    var template: DrainSurvey.Template
  }

  private func move(_ guest: Int, to host: Int, _ there: inout Set<Template>) -> Running {
    let way = survey.guests[guest].way(to: survey.hosts[host].host)
    let missing = (way?.templates ?? []).filter { there.insert(Template(host: host, template: $0)).inserted }
    return Running(
      host: host, preparation: Estimator.preparation + Double(missing.count) * Estimator.templateOverhead,
      bytes: Double(survey.guests[guest].bytes) + missing.reduce(0) { $0 + Double($1.bytes) }, pools: survey.guests[guest].sourcePools,
      guest: guest)
  }

  private func hasPlace(_ host: Int, _ pools: [ResourceName], _ running: [Running]) -> Bool {
    running.count { $0.host == host } < survey.places(at: survey.hosts[host])
      && pools.allSatisfy { pool in running.count { $0.pools.contains(pool) } < survey.pool }
  }

  /// What each that sends gets: the links are shared out from the scarcest on.
  private func rates(of running: [Running]) -> [Double] {
    var rates = running.map { _ in 0.0 }
    var open = running.indices.filter { running[$0].preparation <= 0 && running[$0].bytes > 0 }
    var up = uplink
    var down = downlinks
    while !open.isEmpty {
      let counts = Dictionary(open.map { (running[$0].host, 1) }, uniquingKeysWith: +)
      func share(_ index: Int) -> Double {
        let host = running[index].host
        return min(up / Double(open.count), down[host] / Double(counts[host] ?? 1), cap)
      }
      let least = open.map(share).min() ?? 0
      let settled = open.filter { share($0) <= least * (1 + 1e-9) }
      for index in settled {
        rates[index] = max(least, 1e-3)
        up -= least
        down[running[index].host] -= least
      }
      up = max(up, 0)
      open.removeAll(where: settled.contains)
    }
    return rates
  }

  /// What is left, without what rounding leaves.
  private func left(_ amount: Double, _ done: Double) -> Double {
    let rest = amount - done
    return rest <= amount * 1e-9 + 1e-9 ? 0 : rest
  }
}

extension DrainForecast.Running {
  fileprivate var isDone: Bool { preparation <= 0 && bytes <= 0 && handover <= 0 }
}
