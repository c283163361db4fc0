public import LongshoreMessages

/// What a migration may claim of the budgets.
public struct BandwidthClaim: Sendable, Hashable {
  /// The migration, or the prefetch of a template.
  public var migration: MigrationID
  /// The host to which its bytes go.
  public var peer: NodeName
  /// Its part beside the others', by its priority.
  public var weight: Double
  /// What it may send in all, in bytes a second: its order's own budget, or what its destination lets come; nil for no limit.
  public var limit: UInt64?

  /// A claim.
  public init(migration: MigrationID, peer: NodeName, weight: Double = MigrationPriority.normal.bandwidthWeight, limit: UInt64? = nil) {
    self.migration = migration
    self.peer = peer
    self.weight = weight
    self.limit = limit
  }
}

extension MigrationPriority {
  /// How many times as much a migration gets of a budget as one of the lowest priority that shares it: 1, 2, 4, 8, 16.
  public var bandwidthWeight: Double { Double(1 << level) }
}

/// The budgets of a host at a moment, in bytes a second. What counts is what goes over the link, headers included.
public struct BandwidthBudgets: Sendable, Hashable {
  /// What may leave the host; nil for no limit.
  public var host: UInt64?
  /// What may go to one other host; those that are missing have no limit.
  public var links: [NodeName: UInt64]

  /// Budgets.
  public init(host: UInt64? = nil, links: [NodeName: UInt64] = [:]) {
    self.host = host
    self.links = links
  }
}

/// Divides budgets that lie in one another: what a host sends, what of it goes over one link, what of that one migration sends, and what
/// of that goes over one connection.
public enum BandwidthDivision {
  /// A connection.
  public struct Stream: Sendable, Hashable {
    /// What is sent over it, in bytes a second, if it may; infinite where that is not known.
    public var demand: Double
    /// Whose it is.
    public var migration: MigrationID

    /// A connection.
    public init(demand: Double, of migration: MigrationID) {
      self.demand = demand
      self.migration = migration
    }
  }

  /// The rate of each connection, in bytes a second, in their order.
  ///
  /// Max-min fair between migrations by their weights, and between the connections of one: none gets more than it asks for, what one does
  /// not ask for goes to the others, and nobody can be given more without taking it from one that has as little. No budget is exceeded.
  ///
  /// - Parameters:
  ///   - streams: The connections. Those of a migration without a claim have no limit but the host's.
  ///   - host: What all may send; nil for no limit.
  ///   - links: What may go to one host; those that are missing have no limit.
  public static func rates(
    of streams: [Stream], claims: [BandwidthClaim], host: Double?, links: [NodeName: Double]
  ) -> [Double] {
    var byMigration: [MigrationID: [Int]] = [:]
    var order: [MigrationID] = []
    for (index, stream) in streams.enumerated() {
      if byMigration[stream.migration] == nil { order.append(stream.migration) }
      byMigration[stream.migration, default: []].append(index)
    }
    let known = Dictionary(claims.map { ($0.migration, $0) }, uniquingKeysWith: { first, _ in first })
    let members = order.map { id -> Member in
      let asked = (byMigration[id] ?? []).reduce(0) { $0 + max(0, streams[$1].demand) }
      let claim = known[id]
      return Member(
        demand: min(asked, claim?.limit.map { Double($0) } ?? .infinity), weight: max(claim?.weight ?? 1, .leastNormalMagnitude))
    }
    var bounds: [Bound] = []
    if let host { bounds.append(Bound(capacity: max(0, host), members: Array(members.indices))) }
    for (link, capacity) in links.sorted(by: { $0.key.text < $1.key.text }) {
      let inside = members.indices.filter { known[order[$0]]?.peer == link }
      if !inside.isEmpty { bounds.append(Bound(capacity: max(0, capacity), members: inside)) }
    }
    let shares = fill(members, within: bounds)
    var rates = [Double](repeating: 0, count: streams.count)
    for (id, share) in zip(order, shares) {
      let indices = byMigration[id] ?? []
      let own = indices.map { Member(demand: max(0, streams[$0].demand), weight: 1) }
      let parts = share.isInfinite ? own.map(\.demand) : fill(own, within: [Bound(capacity: share, members: Array(own.indices))])
      for (index, part) in zip(indices, parts) { rates[index] = part }
    }
    return rates
  }

  private struct Member {
    var demand: Double
    var weight: Double
  }

  private struct Bound {
    var capacity: Double
    var members: [Int]
  }

  /// Lets all members grow at the pace of their weights; each stops where it has what it asks for, or where a bound of its is full.
  private static func fill(_ members: [Member], within bounds: [Bound]) -> [Double] {
    var shares = [Double?](repeating: nil, count: members.count)
    while shares.contains(where: { $0 == nil }) {
      // The level at which the next one stops.
      var level = Double.infinity
      for (index, member) in members.enumerated() where shares[index] == nil { level = min(level, member.demand / member.weight) }
      for bound in bounds {
        let open = bound.members.filter { shares[$0] == nil }
        let weights = open.reduce(0) { $0 + members[$1].weight }
        if weights > 0 { level = min(level, left(of: bound, shares) / weights) }
      }
      var stopped: Set<Int> = []
      for (index, member) in members.enumerated() where shares[index] == nil && member.demand / member.weight <= level {
        stopped.insert(index)
      }
      for bound in bounds {
        let open = bound.members.filter { shares[$0] == nil }
        let weights = open.reduce(0) { $0 + members[$1].weight }
        if weights > 0, left(of: bound, shares) / weights <= level { stopped.formUnion(open) }
      }
      for index in stopped { shares[index] = min(members[index].demand, level * members[index].weight) }
    }
    return shares.map { $0 ?? 0 }
  }

  private static func left(of bound: Bound, _ shares: [Double?]) -> Double {
    max(0, bound.capacity - bound.members.reduce(0) { $0 + (shares[$1] ?? 0) })
  }
}

/// Gives each connection its rate, round by round, from what was sent over it.
///
/// A value: counters go in, rates come out. What a connection asks for is told by what it uses of what it was given. Each budget keeps an
/// account, so that it holds over time and not only in what is given: what was sent before a connection was found is saved afterwards, and
/// what was given and not used may be sent a little later.
public struct BandwidthRounds: Sendable, Hashable {
  /// What names a connection for as long as it lasts.
  public typealias StreamID = UInt64

  /// A connection as it was seen.
  public struct Sight: Sendable, Hashable {
    /// The connection.
    public var id: StreamID
    /// Whose it is.
    public var migration: MigrationID
    /// What has gone over it since it was opened, headers included, in bytes.
    public var sent: UInt64
    /// Whether something waits for being sent and nothing but the pace holds it back.
    public var isHeld: Bool
    /// Whether it was there before anybody looked, so that what it has sent is of another time.
    public var isOld: Bool

    /// A connection.
    public init(id: StreamID, migration: MigrationID, sent: UInt64, isHeld: Bool, isOld: Bool = false) {
      self.id = id
      self.migration = migration
      self.sent = sent
      self.isHeld = isHeld
      self.isOld = isOld
    }
  }

  /// Over how long it is looked what a connection uses, in milliseconds.
  static let window: Int64 = 250
  /// What part of what it was given a connection must use to be taken to want all that it can get.
  static let hunger = 0.85
  /// What one that wants less is given beyond what it uses, as a factor.
  static let headroom = 1.1
  /// How many times as fast one may be in the next round that its pace holds back for the moment.
  static let growth = 2.0
  /// At what pace one that does nothing may begin, in bytes a second, where that is not more than its part of the narrowest budget: Linux
  /// sends up to 64 KiB at once and then keeps still for as long as they take at the pace, even if that is raised meanwhile.
  static let beginning = 1_048_576.0
  /// What may be sent later of what was not used, in seconds of the budget, and within how many seconds.
  static let credit = 0.1
  static let creditTime = 0.5
  /// What is saved at most of what was sent beyond the budget, in seconds of it.
  static let debt = 5.0
  /// What part of a budget is given in any case while it saves.
  static let least = 0.1

  private struct Point: Sendable, Hashable {
    var at: Int64
    var sent: UInt64
    /// What it may have sent by then since it was first seen, in bytes.
    var allowed: Double
  }

  private struct Stream: Sendable, Hashable {
    var points: [Point]
    var rate: Double
  }

  private enum Account: Sendable, Hashable {
    case host
    case link(NodeName)
    case migration(MigrationID)
  }

  private var streams: [StreamID: Stream] = [:]
  private var accounts: [Account: Double] = [:]
  private var last: Int64?
  /// What the last round was asked for, and of what.
  private var asked: [BandwidthDivision.Stream] = []
  private var claims: [BandwidthClaim] = []
  private var budgets = BandwidthBudgets()

  /// Nothing was seen yet.
  public init() {}

  /// The rate of each connection from now on, in bytes a second; nil where nothing limits it.
  ///
  /// - Parameters:
  ///   - sights: All connections as they are now.
  ///   - claims: What the migrations may claim.
  ///   - milliseconds: The time, on a steady clock.
  public mutating func round(
    _ sights: [Sight], claims: [BandwidthClaim], budgets: BandwidthBudgets, at milliseconds: Int64
  ) -> [StreamID: Double?] {
    let known = Dictionary(claims.map { ($0.migration, $0) }, uniquingKeysWith: { first, _ in first })
    settle(sights, known, budgets, at: milliseconds)
    let rests = accounts
    func present(_ rate: UInt64, _ account: Account) -> Double {
      let rate = Double(rate)
      return max(rate * Self.least, rate + (rests[account] ?? 0) / Self.creditTime)
    }
    asked = sights.map { BandwidthDivision.Stream(demand: demand(of: $0), of: $0.migration) }
    self.claims = claims
    self.budgets = budgets
    let rates = BandwidthDivision.rates(
      of: asked,
      claims: claims.map { claim in
        var claim = claim
        claim.limit = claim.limit.map { UInt64(present($0, .migration(claim.migration))) }
        return claim
      },
      host: budgets.host.map { present($0, .host) },
      links: Dictionary(uniqueKeysWithValues: budgets.links.map { ($0.key, present($0.value, .link($0.key))) }))
    var given: [StreamID: Double?] = [:]
    for (index, sight) in sights.enumerated() {
      guard let narrowest = Self.accounts(of: sight.migration, known, budgets).map(\.rate).min() else {
        given[sight.id] = .some(nil)
        streams[sight.id]?.rate = .infinity
        continue
      }
      // One that sends in bursts may do so faster than it sends in the mean, up to its part if all were to share: the account sees to it
      // that the others get no less in the end, and nothing is kept free for it meanwhile.
      let faster = sight.isHeld ? max(Self.beginning, (streams[sight.id]?.rate ?? 0) * Self.growth) : Self.beginning
      let rate =
        asked[index].demand.isInfinite ? rates[index] : max(rates[index], min(faster, Double(narrowest) / Double(sights.count)))
      given[sight.id] = rate
      streams[sight.id]?.rate = rate
    }
    return given
  }

  /// What a migration may send in the mean if it sends all that it can, beside what the others asked for in the last round, in bytes a
  /// second; nil where no budget holds for it, or nothing of it was seen. What the accounts save or give for the moment is not in it.
  public func allotment(of migration: MigrationID) -> Double? {
    guard asked.contains(where: { $0.migration == migration }) else { return nil }
    let hungry = asked.map { $0.migration == migration ? BandwidthDivision.Stream(demand: .infinity, of: migration) : $0 }
    return mean(of: migration, hungry, claims, budgets)
  }

  /// The same of a migration that is about to begin, of which nothing was seen, with these budgets; nil where none holds for it.
  public func prospect(of claim: BandwidthClaim, budgets: BandwidthBudgets) -> Double? {
    let hungry = asked.filter { $0.migration != claim.migration } + [BandwidthDivision.Stream(demand: .infinity, of: claim.migration)]
    return mean(of: claim.migration, hungry, claims.filter { $0.migration != claim.migration } + [claim], budgets)
  }

  private func mean(
    of migration: MigrationID, _ streams: [BandwidthDivision.Stream], _ claims: [BandwidthClaim], _ budgets: BandwidthBudgets
  ) -> Double? {
    let known = Dictionary(claims.map { ($0.migration, $0) }, uniquingKeysWith: { first, _ in first })
    guard !Self.accounts(of: migration, known, budgets).isEmpty else { return nil }
    let rates = BandwidthDivision.rates(
      of: streams, claims: claims, host: budgets.host.map { Double($0) }, links: budgets.links.mapValues { Double($0) })
    return zip(streams, rates).reduce(0) { $1.0.migration == migration ? $0 + $1.1 : $0 }
  }

  // MARK: - Accounts

  private static func accounts(
    of migration: MigrationID, _ claims: [MigrationID: BandwidthClaim], _ budgets: BandwidthBudgets
  ) -> [(account: Account, rate: UInt64)] {
    var found: [(Account, UInt64)] = []
    if let host = budgets.host { found.append((.host, host)) }
    if let claim = claims[migration] {
      if let link = budgets.links[claim.peer] { found.append((.link(claim.peer), link)) }
      if let limit = claim.limit { found.append((.migration(migration), limit)) }
    }
    return found
  }

  /// Takes in what was sent since the last round, and what the budgets allowed.
  private mutating func settle(
    _ sights: [Sight], _ claims: [MigrationID: BandwidthClaim], _ budgets: BandwidthBudgets, at now: Int64
  ) {
    let seconds = last.map { Double(max(0, now - $0)) / 1000 } ?? 0
    last = now
    var spent: [Account: Double] = [:]
    var rates: [Account: UInt64] = [:]
    for sight in sights {
      let before = streams[sight.id]?.points.last
      let sent = sight.sent >= (before?.sent ?? 0) ? sight.sent - (before?.sent ?? (sight.isOld ? sight.sent : 0)) : 0
      for (account, rate) in Self.accounts(of: sight.migration, claims, budgets) {
        spent[account, default: 0] += Double(sent)
        rates[account] = rate
      }
      var stream = streams[sight.id] ?? Stream(points: [], rate: .infinity)
      let allowed = (before?.allowed ?? 0) + (stream.rate.isFinite ? stream.rate * seconds : 0)
      stream.points.append(Point(at: now, sent: sight.sent, allowed: allowed))
      while stream.points.count > 2, now - stream.points[1].at >= Self.window { stream.points.removeFirst() }
      streams[sight.id] = stream
    }
    let present = Set(sights.map(\.id))
    streams = streams.filter { present.contains($0.key) }
    // Accounts of what does not move any more, or has no budget now, are closed.
    accounts = accounts.filter { rates[$0.key] != nil }
    for (account, rate) in rates {
      let rate = Double(rate)
      let balance = (accounts[account] ?? 0) + rate * seconds - spent[account, default: 0]
      accounts[account] = min(max(balance, -Self.debt * rate), Self.credit * rate)
    }
  }

  // MARK: - Demand

  /// What a connection asks for: all it can get where it uses what it was given, else what it uses and some more.
  private func demand(of sight: Sight) -> Double {
    guard let stream = streams[sight.id], let first = stream.points.first, let last = stream.points.last, last.at > first.at,
      stream.rate.isFinite
    else { return .infinity }
    let seconds = Double(last.at - first.at) / 1000
    let used = Double(last.sent >= first.sent ? last.sent - first.sent : 0) / seconds
    return used >= (last.allowed - first.allowed) / seconds * Self.hunger ? .infinity : used * Self.headroom
  }
}

/// What a destination lets come of one migration.
public struct IncomingShare: Sendable, Hashable {
  /// The migration.
  public var migration: MigrationID
  /// Its source, which is told.
  public var source: HostAddress
  /// Bytes a second; nil for no limit.
  public var rate: UInt64?
}

extension HostMigrations {
  /// What of a budget for what comes into this host each migration gets, by the priorities of those that are being prepared for or copied.
  /// Those whose source does not know of budgets have their part, and are not told.
  public func incomingShares(of budget: UInt64?) -> [IncomingShare] {
    let coming = destinations.values.filter(\.mayBeComing)
    let weights = coming.reduce(0) { $0 + $1.place.priority.bandwidthWeight }
    return coming.filter { $0.plan?.heedsBandwidth == true }.sorted { $0.id.text < $1.id.text }.map { migration in
      IncomingShare(
        migration: migration.id, source: migration.source,
        rate: budget.map { max(1, UInt64(Double($0) * migration.place.priority.bandwidthWeight / weights)) })
    }
  }
}

extension DestinationMigration {
  /// Whether templates, disks or memory of the migration may be on their way.
  fileprivate var mayBeComing: Bool {
    switch phase {
    case .checking, .providingLayers, .makingStubs, .prepared: true
    default: false
    }
  }
}
