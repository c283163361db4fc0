internal import Libvirt
internal import Logging
internal import LongshoreMessages
internal import MigrationCore
internal import Synchronization

/// Finds out what a drain has to know: the guests of this host, the hosts that may get them, and by the checks of a migration what stands
/// against each way. Changes nothing.
struct DrainSurveyor: Sendable {
  /// How many hosts are surveyed that nobody has named: links are measured one after the other.
  private static let hostLimit = 24
  /// How many pairs of guest and host are checked; of more the offers alone tell.
  private static let checkLimit = 400
  /// How many checks are made at once, and how many guests are read.
  private static let atOnce = 8
  /// How long a host may take for its checks, in milliseconds.
  private static let checkWait: Int64 = 30_000
  /// With how many guests the link to a host is tried to be measured.
  private static let measurements = 3

  let here: HostAddress
  let libvirt: LibvirtLink
  let coordinator: MigrationCoordinator
  let inspector: GuestInspector
  let sampler: GuestSampler
  let questions: OfferQuestions
  let dryRuns: DryRuns
  let peers: any PeerLink
  let pacer: BandwidthPacer
  let clock: any HostClock
  let logger: Logger

  private struct Candidate: Sendable {
    var found: DrainSurvey.Guest
    var plan: MigrationPlan?
  }

  /// The guests that run on this host.
  ///
  /// - Parameter arriving: Whether those belong to them that are still on their way here.
  func running(arriving: Bool) async throws -> [GuestReference] {
    var guests: [GuestReference] = []
    for domain in try await libvirt.connection().domains(.active) {
      let guest = GuestReference(uuid: domain.uuid, name: domain.name)
      switch try await domain.state() {
      case .shutoff, .crashed: continue
      default: if !arriving, await coordinator.isArriving(guest.uuid) { continue }
      }
      guests.append(guest)
    }
    return guests.sorted { ($0.name, $0.uuid) < ($1.name, $1.uuid) }
  }

  /// Makes a survey.
  ///
  /// - Parameters:
  ///   - id: The drain's id, or that of its dry run.
  ///   - only: The UUIDs of the guests; nil for all that run.
  /// - Throws: libvirt's errors where it cannot be asked, and the broker's where it takes no questions.
  func survey(_ id: MigrationID, _ order: DrainOrder, only: [String]?) async throws -> DrainSurvey {
    // Those that are named were found when the host was looked at again.
    let guests = try await running(arriving: only != nil).filter { only?.contains($0.uuid) != false }
    guard !guests.isEmpty else { return await survey([], [], uplink: nil) }
    async let asked = questions.ask(order.to, for: id)
    var candidates = try await inspect(guests, order)
    var hosts = order.to == nil ? Self.best(await asked) : await asked
    let movable = candidates.indices.filter { candidates[$0].plan != nil }
    var pairs = 0
    var fastest: UInt64?
    for host in hosts.indices where hosts[host].refusal == nil {
      try Task.checkCancellation()
      // One after the other: they would share this host's link.
      var measured: Set<Int> = []
      for guest in movable.prefix(Self.measurements) {
        measured.insert(guest)
        pairs += 1
        let (way, facts) = try await check(candidates[guest], id, hosts[host].host, measures: true)
        candidates[guest].found.ways.append(way)
        guard let facts, let measured = facts.toDestinationBps else { continue }
        fastest = max(fastest ?? 0, measured)
        hosts[host].linkBps = await budget(to: hosts[host].host, of: measured, fixed: facts.incomingBps)
        break
      }
      let rest = movable.filter { !measured.contains($0) }
      let checked = rest.prefix(max(0, Self.checkLimit - pairs))
      pairs += checked.count
      for (guest, way) in try await ways(to: hosts[host].host, checked.map { ($0, candidates[$0]) }, id) {
        candidates[guest].found.ways.append(way)
      }
      for guest in rest.dropFirst(checked.count) { candidates[guest].found.ways.append(Self.way(candidates[guest], to: hosts[host])) }
    }
    try Task.checkCancellation()
    // To a host for which no budget is set beside that of all together.
    var uplink = fastest
    if let fastest { uplink = await budget(to: here.host, of: fastest, fixed: nil) }
    return await survey(candidates.map(\.found), hosts, uplink: uplink)
  }

  /// What the bandwidth budgets leave now of what a link carries, in bytes a second.
  private func budget(to host: NodeName, of measured: UInt64, fixed: UInt64?) async -> UInt64 {
    min(measured, await pacer.outlook(to: host, fixed: fixed).rate(at: clock.now().wall) ?? measured)
  }

  private func survey(_ guests: [DrainSurvey.Guest], _ hosts: [DrainSurvey.Host], uplink: UInt64?) async -> DrainSurvey {
    let limits = await coordinator.limits
    return DrainSurvey(guests: guests, hosts: hosts, uplinkBps: uplink, outgoing: limits.outgoing, pair: limits.pair, pool: limits.pool)
  }

  /// Of many hosts those that have most to offer, by the hosts' names.
  static func best(_ hosts: [DrainSurvey.Host]) -> [DrainSurvey.Host] {
    guard hosts.count > hostLimit else { return hosts }
    func value(_ host: DrainSurvey.Host) -> (Int, Int, UInt64) {
      (host.refusal == nil ? 1 : 0, -(host.offer?.busy ?? 0), host.offer?.memory ?? .max)
    }
    return hosts.sorted { value($1) < value($0) }.prefix(hostLimit).sorted { $0.host.text < $1.host.text }
  }

  // MARK: - Guests

  private func inspect(_ guests: [GuestReference], _ order: DrainOrder) async throws -> [Candidate] {
    let connection = try await libvirt.connection()
    return try await guests.concurrentMap(atMost: Self.atOnce) { guest in try await inspect(guest, order, on: connection) }
  }

  private func inspect(_ guest: GuestReference, _ order: DrainOrder, on connection: LibvirtConnection) async throws -> Candidate {
    var found = DrainSurvey.Guest(guest: guest, memory: 0, bytes: 0)
    if let migration = await coordinator.outgoing(guest.uuid) {
      found.migration = DrainSurvey.Guest.Foreign(id: migration.id, destination: migration.destination.host)
      return Candidate(found: found)
    }
    do {
      guard let name = ResourceName(guest.uuid) else { return Candidate(found: found) }
      var command = MigrateCommand(guest: name, destination: MigrateCommand.Destination(host: here.host), options: order.options)
      var finding = try await inspector.inspect(guest.uuid, for: command, on: connection)
      if case .ready(let inspection) = finding, let pools = Self.pools(of: inspection.plan, by: order.pools ?? [:]) {
        command.pools = pools
        found.pools = pools
        finding = try await inspector.inspect(guest.uuid, for: command, on: connection)
      }
      switch finding {
      case .refused(let checks):
        found.refusals = checks.filter { $0.outcome == .refused }.map { Reason($0) }
        return Candidate(found: found)
      case .ready(let inspection):
        if let refusal = inspection.refusalToVerify(by: command) {
          found.refusals = [refusal]
          return Candidate(found: found)
        }
        let plan = inspection.plan
        found.memory = plan.guest.memoryKiB << 10
        found.bytes = DrainSurvey.bytes(of: plan, usedMemory: await sampler.usedMemory(of: plan, on: connection))
        found.sourcePools = plan.disks.reduce(into: []) { if !$0.contains($1.sourcePool) { $0.append($1.sourcePool) } }
        return Candidate(found: found, plan: plan)
      }
    } catch let error as LibvirtError where error.isConnectionLost || error.code == .notConnected {
      throw error
    } catch {
      found.refusals = [Reason.of(error, "read the guest \(guest.name)")]
      return Candidate(found: found)
    }
  }

  /// The pools of a guest's order where files of it are to go into pools of other names; nil where none are.
  static func pools(of plan: MigrationPlan, by map: [ResourceName: ResourceName]) -> MigrateCommand.Pools? {
    let disks = plan.disks.compactMap { disk in map[disk.sourcePool].map { (disk.target, $0) } }
    let own = Set(plan.disks.map(\.sourcePool))
    let layers = plan.layers.first { !own.contains($0.pool) && map[$0.pool] != nil }.flatMap { map[$0.pool] }
    guard !disks.isEmpty || layers != nil else { return nil }
    return MigrateCommand.Pools(
      disks: disks.isEmpty ? nil : Dictionary(disks, uniquingKeysWith: { first, _ in first }), templates: layers)
  }

  // MARK: - Ways

  private func ways(
    to host: NodeName, _ guests: [(index: Int, candidate: Candidate)], _ id: MigrationID
  ) async throws -> [(Int, DrainSurvey.Way)] {
    try await guests.concurrentMap(atMost: Self.atOnce) { guest in
      (guest.index, try await check(guest.candidate, id, host, measures: false).way)
    }
  }

  /// Lets a host make its checks for a guest.
  private func check(
    _ candidate: Candidate, _ id: MigrationID, _ host: NodeName, measures: Bool
  ) async throws -> (way: DrainSurvey.Way, facts: DestinationFacts?) {
    guard var plan = candidate.plan else { return (DrainSurvey.Way(host: host), nil) }
    // The path to a host is the same for all guests.
    if !measures { plan.sourceTriesPath = nil }
    let question = DrainMove.check(id, guest: plan.guest.uuid, host: host)
    let silent = CheckRule.destinationAnswers.failed(
      on: here.host, "the agent of \(host) did not answer within \(Self.checkWait / 1000) s", advice: nil)
    let asked = plan
    let isAsked = Mutex(false)
    let answer = await dryRuns.answer(of: question, fallback: [silent], milliseconds: Self.checkWait, clock: clock) { [peers] in
      do {
        try await peers.send(.check(asked), of: question, to: HostAddress(cluster: here.cluster, host: host))
        isAsked.withLock { $0 = true }
        return nil
      } catch {
        if error is PeerUnknown { isAsked.withLock { $0 = true } }
        return [silent]
      }
    }
    // What the broker has not taken says nothing of the host: the whole survey is made again.
    guard isAsked.withLock({ $0 }) else {
      throw Reason.Failure(.unavailable, "the broker does not take the question to \(host)")
    }
    let refusals = answer.checks.filter { $0.outcome == .refused }.map { Reason($0) }
    var way = DrainSurvey.Way(host: host, refusals: refusals)
    way.room = Self.room(plan)
    let present = Set(answer.facts?.presentLayers ?? plan.layers.map(\.id))
    way.templates = plan.layers.filter { !present.contains($0.id) && !plan.isEjected($0) }.map {
      DrainSurvey.Template(pool: $0.pool, volume: $0.volume, bytes: $0.fileSize)
    }
    return (way, answer.facts)
  }

  private static func room(_ plan: MigrationPlan) -> [ResourceName: UInt64] {
    plan.disks.reduce(into: [:]) { room, disk in
      let (sum, overflow) = room[disk.destinationPool, default: 0].addingReportingOverflow(disk.allocation)
      room[disk.destinationPool] = overflow ? .max : sum
    }
  }

  /// What an offer alone tells of a way.
  private static func way(_ candidate: Candidate, to host: DrainSurvey.Host) -> DrainSurvey.Way {
    guard let plan = candidate.plan else { return DrainSurvey.Way(host: host.host) }
    let pools = Set(host.offer?.pools.map(\.pool) ?? [])
    let lacking = Set(plan.disks.map(\.destinationPool) + plan.layers.map(\.pool)).subtracting(pools).map(\.text).sorted()
    return DrainSurvey.Way(
      host: host.host,
      refusals: lacking.map { Reason(.unknownPool, "\(host.host) has no pool \($0) that guests may be moved into") }, room: room(plan))
  }
}
