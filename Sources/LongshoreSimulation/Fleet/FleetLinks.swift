/// What of a fleet is shared by transfers, each with what it carries: every host's two directions, every rack's, every pool's.
///
/// A transfer gets of each the same share as all others that use it, and goes at the least of its shares. That is less than a fair
/// division by max and min would give it, never more.
struct FleetLinks {
  /// What a transfer uses, by its number.
  typealias Resource = Int

  /// A transfer under way.
  private struct Flow {
    let resources: [Resource]
    var left: Double
    var rate = 0.0
    var since: Int64
  }

  private let capacities: [Double]
  private var users: [Set<Int>]
  private var flows: [Int: Flow] = [:]

  /// Links that carry so many bytes a second each.
  init(capacities: [Double]) {
    self.capacities = capacities
    users = Array(repeating: [], count: capacities.count)
  }

  /// Begins a transfer.
  ///
  /// - Returns: The transfers whose ends are others from now on, each with its end, in milliseconds.
  mutating func begin(_ number: Int, bytes: Double, over resources: [Resource], at now: Int64) -> [(flow: Int, end: Int64)] {
    flows[number] = Flow(resources: resources, left: bytes, since: now)
    for resource in resources { users[resource].insert(number) }
    return settle(sharing: resources, at: now)
  }

  /// Ends a transfer. See ``begin(_:bytes:over:at:)``.
  mutating func end(_ number: Int, at now: Int64) -> [(flow: Int, end: Int64)] {
    guard let flow = flows.removeValue(forKey: number) else { return [] }
    for resource in flow.resources { users[resource].remove(number) }
    return settle(sharing: flow.resources, at: now)
  }

  /// Gives all transfers that use one of these links their rates anew.
  private mutating func settle(sharing resources: [Resource], at now: Int64) -> [(flow: Int, end: Int64)] {
    var changed: [(flow: Int, end: Int64)] = []
    for number in resources.reduce(into: Set<Int>(), { $0.formUnion(users[$1]) }).sorted() {
      guard var flow = flows[number] else { continue }
      let rate = flow.resources.map { capacities[$0] / Double(users[$0].count) }.min() ?? .infinity
      guard rate != flow.rate else { continue }
      flow.left = max(0, flow.left - flow.rate * Double(now - flow.since) / 1000)
      flow.since = now
      flow.rate = rate
      flows[number] = flow
      changed.append((number, now + Int64((flow.left / rate * 1000).rounded(.up))))
    }
    return changed
  }
}
